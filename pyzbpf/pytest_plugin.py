"""For the tests of projects with probes: the fixture ``bpf_probe``, and Zig's ``test`` blocks as pytest's.

pytest finds it when pyzbpf is installed (entry point ``pytest11``). ``-p no:pyzbpf`` leaves it out.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from pyzbpf.build.zig_tests import Result
    from pyzbpf.runtime.object import Object

# Descriptors of BPF are inodes without a file, of these names (kernel/bpf/syscall.c, kernel/events/core.c).
BPF_DESCRIPTORS = ("bpf-map", "bpf-prog", "bpf_link", "bpf-link", "btf", "[perf_event]", "bpf_iter")
GRACE_S = 10.0  # the kernel frees programs and maps a moment after the last descriptor is closed


class Leak(AssertionError):
    """What a test has left behind."""


# -- probes in the kernel ---------------------------------------------------------------------------


@pytest.fixture
def bpf_probe(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Callable[..., Object]]:
    """Loads and attaches probes, and looks for what a test leaves behind.

    ``probe = bpf_probe("mytool:started", variables={"only_uid": 0})``. The target is what `pyzbpf.open`
    takes, or a probe's source (``probes/started.zig``, from here or from pytest's root), which is compiled as its
    project says.
    ``variables`` are set before loading, ``load`` are options of `load`, ``attach=False`` leaves the programs
    detached, further keywords are options of `attach`. Where this kernel or user cannot run it the test is
    skipped with the reason. When the test ends, everything is closed, and a descriptor of BPF or a map or
    program in the kernel that stays is an error.
    """
    before = _descriptors()
    opened: list[Object] = []
    ids: list[tuple[str, int]] = []

    def load(
        target: str | os.PathLike[str] | bytes,
        *,
        variables: dict[str, Any] | None = None,
        load: dict[str, Any] | None = None,
        attach: bool = True,
        **options: Any,
    ) -> Object:
        from pyzbpf.errors import PrivilegeError, UnsupportedError

        spec = _open(target, tmp_path, pytestconfig.rootpath)
        for name, value in (variables or {}).items():
            spec.variables[name].value = value
        try:
            probe: Object = spec.load(**(load or {}))
            opened.append(probe)
            if attach:
                probe.attach(**options)
        except PrivilegeError as error:
            pytest.skip(f"needs the privilege to load BPF programs: {_line(error)}")
        except UnsupportedError as error:
            pytest.skip(f"{_line(error)}. `pyzbpf doctor` says what this kernel can do")
        ids.extend(_ids(probe))
        return probe

    yield load
    for probe in reversed(opened):
        probe.close()
    _check(before, ids)


def _line(error: Exception) -> str:
    # A reason to skip is one line; an error may have its advice in another.
    return ". ".join(line.strip().removesuffix(".") for line in str(error).splitlines())


def _open(target: Any, folder: Path, root: Path) -> Any:
    import pyzbpf

    if isinstance(target, (str, os.PathLike)) and os.fspath(target).endswith((".zig", ".c")):
        from pyzbpf.build.compile import build_source
        from pyzbpf.errors import BuildError

        source = Path(target)
        if not source.exists() and (root / source).exists():
            source = root / source
        try:
            (target,) = build_source(source, endian="host", output_directory=folder)
        except BuildError as error:
            raise pytest.fail.Exception(f"{error.output or ''}\n{error}", pytrace=False) from None
    return pyzbpf.open(target)


def _descriptors() -> dict[int, str]:
    """Descriptors of BPF that this process has, and what each is; {} where the system does not say."""
    found = {}
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return {}
    for name in names:
        try:
            what = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # of the directory that was listed
        if what.startswith("anon_inode:") and any(kind in what for kind in BPF_DESCRIPTORS):
            found[int(name)] = what
    return found


def _ids(probe: Object) -> Iterator[tuple[str, int]]:
    """The kernel's numbers of the programs and maps of a loaded object."""
    for program in probe.programs.values():
        yield "prog", int(program.info["id"])
    for map in probe.maps.values():
        yield "map", int(map.info["id"])


def _check(before: dict[int, str], ids: Iterable[tuple[str, int]]) -> None:
    left = {number: what for number, what in _descriptors().items() if before.get(number) != what}
    if left:
        raise Leak(f"descriptors stay open: {left}; close what the test has opened, or use `with`")
    waiting = set(ids)
    until = time.monotonic() + GRACE_S
    while waiting := {item for item in waiting if _lives(*item)}:
        if time.monotonic() > until:
            listed = ", ".join(f"{kind} id {number}" for kind, number in sorted(waiting))
            raise Leak(
                f"the kernel still holds {listed}: something keeps them (a pin, a link, another process); "
                "`bpftool prog` and `bpftool map` show by whom"
            )
        time.sleep(0.02)


def _lives(kind: str, number: int) -> bool:
    from pyzbpf.errors import PrivilegeError
    from pyzbpf.kernel import commands

    try:
        return number > 0 and commands.next_id(kind, number - 1) == number
    except PrivilegeError:
        return False  # CAP_BPF loads, but only CAP_SYS_ADMIN may ask


# -- Zig's tests ------------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Zig files with tests, in projects with ``[tool.pyzbpf]``; name their folder in ``testpaths``."""
    if file_path.suffix != ".zig" or not _is_ours(parent.config.rootpath):
        return None
    from pyzbpf.build import zig_tests

    if not zig_tests.names(file_path.read_text(encoding="utf-8", errors="replace")):
        return None
    return ZigFile.from_parent(parent, path=file_path)


def _is_ours(root: Path) -> bool:
    try:
        return "[tool.pyzbpf]" in (root / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return False


class ZigFile(pytest.File):
    """A Zig file; its tests are compiled and run together when the first of them is asked for."""

    _results: dict[str, Result] | None = None

    def collect(self) -> Iterator[ZigTest]:
        """One item for each ``test`` with a name."""
        from pyzbpf.build import zig_tests

        for name, line in zig_tests.names(self.path.read_text(encoding="utf-8", errors="replace")):
            yield ZigTest.from_parent(self, name=name, line=line)

    def results(self) -> dict[str, Result]:
        """What became of each."""
        from pyzbpf.build import compiler, settings, zig_tests
        from pyzbpf.errors import BuildError

        if self._results is None:
            try:
                compiler.find_zig()
            except BuildError as error:
                pytest.skip(str(error))
            project = settings.find_project(self.path)
            self._results = zig_tests.run(self.path, settings.of_source(self.path, project)["modules"])
        return self._results


class ZigTest(pytest.Item):
    """A ``test`` block."""

    def __init__(self, *, line: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.line = line

    def runtest(self) -> None:
        """Look the result up."""
        assert isinstance(self.parent, ZigFile)
        result = self.parent.results().get(self.name)
        if result is None:
            raise ZigFailure("Zig did not run it: an earlier test has ended the program")
        if result.status == "SKIP":
            pytest.skip("error.SkipZigTest")
        if result.status != "OK":
            raise ZigFailure(result.output)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What Zig said, without Python's traceback."""
        from pyzbpf.errors import BuildError

        if isinstance(excinfo.value, ZigFailure):
            return str(excinfo.value)
        if isinstance(excinfo.value, BuildError):
            return f"{excinfo.value.output or ''}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, self.line - 1, f'test "{self.name}"'


class ZigFailure(Exception):
    """A failed test, in Zig's words."""
