"""The guests run beside the other tests and take the time that these leave: most of it is one processor of two."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.require import is_required
from tests.vm import processes

ROOT = Path(__file__).parents[2]


class Command:
    """`python -m tests.vm` in the background, at a lower priority; it ends with this process."""

    def __init__(self, folder: Path) -> None:
        self.said, self.junit = folder / "said.txt", folder / "junit.xml"
        command = [
            "nice", "-n", "10", sys.executable, "-m", "tests.vm", "--junit", self.junit,
        ]  # fmt: skip
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(
                processes.bound(command),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> int:
        """Its exit status, when it has come to its end."""
        return self._process.wait()

    def end(self) -> None:
        """End it in order, with its guests, where nobody waits for it any more."""
        self._process.terminate()
        self._process.wait()


_RUNNING = pytest.StashKey[Command]()
_FOLDER = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Wait for the guests when all other tests are done."""
    items.sort(key=lambda item: item.get_closest_marker("vm") is not None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start it before the first test, where a test asks for it."""
    wanted = any(item.get_closest_marker("vm") for item in session.items)
    if wanted and is_required("vm") and not session.config.option.collectonly:
        session.config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="pyzbpf-")
        session.config.stash[_RUNNING] = Command(Path(session.config.stash[_FOLDER].name))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind, however the tests have ended."""
    if _RUNNING in config.stash:
        config.stash[_RUNNING].end()
        config.stash[_FOLDER].cleanup()


@pytest.fixture(scope="session")
def guests(pytestconfig: pytest.Config) -> Command:
    """The command that runs the kernel tests on the subset of kernels for continuous integration."""
    if _RUNNING not in pytestconfig.stash:
        pytest.skip("boots four kernels: set PYZBPF_REQUIRE=vm, or run python -m tests.vm")
    return pytestconfig.stash[_RUNNING]
