"""The probes of tests/zig/probes and the demos, compiled once for this machine.

Where ``PYZBPF_TEST_PROBES`` names a folder that `build_all` has filled, they are taken from there: a
machine without a compiler runs the same tests (docs/kernels.md).
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.build import compiler
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError
from tests.support.require import missing

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "tests" / "zig" / "probes", ROOT / "zig" / "probes")
MODES = ("safe", "small", "fast")
# Every probe of the repository that other loaders must take: by file name, those of examples by path.
EVERY = (
    *sorted(path.stem for folder in FOLDERS for path in folder.glob("*.zig")),
    *sorted(str(path.relative_to(ROOT).with_suffix("")) for path in ROOT.glob("examples/**/probes/*.zig")),
)
# Those of things that the oldest of them do not know (Linux 5.15 and newer), in every mode.
NEWER = tuple(sorted(f"newer/{path.stem}" for path in (FOLDERS[0] / "newer").glob("*.zig")))
# Those of kinds that older loaders do not open, or that no loader can load without being told more: only the
# tests of attaching ask for them, and in safe mode.
LINKS = tuple(sorted(f"links/{path.stem}" for path in (FOLDERS[0] / "links").glob("*.zig")))

ALL = (*EVERY, *NEWER, *LINKS)
# Those whose maps are pinned by name, which other loaders would leave behind: in safe mode, too.
PINNING = ("pinning/maps",)


def prebuilt(*parts: str) -> Path | None:
    """A file of the folder in ``PYZBPF_TEST_PROBES``; None where the variable is not set."""
    folder = os.environ.get("PYZBPF_TEST_PROBES")
    if not folder:
        return None
    found = Path(folder, *parts)
    if not found.exists():
        pytest.fail(f"PYZBPF_TEST_PROBES has no {'/'.join(parts)}: tests.support.prebuilt makes it")
    return found


def need_compiler() -> None:
    """Skip where there is no Zig."""
    try:
        compiler.find_zig()
    except BuildError as error:
        missing("zig", str(error))


@functools.cache
def path(name: str, mode: str = "safe", endian: str = sys.byteorder) -> Path:
    """The finished object of a probe, for this machine's byte order unless it is said."""
    built = prebuilt("zig", mode, f"{name}.{compiler.ARCHITECTURES[endian]}.o")
    if built is not None:
        return built
    need_compiler()
    target = Path(tempfile.gettempdir()) / f"pyzbpf-tests-{_session()}" / mode
    return _build(name, target, mode=mode, endian=endian, cache=target / "cache")[0]


def _build(name: str, target: Path, *, mode: str, endian: str, cache: Path) -> list[Path]:
    source = next(folder / f"{name}.zig" for folder in (*FOLDERS, ROOT) if (folder / f"{name}.zig").exists())
    folder = (target / name).parent
    return build_probe(source, endian=endian, mode=mode, output_directory=folder, cache=cache)


def spec(name: str, mode: str = "safe") -> pyzbpf.ObjectSpec:
    """A fresh spec of it."""
    return pyzbpf.open(path(name, mode))


def build_all(folder: Path) -> None:
    """Build every probe in every mode for both byte orders, where `path` looks for them."""
    from tests.vm.processes import end_with_parent  # which is not carried into guests

    # Python 3.14 would put a server between, which does not end with us.
    with ProcessPoolExecutor(initializer=end_with_parent, mp_context=get_context("fork")) as pool:
        try:
            for mode in MODES:
                build = functools.partial(
                    _build, target=folder / "zig" / mode, mode=mode, endian="both", cache=folder / "cache"
                )
                list(pool.map(build, (*EVERY, *NEWER) if mode != "safe" else (*ALL, *PINNING)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # leaving the block waits for those that run
            raise


@functools.cache
def _session() -> str:
    import atexit
    import shutil

    name = str(os.getpid())
    atexit.register(shutil.rmtree, Path(tempfile.gettempdir()) / f"pyzbpf-tests-{name}", ignore_errors=True)
    return name
