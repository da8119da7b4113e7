"""Kind of a program -> how it is attached; each kind's file is imported on use."""

from __future__ import annotations

import sys

from pyzbpf.errors import Error
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Link, LoadedMap
    from pyzbpf.spec.model import ProgramSpec
    from pyzbpf.spec.section import SectionMatch

# What is attached to a control group, whatever it is called.
_CGROUP = (
    "cgroup_skb/ingress cgroup_skb/egress cgroup/sock_create cgroup/sock_release cgroup/sock cgroup/post_bind4 "
    "cgroup/post_bind6 cgroup/bind4 cgroup/bind6 cgroup/connect4 cgroup/connect6 cgroup/connect_unix "
    "cgroup/sendmsg4 cgroup/sendmsg6 cgroup/sendmsg_unix cgroup/recvmsg4 cgroup/recvmsg6 cgroup/recvmsg_unix "
    "cgroup/getpeername4 cgroup/getpeername6 cgroup/getpeername_unix cgroup/getsockname4 cgroup/getsockname6 "
    "cgroup/getsockname_unix cgroup/sysctl cgroup/getsockopt cgroup/setsockopt cgroup/dev sockops lsm_cgroup"
)

# Kinds as in the section table -> the file that attaches them, and the options its attach() takes.
_ROWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("socket", "socket_filter", ("interface",)),
    ("kprobe kretprobe", "kprobe", ("function", "offset", "cookie")),
    ("ksyscall kretsyscall", "ksyscall", ("call", "cookie")),
    ("kprobe.multi kretprobe.multi kprobe.session", "kprobe_multi", ("functions",)),
    (
        "uprobe uprobe.s uretprobe uretprobe.s",
        "uprobe",
        ("path", "symbol", "offset", "pid", "root", "cookie"),
    ),
    (
        "uprobe.multi uretprobe.multi uprobe.session uprobe.multi.s uretprobe.multi.s uprobe.session.s",
        "uprobe_multi",
        ("path", "symbols", "pid", "root"),
    ),
    ("usdt usdt.s", "usdt", ("path", "provider", "name", "pid", "root", "cookie")),
    ("tracepoint tp tracepoint.s tp.s", "tracepoint", ("target", "cookie")),
    (
        "raw_tracepoint raw_tp raw_tracepoint.s raw_tp.s raw_tracepoint.w raw_tp.w",
        "raw_tracepoint",
        ("target", "cookie"),
    ),
    (
        "tp_btf tp_btf.s fentry fentry.s fexit fexit.s fsession fsession.s fmod_ret fmod_ret.s lsm lsm.s",
        "tracing",
        ("cookie",),
    ),
    (
        "fentry.multi fentry.multi.s fexit.multi fexit.multi.s fsession.multi fsession.multi.s",
        "tracing_multi",
        ("functions",),
    ),
    ("freplace", "freplace", ("target", "function")),
    (
        "perf_event",
        "perf_event",
        ("event", "frequency", "period", "address", "access", "size", "pid", "cpu", "cookie"),
    ),
    ("iter iter.s", "iterator", ("map", "cgroup", "order", "pid", "tid")),
    ("xdp xdp.frags", "xdp", ("interface", "mode")),
    ("tc classifier", "tc", ("interface", "direction", "priority")),
    ("tc/ingress tc/egress tcx/ingress tcx/egress", "tcx", ("interface", "before", "after")),
    ("netkit/primary netkit/peer", "netkit", ("interface", "before", "after")),
    (_CGROUP, "cgroup", ("cgroup", "before", "after")),
    ("sk_lookup flow_dissector", "network_namespace", ("namespace",)),
    ("sk_reuseport sk_reuseport/migrate", "sk_reuseport", ("socket",)),
    ("sk_skb sk_skb/stream_parser sk_skb/stream_verdict sk_skb/verdict sk_msg", "sockmap", ("map",)),
    ("netfilter", "netfilter", ("family", "hook", "priority", "defragment")),
    ("lirc_mode2", "lirc", ("device",)),
)
# Links to many functions at once take programs that were loaded for it, and those take no other link.
_CHECKED = frozenset(
    (
        e.BPF_TRACE_KPROBE_MULTI,
        e.BPF_TRACE_KPROBE_SESSION,
        e.BPF_TRACE_UPROBE_MULTI,
        e.BPF_TRACE_UPROBE_SESSION,
        e.BPF_TRACE_FENTRY_MULTI,
        e.BPF_TRACE_FEXIT_MULTI,
        e.BPF_TRACE_FSESSION_MULTI,
    )
)
# Kinds that are attached to nothing, and what is done with them.
NEVER = {
    "cgroup/skb": "its section does not say which way; attach(kind='cgroup_skb/ingress') or 'cgroup_skb/egress' does",
    "syscall": "it is run by test_run()",
    "struct_ops": "the map that names it is registered: maps['name'].attach()",
    "struct_ops.s": "the map that names it is registered: maps['name'].attach()",
    "xdp/devmap": "its descriptor is put into a device map",
    "xdp.frags/devmap": "its descriptor is put into a device map",
    "xdp/cpumap": "its descriptor is put into a CPU map",
    "xdp.frags/cpumap": "its descriptor is put into a CPU map",
    "action": "pin it, and name it in a command of tc",
    "lwt_in": "pin it, and name it in a route ('ip route … encap bpf')",
    "lwt_out": "pin it, and name it in a route ('ip route … encap bpf')",
    "lwt_xmit": "pin it, and name it in a route ('ip route … encap bpf')",
    "lwt_seg6local": "pin it, and name it in a route ('ip route … encap seg6local action End.BPF')",
}
# What can be said of an iterator: its kernel reads one place of memory as a map, a cgroup or a thread.
_ITERATORS = ("iter", "iter.s")
WALKS: dict[str, tuple[str, ...]] = {
    "bpf_map_elem": ("map",),
    "bpf_sk_storage_map": ("map",),
    "sockmap": ("map",),
    "cgroup": ("cgroup", "order"),
    "task": ("pid", "tid"),
    "task_file": ("pid", "tid"),
    "task_vma": ("pid", "tid"),
}
_WITH_MAPS = frozenset(("pyzbpf.links.usdt",))
KINDS = {kind: (f"pyzbpf.links.{file}", options) for kinds, file, options in _ROWS for kind in kinds.split()}


