"""How programs are attached: each kind is asked for what cannot be attached, or attached where nothing runs."""

from __future__ import annotations

import os
from errno import EAFNOSUPPORT, EBADF, EBUSY, EEXIST, EFAULT, EINVAL, ENODEV, ENOENT, EOPNOTSUPP

from pyzbpf.btf import types as kinds
from pyzbpf.kernel import commands
from pyzbpf.kernel.features import ask
from pyzbpf.kernel.features.code import kernel_type
from pyzbpf.kernel.features.feature import Answer, Feature
from pyzbpf.kernel.privilege import to_load
from pyzbpf.kernel.syscall import ENOTSUPP, address
from pyzbpf.uapi import attrs, since
from pyzbpf.uapi import enums as e

_NOBODY = 0xFFFFFFFF  # no descriptor, and no interface, has this number
_NOWHERE = 1  # an address that belongs to no process
_LOOPBACK = 1  # the interface with which each network namespace begins
_NATIVE = 1 << 2  # XDP_FLAGS_DRV_MODE of include/uapi/linux/if_link.h

_PMUS = "/sys/bus/event_source/devices"


def _raw_tracepoint() -> Answer:
    type = e.BPF_PROG_TYPE_RAW_TRACEPOINT
    result, log = ask.load(type)
    if result < 0:
        return ask.refusal(result, to_load(type), log)
    try:
        name = b"pyzbpf_there_is_no_such\0"
        values: dict[str, int | bytes] = {"name": address(name), "prog_fd": result}
        opened = commands.request(e.BPF_RAW_TRACEPOINT_OPEN, attrs.RAW_TRACEPOINT_OPEN, values)
        return ask.verdict(opened, to_load(type), yes=(ENOENT,))
    finally:
        os.close(result)


def _placed(type: int, attach: int, name: str, kind: int, *, open: bool) -> Answer:
    """A program for a place of the kernel, loaded and, with ``open``, attached for a moment."""
    place = kernel_type(name, kind)
    if isinstance(place, Answer):
        return place
    result, log = ask.load(type, ask.RETURN, {"expected_attach_type": attach, "attach_btf_id": place})
    if result < 0 or not open:
        return ask.verdict(result, to_load(type), log=log)
    try:
        values: dict[str, int | bytes] = {"prog_fd": result}
        opened = commands.request(e.BPF_RAW_TRACEPOINT_OPEN, attrs.RAW_TRACEPOINT_OPEN, values)
        return ask.verdict(opened, to_load(type))
    finally:
        os.close(result)


def _lsm() -> Answer:
    return _placed(e.BPF_PROG_TYPE_LSM, e.BPF_LSM_MAC, "bpf_lsm_quotactl", kinds.FUNC, open=True)


def _cgroup_lsm() -> Answer:
    """Loaded only: attached, it would run for a control group. What attaching takes besides, a trampoline, `_lsm` tells."""
    loaded = _placed(e.BPF_PROG_TYPE_LSM, e.BPF_LSM_CGROUP, "bpf_lsm_socket_bind", kinds.FUNC, open=False)
    return _lsm() if loaded.supported else loaded


def _uprobe_multi(attach: int) -> Answer:
    """At a path that is a folder: EBADF."""
    path, offsets = b"/\0", bytes(8)
    members = {
        "uprobe_multi.path": address(path),
        "uprobe_multi.offsets": address(offsets),
        "uprobe_multi.cnt": 1,
    }
    return ask.link(attach, (EBADF,), e.BPF_PROG_TYPE_KPROBE, members, {"expected_attach_type": attach})


def _uprobe_multi_process() -> Answer:
    """For a process that cannot be: EINVAL where that is looked at first, as it has been since it meant processes."""
    attach, path, offsets = e.BPF_TRACE_UPROBE_MULTI, b"/\0", bytes(8)
    members = {
        "uprobe_multi.path": address(path),
        "uprobe_multi.offsets": address(offsets),
        "uprobe_multi.cnt": 1,
        "uprobe_multi.pid": _NOBODY,
    }
    if not UPROBE_MULTI.supported:
        return UPROBE_MULTI.answer()
    return ask.link(attach, (EINVAL,), e.BPF_PROG_TYPE_KPROBE, members, {"expected_attach_type": attach})


def _kprobe_multi(attach: int) -> Answer:
    """At addresses that lie outside of this process: EFAULT."""
    members = {"kprobe_multi.addrs": _NOWHERE, "kprobe_multi.cnt": 1}
    return ask.link(attach, (EFAULT,), e.BPF_PROG_TYPE_KPROBE, members, {"expected_attach_type": attach})


def _tracing_multi() -> Answer:
    """At type ids that lie outside of this process: EFAULT."""
    attach = e.BPF_TRACE_FENTRY_MULTI
    members = {"tracing_multi.ids": _NOWHERE, "tracing_multi.cnt": 1}
    return ask.link(attach, (EFAULT,), e.BPF_PROG_TYPE_TRACING, members, {"expected_attach_type": attach})


