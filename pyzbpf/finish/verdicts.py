"""What a program returns when a safety check fails: "as if it were not there", for each kind.

And what the kernel lets a program of the kind return at all (``check_return_code`` and the code that
reads the result), for the authors who choose another value.
"""

from __future__ import annotations

from pyzbpf.errors import ObjectError
from pyzbpf.finish.analysis.roles import VERDICT_MARK
from pyzbpf.spec import read, section
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit
    from pyzbpf.spec.model import ProgramSpec

_ANY = (-(1 << 31), (1 << 31) - 1)
_ZERO, _ONE, _BOOL = (0, 0), (1, 1), (0, 1)


class Verdict:
    """``value`` is the neutral one (None: there is none, the author must say), ``low`` to ``high`` what the
    kernel takes, ``meaning`` what the value does.
    """

    __slots__ = ("high", "low", "meaning", "value")

    def __init__(self, value: int | None, accepted: tuple[int, int], meaning: str) -> None:
        self.value = value
        self.low, self.high = accepted
        self.meaning = meaning


_NOTHING = Verdict(0, _ANY, "nothing happens")
_ALLOW = Verdict(1, _BOOL, "allow")
_ALWAYS = Verdict(1, _ONE, "the only value")
_BIND = Verdict(1, (0, 3), "allow")
_PASS = Verdict(1, _ANY, "pass on")
_UNSPECIFIED = Verdict(-1, _ANY, "the next program decides")
_ROUTE = Verdict(0, _ANY, "go on")

# By program type, then by attach type (None: every other).
VERDICTS: dict[int, dict[int | None, Verdict]] = {
    e.BPF_PROG_TYPE_SOCKET_FILTER: {None: Verdict(-1, _ANY, "the whole packet")},
    e.BPF_PROG_TYPE_XDP: {None: Verdict(2, _ANY, "XDP_PASS")},
    e.BPF_PROG_TYPE_SCHED_CLS: {None: _UNSPECIFIED},
    e.BPF_PROG_TYPE_SCHED_ACT: {None: _UNSPECIFIED},
    e.BPF_PROG_TYPE_KPROBE: {
        None: _NOTHING,
        e.BPF_TRACE_KPROBE_SESSION: Verdict(0, _BOOL, "the return probe runs"),
        e.BPF_TRACE_UPROBE_SESSION: Verdict(0, _BOOL, "the return probe runs"),
    },
    e.BPF_PROG_TYPE_TRACEPOINT: {None: _NOTHING},
    e.BPF_PROG_TYPE_RAW_TRACEPOINT: {None: _NOTHING},
    e.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: {None: _NOTHING},
    e.BPF_PROG_TYPE_PERF_EVENT: {None: _NOTHING},
    e.BPF_PROG_TYPE_TRACING: {
        None: Verdict(0, _ZERO, "the only value"),
        e.BPF_MODIFY_RETURN: Verdict(0, _ANY, "the function runs"),
        e.BPF_TRACE_ITER: Verdict(0, _BOOL, "go on with the next object"),
    },
    e.BPF_PROG_TYPE_LSM: {
        None: Verdict(0, (-4095, 0), "allow"),
        e.BPF_LSM_CGROUP: _ALLOW,
    },
    e.BPF_PROG_TYPE_CGROUP_SKB: {None: _ALLOW, e.BPF_CGROUP_INET_EGRESS: Verdict(1, (0, 3), "allow")},
    e.BPF_PROG_TYPE_CGROUP_SOCK: {None: _ALLOW},
    e.BPF_PROG_TYPE_CGROUP_DEVICE: {None: _ALLOW},
    e.BPF_PROG_TYPE_CGROUP_SYSCTL: {None: _ALLOW},
    e.BPF_PROG_TYPE_CGROUP_SOCKOPT: {None: _ALLOW},
    e.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: {
        None: _ALLOW,
        e.BPF_CGROUP_INET4_BIND: _BIND,
        e.BPF_CGROUP_INET6_BIND: _BIND,
        e.BPF_CGROUP_UDP4_RECVMSG: _ALWAYS,
        e.BPF_CGROUP_UDP6_RECVMSG: _ALWAYS,
        e.BPF_CGROUP_UNIX_RECVMSG: _ALWAYS,
        e.BPF_CGROUP_INET4_GETPEERNAME: _ALWAYS,
        e.BPF_CGROUP_INET6_GETPEERNAME: _ALWAYS,
        e.BPF_CGROUP_UNIX_GETPEERNAME: _ALWAYS,
        e.BPF_CGROUP_INET4_GETSOCKNAME: _ALWAYS,
        e.BPF_CGROUP_INET6_GETSOCKNAME: _ALWAYS,
        e.BPF_CGROUP_UNIX_GETSOCKNAME: _ALWAYS,
    },
    e.BPF_PROG_TYPE_SOCK_OPS: {None: Verdict(1, _BOOL, "done")},
    e.BPF_PROG_TYPE_SK_LOOKUP: {None: Verdict(1, _BOOL, "SK_PASS: the kernel looks up")},
    e.BPF_PROG_TYPE_SK_MSG: {None: _PASS},
    e.BPF_PROG_TYPE_SK_SKB: {
        None: _PASS,
        # The length of the message, which is no constant.
        e.BPF_SK_SKB_STREAM_PARSER: Verdict(None, _ANY, "the length of the message"),
    },
    e.BPF_PROG_TYPE_SK_REUSEPORT: {None: _PASS},
    e.BPF_PROG_TYPE_LWT_IN: {None: _ROUTE},
    e.BPF_PROG_TYPE_LWT_OUT: {None: _ROUTE},
    e.BPF_PROG_TYPE_LWT_XMIT: {None: _ROUTE},
    e.BPF_PROG_TYPE_LWT_SEG6LOCAL: {None: _ROUTE},
    e.BPF_PROG_TYPE_LIRC_MODE2: {None: _NOTHING},
    e.BPF_PROG_TYPE_FLOW_DISSECTOR: {None: Verdict(129, _ANY, "the kernel's own dissector goes on")},
    e.BPF_PROG_TYPE_NETFILTER: {None: Verdict(1, _BOOL, "NF_ACCEPT")},
    # The caller reads the result: failing loudly is right.
    e.BPF_PROG_TYPE_SYSCALL: {None: Verdict(-1, _ANY, "an error for the caller")},
    # What is neutral depends on the member, or on the program that is replaced.
    e.BPF_PROG_TYPE_STRUCT_OPS: {None: Verdict(None, _ANY, "what the member of the struct means by it")},
    e.BPF_PROG_TYPE_EXT: {None: Verdict(None, _ANY, "what the replaced program means by it")},
}


