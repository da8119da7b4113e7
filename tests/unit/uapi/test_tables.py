"""The generated kernel tables: known anchors, and rules that every generation must keep."""

from __future__ import annotations

import pytest

from pyzbpf.uapi import attrs, enums
from pyzbpf.uapi.helpers import HELPERS

LAYOUTS = {name: value for name, value in vars(attrs).items() if name.isupper() and isinstance(value, dict)}
NAME_TABLES = (
    enums.COMMAND_NAMES,
    enums.MAP_TYPE_NAMES,
    enums.PROG_TYPE_NAMES,
    enums.ATTACH_TYPE_NAMES,
    enums.LINK_TYPE_NAMES,
)


def numbers() -> dict[str, int]:
    """All constants of enums.py."""
    return {name: value for name, value in vars(enums).items() if isinstance(value, int)}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("BPF_MAP_CREATE", 0),
        ("BPF_PROG_LOAD", 5),
        ("BPF_LINK_CREATE", 28),
        ("BPF_MAP_TYPE_HASH", 1),
        ("BPF_MAP_TYPE_RINGBUF", 27),
        ("BPF_PROG_TYPE_KPROBE", 2),
        ("BPF_PROG_TYPE_NETFILTER", 32),
        ("BPF_CGROUP_INET_INGRESS", 0),
        ("BPF_TRACE_KPROBE_MULTI", 42),
        ("BPF_LINK_TYPE_TCX", 11),
        ("BPF_F_LINK", 1 << 13),
        ("BPF_F_SLEEPABLE", 1 << 4),
        ("BPF_F_XDP_HAS_FRAGS", 1 << 5),
        ("BPF_F_CURRENT_CPU", 0xFFFFFFFF),
        ("BPF_F_CTXLEN_MASK", 0xFFFFF << 32),
        ("BPF_F_CURRENT_NETNS", -1),
        ("BPF_F_REDIRECT_FLAGS", 0b11011),
        ("BPF_NOEXIST", 1),
        ("BPF_PSEUDO_KFUNC_CALL", 2),
        ("BPF_OBJ_NAME_LEN", 16),
        ("BPF_RINGBUF_BUSY_BIT", 1 << 31),
        ("BPF_CMPXCHG", 0xF1),
        ("TCX_NEXT", -1),
        ("XDP_REDIRECT", 4),
    ],
)
def test_constant(name: str, number: int) -> None:
    assert numbers()[name] == number


def test_constants_are_public_names_of_the_header() -> None:
    assert len(numbers()) > 500
    assert not [name for name in numbers() if name != name.upper() or name.startswith("_")]


@pytest.mark.parametrize("table", NAME_TABLES)
def test_name_tables_are_dense_and_unique(table: dict[int, str]) -> None:
    assert list(table) == list(range(len(table)))
    assert len(set(table.values())) == len(table)


def test_names_of_aliases() -> None:
    assert enums.COMMAND_NAMES[enums.BPF_PROG_RUN] == "prog_test_run"
    assert enums.MAP_TYPE_NAMES[enums.BPF_MAP_TYPE_CGROUP_STORAGE] == "cgroup_storage"
    assert enums.MAP_TYPE_NAMES[enums.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] == "percpu_cgroup_storage"


@pytest.mark.parametrize(
    ("table", "field", "place"),
    [
        ("MAP_CREATE", "map_type", (0, 4)),
        ("MAP_CREATE", "map_name", (28, 16)),
        ("MAP_CREATE", "map_extra", (64, 8)),
        ("MAP_ELEM", "key", (8, 8)),
        ("MAP_ELEM", "next_key", (16, 8)),
        ("PROG_LOAD", "prog_name", (48, 16)),
        ("PROG_LOAD", "attach_btf_obj_fd", (112, 4)),
        ("PROG_LOAD", "fd_array_cnt", (148, 4)),
        ("PROG_QUERY", "prog_attach_flags", (32, 8)),
        ("RAW_TRACEPOINT_OPEN", "cookie", (16, 8)),
        ("LINK_CREATE", "target_btf_id", (16, 4)),
        ("LINK_CREATE", "tracing.cookie", (24, 8)),
        ("LINK_CREATE", "kprobe_multi.cookies", (40, 8)),
        ("LINK_CREATE", "tcx.expected_revision", (24, 8)),
        ("PROG_INFO", "name", (64, 16)),
        ("PROG_INFO", "gpl_compatible", (84, 4)),
        ("PROG_INFO", "netns_dev", (88, 8)),
        ("MAP_INFO", "btf_id", (64, 4)),
        ("LINK_INFO", "perf_event.uprobe.cookie", (40, 8)),
        ("LINK_INFO", "iter.map.map_id", (28, 4)),
    ],
)
def test_layout(table: str, field: str, place: tuple[int, int]) -> None:
    assert LAYOUTS[table][field] == place


@pytest.mark.parametrize("table", LAYOUTS)
def test_every_field_is_aligned_and_within_its_table(table: str) -> None:
    size = getattr(attrs, f"{table}_SIZE")
    for field, (offset, length) in LAYOUTS[table].items():
        assert offset + length <= size, field
        assert length == enums.BPF_OBJ_NAME_LEN or offset % length == 0, field


def test_sizes() -> None:
    assert attrs.MAP_CREATE_SIZE == 92
    assert attrs.BTF_INFO_SIZE == 32
    assert attrs.ITER_CREATE_SIZE == 8


def test_helper_numbers_are_dense_and_names_unique() -> None:
    assert list(HELPERS) == list(range(1, len(HELPERS) + 1))
    assert len({name for name, _ in HELPERS.values()}) == len(HELPERS)


@pytest.mark.parametrize(
    ("number", "name", "gpl_only"),
    [
        (1, "map_lookup_elem", False),
        (4, "probe_read", True),
        (5, "ktime_get_ns", False),
        (6, "trace_printk", True),
        (25, "perf_event_output", True),
        (27, "get_stackid", False),
        (35, "get_current_task", True),
        (113, "probe_read_kernel", True),
        (130, "ringbuf_output", False),
        (169, "timer_init", True),
        (173, "get_func_ip", False),
        (211, "cgrp_storage_delete", False),
    ],
)
def test_helper(number: int, name: str, gpl_only: bool) -> None:
    assert HELPERS[number] == (name, gpl_only)