def _struct_ops_link() -> Answer:
    """A map for it, with an integer for the kernel's struct: ENOTSUPP. Older kernels know no such flag."""
    made = ask.map(e.BPF_MAP_TYPE_STRUCT_OPS, flags=e.BPF_F_LINK, btf_vmlinux_value_type_id=1)
    return ask.verdict(made, "CAP_BPF and CAP_NET_ADMIN", yes=(ENOTSUPP,))


def _pmu(name: str) -> Answer:
    """Whether perf_event_open(2) makes such probes: the kernel lists its kinds of events."""
    path = f"{_PMUS}/{name}/type"
    if os.path.exists(path):
        return Answer(True)
    return (
        Answer(False, f"there is no {path}") if os.path.isdir(_PMUS) else Answer(None, "/sys is not mounted")
    )


def _unbound(attach: int, type: int) -> Answer:
    """A link to no descriptor: EBADF."""
    return ask.link(attach, (EBADF,), type, {"target_fd": _NOBODY})


_TRACING, _CLASSIFIER = e.BPF_PROG_TYPE_TRACING, e.BPF_PROG_TYPE_SCHED_CLS
_EVENTS = ("CONFIG_BPF_EVENTS",)

# Machines whose trampolines came later (commits efc9909fdce0, 528eb2cb87bc, 49b5e77ae3e2, d243b62b7bd3) or never.
_TRAMPOLINE = {
    "aarch64": "6.0",
    "s390x": "6.3",
    "riscv64": "6.3",
    "ppc64le": "6.13",
    "ppc64": "6.13",
    "i386": None,
    "arm": None,
}
_FUNCTIONS = ("CONFIG_BPF_JIT", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS", "CONFIG_BPF_EVENTS")
_BOTH = ("btf", "jit")
_IDLE = "bpf_fentry_test1"  # of net/bpf/test_run.c: it runs in tests of BPF only


def _traced(name: str, first: str, attach: int, function: str, *options: str) -> Feature:
    """Attached to a function of the kernel's that hardly ever runs, by a program that changes nothing."""
    return Feature(
        name,
        first,
        lambda: _placed(_TRACING, attach, function, kinds.FUNC, open=True),
        purpose=name,
        options=(*_FUNCTIONS, *options),
        needs=_BOTH,
        machines=_TRAMPOLINE,
    )


PERF_LINK = Feature(
    "perf event link",
    since.PERF_LINK,
    _unbound,
    (e.BPF_PERF_EVENT, e.BPF_PROG_TYPE_TRACEPOINT),
    purpose="tracepoints, kprobes, uprobes as links",
    options=_EVENTS,
    workaround="the program is set on the event itself",
)
UPROBE_MULTI = Feature(
    "uprobe multi",
    since.UPROBE_MULTI,
    _uprobe_multi,
    (e.BPF_TRACE_UPROBE_MULTI,),
    purpose="uprobe.multi, usdt",
    options=("CONFIG_UPROBES", "CONFIG_BPF_EVENTS"),
)
KPROBE_MULTI = Feature(
    "kprobe multi",
    since.KPROBE_MULTI,
    _kprobe_multi,
    (e.BPF_TRACE_KPROBE_MULTI,),
    purpose="kprobe.multi",
    options=("CONFIG_FPROBE", "CONFIG_BPF_EVENTS"),
)
TCX = Feature(
    "tcx",
    since.TCX,
    lambda: ask.link(e.BPF_TCX_INGRESS, (ENODEV,), _CLASSIFIER, {"target_ifindex": _NOBODY}),
    purpose="tcx/ingress, tcx/egress",
    options=("CONFIG_NET_XGRESS",),
)
FEATURES = (
    Feature(
        "kprobe events",
        since.PROBE_EVENTS,
        _pmu,
        ("kprobe",),
        purpose="kprobe, kretprobe",
        options=("CONFIG_KPROBE_EVENTS",),
    ),
    Feature(
        "uprobe events",
        since.PROBE_EVENTS,
        _pmu,
        ("uprobe",),
        purpose="uprobe, uretprobe",
        options=("CONFIG_UPROBE_EVENTS",),
    ),
    Feature(
        "raw tracepoint",
        since.PROGRAMS[e.BPF_PROG_TYPE_RAW_TRACEPOINT],
        _raw_tracepoint,
        purpose="raw_tp",
        options=_EVENTS,
    ),
    Feature(
        "typed raw tracepoint",
        since.TRAMPOLINES,
        lambda: _placed(_TRACING, e.BPF_TRACE_RAW_TP, "btf_trace_sched_switch", kinds.TYPEDEF, open=True),
        purpose="tp_btf",
        options=_EVENTS,
        needs=("btf",),
    ),
    _traced("fentry", since.TRAMPOLINES, e.BPF_TRACE_FENTRY, _IDLE),
    _traced("fexit", since.TRAMPOLINES, e.BPF_TRACE_FEXIT, _IDLE),
    _traced("fmod_ret", since.MODIFY_RETURN, e.BPF_MODIFY_RETURN, "security_quotactl", "CONFIG_SECURITY"),
    _traced("fsession", since.FSESSION, e.BPF_TRACE_FSESSION, _IDLE),
    Feature(
        "fentry multi",
        since.TRACING_MULTI,
        _tracing_multi,
        purpose="fentry.multi",
        options=(*_FUNCTIONS, "CONFIG_HAVE_SINGLE_FTRACE_DIRECT_OPS"),
        needs=_BOTH,
    ),
    Feature(
        "iterators",
        since.ITERATORS,
        lambda: _placed(_TRACING, e.BPF_TRACE_ITER, "bpf_iter_bpf_map", kinds.FUNC, open=False),
        purpose="iter",
        options=_EVENTS,
        needs=("btf",),
    ),
    Feature(
        "LSM hooks",
        since.PROGRAMS[e.BPF_PROG_TYPE_LSM],
        _lsm,
        purpose="lsm",
        options=("CONFIG_BPF_LSM", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"),
        needs=_BOTH,
        machines=_TRAMPOLINE,
    ),
    Feature(
        "LSM hooks of cgroups",
        since.CGROUP_LSM,
        _cgroup_lsm,
        purpose="lsm_cgroup",
        options=("CONFIG_BPF_LSM", "CONFIG_CGROUP_BPF", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"),
        needs=_BOTH,
        machines=_TRAMPOLINE,
    ),
    PERF_LINK,
    KPROBE_MULTI,
    Feature(
        "kprobe session",
        since.KPROBE_SESSION,
        _kprobe_multi,
        (e.BPF_TRACE_KPROBE_SESSION,),
        purpose="kprobe.session",
        options=("CONFIG_FPROBE", "CONFIG_BPF_EVENTS"),
    ),
    UPROBE_MULTI,
    Feature(
        "uprobe multi of a process",
        since.UPROBE_MULTI_PROCESS,
        _uprobe_multi_process,
        purpose="pid= of uprobe.multi: one process, not one thread",
        options=("CONFIG_UPROBES", "CONFIG_BPF_EVENTS"),
    ),
    Feature(
        "uprobe session",
        since.UPROBE_SESSION,
        _uprobe_multi,
        (e.BPF_TRACE_UPROBE_SESSION,),
        purpose="uprobe.session",
        options=("CONFIG_UPROBES", "CONFIG_BPF_EVENTS"),
    ),
    Feature(
        "cgroup link",
        since.LINKS,
        _unbound,
        (e.BPF_CGROUP_INET_EGRESS, e.BPF_PROG_TYPE_CGROUP_SKB),
        purpose="cgroup_skb and all other cgroup kinds",
        options=("CONFIG_CGROUP_BPF",),
    ),
    Feature(
        "network namespace link",
        since.NETNS_LINK,
        _unbound,
        (e.BPF_FLOW_DISSECTOR, e.BPF_PROG_TYPE_FLOW_DISSECTOR),
        purpose="flow_dissector, sk_lookup",
    ),
    Feature(
        "XDP link",
        since.XDP_LINK,
        # lo has no driver that could; a kernel without such links says EINVAL.
        lambda: ask.link(
            e.BPF_XDP,
            (EOPNOTSUPP, EBUSY, EEXIST),
            e.BPF_PROG_TYPE_XDP,
            {"target_ifindex": _LOOPBACK, "flags": _NATIVE},
            {"expected_attach_type": e.BPF_XDP},
        ),
        purpose="xdp",
    ),
    TCX,
    Feature(
        "netkit",
        since.NETKIT,
        lambda: ask.link(e.BPF_NETKIT_PRIMARY, (ENODEV,), _CLASSIFIER, {"target_ifindex": _NOBODY}),
        purpose="netkit/primary, netkit/peer",
        options=("CONFIG_NETKIT",),
    ),
    Feature(
        "netfilter link",
        since.NETFILTER_LINK,
        lambda: ask.link(
            e.BPF_NETFILTER,
            (EAFNOSUPPORT,),
            e.BPF_PROG_TYPE_NETFILTER,
            {"netfilter.hooknum": 1},
            {"expected_attach_type": e.BPF_NETFILTER},
        ),
        purpose="netfilter",
        options=("CONFIG_NETFILTER_BPF_LINK",),
    ),
    Feature(
        "sockmap link",
        since.SOCKMAP_LINK,
        _unbound,
        (e.BPF_SK_SKB_VERDICT, e.BPF_PROG_TYPE_SK_SKB),
        purpose="sk_skb, sk_msg",
        options=("CONFIG_INET",),
    ),
    Feature(
        "struct_ops link",
        since.STRUCT_OPS_LINK,
        _struct_ops_link,
        purpose=".struct_ops.link",
        options=("CONFIG_BPF_JIT",),
        needs=("btf",),
    ),
)
