"""Program types: whether the kernel verifies a program of the type that does nothing."""

from __future__ import annotations

from pyzbpf.kernel.features import ask
from pyzbpf.kernel.features.feature import Answer, Feature
from pyzbpf.kernel.privilege import to_load
from pyzbpf.kernel.syscall import ENOTSUPP
from pyzbpf.uapi import enums as e
from pyzbpf.uapi import since

_EVENTS = ("CONFIG_BPF_EVENTS",)
_CGROUP = ("CONFIG_CGROUP_BPF",)


def _struct_ops() -> Answer:
    """A program without the number of its struct: a kernel that knows the type says ENOTSUPP."""
    result, log = ask.load(e.BPF_PROG_TYPE_STRUCT_OPS)
    return ask.verdict(result, to_load(e.BPF_PROG_TYPE_STRUCT_OPS), yes=(ENOTSUPP,), log=log)


def _feature(
    name: str,
    type: int,
    purpose: str,
    *,
    code: bytes = ask.RETURN,
    options: tuple[str, ...] = (),
    **members: int,
) -> Feature:
    arguments = (type, code, members)
    return Feature(name, since.PROGRAMS[type], ask.program, arguments, purpose=purpose, options=options)


# Type 1 of every kernel is an integer, which no program can attach to; the words are the verifier's.
_PLACE = {"attach_btf_id": 1}

FEATURES = (
    _feature("socket_filter", e.BPF_PROG_TYPE_SOCKET_FILTER, "socket"),
    _feature("kprobe", e.BPF_PROG_TYPE_KPROBE, "kprobe, uprobe, usdt and their kin", options=_EVENTS),
    _feature("sched_cls", e.BPF_PROG_TYPE_SCHED_CLS, "tc, tcx, netkit"),
    _feature("sched_act", e.BPF_PROG_TYPE_SCHED_ACT, "action"),
    _feature("tracepoint", e.BPF_PROG_TYPE_TRACEPOINT, "tracepoint", options=_EVENTS),
    _feature("xdp", e.BPF_PROG_TYPE_XDP, "xdp"),
    _feature("perf_event", e.BPF_PROG_TYPE_PERF_EVENT, "perf_event", options=_EVENTS),
    _feature("cgroup_skb", e.BPF_PROG_TYPE_CGROUP_SKB, "cgroup_skb", options=_CGROUP),
    _feature("cgroup_sock", e.BPF_PROG_TYPE_CGROUP_SOCK, "cgroup/sock_create, …/post_bind4", options=_CGROUP),
    _feature("lwt_in", e.BPF_PROG_TYPE_LWT_IN, "lwt_in"),
    _feature("lwt_out", e.BPF_PROG_TYPE_LWT_OUT, "lwt_out"),
    _feature("lwt_xmit", e.BPF_PROG_TYPE_LWT_XMIT, "lwt_xmit"),
    _feature("sock_ops", e.BPF_PROG_TYPE_SOCK_OPS, "sockops"),
    _feature("sk_skb", e.BPF_PROG_TYPE_SK_SKB, "sk_skb"),
    _feature("cgroup_device", e.BPF_PROG_TYPE_CGROUP_DEVICE, "cgroup/dev", options=_CGROUP),
    _feature("sk_msg", e.BPF_PROG_TYPE_SK_MSG, "sk_msg"),
    _feature("raw_tracepoint", e.BPF_PROG_TYPE_RAW_TRACEPOINT, "raw_tp", options=_EVENTS),
    _feature(
        "cgroup_sock_addr",
        e.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
        "cgroup/connect4, …/bind4, …",
        code=ask.RETURN_ONE,
        options=_CGROUP,
        expected_attach_type=e.BPF_CGROUP_INET4_CONNECT,
    ),
    _feature("lwt_seg6local", e.BPF_PROG_TYPE_LWT_SEG6LOCAL, "lwt_seg6local"),
    _feature(
        "lirc_mode2",
        e.BPF_PROG_TYPE_LIRC_MODE2,
        "lirc_mode2",
        options=("CONFIG_BPF_LIRC_MODE2",),
        expected_attach_type=e.BPF_LIRC_MODE2,
    ),
    _feature("sk_reuseport", e.BPF_PROG_TYPE_SK_REUSEPORT, "sk_reuseport", options=("CONFIG_INET",)),
    _feature("flow_dissector", e.BPF_PROG_TYPE_FLOW_DISSECTOR, "flow_dissector"),
    _feature("cgroup_sysctl", e.BPF_PROG_TYPE_CGROUP_SYSCTL, "cgroup/sysctl", options=_CGROUP),
    _feature("raw_tracepoint_writable", e.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, "raw_tp.w", options=_EVENTS),
    _feature(
        "cgroup_sockopt",
        e.BPF_PROG_TYPE_CGROUP_SOCKOPT,
        "cgroup/getsockopt, …/setsockopt",
        options=_CGROUP,
        expected_attach_type=e.BPF_CGROUP_GETSOCKOPT,
    ),
    Feature(
        "tracing",
        since.PROGRAMS[e.BPF_PROG_TYPE_TRACING],
        lambda: ask.refused_with(
            "attach_btf_id 1 is not a typedef",
            e.BPF_PROG_TYPE_TRACING,
            members={"expected_attach_type": e.BPF_TRACE_RAW_TP, **_PLACE},
        ),
        purpose="tp_btf, fentry, fexit, fmod_ret, iter",
        options=_EVENTS,
        needs=("btf",),
    ),
    Feature(
        "struct_ops",
        since.PROGRAMS[e.BPF_PROG_TYPE_STRUCT_OPS],
        _struct_ops,
        purpose="struct_ops",
        options=("CONFIG_BPF_JIT",),
    ),
    Feature(
        "ext",
        since.PROGRAMS[e.BPF_PROG_TYPE_EXT],
        lambda: ask.refused_with("Cannot replace kernel functions", e.BPF_PROG_TYPE_EXT, members=_PLACE),
        purpose="freplace",
        options=("CONFIG_BPF_JIT",),
        needs=("btf",),
    ),
    Feature(
        "lsm",
        since.PROGRAMS[e.BPF_PROG_TYPE_LSM],
        lambda: ask.refused_with(
            "attach_btf_id 1 is not a function",
            e.BPF_PROG_TYPE_LSM,
            members={"expected_attach_type": e.BPF_LSM_MAC, **_PLACE},
        ),
        purpose="lsm, lsm_cgroup",
        options=("CONFIG_BPF_LSM",),
        needs=("btf",),
    ),
    _feature(
        "sk_lookup",
        e.BPF_PROG_TYPE_SK_LOOKUP,
        "sk_lookup",
        options=("CONFIG_INET",),
        expected_attach_type=e.BPF_SK_LOOKUP,
    ),
    _feature("syscall", e.BPF_PROG_TYPE_SYSCALL, "syscall", prog_flags=e.BPF_F_SLEEPABLE),
    _feature(
        "netfilter",
        e.BPF_PROG_TYPE_NETFILTER,
        "netfilter",
        options=("CONFIG_NETFILTER_BPF_LINK",),
        expected_attach_type=e.BPF_NETFILTER,
    ),
)
