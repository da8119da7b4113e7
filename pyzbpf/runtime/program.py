"""A loaded program."""

from __future__ import annotations

from os import fspath

from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import EINVAL, EMSGSIZE, ENOMEM, ENOSPC, ENOTSUPP, address, failure
from pyzbpf.links.attach import attach
from pyzbpf.uapi.attrs import PROG_INFO, PROG_TEST_RUN
from pyzbpf.uapi.enums import (
    BPF_F_TEST_RUN_ON_CPU,
    BPF_PROG_TYPE_RAW_TRACEPOINT,
    BPF_PROG_TYPE_SYSCALL,
    BPF_PROG_TYPE_TRACING,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Link, LoadedMap
    from pyzbpf.spec.model import ProgramSpec

# A program may make a packet longer (bpf_xdp_adjust_tail, bpf_skb_change_head).
_ROOM = 512

# What the kernel keeps of the page of a test packet: NET_SKB_PAD and struct skb_shared_info, 384 bytes on
# most machines; XDP has 256 in front (XDP_PACKET_HEADROOM), but more pages.
_HEADROOM = 384


class TestRun:
    """What a test run gave: the program's return value (unsigned, 32 bits), the packet and the context
    as the program left them, and the mean time of one run in nanoseconds.
    """

    __slots__ = ("context", "data", "duration_ns", "retval")
    __test__ = False  # not a test class of pytest

    def __init__(self, retval: int, data: bytes, context: bytes, duration_ns: int) -> None:
        self.retval = retval
        self.data = data
        self.context = context
        self.duration_ns = duration_ns

    def __repr__(self) -> str:
        return f"TestRun(retval={self.retval}, {len(self.data)} bytes of data, {self.duration_ns} ns)"


class Statistics(tuple[int, int, int]):
    """Runs of a program, the nanoseconds they took, and runs left out because it was running already."""

    __slots__ = ()

    def __new__(cls, runs: int, nanoseconds: int, missed: int) -> Self:
        return super().__new__(cls, (runs, nanoseconds, missed))

    @property
    def runs(self) -> int:
        return self[0]

    @property
    def nanoseconds(self) -> int:
        return self[1]

    @property
    def missed(self) -> int:
        return self[2]

    def __repr__(self) -> str:
        return f"Statistics(runs={self.runs}, nanoseconds={self.nanoseconds}, missed={self.missed})"


# What a test run of a program that sees no packets is given.
_TAKES = {
    BPF_PROG_TYPE_SYSCALL: ": a syscall program takes context=, at least as many bytes as it reads of it, and no data, "
    "repeat, flags or cpu",
    BPF_PROG_TYPE_RAW_TRACEPOINT: ": a raw tracepoint takes context=, its arguments as 64-bit numbers, as many as it reads, "
    "and no data or repeat",
    BPF_PROG_TYPE_TRACING: ": a tracing program takes no data, context or cpu",
}


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
        info = self.info
        return Statistics(
            int(info.get("run_cnt", 0)), int(info.get("run_time_ns", 0)), int(info.get("recursion_misses", 0))
        )

    def listing(self) -> str:
        """The code that the verifier has made of it, with the lines of its source, as text for people."""
        from pyzbpf.runtime import listing

        return "\n".join(listing.lines(self.fileno()))

    def machine_code(self) -> bytes:
        """What the kernel's compiler has made of it; empty where programs are interpreted."""
        from pyzbpf.runtime import listing

        return listing.machine_code(self.fileno())

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
        out = bytearray(len(data) + _ROOM) if data else bytearray()
        context_in = bytearray(context or b"")  # a syscall program writes into it
        context_out = bytearray(len(context)) if context and data else bytearray()
        values: dict[str, int | bytes] = {
            "data_in": address(data),
            "data_size_in": len(data),
            "data_out": address(out),
            "data_size_out": len(out),
            "ctx_in": address(context_in),
            "ctx_size_in": len(context_in),
            "ctx_out": address(context_out),
            "ctx_size_out": len(context_out),
            # Raw tracepoints refuse the field (bpf_prog_test_run_raw_tp); 0 means once.
            "repeat": repeat if repeat > 1 else 0,
            "flags": flags if cpu is None else flags | BPF_F_TEST_RUN_ON_CPU,
            "cpu": cpu or 0,
        }
        result, answer = commands.prog_test_run(self.fd.fileno(), values)
        if result < 0:
            raise self._refused(-result, len(data))
        told = {
            name: commands.unpack(PROG_TEST_RUN, answer, name)
            for name in ("retval", "data_size_out", "ctx_size_out", "duration")
        }
        return TestRun(
            told["retval"],
            bytes(out[: told["data_size_out"]]),
            bytes(context_out[: told["ctx_size_out"]] if context_out else context_in),
            told["duration"],
        )

    def _refused(self, errno: int, size: int) -> Exception:
        if errno == ENOTSUPP:
            return UnsupportedError(
                f"test_run of a program of kind '{self.spec.kind}'",
                advice="Attach it, and cause the event instead.",
            )
        from pyzbpf.kernel.memory import PAGE

        detail = f"program '{self.name}'"
        # bpf_test_init in net/bpf/test_run.c: EINVAL or EMSGSIZE where the packet does not lie in one page,
        # ENOMEM where a kind that takes more pages finds no place for another.
        room = PAGE - _HEADROOM
        if errno in (EINVAL, EMSGSIZE, ENOMEM) and size > room:
            detail += (
                f" with {size} bytes of data: a test packet lies in one page less the kernel's own headroom, so about "
                f"{room} bytes here; one for XDP may take 17 pages more (Linux 5.18)"
            )
        elif errno == EINVAL:
            detail += _TAKES.get(
                self.spec.type,
                f" with {size} bytes of data: a packet has 14 or more, and its kind's context or none",
            )
        elif errno == ENOSPC:
            detail += ": the program made the packet longer than the room for the answer"
        return failure(errno, command="BPF_PROG_TEST_RUN", capability="CAP_BPF", detail=detail)

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
