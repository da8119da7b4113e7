"""Running programs for user-space probes to look at: target.c and target.zig, compiled for this machine by Zig.

with Target() as target:
    target.add()        # its function target_add(20, 22) has been called when this returns
    target.done()       # its USDT target:done has been passed, with (7, 0x1122334455667788)
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pyzbpf.build import compiler
from tests.support.zig_probes import need_compiler, prebuilt

SOURCE = Path(__file__).parent / "target.c"
ZIG_SOURCE = SOURCE.with_suffix(".zig")
MACHINES = ("x86_64", "aarch64", "s390x")  # as `uname -m` says, and Zig
# The emulated ones of tests/vm have no vector instructions.
PROCESSORS = {"s390x": ("-mcpu=arch8",)}
ADD = (20, 22, 42)  # target_add's arguments and result
DONE = (7, 0x1122334455667788)  # arguments of the USDT target:done
COUNTED = (9,)  # of target:counted


@functools.cache
def program(machine: str = os.uname().machine) -> Path:
    """The program for a machine."""
    built = prebuilt("targets", machine)
    if built is not None:
        return built
    need_compiler()
    return compile_for(machine, Path(_folder()) / machine)


def compile_for(machine: str, path: Path) -> Path:
    """Compile it; its notes stay although no code refers to them."""
    command: list[str | Path] = [
        compiler.find_zig(),
        "cc",
        "-target",
        f"{machine}-linux-none",
        *PROCESSORS.get(machine, ()),
        "-nostdlib",
        "-static",
        "-O2",
    ]
    command += [
        "-fno-stack-protector",
        "-fno-sanitize=all",
        "-Wno-asm-operand-widths",
        "-Wl,--no-gc-sections",
    ]
    subprocess.run([*command, SOURCE, "-o", path], check=True)
    return path


@functools.cache
def zig_program(machine: str = os.uname().machine) -> Path:
    """The one in Zig, which has no semaphore; its USDT is ``target_zig:done``."""
    built = prebuilt("targets", f"{machine}-zig")
    if built is not None:
        return built
    need_compiler()
    return compile_zig(machine, Path(_folder()) / f"{machine}-zig")


def compile_zig(machine: str, path: Path) -> Path:
    """Compile target.zig; its symbols stay."""
    command: list[str | Path] = [
        compiler.find_zig(),
        "build-exe",
        ZIG_SOURCE,
        "-target",
        f"{machine}-linux-none",
        *PROCESSORS.get(machine, ()),
    ]
    command += [
        "-O",
        "ReleaseSmall",
        "-fno-strip",
        "--cache-dir",
        path.with_suffix(".cache"),
        f"-femit-bin={path}",
    ]
    subprocess.run(command, check=True)
    return path


def build_all(folder: Path) -> None:
    """Compile it for every machine, where `program` looks for it."""
    (folder / "targets").mkdir(parents=True, exist_ok=True)
    for machine in MACHINES:
        compile_for(machine, folder / "targets" / machine)
        compile_zig(machine, folder / "targets" / f"{machine}-zig")
        shutil.rmtree(folder / "targets" / f"{machine}-zig.cache", ignore_errors=True)


class Target:
    """The program running, until the `with` block ends; each method returns when the program is done."""

    def __init__(self, path: Path | None = None) -> None:
        """``path`` is a copy of `program`, or `zig_program`."""
        self._process = subprocess.Popen(
            [path or program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.pid = self._process.pid

    @staticmethod
    def path() -> Path:
        """Its file."""
        return program()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # the end of its input is its end

    def _ask(self, request: bytes) -> bytes:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(request)
        return self._process.stdout.read(1)

    def add(self) -> int:
        """Call ``target_add(20, 22)``."""
        return self._ask(b"f")[0]

    def done(self) -> None:
        """Pass the USDT ``target:done``, which has no semaphore."""
        assert self._ask(b"u") == b"u"

    def counted(self) -> None:
        """Pass the USDT ``target:counted`` if its semaphore is raised."""
        assert self._ask(b"s") == b"s"

    def semaphore(self) -> bool:
        """Whether the semaphore of ``target:counted`` is raised."""
        return self._ask(b"m") == b"1"


@functools.cache
def _folder() -> str:
    import atexit

    folder = tempfile.mkdtemp(prefix="pyzbpf-tests-target-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