def of(program: ProgramSpec) -> Verdict:
    """The verdict of a program by its type and attach type."""
    by_attach_type = VERDICTS[program.type]
    return by_attach_type.get(program.attach_type, by_attach_type[None])


def chosen(unit: Unit, function: Function) -> int:
    """What a program returns: the author's choice, if the kernel takes it, or the neutral verdict."""
    program = read.program(function.symbol.name, function.section.name)
    section.check(program, file=unit.image.file)
    verdict = of(program)
    value = asked(function)
    if value is not None and verdict.low <= value <= verdict.high:
        return value
    if value is None and verdict.value is not None:
        return verdict.value
    name = function.symbol.name
    if value is None:
        message = f"no value is neutral for programs of kind '{program.kind}' ({verdict.meaning})"
        advice = (
            f"say what it returns when a safety check fails: `pub const trap_verdicts = .{{ .{name} = 0 }};`"
        )
    else:
        message = f"trap_verdicts lets it return {value} when a safety check fails"
        advice = f"programs of kind '{program.kind}' may return {verdict.low} to {verdict.high}"
    raise ObjectError(
        message, file=unit.image.file, section=function.section.name, symbol=name, advice=advice
    )


def asked(function: Function) -> int | None:
    """The author's choice for this function; equal functions may share a first instruction and its marks."""
    for instruction in function.instructions:
        for mark in instruction.marks:
            if mark.kind == VERDICT_MARK:
                name, _, value = mark.text.rpartition(" ")
                if name == function.symbol.name:
                    return int(value)
    return None
