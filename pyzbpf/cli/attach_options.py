"""Options of ``pyzbpf run`` that say where programs attach: a row for each option of `Program.attach`."""

from __future__ import annotations

import socket

from pyzbpf.cli.usage import UsageError, integer, near, whole
from pyzbpf.kernel.perf_event import COUNTERS
from pyzbpf.links.attach import KINDS, options

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pyzbpf.runtime.object import Object
    from pyzbpf.spec.model import ObjectSpec, ProgramSpec

# Name on the command line, option of attach(), what it is, more for argparse.
_ROWS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("interface", "interface", "network interface (of socket filters: lo if it is not given)", {"metavar": "NAME"}),
    ("direction", "direction", "which packets, of tc", {"choices": ("ingress", "egress")}),
    ("priority", "priority", "of tc and netfilter; the lower one runs first", {"type": integer, "metavar": "N"}),
    ("mode", "mode", "of XDP: in the driver or not", {"choices": ("native", "generic")}),
    ("before", "before", "first, of tcx, netkit and control groups", {"choices": ("all",)}),
    ("after", "after", "last, of the same", {"choices": ("all",)}),
    ("cgroup", "cgroup", "control group, by path or by name below the mount of cgroup2", {"metavar": "PATH"}),
    ("order", "order", "of iter/cgroup: descendants, children, ancestors, self, …", {"metavar": "ORDER"}),
    ("pid", "pid", "this process only: uprobes, USDT, perf_event, iterators", {"type": whole, "metavar": "N"}),
    ("tid", "tid", "this thread only: iterators", {"type": whole, "metavar": "N"}),
    ("path", "path", "program or library of uprobes and USDT, by path or name (libc.so.6)", {"metavar": "FILE"}),
    ("root", "root", "folder below which it is (/proc/4711/root)", {"metavar": "DIR"}),
    ("symbol", "symbol", "its function", {"metavar": "NAME"}),
    ("symbols", "symbols", "its functions, of uprobe.multi", {"metavar": "PATTERN"}),
    ("provider", "provider", "of a USDT probe", {"metavar": "NAME"}),
    ("probe", "name", "USDT probe", {"metavar": "NAME"}),
    ("function", "function", "function of the kernel, of kprobes", {"metavar": "NAME"}),
    ("functions", "functions", "functions of the kernel, of kprobe.multi and fentry.multi", {"metavar": "PATTERN"}),
    ("offset", "offset", "from the function's start, of uprobes and kprobes", {"type": whole, "metavar": "BYTES"}),
    ("call", "call", "system call, of ksyscall", {"metavar": "NAME"}),
    ("tracepoint", "target", "of tracepoint (category/name) and raw_tp (name)", {"metavar": "NAME"}),
    ("event", "event", "of perf_event: cpu-clock, page-faults, …, breakpoint", {"choices": (*COUNTERS, "breakpoint"), "metavar": "NAME"}),
    ("frequency", "frequency", "samples a second, of perf_event", {"type": whole, "metavar": "N"}),
    ("period", "period", "events from one sample to the next, of perf_event", {"type": whole, "metavar": "N"}),
    ("address", "address", "where a breakpoint of perf_event is", {"type": integer, "metavar": "ADDRESS"}),
    ("access", "access", "what it watches", {"choices": ("read", "write", "read or write", "execute")}),
    ("size", "size", "how many bytes it watches: 1, 2, 4 or 8", {"type": whole, "metavar": "BYTES"}),
    ("cpu", "cpu", "this CPU only, of perf_event", {"type": whole, "metavar": "N"}),
    ("map", "map", "map of the object: what iter/bpf_map_elem walks, where sk_skb and sk_msg are", {"metavar": "NAME"}),
    ("namespace", "namespace", "network namespace of sk_lookup and flow_dissector", {"metavar": "FILE"}),
    ("family", "family", "of netfilter", {"choices": ("ipv4", "ipv6")}),
    ("hook", "hook", "of netfilter: prerouting, input, forward, output, postrouting", {"metavar": "NAME"}),
    ("device", "device", "infrared receiver of lirc_mode2, such as /dev/lirc0", {"metavar": "FILE"}),
    ("defragment", "defragment", "netfilter sees whole packets", {"action": "store_const", "const": True}),
    ("cookie", "cookie", "number that the program reads with bpf.attachCookie", {"type": whole, "metavar": "N"}),
)  # fmt: skip
_FLAGS = {option: f"--{name}" for name, option, *_ in _ROWS}
_USE = {
    option: f"--{name} {' or '.join(more['choices']) if 'choices' in more else more.get('metavar', '')} ({help})"
    for name, option, help, more in _ROWS
}
# A socket is no text.
FROM_PYTHON_ONLY = frozenset(("socket",))

