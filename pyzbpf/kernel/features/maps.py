"""Map types: whether the kernel creates a small map of the type; and what maps can do."""

from __future__ import annotations

import os

from pyzbpf.btf import types as kinds
from pyzbpf.kernel import commands
from pyzbpf.kernel.features import ask
from pyzbpf.kernel.features.feature import Answer, Feature
from pyzbpf.kernel.syscall import ENOMEM, ENOTSUPP
from pyzbpf.uapi import attrs, since
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PAGE = os.sysconf("SC_PAGESIZE") if hasattr(os, "sysconf") else 4096
_CGROUP_KEY = 16  # struct bpf_cgroup_storage_key

# struct value { int count; struct bpf_spin_lock { int value; } lock; }: local storage wants BTF of its value.
_STORAGE = (
    0, kinds.INT << 24, 4, 32 | kinds.SIGNED << 24,
    1, kinds.STRUCT << 24 | 1, 4, 15, 1, 0,
    15, kinds.STRUCT << 24 | 2, 8, 19, 1, 0, 23, 2, 32,
)  # fmt: skip
_STORAGE_NAMES = b"\0bpf_spin_lock\0val\0cnt\0l\0"


def _create(type: int, key: int = 4, value: int = 4, entries: int = 1, flags: int = 0) -> Answer:
    made = ask.map(type, key, value, entries, flags)
    if made == -ENOMEM:
        return Answer(None, "ENOMEM: it was too short of memory to tell")
    return ask.verdict(made, "CAP_BPF")


def _nested(type: int) -> Answer:
    inner = ask.map(e.BPF_MAP_TYPE_HASH)
    if inner < 0:
        return ask.refusal(inner, "CAP_BPF")
    try:
        return ask.verdict(ask.map(type, inner_map_fd=inner), "CAP_BPF")
    finally:
        os.close(inner)


def _storage(type: int) -> Answer:
    types = ask.btf(_STORAGE, _STORAGE_NAMES)
    if types < 0:
        return ask.refusal(types, "CAP_BPF")
    try:
        made = ask.map(
            type, 4, 8, 0, e.BPF_F_NO_PREALLOC, btf_fd=types, btf_key_type_id=1, btf_value_type_id=3
        )
        return ask.verdict(made, "CAP_BPF")
    finally:
        os.close(types)


def _struct_ops(type: int) -> Answer:
    """With an integer for the kernel's struct: a kernel that knows the type says ENOTSUPP."""
    made = ask.map(type, btf_vmlinux_value_type_id=1)
    return ask.verdict(made, "CAP_BPF and CAP_NET_ADMIN", yes=(ENOTSUPP,))


def _feature(
    name: str,
    probe: Callable[..., Answer] = _create,
    *sizes: int,
    purpose: str = "",
    options: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    machines: dict[str, str | None] | None = None,
) -> Feature:
    type: int = getattr(e, f"BPF_MAP_TYPE_{name.upper()}")
    return Feature(
        name,
        since.MAPS[type],
        probe,
        (type, *sizes),
        purpose=purpose,
        options=options,
        needs=needs,
        machines=machines,
    )


_NETWORK = ("CONFIG_INET",)

FEATURES = (
    _feature("hash"),
    _feature("array"),
    _feature("prog_array", purpose="tail calls"),
    _feature("perf_event_array", purpose="events, and counters", options=("CONFIG_PERF_EVENTS",)),
    _feature("percpu_hash"),
    _feature("percpu_array"),
    _feature("stack_trace", _create, 4, 8, options=("CONFIG_PERF_EVENTS",)),
    _feature("cgroup_array", options=("CONFIG_CGROUPS",)),
    _feature("lru_hash"),
    _feature("lru_percpu_hash"),
    _feature("lpm_trie", _create, 8, 8, 1, e.BPF_F_NO_PREALLOC, purpose="longest prefix, for addresses"),
    _feature("array_of_maps", _nested),
    _feature("hash_of_maps", _nested),
    _feature("devmap", purpose="XDP redirects to interfaces"),
    _feature("sockmap", purpose="sk_skb, sk_msg", options=_NETWORK),
    _feature("cpumap", purpose="XDP redirects to CPUs"),
    _feature("xskmap", purpose="AF_XDP sockets", options=("CONFIG_XDP_SOCKETS",)),
    _feature("sockhash", purpose="sk_skb, sk_msg", options=_NETWORK),
    _feature("cgroup_storage", _create, _CGROUP_KEY, 8, 0, options=("CONFIG_CGROUP_BPF",)),
    _feature("reuseport_sockarray", purpose="sk_reuseport", options=_NETWORK),
    _feature("percpu_cgroup_storage", _create, _CGROUP_KEY, 8, 0, options=("CONFIG_CGROUP_BPF",)),
    _feature("queue", _create, 0),
    _feature("stack", _create, 0),
    _feature("sk_storage", _storage),
    _feature("devmap_hash", purpose="XDP redirects to interfaces"),
    _feature("struct_ops", _struct_ops, options=("CONFIG_BPF_JIT",), needs=("btf",)),
    _feature("ringbuf", _create, 0, 0, _PAGE, purpose="events"),
    _feature("inode_storage", _storage, options=("CONFIG_BPF_LSM",)),
    _feature("task_storage", _storage),
    _feature("bloom_filter", _create, 0),
    _feature("user_ringbuf", _create, 0, 0, _PAGE, purpose="events from user space"),
    _feature("cgrp_storage", _storage, options=("CONFIG_CGROUPS",)),
    _feature(
        "arena",
        _create,
        0,
        0,
        1,
        e.BPF_F_MMAPABLE,
        purpose="memory shared with user space",
        needs=("jit",),
        machines={"aarch64": "6.10", "s390x": "6.11", "i386": None, "arm": None},
    ),
    _feature("insn_array", _create, 4, 16, purpose="indirect jumps"),
    _feature("rhash", _create, 4, 4, 1, e.BPF_F_NO_PREALLOC, purpose="hash that grows"),
)


