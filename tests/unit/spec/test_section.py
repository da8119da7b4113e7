"""Section names: what libbpf's table says of each, and what we say of the ones it does not know."""

from __future__ import annotations

import pytest

from pyzbpf.spec import section_table
from pyzbpf.spec.section import match, suggest
from pyzbpf.spec.section_table import SECTIONS
from pyzbpf.uapi import enums as e

KPROBE = e.BPF_PROG_TYPE_KPROBE
TRACING = e.BPF_PROG_TYPE_TRACING


@pytest.mark.parametrize(
    ("name", "kind", "type_", "attach_type", "target"),
    [
        ("xdp", "xdp", e.BPF_PROG_TYPE_XDP, e.BPF_XDP, ""),
        ("xdp/devmap", "xdp/devmap", e.BPF_PROG_TYPE_XDP, e.BPF_XDP_DEVMAP, ""),
        ("xdp.frags", "xdp.frags", e.BPF_PROG_TYPE_XDP, e.BPF_XDP, ""),
        ("xdp.frags/cpumap", "xdp.frags/cpumap", e.BPF_PROG_TYPE_XDP, e.BPF_XDP_CPUMAP, ""),
        ("socket", "socket", e.BPF_PROG_TYPE_SOCKET_FILTER, None, ""),
        ("socket1", "socket", e.BPF_PROG_TYPE_SOCKET_FILTER, None, ""),
        ("socket23", "socket", e.BPF_PROG_TYPE_SOCKET_FILTER, None, ""),
        ("kprobe", "kprobe", KPROBE, None, ""),
        ("kprobe/do_nanosleep", "kprobe", KPROBE, None, "do_nanosleep"),
        ("kprobe/do_nanosleep+0x10", "kprobe", KPROBE, None, "do_nanosleep+0x10"),
        ("kprobe.multi/do_*", "kprobe.multi", KPROBE, e.BPF_TRACE_KPROBE_MULTI, "do_*"),
        ("uprobe.s//bin/sh:main", "uprobe.s", KPROBE, None, "/bin/sh:main"),
        ("usdt/libc:setjmp", "usdt", KPROBE, None, "libc:setjmp"),
        (
            "tracepoint/sched/sched_switch",
            "tracepoint",
            e.BPF_PROG_TYPE_TRACEPOINT,
            None,
            "sched/sched_switch",
        ),
        ("tp/sched/sched_switch", "tp", e.BPF_PROG_TYPE_TRACEPOINT, None, "sched/sched_switch"),
        ("raw_tp/sched_switch", "raw_tp", e.BPF_PROG_TYPE_RAW_TRACEPOINT, None, "sched_switch"),
        ("raw_tracepoint.w/x", "raw_tracepoint.w", e.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, None, "x"),
        ("tp_btf/sched_switch", "tp_btf", TRACING, e.BPF_TRACE_RAW_TP, "sched_switch"),
        ("fentry.s/vfs_open", "fentry.s", TRACING, e.BPF_TRACE_FENTRY, "vfs_open"),
        ("iter/task", "iter", TRACING, e.BPF_TRACE_ITER, "task"),
        ("lsm.s/file_open", "lsm.s", e.BPF_PROG_TYPE_LSM, e.BPF_LSM_MAC, "file_open"),
        ("tc", "tc", e.BPF_PROG_TYPE_SCHED_CLS, None, ""),
        ("tcx/ingress", "tcx/ingress", e.BPF_PROG_TYPE_SCHED_CLS, e.BPF_TCX_INGRESS, ""),
        ("cgroup/skb", "cgroup/skb", e.BPF_PROG_TYPE_CGROUP_SKB, None, ""),
        (
            "cgroup_skb/ingress",
            "cgroup_skb/ingress",
            e.BPF_PROG_TYPE_CGROUP_SKB,
            e.BPF_CGROUP_INET_INGRESS,
            "",
        ),
        ("struct_ops/ssthresh", "struct_ops", e.BPF_PROG_TYPE_STRUCT_OPS, None, "ssthresh"),
        ("syscall", "syscall", e.BPF_PROG_TYPE_SYSCALL, None, ""),
    ],
)
def test_match(name: str, kind: str, type_: int, attach_type: int | None, target: str) -> None:
    found = match(name)
    assert found is not None
    assert (found.kind, found.type, found.attach_type, found.target) == (kind, type_, attach_type, target)
    assert not found.optional


@pytest.mark.parametrize("name", ["kprobe/f", "xdp", "socket1"])
def test_a_question_mark_makes_it_optional_and_changes_nothing_else(name: str) -> None:
    optional, plain = match("?" + name), match(name)
    assert optional is not None
    assert plain is not None
    assert optional.optional
    assert (optional.kind, optional.type, optional.target) == (plain.kind, plain.type, plain.target)


@pytest.mark.parametrize(
    "name",
    [
        *("", "?", "??xdp", "xdp/", "xdp/eth0", "xdpx", "XDP", "xdp1", "socket/1", "socket1x", "sockets"),
        *("kprobes/f", "kprobe.s/f", "kprobe1", "tc/", "tcx", "cgroup/connect", "license", "maps", ".text"),
    ],
)
def test_no_match(name: str) -> None:
    assert match(name) is None


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("kprobe/f", 0),
        ("uprobe.s/f", e.BPF_F_SLEEPABLE),
        ("syscall", e.BPF_F_SLEEPABLE),
        ("xdp.frags", e.BPF_F_XDP_HAS_FRAGS),
        ("lsm.s/f", e.BPF_F_SLEEPABLE),
        ("xdp", 0),
    ],
)
def test_flags_for_loading(name: str, flags: int) -> None:
    found = match(name)
    assert found is not None
    assert found.load_flags == flags


def test_flags_of_the_table() -> None:
    found = match("fentry.s/f")
    assert found is not None
    assert found.flags == section_table.ATTACH_BTF | section_table.SLEEPABLE


def test_every_row_is_found_by_its_own_names() -> None:
    for pattern, program_type, attach_type, flags in SECTIONS:
        kind = pattern.rstrip("+/")
        names = [kind] if kind == pattern else [kind, f"{kind}/some/target"]
        for name in names:
            found = match(name)
            assert found is not None, name
            assert (found.kind, found.type, found.attach_type, found.flags) == (
                kind,
                program_type,
                attach_type,
                flags,
            )


def test_patterns_are_unique() -> None:
    patterns = [pattern for pattern, *_ in SECTIONS]
    assert len(set(patterns)) == len(patterns) > 100


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("kprob/do_nanosleep", "kprobe/do_nanosleep"),
        ("?kprob/do_nanosleep", "kprobe/do_nanosleep"),
        ("kprobe_multi/do_*", "kprobe.multi/do_*"),
        ("tracepint/sched/sched_switch", "tracepoint/sched/sched_switch"),
        ("cgroup/conect4", "cgroup/connect4"),
        ("xdp/eth0", "xdp"),
        ("XDP", "xdp"),
        ("xdp.frag", "xdp.frags"),
        ("socket/1", "socket"),
    ],
)
def test_suggestion(name: str, first: str) -> None:
    assert suggest(name)[0] == first


def test_suggestions_are_few_and_known() -> None:
    for name in ("kprob/f", "cgroup/x", "tp"):
        found = suggest(name)
        assert 0 < len(found) <= 3
        assert all(match(one) for one in found)
    assert suggest("license") == []
