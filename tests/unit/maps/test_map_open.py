from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest

from pyzbpf.errors import ObjectError, SystemCallError, UnsupportedError
from pyzbpf.kernel.memory import PAGE
from pyzbpf.maps import open as map_open
from pyzbpf.runtime import loader
from pyzbpf.spec.model import MapSpec
from pyzbpf.uapi import enums as e


@pytest.mark.parametrize("kind", loader.KINDS)
def test_rows_name_a_class(kind):
    file, name = loader.KINDS[kind]
    assert isinstance(getattr(importlib.import_module(file), name), type)


def spec(type_: int, **members) -> MapSpec:
    return MapSpec("m", section=".maps", type=type_, **members)


def test_ring_size_is_at_least_a_page():
    assert map_open._members(spec(e.BPF_MAP_TYPE_RINGBUF, max_entries=64))["max_entries"] == PAGE
    assert map_open._members(spec(e.BPF_MAP_TYPE_RINGBUF, max_entries=1 << 20))["max_entries"] == 1 << 20


def test_a_ring_without_a_size():
    with pytest.raises(ObjectError, match=r"size in bytes, and is 0\n.*spec.maps\['m'\].max_entries = 65536"):
        map_open.members(spec(e.BPF_MAP_TYPE_RINGBUF))


def test_data_maps_ask_for_shared_memory_or_no_change():
    data = {"contents": bytearray(8), "value_size": 8, "max_entries": 1}

    def asked(found: MapSpec) -> list[int]:
        return [a["map_flags"] for a in map_open._attempts(found, map_open._members(found), None)]

    assert asked(spec(e.BPF_MAP_TYPE_ARRAY, flags=e.BPF_F_MMAPABLE, **data)) == [e.BPF_F_MMAPABLE, 0]
    assert asked(spec(e.BPF_MAP_TYPE_ARRAY, **data)) == [0]
    assert asked(spec(e.BPF_MAP_TYPE_ARRAY, frozen=True, **data)) == [e.BPF_F_RDONLY_PROG]


def test_types_are_offered_first_and_dropped_when_refused():
    hash = spec(e.BPF_MAP_TYPE_HASH, key_type=3, value_type=4)
    first, second = map_open._attempts(hash, map_open._members(hash), 9)
    assert (first["btf_fd"], first["btf_key_type_id"], first["btf_value_type_id"]) == (9, 3, 4)
    assert "btf_fd" not in second
    ring = spec(e.BPF_MAP_TYPE_RINGBUF, max_entries=4096, value_type=4)
    assert len(map_open._attempts(ring, map_open._members(ring), 9)) == 1


def test_a_map_of_maps_says_of_which():
    with pytest.raises(ObjectError, match="what the maps in it are like"):
        map_open.members(spec(e.BPF_MAP_TYPE_HASH_OF_MAPS))
    inner = spec(e.BPF_MAP_TYPE_RINGBUF, max_entries=0)
    with pytest.raises(ObjectError, match="size in bytes, and is 0"):
        map_open.members(spec(e.BPF_MAP_TYPE_HASH_OF_MAPS, inner=inner))


@pytest.mark.parametrize(
    ("size", "made"),
    [
        (1, PAGE),
        (1000, PAGE),
        (PAGE, PAGE),
        (PAGE + 1, 2 * PAGE),
        (3 * PAGE, 4 * PAGE),
        (1 << 31, 1 << 31),
        ((1 << 31) + 1, (1 << 31) + 1),
    ],
)
def test_the_size_of_a_ring_is_rounded_as_libbpf_does(size, made):
    for type in (e.BPF_MAP_TYPE_RINGBUF, e.BPF_MAP_TYPE_USER_RINGBUF):
        assert map_open.members(spec(type, max_entries=size))["max_entries"] == made


def test_the_node_of_the_memory():
    assert "numa_node" not in map_open.members(spec(e.BPF_MAP_TYPE_HASH))
    assert map_open.members(spec(e.BPF_MAP_TYPE_HASH, numa_node=1))["numa_node"] == 1


@pytest.mark.parametrize(("release", "unsupported"), [("5.4.0-150-generic", True), ("5.8.0", False)])
def test_a_younger_type_is_blamed_on_older_kernels_only(monkeypatch, release, unsupported):
    monkeypatch.setattr(map_open.os, "uname", lambda: SimpleNamespace(release=release))
    error = SystemCallError(22, "Invalid argument", command="BPF_MAP_CREATE")
    found = map_open._refused(spec(e.BPF_MAP_TYPE_RINGBUF, max_entries=4096, key_size=4), error)
    assert isinstance(found, UnsupportedError) is unsupported
    assert ("power of two" in str(found)) is not unsupported


def test_what_was_refused_is_said_whole():
    error = SystemCallError(22, "Invalid argument", command="BPF_MAP_CREATE")
    said = map_open._refused(spec(e.BPF_MAP_TYPE_BLOOM_FILTER, max_entries=8, map_extra=99), error)
    assert "max_entries 8, flags 0x0, map_extra 99; one of them is not what the type wants" in str(said)
    assert "map_extra" not in str(map_open._refused(spec(e.BPF_MAP_TYPE_HASH), error))


def test_type_names():
    assert map_open.type_name(e.BPF_MAP_TYPE_LRU_HASH) == "lru_hash"
    assert map_open.type_name(9999) == "9999"
