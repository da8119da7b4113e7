"""What all measurements share: probes and peers compiled, rounds in turns, rows of the table."""

from __future__ import annotations

import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyzbpf
from pyzbpf.build.compile import build_probe

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
PACKET = bytes(64)


class Result(ctypes.Structure):
    """What a function of peer.c says: nanoseconds, a sum, a count, nanoseconds of CPU time."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("ns", "sum", "count", "cpu_ns")]


class Row:
    """A line of the table: time in the unit ``per``, beside the peer's."""

    def __init__(  # noqa: PLR0917 - the columns of the table, in their order
        self, what: str, peer: str, theirs: float, ours: float, goal: str = "", unit: str = "ns"
    ) -> None:
        self.what, self.peer, self.theirs, self.ours, self.goal, self.unit = (
            what,
            peer,
            theirs,
            ours,
            goal,
            unit,
        )

    def line(self) -> str:
        """As Markdown."""
        ratio = f"{self.ours / self.theirs:.2f}" if self.theirs else "–"
        return f"| {self.what} | {self.peer} | {_short(self.theirs)} {self.unit} | {_short(self.ours)} {self.unit} | {ratio} | {self.goal} |"


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 1000 else f"{number:.3g}"


class Setting:
    """The folder with everything compiled, and how much to measure."""

    def __init__(self, folder: Path, *, rounds: int, scale: float) -> None:
        self.folder = folder
        self.rounds = max(5, rounds)
        self.scale = scale
        self.peer = self._library()
        self.objects: dict[str, Path] = {}

    def _library(self) -> Any:
        target = self.folder / "peer.so"
        compile_c("-shared", "-fPIC", "-o", target, HERE / "peer.c", "-lbpf")
        library = ctypes.CDLL(str(target))
        library.produce.restype = ctypes.c_uint64
        library.produce.argtypes = [ctypes.c_int, *[ctypes.c_uint64] * 3, ctypes.c_int]
        library.numbers_sum.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p]
        return library

    def object(self, name: str) -> Path:
        """The finished object of a probe in this folder."""
        if name not in self.objects:
            self.objects[name] = build_probe(
                HERE / f"{name}.zig", endian=sys.byteorder, mode="fast", output_directory=self.folder / "probes",
                cache=self.folder / "cache",
            )[0]  # fmt: skip
        return self.objects[name]

    def spec(self, name: str) -> pyzbpf.ObjectSpec:
        """A fresh spec of it."""
        return pyzbpf.open(self.object(name))

    def call(self, function: str, *arguments: Any) -> Result:
        """A function of peer.c that ends with a pointer to its result; an exception where it fails."""
        result = Result()
        code = getattr(self.peer, function)(*arguments, ctypes.byref(result))
        if code:
            raise SystemExit(f"{function}: {code} ({os.strerror(abs(code))})")
        return result

    def turns(self, *functions: Callable[[], float]) -> list[float]:
        """The median of what each function gives, measured in turns; one round to warm up."""
        found: list[list[float]] = [[] for _ in functions]
        for round_ in range(self.rounds + 1):
            for values, function in zip(found, functions, strict=True):
                value = function()
                if round_:
                    values.append(value)
        return [statistics.median(values) for values in found]


class Peer:
    """Another program that measures itself: a round for each line it is sent. `reason` says why there is none."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.runs = self.process.stdout.readline() == "ready\n"

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def __call__(self) -> float:
        """Nanoseconds an event."""
        pipes = self.process
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        assert pipes.stderr is not None
        print(file=pipes.stdin, flush=True)
        said = pipes.stdout.readline()
        if not said:
            raise SystemExit(f"{pipes.args}: {pipes.stderr.read()}")
        return float(said)

    def reason(self) -> str:
        """The last line of what it said instead."""
        return (self.process.communicate()[1].strip().splitlines() or ["it said nothing"])[-1]


# BCC compiles with the kernel's headers, from /lib/modules/$(uname -r). Where those of another kernel are installed
# only, it is shown them there, in a mount namespace of its own: the probes here need no more than the helpers.
_SHOWN = """set -e
mount --bind /lib/modules "$2"
mount -t tmpfs none /lib/modules
mkdir "/lib/modules/$(uname -r)"
ln -s "$(readlink -f "$2/$1/build")" "/lib/modules/$(uname -r)/build"
[ -e "$2/$1/source" ] && ln -s "$(readlink -f "$2/$1/source")" "/lib/modules/$(uname -r)/source"
shift 2
exec "$@"
"""


def with_headers(folder: Path) -> list[str]:
    """What to put before a command that runs BCC."""
    modules = Path("/lib/modules")
    if (modules / os.uname().release / "build").exists():
        return []
    others = sorted(path.parent.name for path in modules.glob("*/build"))
    if not others:
        return []
    (folder / "modules").mkdir(exist_ok=True)
    return ["unshare", "--mount", "sh", "-c", _SHOWN, "sh", others[-1], str(folder / "modules")]


def compile_c(*arguments: str | Path) -> None:
    """With the system's compiler, else Zig's."""
    compiler = [shutil.which("cc") or ""] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
    subprocess.run([*compiler, "-O2", *arguments], check=True)


def clock() -> float:
    """Nanoseconds that this thread has had a processor: what others do on the machine is not counted."""
    return time.thread_time_ns()


def wall() -> float:
    """Nanoseconds that have passed: for what several threads do."""
    return time.perf_counter_ns()
