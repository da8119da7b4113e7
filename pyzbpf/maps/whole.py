"""Whole maps: all elements as values, columns, numpy arrays or a table, and many stored at once."""

from __future__ import annotations

import struct
import sys
from _collections_abc import ItemsView, ValuesView  # see maps/base.py
from itertools import chain

from pyzbpf.btf import columns
from pyzbpf.btf.types import ENUM, ENUM64
from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import EINVAL, ENOTSUPP
from pyzbpf.maps import batch
from pyzbpf.maps.array import Array
from pyzbpf.maps.base import Map
from pyzbpf.maps.per_cpu import PerCpu
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from pyzbpf.btf.decode import Btf

    _ItemsView = ItemsView[Any, Any]
    _ValuesView = ValuesView[Any]
else:
    _ItemsView = ItemsView
    _ValuesView = ValuesView

_NAMED = (ENUM, ENUM64)
# Classes that give keys and values as their types say, and nothing else.
_PLAIN = (Map, Array)
# Kinds that the kernel reads and removes in one step, and what it says where it is too old for that (before 5.14).
_TAKEN_AT_ONCE = (
    e.BPF_MAP_TYPE_HASH,
    e.BPF_MAP_TYPE_LRU_HASH,
    e.BPF_MAP_TYPE_PERCPU_HASH,
    e.BPF_MAP_TYPE_LRU_PERCPU_HASH,
)
_UNKNOWN = (EINVAL, ENOTSUPP)
_GONE = object()
# Of the format of a memoryview: what is taken as bytes, whole and other numbers, and the order that is not ours.
_BYTES, _INTEGERS, _FLOATS = "Bbc", "hHiIlLqQnN?", "efd"
_FOREIGN = frozenset("!>" if sys.byteorder == "little" else "<")


class Items(_ItemsView):
    """What ``map.items()`` gives."""

    __slots__ = ()
    _mapping: Map

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return pairs(self._mapping)


class Values(_ValuesView):
    """What ``map.values()`` gives."""

    __slots__ = ()
    _mapping: Map

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in pairs(self._mapping))


def pairs(map: Map) -> Iterator[tuple[Any, Any]]:
    """Every key with its value, decoded."""
    return chain.from_iterable(
        _decoded(map, keys, values, count) for keys, values, count in batch.elements(map)
    )


def _decoded(map: Map, keys: memoryview, values: memoryview, count: int) -> Iterator[tuple[Any, Any]]:
    """The elements of a chunk, whose memory the next one reuses."""
    if type(map) in _PLAIN:
        key, value = _number(map.btf, map.spec.key_type), _number(map.btf, map.spec.value_type)
        if key and value:
            return zip(keys.cast(key).tolist(), values.cast(value).tolist(), strict=True)
    return _one_by_one(map, keys, values, count)


def _number(btf: Btf | None, type_id: int) -> Any:
    """The format character of a type whose values in Python are nothing but numbers: enums have names."""
    found = btf.resolve(type_id)[1] if btf is not None and type_id else None
    return columns.code(found) if found is not None and found.kind not in _NAMED else None


def _one_by_one(map: Map, keys: memoryview, values: memoryview, count: int) -> Iterator[tuple[Any, Any]]:
    raw_keys, raw_values = bytes(keys), bytes(values)
    key_size, value_size = map.spec.key_size, map.value_bytes
    decode_key, decode_value = map.decode_key, map.decode_value
    for i in range(count):
        yield (
            decode_key(raw_keys[i * key_size : (i + 1) * key_size]),
            decode_value(raw_values[i * value_size : (i + 1) * value_size]),
        )


def chunks(map: Map) -> Iterator[tuple[memoryview, memoryview]]:
    """Columns of raw numbers: `Map.chunks`."""
    key: Any = columns.letter(map.btf, map.spec.key_type) or "B"
    value: Any = columns.letter(map.btf, map.spec.value_type) or "B"
    for keys, values, _ in batch.elements(map, whole=True):
        yield keys.cast(key), values.cast(value)


def update(map: Map, pairs: Iterable[tuple[Any, Any]], named: dict[str, Any]) -> None:
    """Store (key, value) pairs: `Map.update`."""
    keys, values = [], []
    for key, value in (*pairs, *named.items()):
        keys.append(map.encode_key(key))
        values.append(map.encode_value(value))
    batch.update(map, b"".join(keys), b"".join(values), len(keys))


