"""MapSpec -> a map of the kernel, and the class for it."""

from __future__ import annotations

import os
import sys

from pyzbpf.errors import Error, ObjectError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import E2BIG, EINVAL, ENOMEM, detailed
from pyzbpf.spec.model import NESTED
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.maps.base import Map
    from pyzbpf.spec.model import MapSpec

# Map type -> file and class; imported on use. A type that is not here is a plain `Map`.
KINDS = {
    e.BPF_MAP_TYPE_ARRAY: ("pyzbpf.maps.array", "Array"),
    e.BPF_MAP_TYPE_PROG_ARRAY: ("pyzbpf.maps.array", "References"),
    e.BPF_MAP_TYPE_CGROUP_ARRAY: ("pyzbpf.maps.array", "References"),
    e.BPF_MAP_TYPE_PERF_EVENT_ARRAY: ("pyzbpf.maps.array", "References"),
    e.BPF_MAP_TYPE_SOCKMAP: ("pyzbpf.maps.array", "References"),
    e.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: ("pyzbpf.maps.array", "References"),
    e.BPF_MAP_TYPE_SOCKHASH: ("pyzbpf.maps.array", "ReferencesByKey"),
    e.BPF_MAP_TYPE_ARRAY_OF_MAPS: ("pyzbpf.maps.nested", "ArrayOfMaps"),
    e.BPF_MAP_TYPE_HASH_OF_MAPS: ("pyzbpf.maps.nested", "HashOfMaps"),
    e.BPF_MAP_TYPE_PERCPU_ARRAY: ("pyzbpf.maps.per_cpu", "PerCpuArray"),
    e.BPF_MAP_TYPE_PERCPU_HASH: ("pyzbpf.maps.per_cpu", "PerCpu"),
    e.BPF_MAP_TYPE_LRU_PERCPU_HASH: ("pyzbpf.maps.per_cpu", "PerCpu"),
    e.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: ("pyzbpf.maps.per_cpu", "PerCpu"),
    e.BPF_MAP_TYPE_QUEUE: ("pyzbpf.maps.queue", "Queue"),
    e.BPF_MAP_TYPE_STACK: ("pyzbpf.maps.queue", "Queue"),
    e.BPF_MAP_TYPE_BLOOM_FILTER: ("pyzbpf.maps.bloom_filter", "BloomFilter"),
    e.BPF_MAP_TYPE_LPM_TRIE: ("pyzbpf.maps.lpm_trie", "LpmTrie"),
    e.BPF_MAP_TYPE_USER_RINGBUF: ("pyzbpf.maps.user_ring", "UserRing"),
    e.BPF_MAP_TYPE_SK_STORAGE: ("pyzbpf.maps.storage", "Storage"),
    e.BPF_MAP_TYPE_INODE_STORAGE: ("pyzbpf.maps.storage", "Storage"),
    e.BPF_MAP_TYPE_TASK_STORAGE: ("pyzbpf.maps.storage", "Storage"),
    e.BPF_MAP_TYPE_CGRP_STORAGE: ("pyzbpf.maps.storage", "Storage"),
    e.BPF_MAP_TYPE_ARENA: ("pyzbpf.maps.arena", "Arena"),
    e.BPF_MAP_TYPE_STRUCT_OPS: ("pyzbpf.maps.struct_ops", "StructOps"),
}

# What the SDK says of a map (`MapSpec.aggregate`, to the colon) and its type -> class of pyzbpf.maps.aggregate.
_AGGREGATES = {
    ("counter", e.BPF_MAP_TYPE_PERCPU_ARRAY): "Counter",
    ("counter", e.BPF_MAP_TYPE_PERCPU_HASH): "CounterBy",
    ("hist", e.BPF_MAP_TYPE_PERCPU_ARRAY): "Histogram",
    ("hist", e.BPF_MAP_TYPE_PERCPU_HASH): "HistogramBy",
    ("stacks", e.BPF_MAP_TYPE_PERCPU_HASH): "StackCounter",
}

# Types whose create callback wants no BTF (map_check_no_btf in kernel/bpf/syscall.c), and those that
# libbpf offers none.
_WITHOUT_BTF = frozenset((
    e.BPF_MAP_TYPE_ARRAY_OF_MAPS,
    e.BPF_MAP_TYPE_HASH_OF_MAPS,
    e.BPF_MAP_TYPE_DEVMAP,
    e.BPF_MAP_TYPE_DEVMAP_HASH,
    e.BPF_MAP_TYPE_CPUMAP,
    e.BPF_MAP_TYPE_XSKMAP,
    e.BPF_MAP_TYPE_SOCKMAP,
    e.BPF_MAP_TYPE_SOCKHASH,
    e.BPF_MAP_TYPE_ARENA,
    e.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
    e.BPF_MAP_TYPE_RINGBUF,
    e.BPF_MAP_TYPE_USER_RINGBUF,
    e.BPF_MAP_TYPE_PROG_ARRAY,
    e.BPF_MAP_TYPE_CGROUP_ARRAY,
    e.BPF_MAP_TYPE_STACK_TRACE,
    e.BPF_MAP_TYPE_QUEUE,
    e.BPF_MAP_TYPE_STACK,
))  # fmt: skip

