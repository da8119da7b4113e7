"""Whole maps at once: batches, their fallback, columns, arrays, what survives change by others."""

from __future__ import annotations

import os
import sys
import threading
from array import array

import pytest

from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel import commands, cpus
from pyzbpf.maps import batch
from tests.kernel.test_maps import ARRAY, HASH, LPM_TRIE, LRU_HASH, PERCPU_ARRAY, PERCPU_HASH, typed
from tests.support import features
from tests.support.assemble import add_map, object_spec
from tests.support.probes import types, with_types
from tests.support.require import optional

LRU_PERCPU_HASH = 10
MANY = 1000 if "PYZBPF_VM" in os.environ else 5000  # an emulated processor takes a minute for 5000 one by one
PATIENCE = 60


@pytest.fixture(params=["batches", "small batches", "one by one"])
def way(request, monkeypatch):
    """With the kernel's batch commands, with calls that are smaller than a bucket may be, and without."""
    if request.param == "small batches":
        monkeypatch.setattr(batch, "_FIRST", 1)
        monkeypatch.setattr(batch, "_MOST", 3)
    if request.param == "one by one":
        monkeypatch.setattr(commands, "map_batch", lambda *_, **__: (-22, 0))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("type_", [HASH, LRU_HASH])
def test_many_elements(type_):
    with typed(type_, max_entries=2 * MANY).load() as probe:
        map = probe.maps["map"]
        expected = {number: number * number for number in range(MANY)}
        map.update(expected)
        assert len(map) == MANY
        assert dict(map.items()) == expected
        assert sorted(map) == list(range(MANY))
        assert sum(map.values()) == sum(expected.values())
        assert sum(sum(values) for _, values in map.chunks()) == sum(expected.values())
        assert map.delete([*range(100), 999_999]) == 100
        assert len(map) == MANY - 100
        drained = map.drain()
        assert len(map) == 0
        assert dict(drained) == {key: value for key, value in expected.items() if key >= 100}
        assert map.drain() == []
        map.update([(1, 2)])
        map.clear()
        assert not map


@pytest.mark.usefixtures("way")
def test_arrays_are_read_and_stored_whole():
    with typed(ARRAY, max_entries=MANY).load() as probe:
        map = probe.maps["map"]
        map.update((index, index + 7) for index in range(MANY))
        assert list(map.items()) == [(index, index + 7) for index in range(MANY)]
        assert list(map.values())[-1] == MANY + 6
        for use in (map.clear, map.drain, lambda: map.delete([1])):
            with pytest.raises(Error, match="exist for ever"):
                use()


@pytest.mark.usefixtures("way")
def test_a_full_map_says_how_far_it_came():
    with typed(HASH, max_entries=64, flags=0).load() as probe:
        map = probe.maps["map"]
        with pytest.raises(Error, match=r"holds 64 keys; \d+"):
            map.update(dict.fromkeys(range(5000), 0))
        assert len(map) == 64


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("type_", [PERCPU_HASH, PERCPU_ARRAY])
def test_values_of_each_cpu(type_):
    each = cpus.possible()
    with typed(type_, max_entries=300).load() as probe:
        map = probe.maps["map"]
        map.update((key, [key + cpu for cpu in range(each)]) for key in range(300))
        assert dict(map.items())[7] == [7 + cpu for cpu in range(each)]
        assert map.sums() == {key: sum(key + cpu for cpu in range(each)) for key in range(300)}
        assert map.sum(9) == map.sums()[9]


def test_sums_of_structs_are_those_of_their_members():
    btf, ids = types()
    spec = with_types(object_spec(), btf)
    add_map(
        spec, "map", PERCPU_HASH, key_size=4, value_size=24, max_entries=2,
        key_type=ids["u32"], value_type=ids["Event"],
    )  # fmt: skip
    with spec.load() as probe:
        map = probe.maps["map"]
        each = cpus.possible()
        map[1] = [{"sequence": cpu + 1, "value": 2, "name": "zig"} for cpu in range(each)]
        total = map.sum(1)
        assert (total.sequence, total.value, total.name) == (sum(range(each + 1)), 2 * each, "zig")


@pytest.fixture(params=["one step", "two steps of old kernels", "two steps of newer kernels"])
def pop_way(request, monkeypatch):
    """As this kernel does it, and as if it had no such command (4.19) or none for hashes (5.13)."""
    errno = {"two steps of old kernels": 22, "two steps of newer kernels": 524}.get(request.param)
    if errno is not None:

        def refused(*_):
            raise SystemCallError(errno, "refused", command="BPF_MAP_LOOKUP_AND_DELETE_ELEM")

        monkeypatch.setattr(commands, "map_lookup_and_delete", refused)


