"""Kinds of maps with keys or values of their own: prefixes, filters, owners, maps in maps, shared memory, user rings."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
import threading

import pytest

import pyzbpf
from pyzbpf.errors import Error, NotFoundError, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.fd import Fd
from pyzbpf.spec.model import MapSpec
from tests.kernel.test_maps import ARRAY, HASH, LPM_TRIE, NO_PREALLOC, typed
from tests.support import features
from tests.support.assemble import (
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    Asm,
    add_data_map,
    add_map,
    add_program,
    add_variable,
    object_spec,
)
from tests.support.probes import PACKET, types, with_types
from tests.support.require import optional

ARRAY_OF_MAPS, HASH_OF_MAPS, SK_STORAGE, INODE_STORAGE, TASK_STORAGE, BLOOM, USER_RINGBUF = (
    12,
    13,
    24,
    28,
    29,
    30,
    31,
)
MMAPABLE = 1 << 10
PATIENCE = 30


def trie(data: int):
    return typed(LPM_TRIE, key_size=4 + data, key_type=0, flags=NO_PREALLOC)


def test_keys_of_a_trie_are_networks():
    with trie(4).load() as probe:
        map = probe.maps["map"]
        map["10.0.0.0/8"] = 8
        map[ipaddress.ip_network("10.1.0.0/16")] = 16
        map.update({"0.0.0.0/0": 0, "10.1.2.3": 32})
        assert map["10.1.2.3"] == 32
        assert map[ipaddress.ip_address("10.1.9.9")] == 16
        assert map["10.9.9.9"] == 8
        assert map["192.168.0.1"] == 0
        assert {str(key) for key in map} == {"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32"}
        del map["10.1.0.0/16"]
        assert map["10.1.9.9"] == 8
        assert map[struct.pack("=I", 32) + bytes([10, 1, 9, 9])] == 8
        for wrong in ("10.0.0.1/8", "zig", "::1"):
            with pytest.raises(Error, match=r"map 'map', key: "):
                map[wrong] = 1


def test_networks_of_ipv6():
    with trie(16).load() as probe:
        map = probe.maps["map"]
        map["2001:db8::/32"] = 1
        assert map["2001:db8::5"] == 1
        assert list(map) == [ipaddress.ip_network("2001:db8::/32")]


def test_a_trie_of_something_else_keeps_its_keys():
    with trie(6).load() as probe:
        map = probe.maps["map"]
        key = struct.pack("=I", 16) + bytes(range(6))
        map[key] = 1
        assert [found[:6] for found in map] == [key[:6]]


def test_a_bloom_filter_never_denies_what_was_added():
    features.needs_map(BLOOM)
    with typed(BLOOM, key_size=0, key_type=0, max_entries=1000).load() as probe:
        map = probe.maps["map"]
        for number in range(0, 200, 2):
            map.add(number)
        assert all(number in map for number in range(0, 200, 2))
        assert sum(number in map for number in range(1001, 2001)) < 500
        with pytest.raises(Error, match="value"):
            map.add("zig")


def storage(type_: int):
    btf, ids = types()
    spec = with_types(object_spec("storage"), btf)
    add_map(
        spec, "map", type_, key_size=4, value_size=8, max_entries=0, flags=NO_PREALLOC,
        key_type=ids["int"], value_type=ids["u64"],
    )  # fmt: skip
    return spec


def holds(map, owner) -> None:
    assert owner not in map
    with pytest.raises(KeyError):
        map[owner]
    map[owner] = 7
    assert map[owner] == 7
    assert owner in map
    map.update([(owner, 8)])
    assert map[owner] == 8
    del map[owner]
    with pytest.raises(KeyError):
        del map[owner]
    with pytest.raises(Error, match="does not list"):
        list(map)
    with pytest.raises(Error, match="does not list"):
        len(map)


def test_a_value_for_a_socket():
    with storage(SK_STORAGE).load() as probe, socket.socket() as owner:
        holds(probe.maps["map"], owner)
        with pytest.raises(Error, match=r"owner: a socket is wanted, not 'x'"):
            probe.maps["map"]["x"]
        with (
            open(os.devnull) as file,
            pytest.raises(SystemCallError, match=r"map 'map', owner <.*null.*: a socket is wanted"),
        ):
            probe.maps["map"][file]
        owner.close()
        with pytest.raises(Error, match="a socket is wanted, and this is closed"):
            probe.maps["map"][owner]


def test_many_owners_values_are_removed():
    with storage(SK_STORAGE).load() as probe, socket.socket() as first, socket.socket() as second:
        map = probe.maps["map"]
        map.update([(first, 1)])
        assert map.delete([first, second]) == 1
        assert first not in map


def test_a_value_for_a_process():
    features.needs_map(TASK_STORAGE)
    with storage(TASK_STORAGE).load() as probe:
        holds(probe.maps["map"], os.getpid())
        for number in (1 << 22, -1, 1 << 40):
            with pytest.raises(NotFoundError, match=f"map 'map': there is no process {number}"):
                probe.maps["map"][number]


def test_the_descriptor_of_an_owner_stays_the_callers():
    features.needs_map(TASK_STORAGE)
    with storage(TASK_STORAGE).load() as probe, Fd(os.pidfd_open(os.getpid()), "this process") as own:
        holds(probe.maps["map"], own)
        assert os.fstat(own.fileno())


def test_a_value_for_a_file(tmp_path):
    features.needs_map(INODE_STORAGE)
    features.needs_bpf_security_module()
    path = tmp_path / "owner"
    path.write_text("x")
    with storage(INODE_STORAGE).load() as probe:
        holds(probe.maps["map"], path)
        with path.open() as file:
            probe.maps["map"][file] = 9
            assert probe.maps["map"][str(path)] == 9
        with pytest.raises(NotFoundError, match="map 'map', owner '/no/such/file': No such file"):
            probe.maps["map"]["/no/such/file"]


@pytest.mark.parametrize("type_", [ARRAY_OF_MAPS, HASH_OF_MAPS])
def test_maps_in_maps(type_):
    btf, ids = types()
    spec = with_types(object_spec("nested"), btf)
    inner = MapSpec(
        "inner", section=".maps", type=HASH, key_size=4, value_size=8, max_entries=4,
        key_type=ids["u32"], value_type=ids["u64"],
    )  # fmt: skip
    add_map(spec, "outer", type_, key_size=4, value_size=4, max_entries=4, key_type=ids["u32"], value_type=0)
    spec.maps["outer"].inner = inner
    with spec.load() as probe:
        outer = probe.maps["outer"]
        with outer.create(2, max_entries=9) as made:
            made[1] = 10
            number = made.info["id"]
        assert outer[2] == number
        with outer.inner(2) as found:
            assert dict(found.items()) == {1: 10}
            assert found.spec.max_entries == 9
            outer[3] = found
        assert sorted(outer) == [2, 3]
        with outer.inner(3) as same:
            assert same[1] == 10
        del outer[2]
        with pytest.raises(KeyError):
            outer.inner(2)
        assert 2 not in outer
        with pytest.raises(Error, match="fileno"):
            outer[1] = "zig"
        with pytest.raises(
            Error, match=rf"not [0-9]+; reading gives the id of a map, and pyzbpf\.open_map\({outer[3]}\)"
        ):
            outer[1] = outer[3]
        with pyzbpf.open_map(outer[3]) as found:
            outer[1] = found
        assert outer[1] == outer[3]


def test_an_array_in_shared_memory_is_read_without_a_system_call(monkeypatch):
    with typed(ARRAY, max_entries=1000, flags=MMAPABLE).load() as probe:
        map = probe.maps["map"]
        map.update((index, index) for index in range(1000))
        map.column()  # opens it
        calls = []
        real = commands.bpf
        monkeypatch.setattr(commands, "bpf", lambda *arguments: calls.append(1) or real(*arguments))
        assert [map[index] for index in range(0, 1000, 7)] == list(range(0, 1000, 7))
        column = map.column()
        assert sum(column) == sum(range(1000))
        column[5] = 77
        assert map[5] == 77
        assert calls == []
        monkeypatch.undo()
        assert dict(map.items())[5] == 77
        with pytest.raises(KeyError):
            map[1000]
        column.release()
    with pytest.raises(ValueError, match="closed"):
        map[1]


def test_an_array_of_structs_in_shared_memory():
    btf, ids = types()
    spec = with_types(object_spec(), btf)
    add_map(
        spec, "map", ARRAY, key_size=4, value_size=24, max_entries=50, flags=MMAPABLE,
        key_type=ids["u32"], value_type=ids["Event"],
    )  # fmt: skip
    with spec.load() as probe:
        map = probe.maps["map"]
        map.update((i, {"sequence": i, "value": 2 * i, "name": "zig"}) for i in range(50))
        assert list(map.column("value")) == [2 * i for i in range(50)]
        assert map[7].sequence == 7
        with pytest.raises(Error, match=r"no number 'name'; it has: sequence, value"):
            map.column("name")


def test_an_array_in_shared_memory_as_numpys():
    optional("numpy")
    with typed(ARRAY, max_entries=100, flags=MMAPABLE).load() as probe:
        map = probe.maps["map"]
        view = map.view()
        map[3] = 33
        assert view[3] == 33
        view[4] = 44
        assert map[4] == 44
    assert view[4] == 44  # it keeps the memory


def test_an_ordinary_array_says_what_it_takes():
    with typed(ARRAY).load() as probe, pytest.raises(Error, match="BPF_F_MMAPABLE"):
        probe.maps["map"].column()


def drainer(size: int = 4096):
    """A socket filter that takes all events of a user ring and adds up their sequence numbers."""
    btf, ids = types()
    context = btf.pointer()
    callback = btf.function("take", ids["int"], [("event", ids["pointer"]), ("context", context)], linkage=0)
    spec = with_types(object_spec("drainer"), btf)
    add_map(spec, "events", USER_RINGBUF, max_entries=size, event_type=ids["Event"])
    add_data_map(spec, ".bss", bytes(16))
    add_variable(spec, "total", ".bss", offset=0, size=8, type_id=ids["u64"])
    add_variable(spec, "count", ".bss", offset=8, size=8, type_id=ids["u64"])
    take = Asm()  # bpf_dynptr_data(event, 0, 24)
    take.mov_imm(R2, 0).mov_imm(R3, 24).call(203).jump_if_equal_imm(R0, 0, 7)
    take.load(8, R2, R0, 0).load_data(R1, ".bss", 0).atomic_add(8, R1, R2)
    take.mov_imm(R2, 1).raw(0x07, R1, imm=8).atomic_add(8, R1, R2)
    take.mov_imm(R0, 0).exit_()
    spec.functions["take"] = take.function("take", ".text", callback)
    main = Asm().mov(R6, R1)
    main.load_map(R1, "events").load_function(R2, "take").mov_imm(R3, 0).mov_imm(R4, 0).call(209)
    main.mov_imm(R0, 0).exit_()
    add_program(spec, "drain", "socket", main, type_id=ids["program"])
    return spec


@pytest.fixture
def user_ring():
    features.needs_map(USER_RINGBUF)
    features.needs_jit("a callback")
    with drainer().load() as probe:
        yield probe


def test_events_reach_programs_around_the_end_of_the_buffer(user_ring):
    ring = user_ring.maps["events"]
    sent = 0
    for round_ in range(60):
        for _ in range(round_ % 40):
            assert ring.send({"sequence": sent, "value": 1, "name": "zig"})
            sent += 1
        assert (ring.pending > 0) == (round_ % 40 > 0)
        user_ring.programs["drain"].test_run(PACKET)
        assert ring.pending == 0
    assert user_ring.variables["count"].value == sent
    assert user_ring.variables["total"].value == sum(range(sent))


def test_a_full_user_ring_refuses_or_waits(user_ring):
    ring = user_ring.maps["events"]
    event = {"sequence": 1, "value": 1, "name": ""}
    sent = 0
    while ring.send(event):
        sent += 1
    assert sent == 4096 // 32
    assert not ring.send(event, timeout=0.01)
    thread = threading.Thread(target=lambda: user_ring.programs["drain"].test_run(PACKET))
    thread.start()
    assert ring.send(event, timeout=PATIENCE)
    thread.join()
    assert user_ring.variables["count"].value == sent
    with pytest.raises(Error, match=r"sequence"):
        ring.send({"sequence": -1})
    for timeout in ("x", float("nan")):
        with pytest.raises(Error, match="buffer 'events': timeout is a number of seconds"):
            ring.send(event, timeout=timeout)


def test_bytes_for_a_ring_without_a_type():
    features.needs_map(USER_RINGBUF)
    features.needs_jit("a callback")
    spec = drainer()
    spec.maps["events"].event_type = 0
    with spec.load() as probe:
        ring = probe.maps["events"]
        assert ring.send((5).to_bytes(8, sys.byteorder) + bytes(16))
        probe.programs["drain"].test_run(PACKET)
        assert probe.variables["total"].value == 5
        with pytest.raises(Error, match="no room ever"):
            ring.send(bytes(5000))