def why_not(kind: str) -> str:
    """What is said of a kind that is not in KINDS."""
    known = NEVER.get(kind)
    return f"this kind is not attached; {known}" if known else f"no kind '{kind}' is known to attach"


def options(kind: str, target: str = "") -> tuple[str, ...]:
    """The names of the options that attaching this kind takes; of an iterator over ``target`` those that it knows."""
    if kind in _ITERATORS and target:
        return WALKS.get(target, ())
    return KINDS[kind][1] if kind in KINDS else ()


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    maps: Mapping[str, LoadedMap] | None = None,
    kind: str | None = None,
    **given: Any,
) -> Link:
    """Attach a loaded program where its section says; ``given`` are the kind's options.

    ``maps`` are those of its object, which some kinds store into.

    ``kind`` attaches it as another kind of the same program type: a kprobe as "kretprobe" or "uprobe", a
    tcx program as "tc".
    """
    if kind is not None and kind != spec.kind:
        spec = _as(spec, kind)
    if not spec.kind:
        raise Error(
            f"program '{spec.name}' was found in the kernel, which does not say what it was loaded for\n"
            "  Give kind= and the options of that kind: attach(kind='xdp', interface='eth0')."
        )
    if spec.kind not in KINDS:
        # Object.attach() leaves out those that never are.
        others = f"\n  Set spec.programs['{spec.name}'].autoattach = False to attach the others."
        message = f"program '{spec.name}' of section '{spec.section}': {why_not(spec.kind)}"
        raise Error(message if spec.kind in NEVER else message + others)
    file = KINDS[spec.kind][0]
    known = options(spec.kind, spec.target)
    for name in given:
        if name not in known:
            kind = f"{spec.kind}/{spec.target}" if spec.kind in _ITERATORS else spec.kind
            raise TypeError(
                f"attaching a program of kind '{kind}' takes {' and '.join(known) or 'no option'}, not '{name}'"
            )
    more = (maps or {},) if file in _WITH_MAPS else ()
    return _file(file).attach(program, spec, *more, **given)  # type: ignore[no-any-return]


def _as(spec: ProgramSpec, kind: str) -> ProgramSpec:
    """The program as another kind, to be told where it attaches."""
    from pyzbpf.spec import section
    from pyzbpf.spec.model import ProgramSpec

    row = section.match(kind)
    if row is None or row.kind != kind:
        near = section.suggest(kind)
        hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        raise Error(f"program '{spec.name}': there is no kind {kind!r} of program{hint}")
    if row.type != spec.type or _loaded_as(row) != _loaded_as(spec):
        raise Error(
            f"program '{spec.name}': it was loaded as a program of {_known(spec)}, which cannot be attached as {kind!r}"
        )
    return ProgramSpec(
        spec.name,
        section=spec.section,
        kind=kind,
        type=spec.type,
        attach_type=row.attach_type,
        flags=spec.flags,
    )


def _known(spec: ProgramSpec) -> str:
    """Its kind; its type where it was found in the kernel, which does not say more."""
    return f"kind '{spec.kind}'" if spec.kind else f"type '{e.PROG_TYPE_NAMES.get(spec.type, spec.type)}'"


def _loaded_as(spec: ProgramSpec | SectionMatch) -> int | None:
    """The attach type of kinds for which the verifier has checked the program; None for others."""
    return spec.attach_type if spec.attach_type in _CHECKED else None


def _file(name: str) -> ModuleType:
    __import__(name)  # importlib itself would cost 0.5 ms of start-up
    return sys.modules[name]
