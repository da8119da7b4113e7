"""Wheels, built once for all tests, and environments that hold just what a test wants.

Set PYZBPF_OFFLINE where pip reaches no package index; the tests that build in isolation are skipped
then.
"""

from __future__ import annotations

import os
import sysconfig
import zipfile
from pathlib import Path

import pytest

from pyzbpf.build import compiler
from pyzbpf.errors import BuildError
from tests.packaging.environments import ROOT, Environment, copy_project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.packaging)


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """What building needs; the reasons say what to install."""
    reason = "{} is missing: pip install 'pyzbpf[test]'"
    for name in ("build", "scikit_build_core"):
        pytest.importorskip(name, reason=reason.format(name))
    try:
        compiler.find_zig()
    except BuildError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def index() -> None:
    """For tests that let pip fetch build requirements."""
    if os.environ.get("PYZBPF_OFFLINE"):
        pytest.skip("PYZBPF_OFFLINE is set: unset it where pip finds ziglang and scikit-build-core")


@pytest.fixture(scope="session")
def source_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository."""
    return copy_project(ROOT, tmp_path_factory.mktemp("source") / "pyzbpf")


@pytest.fixture(scope="session")
def tool_site() -> Path:
    """Where this Python has ziglang, scikit-build-core, pyelftools and pip."""
    return Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="session")
def self_builder(tmp_path_factory: pytest.TempPathFactory, tool_site: Path) -> Environment:
    """Build tools without pyzbpf: what the wheel of pyzbpf is built with."""
    return Environment(tmp_path_factory.mktemp("self-builder"), tool_site)


@pytest.fixture(scope="session")
def wheel(source_tree: Path, self_builder: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of pyzbpf."""
    return self_builder.build_wheel(source_tree, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site-packages folder with pyzbpf in it."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def builder(installed: Path, tool_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """pyzbpf[build] as users have it: what their projects are built with."""
    return Environment(tmp_path_factory.mktemp("builder"), installed, tool_site)


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of examples/loopback in a folder of that name."""
    return lambda name: copy_project(ROOT / "examples" / "loopback", tmp_path / name)
