"""What a program says of its runs: one that it was asked for (BPF_PROG_TEST_RUN), and all that there were."""

from __future__ import annotations

from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import (
    EAFNOSUPPORT,
    EFAULT,
    EINVAL,
    EMSGSIZE,
    ENOMEM,
    ENOSPC,
    ENOTSUPP,
    ENXIO,
    address,
    failure,
)
from pyzbpf.links.base import number_option
from pyzbpf.uapi.attrs import PROG_TEST_RUN
from pyzbpf.uapi.enums import (
    BPF_F_TEST_RUN_ON_CPU,
    BPF_PROG_TYPE_RAW_TRACEPOINT,
    BPF_PROG_TYPE_SK_LOOKUP,
    BPF_PROG_TYPE_SYSCALL,
    BPF_PROG_TYPE_TRACING,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Self

    from pyzbpf.spec.model import ProgramSpec

# A program may make a packet longer (bpf_xdp_adjust_tail, bpf_skb_change_head).
_ROOM = 512

# What the kernel keeps of the page of a test packet: NET_SKB_PAD and struct skb_shared_info, 384 bytes on
# most machines; XDP has 256 in front (XDP_PACKET_HEADROOM), but more pages.
_HEADROOM = 384

# What a test run of a program that sees no packets is given.
_TAKES = {
    BPF_PROG_TYPE_SYSCALL: ": a syscall program takes context=, at least as many bytes as it reads of it, and no data, "
    "repeat, flags or cpu",
    BPF_PROG_TYPE_RAW_TRACEPOINT: ": a raw tracepoint takes context=, its arguments as 64-bit numbers, as many as it reads, "
    "and no data or repeat",
    BPF_PROG_TYPE_TRACING: ": a tracing program takes no data, context or cpu",
    BPF_PROG_TYPE_SK_LOOKUP: ": sk_lookup takes context=, a struct bpf_sk_lookup with the family and the addresses and ports, "
    "no socket in it, and no data or cpu",
}


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


def run(
    fd: int,
    spec: ProgramSpec,
    data: bytes,
    context: bytes | None,
    repeat: int,
    *,
    flags: int,
    cpu: int | None,
) -> TestRun:
    """See `Program.test_run`."""
    repeat = number_option("repeat", repeat, bits=32)
    cpu = None if cpu is None else number_option("cpu", cpu, bits=32)
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
    result, answer = commands.prog_test_run(fd, values)
    if result < 0:
        raise _refused(spec, -result, len(data), cpu)
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


def _refused(spec: ProgramSpec, errno: int, size: int, cpu: int | None) -> Exception:
    # EFAULT: of tracing programs the kernel runs fentry, fexit and fmod_ret only (bpf_prog_test_run_tracing).
    if errno == ENOTSUPP or (errno == EFAULT and spec.type == BPF_PROG_TYPE_TRACING):
        instead = "read its link" if spec.kind.startswith("iter") else "cause the event"
        return UnsupportedError(
            f"test_run of a program of kind '{spec.kind}'", advice=f"Attach it, and {instead} instead."
        )
    from pyzbpf.kernel.memory import PAGE

    detail = f"program '{spec.name}'"
    # bpf_test_init in net/bpf/test_run.c: EINVAL or EMSGSIZE where the packet does not lie in one page,
    # ENOMEM where a kind that takes more pages finds no place for another.
    room = PAGE - _HEADROOM
    if errno in (EINVAL, EMSGSIZE, ENOMEM) and size > room:
        detail += (
            f" with {size} bytes of data: a test packet lies in one page less the kernel's own headroom, so about "
            f"{room} bytes here; one for XDP may take 17 pages more (Linux 5.18)"
        )
    elif errno == EINVAL and cpu is not None and spec.type not in _TAKES:
        detail += ": cpu= is for raw tracepoints; this kind runs on the CPU of whoever asks"
    elif errno == ENXIO and cpu is not None:
        detail += (
            f": CPU {cpu} is not there, or offline; /sys/devices/system/cpu/online says which are online"
        )
    elif errno == EAFNOSUPPORT:
        detail += ": the family in its context is AF_INET or AF_INET6"
    elif errno == EINVAL:
        detail += _TAKES.get(
            spec.type, f" with {size} bytes of data: a packet has 14 or more, and its kind's context or none"
        )
    elif errno == ENOSPC:
        detail += ": the program made the packet longer than the room for the answer, or context= is shorter than its struct"
    return failure(errno, command="BPF_PROG_TEST_RUN", capability="CAP_BPF", detail=detail)