_RINGS = frozenset((e.BPF_MAP_TYPE_RINGBUF, e.BPF_MAP_TYPE_USER_RINGBUF))


def open(spec: MapSpec, fd: Fd, btf: Btf | None, kinds: dict[int, tuple[str, str]] = KINDS) -> Map:
    """The Python face of a map that exists."""
    file, name = kinds.get(spec.type, ("pyzbpf.maps.base", "Map"))
    if spec.aggregate and btf is not None:
        meaning = _AGGREGATES.get((spec.aggregate.partition(":")[0], spec.type))
        file, name = ("pyzbpf.maps.aggregate", meaning) if meaning else (file, name)
    __import__(file)  # importlib itself would cost 0.5 ms of start-up
    return getattr(sys.modules[file], name)(spec, fd, btf)  # type: ignore[no-any-return]


def members(spec: MapSpec) -> dict[str, int]:
    """What BPF_MAP_CREATE is told; refuses what cannot be asked of any kernel. No system call is made."""
    if spec.inner is not None:
        _members(spec.inner)
    return _members(spec)


def create(spec: MapSpec, kernel_name: str, btf_fd: int | None, /, **more: int) -> Fd:
    """Make the map in the kernel; a data map gets its contents, and is frozen where the spec says so.

    ``more`` are members of bpf_attr.map_create that no spec knows.
    """
    values = {**_members(spec), **more}
    if spec.inner is not None:
        lent = {name: more[name] for name in ("map_token_fd",) if name in more}
        with create(spec.inner, kernel_name, btf_fd, **lent) as inner:  # shows what it holds, and may go then
            return _create(spec, kernel_name, btf_fd, {**values, "inner_map_fd": inner.fileno()})
    return _create(spec, kernel_name, btf_fd, values)


def _create(spec: MapSpec, kernel_name: str, btf_fd: int | None, values: dict[str, int]) -> Fd:
    *better, last = _attempts(spec, values, btf_fd)
    for attempt in better:
        try:
            fd = commands.map_create(kernel_name, **attempt)
            break
        except SystemCallError:
            continue
    else:
        try:
            fd = commands.map_create(kernel_name, **last)
        except SystemCallError as error:
            raise _refused(spec, error) from error
    fd.what = f"map '{spec.name}'"  # the kernel's name may be cut
    if spec.contents is None or spec.type != e.BPF_MAP_TYPE_ARRAY:
        return fd
    try:
        commands.map_update(fd.fileno(), bytes(4), bytes(spec.contents))
        if spec.frozen:
            commands.map_freeze(fd.fileno())
    except BaseException:
        fd.close()
        raise
    return fd


def _attempts(spec: MapSpec, values: dict[str, int], btf_fd: int | None) -> list[dict[str, int]]:
    """What to ask for, best first: a refusal of one leads to the next.

    BTF is there for tools and for locks in values; a map type may refuse it, or an older kernel one
    of its kinds. BPF_F_MMAPABLE is from Linux 5.5; without it data is read by system calls.
    """
    attempts = [values]
    if spec.contents is not None and spec.type == e.BPF_MAP_TYPE_ARRAY and spec.flags & e.BPF_F_MMAPABLE:
        attempts.append({**values, "map_flags": values["map_flags"] & ~e.BPF_F_MMAPABLE})
    if btf_fd is not None and spec.value_type and spec.type not in _WITHOUT_BTF:
        typed = {"btf_fd": btf_fd, "btf_key_type_id": spec.key_type, "btf_value_type_id": spec.value_type}
        attempts.insert(0, {**attempts[0], **typed})
    return attempts


# Attributes that a user may have set -> bits that they have in bpf_attr.
_WIDTHS = {"type": 32, "key_size": 32, "value_size": 32, "max_entries": 32, "flags": 32, "map_extra": 64}


