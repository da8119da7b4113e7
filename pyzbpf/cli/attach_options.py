"""Options of ``pyzbpf run`` that say where programs attach: a row for each option of `Program.attach`."""

from __future__ import annotations

import socket

from pyzbpf.cli.usage import UsageError, near, whole
from pyzbpf.kernel.perf_event import COUNTERS
from pyzbpf.links.attach import KINDS, options

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pyzbpf.runtime.object import Object
    from pyzbpf.spec.model import ObjectSpec, ProgramSpec

# Name on the command line, option of attach(), what the value is called, what it is, more for argparse.
_ROWS: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("interface", "interface", "NAME", "network interface (of socket filters: lo if it is not given)", {}),
    ("direction", "direction", "WAY", "ingress or egress, of tc", {"choices": ("ingress", "egress")}),
    ("priority", "priority", "N", "of the tc filter; a lower one runs first", {"type": whole}),
    ("mode", "mode", "MODE", "native (in the driver) or generic, of XDP", {"choices": ("native", "generic")}),
    ("cgroup", "cgroup", "PATH", "control group, by path or by name below the mount of cgroup2", {}),
    ("order", "order", "ORDER", "of iter/cgroup: descendants, children, ancestors, self, …", {}),
    ("pid", "pid", "N", "this process only, of uprobes, perf_event and iterators", {"type": whole}),
    ("tid", "tid", "N", "this thread only, of iterators", {"type": whole}),
    ("path", "path", "FILE", "program or library of uprobes, by path or name (libc.so.6)", {}),
    ("symbol", "symbol", "NAME", "its function", {}),
    ("function", "function", "NAME", "function of the kernel, of kprobes", {}),
    ("offset", "offset", "BYTES", "from the function's start, of uprobes and kprobes", {"type": whole}),
    ("tracepoint", "target", "NAME", "of tracepoint (category/name) and raw_tp (name)", {}),
    ("event", "event", "NAME", "counter of perf_event: cpu-clock, page-faults, …", {"choices": tuple(COUNTERS)}),
    ("frequency", "frequency", "N", "samples a second, of perf_event", {"type": whole}),
    ("period", "period", "N", "events from one sample to the next, of perf_event", {"type": whole}),
    ("cpu", "cpu", "N", "this CPU only, of perf_event", {"type": whole}),
    ("map", "map", "NAME", "map whose elements iter/bpf_map_elem walks", {}),
    ("cookie", "cookie", "N", "number that the program reads with bpf.attachCookie", {"type": whole}),
)  # fmt: skip
_FLAGS = {option: f"--{name}" for name, option, *_ in _ROWS}

# What a kind cannot do without where its section does not say it, by the file in links/ that attaches it.
_NEEDED = {
    "xdp": ("interface",),
    "tc": ("interface", "direction"),
    "tcx": ("interface",),
    "cgroup": ("cgroup",),
    "kprobe": ("function",),
    "uprobe": ("path",),
    "tracepoint": ("target",),
    "raw_tracepoint": ("target",),
}
_WALK_A_MAP = ("bpf_map_elem", "bpf_sk_storage_map")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    group = parser.add_argument_group("where programs attach, if not where their sections say")
    for name, option, metavar, help, more in _ROWS:
        group.add_argument(f"--{name}", dest=f"attach_{option}", metavar=metavar, help=help, **more)
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
        if not any(option in options(program.kind) for program in programs):
            raise UsageError(f"{_FLAGS[option]}: no program of {spec.file} takes it ({names(programs)})")
    if "map" in given and given["map"] not in spec.maps:
        name = given["map"]
        raise UsageError(f"--map: {spec.file} has no map '{name}'{near(name, list(spec.maps))}")
    rows = {option: (metavar, help) for _, option, metavar, help, _ in _ROWS}
    for program in programs:
        for option in _needed(program):
            if option not in given:
                metavar, help = rows[option]
                raise UsageError(f"{names([program])} needs {_FLAGS[option]} {metavar}: {help}")


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