@pytest.mark.usefixtures("pop_way")
@pytest.mark.parametrize("type_", [HASH, LRU_HASH, PERCPU_HASH, LRU_PERCPU_HASH])
def test_elements_are_taken_one_by_one(type_):
    with typed(type_, max_entries=300).load() as probe:
        map = probe.maps["map"]
        elements = {
            key: [key + cpu for cpu in range(map.per_cpu)] if map.per_cpu else key for key in range(5)
        }
        map.update(elements)
        assert map.pop(3) == elements.pop(3)
        assert (map.pop(3, None), map.pop(3, 7)) == (None, 7)
        with pytest.raises(KeyError, match="3"):
            map.pop(3)
        with pytest.raises(Error, match=r"^map 'map', key"):
            map.pop("x", None)
        assert dict(map.popitem() for _ in range(4)) == elements
        with pytest.raises(KeyError, match="map 'map' is empty"):
            map.popitem()


def test_what_another_takes_first_is_not_taken_twice(monkeypatch):
    """With two steps, another may come between them."""
    with typed(LPM_TRIE, key_size=8, key_type=0, flags=1).load() as probe:
        map = probe.maps["map"]
        real = commands.map_lookup

        def robbed(fd, key, size):
            found = real(fd, key, size)
            commands.map_delete(fd, key)
            return found

        map["10.0.0.0/8"] = 1
        monkeypatch.setattr(commands, "map_lookup", robbed)
        assert map.pop("10.0.0.0/8", None) is None
        map["10.0.0.0/8"] = 1
        with pytest.raises(KeyError, match="is empty"):
            map.popitem()
    monkeypatch.undo()
    with typed(ARRAY).load() as probe:
        for use in (lambda: probe.maps["map"].pop(0), probe.maps["map"].popitem):
            with pytest.raises(Error, match="exist for ever"):
                use()


def test_hashes_are_popped_in_one_step_where_the_kernel_can(monkeypatch):
    with typed(HASH).load() as probe:
        map = probe.maps["map"]
        map[1] = 10
        calls = []
        real = commands.map_delete
        monkeypatch.setattr(commands, "map_delete", lambda *given: calls.append(1) or real(*given))
        assert map.pop(1) == 10
        assert len(map) == 0
        assert len(calls) == features.is_older("5.14")