def _global_data() -> Answer:
    """A program that writes to a map's value by its address."""
    made = ask.map(e.BPF_MAP_TYPE_ARRAY, 4, 32)
    if made < 0:
        return ask.refusal(made, "CAP_BPF")
    try:
        load_address = ask.instruction(0x18, 1, e.BPF_PSEUDO_MAP_VALUE, immediate=made)
        code = load_address + ask.instruction(0, immediate=16) + ask.instruction(0x7A, 1, immediate=42)
        return ask.program(e.BPF_PROG_TYPE_SOCKET_FILTER, code + ask.RETURN)
    finally:
        os.close(made)


def _bind() -> Answer:
    made = ask.map(e.BPF_MAP_TYPE_ARRAY)
    program, log = ask.load(e.BPF_PROG_TYPE_SOCKET_FILTER)
    try:
        for result in (made, program):
            if result < 0:
                return ask.refusal(result, "CAP_BPF", log)
        values: dict[str, int | bytes] = {"prog_fd": program, "map_fd": made}
        bound = commands.request(e.BPF_PROG_BIND_MAP, attrs.PROG_BIND_MAP, values)
        return Answer(True) if bound == 0 else ask.refusal(bound, "CAP_BPF")
    finally:
        for result in (made, program):
            if result >= 0:
                os.close(result)


def _on_array(command: int, layout: dict[str, tuple[int, int]], **values: int) -> Answer:
    """A command on an array that is made for it."""
    made = ask.map(e.BPF_MAP_TYPE_ARRAY)
    if made < 0:
        return ask.refusal(made, "CAP_BPF")
    try:
        result = commands.request(command, layout, {"map_fd": made, **values})
    finally:
        os.close(made)
    return Answer(True) if result == 0 else ask.refusal(result, "CAP_BPF")


def _batch() -> Answer:
    """None of an array's elements, which takes no memory."""
    return _on_array(e.BPF_MAP_LOOKUP_BATCH, attrs.MAP_BATCH, count=0)


def _freeze() -> Answer:
    return _on_array(e.BPF_MAP_FREEZE, attrs.MAP_ELEM)


GLOBAL_DATA = Feature("global data", since.GLOBAL_DATA, _global_data, purpose=".data, .bss, .rodata")
ARRAY_MMAP = Feature(
    "arrays in memory",
    since.ARRAY_MMAP,
    _create,
    (e.BPF_MAP_TYPE_ARRAY, 4, 4, 1, e.BPF_F_MMAPABLE),
    purpose="variables read and set without system calls (BPF_F_MMAPABLE)",
    workaround="variables are read and set by system calls",
)
CAN_DO = (
    GLOBAL_DATA,
    Feature("frozen maps", since.FREEZE, _freeze, purpose="constants that prune code (BPF_MAP_FREEZE)"),
    Feature(
        "read-only for programs",
        since.GLOBAL_DATA,
        _create,
        (e.BPF_MAP_TYPE_ARRAY, 4, 4, 1, e.BPF_F_RDONLY_PROG),
        purpose=".rodata (BPF_F_RDONLY_PROG)",
    ),
    ARRAY_MMAP,
    Feature("batches", since.BATCH, _batch, purpose="many keys in one call (BPF_MAP_LOOKUP_BATCH)"),
    Feature(
        "inner maps of any size",
        since.INNER_MAP_SIZES,
        _create,
        (e.BPF_MAP_TYPE_ARRAY, 4, 4, 1, e.BPF_F_INNER_MAP),
        purpose="arrays in a map of maps",
    ),
    Feature(
        "bound maps",
        since.BIND_MAP,
        _bind,
        purpose="a map that lives as long as a program (BPF_PROG_BIND_MAP)",
    ),
)