# What a kind cannot do without where its section does not say it, by the file in links/ that attaches it.
_NEEDED = {
    "xdp": ("interface",),
    "tc": ("interface", "direction"),
    "tcx": ("interface",),
    "netkit": ("interface",),
    "cgroup": ("cgroup",),
    "kprobe": ("function",),
    "kprobe_multi": ("functions",),
    "tracing_multi": ("functions",),
    "ksyscall": ("call",),
    "uprobe": ("path",),
    "uprobe_multi": ("path",),
    "usdt": ("path",),
    "tracepoint": ("target",),
    "raw_tracepoint": ("target",),
    "sk_reuseport": ("socket",),
    "sockmap": ("map",),
    "netfilter": ("hook",),
    "lirc": ("device",),
}
_WALK_A_MAP = ("bpf_map_elem", "bpf_sk_storage_map")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    group = parser.add_argument_group("where programs attach, if not where their sections say")
    for name, option, help, more in _ROWS:
        group.add_argument(f"--{name}", dest=f"attach_{option}", help=help, **more)
    group.add_argument("--ifindex", type=whole, metavar="N", help="the same as --interface, by its number")


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, by their names in attach()."""
    found = {option: getattr(arguments, f"attach_{option}") for option in _FLAGS}
    if arguments.ifindex is not None:
        if found["interface"] is not None:
            raise UsageError("give --interface or --ifindex, not both")
        try:
            found["interface"] = socket.if_indextoname(arguments.ifindex)
        except (OSError, OverflowError):
            raise UsageError(
                f"--ifindex: there is no network interface {arguments.ifindex} in this network namespace"
            ) from None
    return {option: value for option, value in found.items() if value is not None}


def check(spec: ObjectSpec, programs: Sequence[ProgramSpec], given: Mapping[str, Any]) -> None:
    """Refuse options that no program takes, and programs that lack one."""
    for option in given:
        if not any(option in options(program.kind, program.target) for program in programs):
            raise UsageError(f"{_FLAGS[option]}: no program of {spec.file} takes it ({names(programs)})")
    if "map" in given and given["map"] not in spec.maps:
        name = given["map"]
        raise UsageError(f"--map: {spec.file} has no map '{name}'{near(name, list(spec.maps))}")
    for program in programs:
        for option in _needed(program):
            if option in FROM_PYTHON_ONLY:
                raise UsageError(f"{names([program])} attaches from Python only: attach({option}=…)")
            if option not in given:
                raise UsageError(f"{names([program])} needs {_USE[option]}")


def of(probe: Object, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as attach() takes them, when the maps are there."""
    return {**given, "map": probe.maps[given["map"]]} if "map" in given else dict(given)


def names(programs: Sequence[ProgramSpec]) -> str:
    """Programs for a message."""
    return ", ".join(f"{program.name} in '{program.section}'" for program in programs)


def _needed(program: ProgramSpec) -> tuple[str, ...]:
    if program.kind in ("iter", "iter.s"):
        return ("map",) if program.target in _WALK_A_MAP else ()
    return () if program.target else _NEEDED.get(KINDS[program.kind][0].rpartition(".")[2], ())