def update_columns(map: Map, keys: Any, values: Any) -> None:
    """Store elements that lie side by side: `Map.update_columns`."""
    raw_keys = _column(map, keys, "keys", map.spec.key_type, map.spec.key_size)
    # The values of per-CPU maps are padded.
    width = map.value_bytes // (map.per_cpu or 1)
    raw_values = _column(map, values, "values", map.spec.value_type, width)
    count, rest = divmod(len(raw_keys), map.spec.key_size)
    if rest or len(raw_values) != count * map.value_bytes:
        raise ValueError(
            f"map '{map.name}': keys of {map.spec.key_size} bytes and values of {map.value_bytes} bytes, as many of the one as "
            f"of the other, do not come to {len(raw_keys)} and {len(raw_values)} bytes"
        )
    batch.update(map, raw_keys, raw_values, count)


def _column(map: Map, column: Any, what: str, type_id: int, size: int) -> memoryview:
    """The bytes of a column; Error where its items are numbers that mean something else as the map's type."""
    place = f"map '{map.name}', {what}"
    try:
        view = memoryview(column)
    except (TypeError, ValueError, BufferError) as error:
        raise Error(f"{place}: bytes, an array or a numpy array is wanted ({error})") from None
    if not view.c_contiguous:
        raise Error(
            f"{place}: the items do not lie side by side; make a copy in which they do: numpy.ascontiguousarray"
        )
    if _FOREIGN.intersection(view.format):
        raise Error(f"{place}: the numbers have the other byte order; make a copy: .astype('=u4'), '=u8' …")
    wanted, given = columns.letter(map.btf, type_id), view.format.lstrip("@=<>")
    if wanted and given not in _BYTES:
        is_padded = struct.calcsize("=" + wanted) != size
        fits = given in (_FLOATS if wanted in _FLOATS else _INTEGERS) and (is_padded or view.itemsize == size)
        if not fits:
            raise Error(
                f"{place}: they are {_described(wanted)}, and items of format '{view.format}' with {view.itemsize} bytes are "
                "not; make a copy of that type: .astype"
            )
    return view.cast("B") if view.nbytes else memoryview(b"")


def _described(letter: str) -> str:
    kind = "floating point numbers" if letter in _FLOATS else "whole numbers"
    return f"{kind} of {struct.calcsize('=' + letter)} bytes"


def drain(map: Map) -> list[tuple[Any, Any]]:
    """Take every element out: `Map.drain`."""
    taken = map.drained
    for keys, values, count in batch.elements(map, remove=True):
        taken += _decoded(map, keys, values, count)
    map.drained = []
    return taken


def pop(map: Map, key: Any, *default: Any) -> Any:
    """Take a value out: `Map.pop`."""
    try:
        return _take(map, key)
    except KeyError:
        if not default:
            raise
        (value,) = default
        return value


def _take(map: Map, key: Any) -> Any:
    if map.spec.type in _TAKEN_AT_ONCE:
        try:
            raw = commands.map_lookup_and_delete(map.fileno(), map.encode_key(key), map.value_bytes)
        except SystemCallError as error:
            if error.errno not in _UNKNOWN:
                raise
        else:
            if raw is None:
                raise KeyError(key)
            return map.decode_value(bytes(raw))
    value = map[key]
    del map[key]
    return value


def popitem(map: Map) -> tuple[Any, Any]:
    """Take any element out: `Map.popitem`."""
    for key in map:
        value = pop(map, key, _GONE)
        if value is not _GONE:  # else somebody else has taken it
            return key, value
    raise KeyError(f"map '{map.name}' is empty")


def top(map: Map, number: int) -> list[tuple[Any, Any]]:
    """The largest values: `Map.top`."""
    import heapq

    if not isinstance(number, int) or number < 0:  # type: ignore[redundant-expr]
        raise Error(f"map '{map.name}': how many of the largest is a whole number from 0, not {number!r}")
    elements = map.sums().items() if isinstance(map, PerCpu) else pairs(map)
    return heapq.nlargest(number, elements, key=lambda pair: pair[1])


def to_numpy(map: Map) -> tuple[Any, Any]:
    """Keys and values as arrays: `Map.to_numpy`."""
    all_keys, all_values = bytearray(), bytearray()
    for keys, values, _ in batch.elements(map, whole=True):
        all_keys += keys
        all_values += values
    spec = map.spec
    stride = map.value_bytes // (map.per_cpu or 1)
    found = columns.array(all_values, map.btf, spec.value_type, spec.value_size, stride=stride)
    if map.per_cpu:
        found = found.reshape(len(all_keys) // spec.key_size, map.per_cpu, *found.shape[1:])
    return columns.array(all_keys, map.btf, spec.key_type, spec.key_size), found


def to_arrow(map: Map) -> Any:
    """Keys and values as a table: `Map.to_arrow`."""
    keys, values = to_numpy(map)
    return columns.table({"key": keys, "value": values})
