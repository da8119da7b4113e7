"""Maps of each kind on the real kernel."""

from __future__ import annotations

import ipaddress
import sys
from types import SimpleNamespace

import pytest

from pyzbpf import Program
from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel import cpus
from pyzbpf.uapi import enums
from tests.support.assemble import R0, R1, R2, Asm, add_map, add_program, object_spec
from tests.support.probes import PACKET, types, with_types

HASH, ARRAY, PROG_ARRAY, PERCPU_HASH, PERCPU_ARRAY, LRU_HASH, LPM_TRIE = 1, 2, 3, 5, 6, 9, 11
ARRAY_OF_MAPS, QUEUE, STACK = 12, 22, 23
NO_PREALLOC = 1


def typed(type_: int, **members):
    """A spec with one map from u32 to u64."""
    btf, ids = types()
    spec = with_types(object_spec("maps"), btf)
    members = {
        "key_size": 4,
        "value_size": 8,
        "max_entries": 8,
        "key_type": ids["u32"],
        "value_type": ids["u64"],
        **members,
    }
    add_map(spec, "map", type_, **members)
    return spec


@pytest.mark.parametrize("type_", [HASH, LRU_HASH])
def test_hash_is_a_mapping(type_):
    with typed(type_).load() as probe:
        map = probe.maps["map"]
        assert not map
        assert len(map) == 0
        map[1] = 10
        map.update({2: 20, 3: 30})
        assert map[2] == 20
        assert 3 in map
        assert 4 not in map
        assert len(map) == 3
        assert map
        assert dict(map) == {1: 10, 2: 20, 3: 30}
        assert sorted(map.items()) == [(1, 10), (2, 20), (3, 30)]
        assert sorted(map.values()) == [10, 20, 30]
        assert map.get(9) is None
        assert map.setdefault(4, 40) == 40
        assert map.pop(4) == 40
        del map[1]
        with pytest.raises(KeyError):
            del map[1]
        with pytest.raises(KeyError):
            map[1]
        for key in map:
            del map[key]
        assert dict(map) == {}
        assert map.info["type"] == type_
        assert map.info["btf_value_type_id"]


def test_insert_and_replace_are_decided_by_the_kernel():
    with typed(HASH).load() as probe:
        map = probe.maps["map"]
        map.insert(1, 10)
        with pytest.raises(KeyError):
            map.insert(1, 11)
        map.replace(1, 12)
        assert map[1] == 12
        with pytest.raises(KeyError):
            map.replace(2, 0)


def test_full_map_says_so():
    with typed(HASH, max_entries=2).load() as probe:
        map = probe.maps["map"]
        map[1] = map[2] = 0
        with pytest.raises(Error, match="holds 2 keys"):
            map[3] = 0


def test_values_out_of_range_name_the_range():
    with typed(HASH).load() as probe:
        with pytest.raises(Error):
            probe.maps["map"][1] = 1 << 64
        with pytest.raises(Error):
            probe.maps["map"]["key"] = 1


def test_errors_tell_keys_from_values_and_name_the_map():
    with typed(HASH).load() as probe:
        map = probe.maps["map"]
        for use in (lambda: map["a"], lambda: map.__setitem__("a", 1), lambda: map.__delitem__("a")):
            with pytest.raises(Error, match=r"^map 'map', key: 'a' does not fit"):
                use()
        with pytest.raises(Error, match=r"^map 'map', value: 'b' does not fit"):
            map[1] = "b"
    with typed(ARRAY).load() as probe, pytest.raises(Error, match=r"^map 'map', key: .* not 'a'"):
        probe.maps["map"]["a"]


def test_records_as_values():
    btf, ids = types()
    spec = with_types(object_spec(), btf)
    add_map(
        spec,
        "map",
        HASH,
        key_size=4,
        value_size=24,
        max_entries=2,
        key_type=ids["u32"],
        value_type=ids["Event"],
    )
    with spec.load() as probe:
        map = probe.maps["map"]
        map[7] = {"sequence": 1, "value": 2, "name": "zig"}
        assert (map[7].sequence, map[7].value, map[7].name) == (1, 2, "zig")