def test_an_interrupted_drain_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(batch, "_FIRST", 16)
    with typed(HASH, max_entries=512).load() as probe:
        map = probe.maps["map"]
        expected = {number: number for number in range(300)}
        map.update(expected)
        real, calls = commands.map_batch, []

        def interrupted(*arguments, **options):
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(*arguments, **options)

        monkeypatch.setattr(commands, "map_batch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            map.drain()
        assert 0 < len(map) < 300
        drained = map.drain()
        assert len(drained) == 300
        assert dict(drained) == expected


@pytest.mark.usefixtures("way")
def test_what_stays_is_seen_while_others_come_and_go():
    with typed(HASH, max_entries=2000).load() as probe:
        map = probe.maps["map"]
        map.update(dict.fromkeys(range(500), 1))
        stop = threading.Event()

        def change() -> None:
            number = 1000
            while not stop.is_set():
                map[number] = 2
                map.pop(number - 3, None)
                number = number + 1 if number < 1400 else 1000

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(5):
                seen = [key for key in map if key < 500]
                assert set(seen) == set(range(500))
                assert {key for key, _ in map.items() if key < 500} == set(range(500))
        finally:
            stop.set()
            thread.join(PATIENCE)


def test_columns_of_numbers_are_stored_as_they_lie():

    with typed(HASH, max_entries=100).load() as probe:
        map = probe.maps["map"]
        map.update_columns(array("I", range(10)), array("Q", range(100, 110)))
        assert dict(map.items()) == dict(zip(range(10), range(100, 110), strict=True))
        map.update_columns((77).to_bytes(4, sys.byteorder), bytes(8))
        assert map[77] == 0
        for keys, values in ((bytes(3), bytes(8)), (bytes(8), bytes(8))):
            with pytest.raises(ValueError, match="do not come to"):
                map.update_columns(keys, values)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("type_", [ARRAY, PERCPU_ARRAY])
def test_an_index_behind_the_end_of_an_array_is_named(type_):
    with typed(type_, max_entries=8).load() as probe:
        map = probe.maps["map"]
        what = (
            "index 900 of array 'map', which has 8 elements from 0; 2 of 4 elements were stored before that"
        )
        with pytest.raises(Error, match=what):
            map.update_columns(array("I", (0, 1, 900, 2)), bytes(4 * map.value_bytes))


def test_columns_of_other_types_are_refused():
    good = array("I", range(10)), array("Q", range(10))
    with typed(HASH, max_entries=100).load() as probe:
        map = probe.maps["map"]
        for name, column, what in (
            ("keys", array("f", range(10)), "keys: they are whole numbers of 4 bytes, and items of format 'f' with 4"),
            ("keys", array("Q", range(5)), "keys: they are whole numbers of 4 bytes, and items of format 'Q' with 8"),
            ("keys", range(10), "keys: bytes, an array or a numpy array is wanted"),
            ("keys", memoryview(array("I", range(20)))[::2], "keys: the items do not lie side by side"),
            ("values", array("d", range(10)), "values: they are whole numbers of 8 bytes, .* 'd' with 8"),
        ):  # fmt: skip
            columns = (column, good[1]) if name == "keys" else (good[0], column)
            with pytest.raises(Error, match=f"^map 'map', {what}"):
                map.update_columns(*columns)
        assert len(map) == 0
        map.update_columns(array("i", range(10)), array("q", range(10)))
        map.update_columns(b"", b"")
        assert len(map) == 10


def test_numpy_columns_of_the_other_byte_order_are_refused():
    numpy = optional("numpy")
    with typed(HASH, max_entries=100).load() as probe:
        map = probe.maps["map"]
        keys, values = numpy.arange(10, dtype="u4"), numpy.arange(10, dtype="i8")
        with pytest.raises(Error, match=r"^map 'map', keys: the numbers have the other byte order"):
            map.update_columns(keys.astype(keys.dtype.newbyteorder()), values)
        with pytest.raises(Error, match=r"^map 'map', values: the items do not lie side by side"):
            map.update_columns(keys, numpy.arange(20)[::2])
        map.update_columns(keys, values)
        assert dict(map.items()) == {number: number for number in range(10)}


@pytest.mark.parametrize("number", ["x", -1, 1.5, None])
def test_how_many_are_the_largest_is_a_number(number):
    with typed(HASH).load() as probe, pytest.raises(Error, match="map 'map': how many of the largest"):
        probe.maps["map"].top(number)


def test_enums_keep_their_names_in_whole_maps():
    btf, ids = types()
    colour = btf.enum("colour", 4, [("red", 1), ("green", 2)])
    spec = with_types(object_spec(), btf)
    add_map(
        spec, "map", HASH, key_size=4, value_size=4, max_entries=4, key_type=ids["u32"], value_type=colour
    )
    with spec.load() as probe:
        map = probe.maps["map"]
        map.update({1: "green"})
        assert [str(value) for value in map.values()] == ["green"]


@pytest.mark.parametrize("type_", [HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY])
def test_whole_maps_as_arrays(type_):
    numpy = optional("numpy")
    per_cpu = type_ in (PERCPU_HASH, PERCPU_ARRAY)
    with typed(type_, max_entries=100).load() as probe:
        map = probe.maps["map"]
        one = list(range(cpus.possible())) if per_cpu else 3
        map.update(dict.fromkeys(range(100), one))
        keys, values = map.to_numpy()
        assert sorted(keys.tolist()) == list(range(100))
        assert keys.dtype == numpy.uint32
        assert values.dtype == numpy.uint64
        assert values.shape == ((100, cpus.possible()) if per_cpu else (100,))
        assert int(values.sum()) == 100 * (sum(one) if per_cpu else one)


def test_a_table_has_a_column_for_each_member():
    optional("numpy")
    optional("pyarrow")
    btf, ids = types()
    spec = with_types(object_spec(), btf)
    add_map(
        spec, "map", HASH, key_size=4, value_size=24, max_entries=2,
        key_type=ids["u32"], value_type=ids["Event"],
    )  # fmt: skip
    with spec.load() as probe:
        map = probe.maps["map"]
        map[5] = {"sequence": 1, "value": 2, "name": "zig"}
        table = map.to_arrow()
        assert table.to_pylist() == [{"key": 5, "value.sequence": 1, "value.value": 2, "value.name": "zig"}]


def test_a_table_has_the_types_of_what_lies_in_lists():
    """Values of each CPU are a list, as arrays are: of numbers that are as wide as the map's, of text, of structs."""
    optional("numpy")
    optional("pyarrow")
    btf, ids = types()
    most = 2**64 - 1
    spec = with_types(object_spec(), btf)
    for name, size, type_ in (("numbers", 8, "u64"), ("structs", 24, "Event")):
        add_map(
            spec, name, PERCPU_ARRAY, key_size=4, value_size=size, max_entries=2,
            key_type=ids["u32"], value_type=ids[type_],
        )  # fmt: skip
    with spec.load() as probe:
        event = {"sequence": most, "value": 2, "name": "zig"}
        probe.maps["numbers"][1] = [most] * cpus.possible()
        probe.maps["structs"][1] = [event] * cpus.possible()
        table = probe.maps["numbers"].to_arrow()
        assert str(table.schema.field("value").type) == "list<item: uint64>"
        assert table.to_pylist()[1] == {"key": 1, "value": [most] * cpus.possible()}
        assert probe.maps["structs"].to_arrow().to_pylist()[1] == {
            "key": 1,
            "value": [event] * cpus.possible(),
        }


def test_a_table_of_a_map_without_types_has_bytes():
    optional("numpy")
    optional("pyarrow")
    spec = object_spec()
    add_map(spec, "map", HASH, key_size=6, value_size=3, max_entries=2)
    with spec.load() as probe:
        map = probe.maps["map"]
        map[b"abcdef"] = b"\0x\0"
        assert map.to_arrow().to_pylist() == [{"key": b"abcdef", "value": b"\0x\0"}]