def _members(spec: MapSpec) -> dict[str, int]:
    for name, bits in _WIDTHS.items():
        value = getattr(spec, name)
        if not isinstance(value, int) or not 0 <= value < 1 << bits:
            raise Error(f"map '{spec.name}': {name} is an int from 0 to {(1 << bits) - 1}, not {value!r}")
    if spec.pinning not in (0, 1):
        raise Error(f"map '{spec.name}': pinning is 0 (none) or 1 (by name), not {spec.pinning!r}")
    if spec.pinning and spec.type == e.BPF_MAP_TYPE_ARENA and not spec.map_extra:
        raise Error(
            f"map '{spec.name}': an arena that is pinned needs an address, where everybody who finds it maps it\n"
            f"  Set spec.maps['{spec.name}'].map_extra, for example to 1 << 44."
        )
    if spec.type in NESTED and spec.inner is None:
        raise ObjectError(
            "a map of maps that does not say what the maps in it are like",
            symbol=spec.name,
            advice="Define them in the probe (in C: __array(values, struct {…})), or set "
            f"spec.maps['{spec.name}'].inner to a MapSpec.",
        )
    entries = spec.max_entries
    if spec.type in _RINGS:
        entries = _ring_size(spec)
    elif spec.type == e.BPF_MAP_TYPE_PERF_EVENT_ARRAY and not entries:
        from pyzbpf.kernel import cpus

        entries = cpus.slots()
    flags = spec.flags
    if spec.contents is not None and spec.frozen:
        flags |= e.BPF_F_RDONLY_PROG
    node = {} if spec.numa_node is None else {"numa_node": spec.numa_node}
    return {
        **node,
        "map_type": spec.type,
        "key_size": spec.key_size,
        "value_size": spec.value_size,
        "max_entries": entries,
        "map_flags": flags,
        "map_extra": spec.map_extra,
    }


def _ring_size(spec: MapSpec) -> int:
    """The size of a ring buffer, rounded up as libbpf does: a power of two, at least a page here (arm64: up to 64 KiB)."""
    from pyzbpf.kernel.memory import PAGE

    size = spec.max_entries
    if not size:
        raise ObjectError(
            "a ring buffer's max_entries is its size in bytes, and is 0",
            symbol=spec.name,
            advice=f"Set it in the probe, or with spec.maps['{spec.name}'].max_entries = {64 << 10}.",
        )
    rounded = max(PAGE, 1 << (size - 1).bit_length())
    return rounded if rounded < 1 << _WIDTHS["max_entries"] else size  # which the kernel refuses


def _refused(spec: MapSpec, error: SystemCallError) -> Exception:
    from pyzbpf.kernel import limits
    from pyzbpf.uapi import since

    first = since.MAPS.get(spec.type)
    if error.errno == EINVAL and spec.contents is not None and spec.frozen:
        return UnsupportedError(f"global data ('{spec.name}')", since=since.GLOBAL_DATA)
    if error.errno == EINVAL and first and limits.older(os.uname().release, first):
        return UnsupportedError(f"map '{spec.name}' of type {type_name(spec.type)}", since=first)
    why = _hint(spec, error.errno or 0)
    if why is None:
        return error
    extra = f", map_extra {spec.map_extra}" if spec.map_extra else ""
    detail = (
        f"map '{spec.name}', type {type_name(spec.type)}, key {spec.key_size} bytes, value {spec.value_size} bytes, "
        f"max_entries {spec.max_entries}, flags {spec.flags:#x}{extra}; {why}"
    )
    return detailed(error, detail)


def _hint(spec: MapSpec, errno: int) -> str | None:
    """What to change after a refusal; None where the errno says it all."""
    from pyzbpf.kernel.memory import PAGE

    if errno == EINVAL and spec.type in _RINGS:
        return (
            "a ring buffer has neither key nor value, and its max_entries is its size in bytes: a power of two and a "
            f"multiple of the page size, {PAGE}"
        )
    if errno == EINVAL:
        few = "" if spec.max_entries else ", and most types hold at least 1 entry"
        return f"one of them is not what the type wants{few}"
    if errno == E2BIG:
        return "that is more than the type can hold: lower max_entries or the sizes"
    if errno == ENOMEM:
        kind = type_name(spec.type)
        one = spec.value_size + (0 if "array" in kind else spec.key_size)  # an array keeps no keys
        size = spec.max_entries * (1 if spec.type in _RINGS else one)
        each = " for each possible CPU" if "percpu" in kind else ""
        return (
            f"the kernel has no memory for about {-(-size >> 20)} MiB{each}: lower max_entries or the sizes, or raise "
            "the memory limit of the cgroup"
        )
    return None


def type_name(number: int) -> str:
    """``hash`` for BPF_MAP_TYPE_HASH."""
    prefix = "BPF_MAP_TYPE_"
    for name, value in vars(e).items():
        if value == number and name.startswith(prefix):
            return name.removeprefix(prefix).removesuffix("_DEPRECATED").lower()
    return str(number)