def test_without_types_everything_is_bytes():
    spec = object_spec()
    add_map(spec, "map", HASH, key_size=4, value_size=2, max_entries=2)
    with spec.load() as probe:
        map = probe.maps["map"]
        map[b"keyy"] = b"va"
        assert list(map.items()) == [(b"keyy", b"va")]
        with pytest.raises(Error, match="map 'map', key: it has 4 bytes, not 3"):
            map[b"key"]
        with pytest.raises(Error, match="its type is not known"):
            map[b"keyy"] = 5


def test_array():
    with typed(ARRAY).load() as probe:
        map = probe.maps["map"]
        map[3] = 33
        assert len(map) == 8
        assert list(map) == list(range(8))
        assert list(map.values()) == [0, 0, 0, 33, 0, 0, 0, 0]
        assert dict(map.items())[3] == 33
        assert 7 in map
        assert 8 not in map
        with pytest.raises(KeyError, match="8 elements"):
            map[8]
        with pytest.raises(KeyError):
            map[-1]
        with pytest.raises(Error, match="store zero"):
            del map[3]


def test_numbers_of_other_libraries_are_indices():
    class Number:
        """An integer that is no int, as those of numpy: what `to_numpy` gives as keys."""

        def __index__(self) -> int:
            return 3

    with typed(ARRAY).load() as probe:
        map = probe.maps["map"]
        map[Number()] = 33
        assert map[Number()] == map[3] == 33
        assert Number() in map
        assert 3.0 not in map
        with pytest.raises(Error, match=r"the index of an array is an int, not 3\.0"):
            map[3.0]


@pytest.mark.parametrize("type_", [PERCPU_HASH, PERCPU_ARRAY])
@pytest.mark.parametrize("size", [4, 8])
def test_per_cpu_values_are_lists(type_, size):
    _, ids = types()
    with typed(type_, value_size=size, value_type=ids["u32" if size == 4 else "u64"]).load() as probe:
        map = probe.maps["map"]
        values = list(range(1, cpus.possible() + 1))
        map[1] = values
        assert map[1] == values
        assert map.sum(1) == sum(values)
        assert dict(map.items())[1] == values
        for wrong, told in (([*values, 0], f"{len(values) + 1} values"), (5, "5"), ("text", "'text'")):
            with pytest.raises(Error, match=f"each possible CPU.* {len(values)} is wanted, not {told}"):
                map[1] = wrong
        with pytest.raises(Error, match=r"map 'map', value: 'x' does not fit"):
            map[1] = ["x"] * len(values)


@pytest.mark.parametrize(("type_", "order"), [(QUEUE, [1, 2, 3]), (STACK, [3, 2, 1])])
def test_queue_and_stack(type_, order):
    with typed(type_, key_size=0, key_type=0, max_entries=3).load() as probe:
        map = probe.maps["map"]
        for value in (1, 2, 3):
            map.push(value)
        with pytest.raises(Error, match="holds 3 values"):
            map.push(4)
        assert map.peek() == order[0]
        assert map.pop() == order[0]
        assert list(map) == order[1:]
        assert map.pop(None) is None
        with pytest.raises(KeyError, match="empty"):
            map.pop()


def test_longest_prefix():
    spec = object_spec()
    add_map(spec, "map", LPM_TRIE, key_size=8, value_size=1, max_entries=8, flags=NO_PREALLOC)
    with spec.load() as probe:
        map = probe.maps["map"]
        network = (8).to_bytes(4, sys.byteorder) + bytes([10, 0, 0, 0])
        map[network] = b"a"
        assert map[(32).to_bytes(4, sys.byteorder) + bytes([10, 1, 2, 3])] == b"a"
        assert list(map) == [ipaddress.ip_network("10.0.0.0/8")]


def test_tail_calls_go_where_the_array_says():
    spec = object_spec()
    add_map(spec, "map", PROG_ARRAY, key_size=4, value_size=4, max_entries=4)
    jump = Asm().load_map(R2, "map").mov_imm(3, 1).call(12).mov_imm(R0, 1).exit_()
    add_program(spec, "entry", "socket", jump)
    add_program(spec, "second", "socket", Asm().mov_imm(R0, 2).exit_())
    with spec.load() as probe:
        map = probe.maps["map"]
        assert probe.programs["entry"].test_run(PACKET).retval == 1
        assert len(map) == 0
        map[1] = probe.programs["second"]
        assert probe.programs["entry"].test_run(PACKET).retval == 2
        assert list(map) == [1]
        assert map[1] == probe.programs["second"].info["id"]
        del map[1]
        assert 1 not in map
        with pytest.raises(Error, match=r"map 'map', value: something with fileno\(\).*'x'"):
            map[1] = "x"
        assert R1


