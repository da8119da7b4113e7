"""A loaded program."""

from __future__ import annotations

from os import fspath

from pyzbpf.kernel import commands
from pyzbpf.links.attach import attach
from pyzbpf.uapi.attrs import PROG_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Link, LoadedMap
    from pyzbpf.runtime.test_run import Statistics, TestRun
    from pyzbpf.spec.model import ProgramSpec


class Program:
    """A program the kernel has verified; ``log`` is what the verifier wrote, where it was asked for."""

    __slots__ = ("_before_attach", "_links", "_maps", "fd", "log", "spec")

    def __init__(self, spec: ProgramSpec, fd: Fd, *, log: str = "") -> None:
        self.spec = spec
        self.fd = fd
        self.log = log
        self._links: list[Link] = []
        self._maps: Mapping[str, LoadedMap] = {}
        self._before_attach: Callable[[], None] | None = None

    def join(
        self, links: list[Link], maps: Mapping[str, LoadedMap], before_attach: Callable[[], None]
    ) -> None:
        """Belong to an object: it has maps, closes the links, and prepares its buffers before the first event."""
        self._links = links
        self._maps = maps
        self._before_attach = before_attach

    @property
    def name(self) -> str:
        return self.spec.name

    def fileno(self) -> int:
        """The program's descriptor."""
        return self.fd.fileno()

    @property
    def info(self) -> dict[str, int | bytes]:
        """What the kernel says about the program; the names are those of struct bpf_prog_info."""
        return commands.object_info(self.fd.fileno(), PROG_INFO)

    @staticmethod
    def pinned(path: str | PathLike[str]) -> Program:
        """The program that is pinned at ``path``; ``attach(kind="xdp", …)`` says what it is for."""
        from pyzbpf.runtime import reopen

        return reopen.program(path)

    @staticmethod
    def by_id(number: int) -> Program:
        """The program with this id (it takes CAP_SYS_ADMIN)."""
        from pyzbpf.runtime import reopen

        return reopen.program(number)

    def pin(self, path: str | PathLike[str]) -> None:
        """Keep it when this process ends, under a name in a BPF file system; removing the name ends that."""
        from pyzbpf.kernel import bpf_fs

        bpf_fs.pin(self.fileno(), fspath(path), f"program '{self.name}'")

    @property
    def statistics(self) -> Statistics:
        """How often it has run, and how long, while statistics were on (`pyzbpf.statistics`; Linux 5.1)."""
        from pyzbpf.runtime.test_run import Statistics

        info = self.info
        return Statistics(
            int(info.get("run_cnt", 0)), int(info.get("run_time_ns", 0)), int(info.get("recursion_misses", 0))
        )

    def listing(self, code: str = "xlated") -> str:
        """Its code with the lines of its source, as text for people.

        ``code`` is "xlated", what the verifier has made of it, or "jited", what the kernel's compiler has made of
        that for this machine, by functions (x86_64, aarch64, s390x, riscv64; Linux 5.0). Error where the kernel does not show it
        to this process, and where the library capstone is missing, which the extra `disassembly` brings.
        """
        from pyzbpf.runtime import jited, listing

        by_name = {"xlated": listing.lines, "jited": jited.lines}
        if code not in by_name:
            raise ValueError(f"code is 'xlated' or 'jited', not {code!r}")
        return "\n".join(by_name[code](self.fileno()))

    def machine_code(self) -> bytes:
        """What the kernel's compiler has made of it; empty where programs are interpreted."""
        from pyzbpf.runtime import jited

        return jited.machine_code(self.fileno())

    def printed(self, stream: str = "stdout") -> str:
        """What the program has printed for its owner since it was asked last (bpf_stream_printk; Linux 6.17).

        ``stream`` "stderr" is what the kernel says of it there: faults, timeouts.
        """
        from pyzbpf.runtime import streams

        return streams.read(self.fileno(), stream)

    def attach(self, **options: Any) -> Link:
        """Attach where the section says; the options are those of the kind's file in `pyzbpf.links` (docs/attach.md).

        ``kind="kretprobe"`` attaches it as another kind of the same program type.
        """
        if self._before_attach is not None:
            self._before_attach()
        link = attach(self.fd, self.spec, maps=self._maps, **options)
        link.belong(self._links)
        return link

    def test_run(
        self,
        data: bytes = b"",
        context: bytes | None = None,
        repeat: int = 1,
        *,
        flags: int = 0,
        cpu: int | None = None,
    ) -> TestRun:
        """Run the program without attaching it (BPF_PROG_TEST_RUN).

        ``data`` is the packet for networking kinds (at least an Ethernet header of 14 bytes), ``context``
        the bytes of the context struct, for a raw tracepoint its arguments as 64-bit numbers, for a syscall program (which
        takes nothing else) the struct that it reads and writes. ``cpu`` is where a
        raw tracepoint runs (Linux 5.10; by default here), ``repeat`` how often the other kinds run.
        """
        from pyzbpf.runtime import test_run

        return test_run.run(self.fileno(), self.spec, data, context, repeat, flags=flags, cpu=cpu)

    def close(self) -> None:
        """Give the descriptor back; links keep the program alive."""
        self._before_attach = None  # it leads back to the object: without it no cycle is left to collect
        self.fd.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.fd.closed else f"fd {self.fd.fileno()}"
        return f"<Program {self.name} in {self.spec.section}, {state}>"
