"""Many elements of a map by few system calls (Linux 5.6), and one by one where map or kernel has no such calls.

Raw bytes only; `pyzbpf.maps.whole` makes values of them.
"""

from __future__ import annotations

import sys

from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import E2BIG, EINTR, EINVAL, ENOENT, ENOSPC, ENOTSUPP, failure
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.maps.base import Map

    Pairs = Iterator[tuple[memoryview, memoryview, int]]

# Elements of the first call and of the largest: `next(iter(map))` is not to fetch a million.
_FIRST, _MOST = 64, 16384
# Bytes that a call for values may take: those of many CPUs are large.
_MEMORY = 16 << 20
# What says that there is no batch command: of the kernel (5.5 and older), of the kind of map.
_UNKNOWN = (-EINVAL, -ENOTSUPP)


class NoBatch(Exception):
    """There are no batch commands for this kind of map, or in this kernel: raised before the first element."""


def elements(map: Map, *, remove: bool = False, whole: bool = False) -> Pairs:
    """All elements, by batches or one by one: as `chunks`."""
    try:
        yield from chunks(map, remove=remove, whole=whole)
    except NoBatch:
        yield from _one_by_one(map, remove=remove)


def keys(map: Map) -> Iterator[bytes]:
    """All keys, by batches or one by one."""
    size = map.spec.key_size
    try:
        for found, _, count in chunks(map):
            raw = bytes(found)
            yield from (raw[start : start + size] for start in range(0, count * size, size))
    except NoBatch:
        yield from map.walk()


def count(map: Map) -> int:
    """How many elements there are now."""
    try:
        return sum(number for _, _, number in chunks(map))
    except NoBatch:
        return sum(1 for _ in map.walk())


def chunks(map: Map, *, remove: bool = False, whole: bool = False) -> Pairs:
    """All elements: (keys side by side, values side by side, how many), in memory that the next step reuses.

    The size of a call begins small (``whole``: as large as it gets, for the caller wants all), grows, and doubles where
    one bucket of a hash holds more. With ``remove`` the elements are taken out of the map. Other programs may change the map meanwhile: an element that stays is
    given once, one that comes or goes may be given or not.
    """
    command = e.BPF_MAP_LOOKUP_AND_DELETE_BATCH if remove else e.BPF_MAP_LOOKUP_BATCH
    fd, key_size, value_size = map.fileno(), map.spec.key_size, map.value_bytes
    most = max(_FIRST, min(_MOST, map.spec.max_entries, _MEMORY // max(1, value_size)))
    size = most if whole else _FIRST
    keys, values = bytearray(size * key_size), bytearray(size * value_size)
    # Hashes say the number of a bucket there, other kinds a key.
    cursors = [bytearray(max(8, key_size)), bytearray(max(8, key_size))]
    start: bytearray | None = None
    while True:
        result, count = commands.map_batch(command, fd, keys, values, size, start=start, end=cursors[0])
        if result in _UNKNOWN and start is None:
            raise NoBatch
        if result not in (0, -ENOENT, -ENOSPC, -EINTR):
            raise failure(result, command=_NAMES[command], capability="CAP_BPF", detail=f"map '{map.name}'")
        # -ENOSPC without an element: the next bucket is larger than all the room, and nothing was moved on.
        stuck = result == -ENOSPC and not count
        if count and result != -EINTR:
            yield memoryview(keys)[: count * key_size], memoryview(values)[: count * value_size], count
        if result == -ENOENT:
            return
        if not stuck and result != -EINTR:
            start = cursors[0]
            cursors.reverse()
        if stuck or size < most:
            size = 2 * size if stuck else min(4 * size, most)
            keys, values = bytearray(size * key_size), bytearray(size * value_size)


def _one_by_one(map: Map, *, remove: bool) -> Pairs:
    fd = map.fileno()
    for key in map.walk():
        raw = map.lookup_raw(key)
        if raw is not None and remove and not commands.map_delete(fd, key):
            continue  # another program has taken it
        if raw is not None:
            yield memoryview(key), memoryview(raw), 1


def update(
    map: Map, keys: bytes | memoryview, values: bytes | memoryview, count: int, flags: int = e.BPF_ANY
) -> None:
    """Store ``count`` elements, whose keys and whose values lie side by side, in the order given.

    Error where the map is full: those before the one that found no room are stored.
    """
    fd, key_size, value_size = map.fileno(), map.spec.key_size, map.value_bytes
    stored = 0
    while stored < count:
        some = min(count - stored, _MOST)
        key_part = bytes(keys[stored * key_size : (stored + some) * key_size])
        value_part = bytes(values[stored * value_size : (stored + some) * value_size])
        result, done = commands.map_batch(e.BPF_MAP_UPDATE_BATCH, fd, key_part, value_part, some, flags=flags)
        if result in _UNKNOWN and not stored:
            for i in range(count):
                key = bytes(keys[i * key_size : (i + 1) * key_size])
                value = bytes(values[i * value_size : (i + 1) * value_size])
                try:
                    commands.map_update(fd, key, value, flags)
                except SystemCallError as error:
                    if error.errno == E2BIG:
                        raise _full(map, i, count, keys) from error
                    raise
            return
        if result == -E2BIG:
            raise _full(map, stored + done, count, keys)
        if result < 0:
            what = f"map '{map.name}', element {stored + done} of {count}"
            raise failure(result, command="BPF_MAP_UPDATE_BATCH", capability="CAP_BPF", detail=what)
        stored += some


def _full(map: Map, stored: int, count: int, keys: bytes | memoryview) -> Error:
    from pyzbpf.maps.array import Indexed

    before = f"{stored} of {count} elements were stored before that"
    size, key_size = map.spec.max_entries, map.spec.key_size
    if isinstance(map, Indexed):  # the kernel says the same of an index that is too large
        index = int.from_bytes(keys[stored * key_size : (stored + 1) * key_size], sys.byteorder)
        return Error(f"index {index} of array '{map.name}', which has {size} elements from 0; {before}")
    return Error(f"map '{map.name}' is full: it holds {size} keys; {before}; raise its max_entries")


def delete(map: Map, keys: list[bytes]) -> int:
    """Remove those keys; how many of them were in the map."""
    fd = map.fileno()
    removed = position = 0
    while position < len(keys):
        part = keys[position : position + _MOST]
        result, done = commands.map_batch(e.BPF_MAP_DELETE_BATCH, fd, b"".join(part), None, len(part))
        if result in _UNKNOWN and not position:
            return sum(commands.map_delete(fd, key) for key in keys)
        if result not in (0, -ENOENT):
            raise failure(
                result, command="BPF_MAP_DELETE_BATCH", capability="CAP_BPF", detail=f"map '{map.name}'"
            )
        removed += done
        position += done + (result == -ENOENT)  # it ends at the first key that is not there
    return removed


_NAMES = {
    e.BPF_MAP_LOOKUP_BATCH: "BPF_MAP_LOOKUP_BATCH",
    e.BPF_MAP_LOOKUP_AND_DELETE_BATCH: "BPF_MAP_LOOKUP_AND_DELETE_BATCH",
}