def test_keys_that_vanish_do_not_make_iteration_endless():
    with typed(HASH, max_entries=64).load() as probe:
        map = probe.maps["map"]
        for key in range(64):
            map[key] = key
        seen = 0
        for key in map:
            seen += 1
            for other in range(64):
                map.pop(other, None)
            map[(key + 1) % 64] = 1
        assert seen <= 128


def test_what_an_array_of_programs_does_not_take_is_said():
    spec = object_spec()
    add_map(spec, "jumps", PROG_ARRAY, key_size=4, value_size=4, max_entries=4)
    add_program(
        spec, "entry", "socket", Asm().load_map(R2, "jumps").mov_imm(3, 0).call(12).mov_imm(R0, 1).exit_()
    )
    add_program(spec, "other", "xdp", Asm().mov_imm(R0, 2).exit_())
    with spec.load() as probe:
        jumps = probe.maps["jumps"]
        with pytest.raises(
            SystemCallError,
            match=r"map 'jumps', key 1: it is an array of programs of type socket_filter, .* of type xdp",
        ):
            jumps[1] = probe.programs["other"]
        with pytest.raises(SystemCallError, match="what is given is no program; give one that is loaded"):
            jumps[1] = jumps
        with pytest.raises(SystemCallError, match="what is given is no open descriptor"):
            jumps[1] = SimpleNamespace(fileno=lambda: 1 << 30)
        jumps[3] = probe.programs["entry"]
        with pytest.raises(Error, match=rf"id of a program, and pyzbpf\.Program\.by_id\({jumps[3]}\)"):
            jumps[1] = jumps[3]
        with Program.by_id(jumps[3]) as same:
            jumps[1] = same
        assert jumps[1] == jumps[3]
    spec.maps["jumps"].values = [(2, "other")]
    with pytest.raises(
        SystemCallError, match=r"map 'jumps', element 2: 'other': it is an array of programs of type"
    ):
        spec.load()


def test_what_a_map_of_maps_does_not_take_is_said():
    spec = object_spec()
    add_map(spec, "outer", ARRAY_OF_MAPS, key_size=4, value_size=4, max_entries=4)
    add_map(spec, "good", ARRAY, key_size=4, value_size=8, max_entries=4)
    add_map(spec, "long", ARRAY, key_size=4, value_size=8, max_entries=5)
    add_map(spec, "wide", HASH, key_size=8, value_size=16, max_entries=4)
    spec.maps["outer"].inner = spec.maps["good"].copy()
    add_program(spec, "main", "socket", Asm().mov_imm(R0, 0).exit_())
    with spec.load() as probe:
        outer = probe.maps["outer"]
        outer[0] = probe.maps["good"]
        must = "map 'outer', key 1: it must be like the inner map that the outer one was made with, and its"
        with pytest.raises(SystemCallError, match=f"{must} max_entries is 5, not 4"):
            outer[1] = probe.maps["long"]
        with pytest.raises(
            SystemCallError, match=f"{must} type is 1, not 2, key_size is 8, not 4, value_size is 16, not 8"
        ):
            outer[1] = probe.maps["wide"]
        with pytest.raises(SystemCallError, match="what is given is no map; give one that is open"):
            outer[1] = SimpleNamespace(fileno=lambda: 0)
        with pytest.raises(SystemCallError, match="what is given is no map; give one that is open"):
            outer[1] = probe.programs["main"]  # of which the kernel says something, too
    spec.maps["outer"].values = [(3, "long")]
    with pytest.raises(
        SystemCallError, match=r"map 'outer', element 3: 'long': it must be like .* max_entries is 5, not 4"
    ):
        spec.load()


def test_a_map_for_reading_only_says_so():
    spec = object_spec()
    add_map(spec, "fixed", ARRAY, key_size=4, value_size=8, max_entries=1, flags=enums.BPF_F_RDONLY)
    with spec.load() as probe, pytest.raises(Error, match="map 'fixed', key 0: it is for reading only"):
        probe.maps["fixed"][0] = bytes(8)
