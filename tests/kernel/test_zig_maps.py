"""Every kind of map that the SDK declares, used by a program on the real kernel."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import socket
import struct
import sys
import time
from pathlib import Path

import pytest

from pyzbpf.btf import types as kinds
from pyzbpf.kernel import commands, cpus, perf_event, vmlinux
from pyzbpf.kernel.memory import PAGE
from pyzbpf.uapi import enums as e
from tests.kernel.test_cgroup import run_in, send
from tests.kernel.test_kinds import tcp, unless_no_trampolines
from tests.support import features, network, zig_probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.maps.base import KernelMap
    from pyzbpf.runtime.object import Object

PATIENCE = 30
MODES = ["safe", "small", "fast"]
PACKET = bytes(range(100))
ETHERNET = 14
XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = range(5)


def loaded(mode: str, *names: str) -> Object:
    """The programs of these names, with the maps that this kernel has."""
    spec = zig_probes.spec("map_kinds", mode)
    spec.variables["watched"].value = os.getpid()
    for map in spec.maps.values():
        map.autocreate = features.has_map(map.type)
    for name, program in spec.programs.items():
        program.autoload = name in names
    return spec.load()


def values(probe: Object) -> tuple[int, int]:
    return probe.variables["found"].value, probe.variables["other"].value


def run(probe: Object, name: str, length: int) -> int:
    return probe.programs[name].test_run(PACKET[: length + ETHERNET]).retval


@pytest.mark.parametrize("mode", MODES)
def test_hash_tables(mode: str) -> None:
    with loaded(mode, "hashes") as probe:
        for length in (1, 2):
            run(probe, "hashes", length)
        assert values(probe)[0] == 3
        assert dict(probe.maps["lru"]) == {1: 1, 2: 1}
        assert probe.maps["lru_per_cpu"].sum(1) == 2
        assert not probe.traps


@pytest.mark.parametrize("mode", MODES)
def test_another_cpu_of_a_hash_table(mode: str) -> None:
    features.since("5.19", "bpf_map_lookup_percpu_elem")
    with loaded(mode, "cpu_of_hash") as probe:
        run(probe, "cpu_of_hash", 1)
        assert values(probe)[1] == 3
        assert probe.maps["per_cpu"].sum(1) == 3
        assert not probe.traps


@pytest.mark.parametrize("mode", MODES)
def test_the_longest_prefix_counts(mode: str) -> None:
    with loaded(mode, "prefixes") as probe:
        routes = probe.maps["routes"]
        for bits, text, value in ((8, "10.0.0.0", 1), (16, "10.1.0.0", 2), (24, "10.1.2.0", 3)):
            routes[(bits, bytes(map(int, text.split("."))))] = value
        packet = bytearray(60)
        found = {}
        for text in ("10.9.9.9", "10.1.9.9", "10.1.2.9", "11.0.0.1"):
            packet[ETHERNET + 12 : ETHERNET + 16] = bytes(map(int, text.split(".")))
            found[text] = probe.programs["prefixes"].test_run(bytes(packet)).retval
        assert found == {"10.9.9.9": 1, "10.1.9.9": 2, "10.1.2.9": 3, "11.0.0.1": 0}


@pytest.mark.parametrize("mode", MODES)
def test_lines(mode: str) -> None:
    with loaded(mode, "lines") as probe:
        run(probe, "lines", 7)
        assert values(probe) == (7, 8)
        for length in (20, 30, 40):
            run(probe, "lines", length)
        assert values(probe) == (7, 41)
        run(probe, "lines", 50)  # the queue is full
        assert [(trap.kind, trap.count) for trap in probe.traps] == [("error.NoSpace", 1)]


@pytest.mark.parametrize("mode", MODES)
def test_a_bloom_filter(mode: str) -> None:
    features.needs_map(e.BPF_MAP_TYPE_BLOOM_FILTER)
    with loaded(mode, "bloom") as probe:
        assert [run(probe, "bloom", length) for length in (5, 6, 5, 6)] == [2, 2, 1, 1]


@pytest.mark.parametrize("mode", MODES)
def test_walks(mode: str) -> None:
    features.since("5.13", "bpf_for_each_map_elem")
    features.needs_jit("callbacks")
    with loaded(mode, "walks") as probe:
        probe.maps["numbers"].update({1: 10, 2: 20})
        for index in range(4):
            probe.maps["cells"][index] = 100
        run(probe, "walks", 60)
        assert values(probe) == (30, 130)  # the second stops when it is above 60


@pytest.mark.parametrize("mode", MODES)
def test_members_at_odd_places(mode: str) -> None:
    with loaded(mode, "odd") as probe:
        run(probe, "odd", 50)
        (value,), (event,) = probe.maps["odd_values"].values(), probe.maps["odd_events"].read(1, timeout=0)
        second = 0x0102_0300 + 50
        assert value._asdict() == event._asdict() == {"first": 1, "second": second, "third": second << 32}
        assert not probe.traps


@pytest.mark.parametrize("mode", MODES)
def test_messages_from_user_space(mode: str) -> None:
    features.needs_map(e.BPF_MAP_TYPE_USER_RINGBUF)
    features.needs_jit("callbacks")
    with loaded(mode, "messages") as probe:
        inbox = probe.maps["inbox"]
        size = inbox.spec.max_entries
        with (
            probe.programs["messages"].attach(),
            mmap.mmap(inbox.fileno(), PAGE + 2 * size, offset=PAGE) as ring,
        ):
            position = 0
            for amount in (5, 6):
                struct.pack_into("=IIII", ring, PAGE + position, 8, 0, 1, amount)
                position += 16
            struct.pack_into("=Q", ring, 0, position)
            os.getppid()
        total, count = values(probe)
        assert (total, count) == (11, 2)
        events = probe.maps["outbox"].read(timeout=0)
        assert {event.amount for event in events} == {8192}
        assert events[0].id == 16  # a header and a record: it counts itself


@pytest.mark.parametrize("mode", MODES)
def test_values_of_tasks(mode: str) -> None:
    features.needs_types()
    features.needs_map(e.BPF_MAP_TYPE_TASK_STORAGE)
    with loaded(mode, "tasks") as probe:
        with probe.programs["tasks"].attach():
            for _ in range(20):
                os.getppid()
        assert values(probe)[0] >= 20
        own = os.pidfd_open(os.getpid())
        try:
            raw = commands.map_lookup(probe.maps["of_tasks"].fileno(), struct.pack("=i", own), 8)
        finally:
            os.close(own)
        assert raw is not None and int.from_bytes(raw, sys.byteorder) == values(probe)[0]


@pytest.fixture
def group() -> Iterator[str]:
    with network.cgroup() as folder:
        yield str(folder)


@pytest.mark.parametrize("mode", MODES)
def test_values_of_sockets_and_groups(mode: str, group: str) -> None:
    for name in ("sockets", "local"):
        with loaded(mode, name) as probe, probe.programs[name].attach(cgroup=group):
            assert run_in(group, lambda: send(3, 10)) == 0
            assert values(probe)[0] == 3, name
            assert not probe.traps


@pytest.mark.parametrize("mode", MODES)
def test_redirection(mode: str) -> None:
    with loaded(mode, "send", "to_cpu", "to_socket") as probe:
        program = probe.programs

        def verdict(name: str) -> int:
            return program[name].test_run(PACKET).retval

        assert verdict("send") == XDP_DROP  # nothing is there
        assert verdict("to_cpu") == XDP_PASS
        assert verdict("to_socket") == XDP_TX
        loopback = 1
        commands.map_update(probe.maps["interfaces"].fileno(), bytes(4), struct.pack("=Ii", loopback, 0))
        assert verdict("send") == XDP_REDIRECT
        cpu = max(os.sched_getaffinity(0))
        queue_length = 192
        commands.map_update(
            probe.maps["cpus"].fileno(), struct.pack("=I", cpu), struct.pack("=Ii", queue_length, 0)
        )
        if cpu == 1:
            assert verdict("to_cpu") == XDP_REDIRECT


@contextlib.contextmanager
def xdp_socket(interface: str) -> Iterator[socket.socket]:
    """One with memory for packets and a ring of those received, bound to the interface's first queue."""
    size = 1 << 16
    try:
        made = socket.socket(_AF_XDP, socket.SOCK_RAW)
    except OSError as error:
        pytest.skip(f"needs CONFIG_XDP_SOCKETS=y: {error}")
    with made, mmap.mmap(-1, size) as memory:
        room = ctypes.c_char.from_buffer(memory)
        registration = struct.pack("=QQIIII", ctypes.addressof(room), size, 4096, 0, 0, 0)
        del room
        made.setsockopt(_SOL_XDP, _XDP_UMEM_REG, registration)
        for ring in (_XDP_RX_RING, _XDP_UMEM_FILL_RING, _XDP_UMEM_COMPLETION_RING):
            made.setsockopt(_SOL_XDP, ring, 16)
        address = struct.pack("=HHIII", _AF_XDP, 0, socket.if_nametoindex(interface), 0, 0)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.bind(made.fileno(), address, len(address)) == 0, os.strerror(ctypes.get_errno())
        yield made


# include/uapi/linux/if_xdp.h
_AF_XDP, _SOL_XDP = 44, 283
_XDP_RX_RING, _XDP_UMEM_REG, _XDP_UMEM_FILL_RING, _XDP_UMEM_COMPLETION_RING, _XDP_STATISTICS = 2, 4, 5, 6, 7


@pytest.mark.parametrize("mode", MODES)
def test_packets_for_a_socket_of_xdp(mode: str) -> None:
    """Which has given no room for them: it says how many came."""
    features.since("5.9", "this count")
    with (
        network.veth() as pair,
        pair.other_side(),
        loaded(mode, "to_socket") as probe,
        xdp_socket("lo") as receiver,
    ):
        put(probe.maps["xsks"], 0, receiver)
        with probe.programs["to_socket"].attach(interface="lo", mode="generic"):
            with socket.socket(type=socket.SOCK_DGRAM) as sender:
                for _ in range(3):
                    sender.sendto(b"x", ("127.0.0.1", 9))
            *_, without_room, _ = struct.unpack("=6Q", receiver.getsockopt(_SOL_XDP, _XDP_STATISTICS, 48))
            assert without_room >= 3
        commands.map_delete(probe.maps["xsks"].fileno(), bytes(4))


@pytest.mark.parametrize("mode", MODES)
def test_redirection_to_all(mode: str) -> None:
    features.since("5.14", "BPF_F_BROADCAST")
    with loaded(mode, "send_all") as probe:
        assert probe.programs["send_all"].test_run(PACKET).retval == XDP_REDIRECT


@pytest.mark.parametrize("mode", MODES)
def test_groups_and_counters(mode: str, group: str) -> None:
    with loaded(mode, "groups") as probe:
        folder = os.open(group, os.O_RDONLY)
        try:
            probe.maps["cgroups"][0] = folder
        finally:
            os.close(folder)
        with probe.programs["groups"].attach():
            os.getppid()
        assert values(probe)[0] == 2  # this process is not in it
    with loaded(mode, "counters") as probe:
        with probe.programs["counters"].attach():
            os.getppid()
        assert {trap.kind for trap in probe.traps} == {"error.NotFound"}  # no counter on this CPU
        clocks = [
            perf_event.sample("cpu-clock", 1 << 40, "a clock", by_frequency=False, cpu=cpu, thread=None)
            for cpu in range(cpus.possible())
        ]
        for cpu, clock in enumerate(clocks):
            if clock is not None:
                perf_event.enable(clock.fileno())
                probe.maps["perf"][cpu] = clock
        with probe.programs["counters"].attach():
            # A guest's clock may go by ticks of the timer: it may not have moved since it was enabled.
            deadline = time.monotonic() + PATIENCE
            while not values(probe)[0] and time.monotonic() < deadline:
                os.getppid()
        for clock in clocks:
            if clock is not None:
                clock.close()
        assert values(probe)[0] > 0


def put(map: KernelMap, index: int, socket: socket.socket) -> None:
    """Into an array of sockets."""
    descriptor = socket.fileno().to_bytes(map.spec.value_size, sys.byteorder)
    commands.map_update(map.fileno(), index.to_bytes(4, sys.byteorder), descriptor)


@pytest.mark.parametrize("mode", MODES)
def test_sockets_that_a_program_gathers(mode: str, group: str) -> None:
    """What one says is put straight into what the other hears: each is found by its port."""

    def talk() -> None:
        with tcp() as (near, far):
            far.settimeout(PATIENCE)
            near.sendall(b"there")
            assert far.recv(9) == b"there"
            near.settimeout(PATIENCE)
            far.sendall(b"and back")
            assert near.recv(9) == b"and back"

    with loaded(mode, "gather", "say") as probe:
        probe.programs["say"].attach(map=probe.maps["by_port"])
        probe.programs["gather"].attach(cgroup=group)
        talk()
        assert values(probe)[0] == 0, "those of another group are not gathered"
        assert run_in(group, talk) == 0
        assert values(probe)[0] == len(b"there" + b"and back")


@pytest.mark.parametrize("mode", MODES)
def test_data_is_sent_out_of_another_socket(mode: str) -> None:
    features.since("5.10", "sk_skb/stream_verdict without a parser")
    with loaded(mode, "deliver") as probe, tcp() as (near, far), tcp() as (out, receiver):
        map = probe.maps["by_index"]
        probe.programs["deliver"].attach(map=map)
        put(map, 0, out)
        put(map, 1, far)
        near.sendall(b"through")
        receiver.settimeout(PATIENCE)
        assert receiver.recv(9) == b"through"


@pytest.mark.parametrize("mode", MODES)
def test_one_of_those_that_share_a_port(mode: str) -> None:
    with (
        loaded(mode, "choose") as probe,
        socket.socket(type=socket.SOCK_DGRAM) as first,
        socket.socket(type=socket.SOCK_DGRAM) as second,
    ):
        for one in (first, second):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())
        probe.programs["choose"].attach(socket=first)
        for chosen in (second, first):
            put(probe.maps["shared"], 0, chosen)
            chosen.settimeout(PATIENCE)
            for _ in range(8):  # of as many ports: by their hash they would go to either
                with socket.socket(type=socket.SOCK_DGRAM) as sender:
                    sender.sendto(b"x", first.getsockname())
                    assert chosen.recv(9) == b"x"
            commands.map_delete(probe.maps["shared"].fileno(), bytes(4))
        assert not probe.traps


@pytest.mark.parametrize("mode", MODES)
def test_a_listener_at_every_port(mode: str) -> None:
    features.since("5.9", "sk_lookup")
    with (
        network.veth() as pair,
        pair.other_side(),
        loaded(mode, "assign") as probe,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        put(probe.maps["by_index"], 0, server)
        server.settimeout(PATIENCE)
        with probe.programs["assign"].attach():
            for port in (7, 9, 77):
                with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
                    far, address = server.accept()
                    far.close()
                    assert address == client.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 7), timeout=PATIENCE)


def newer(mode: str, name: str, map: str) -> Object:
    """A program of the probe of values of groups and files, with its map."""
    spec = zig_probes.spec("newer/storages", mode)
    features.needs_map(spec.maps[map].type)
    spec.variables["wanted"].value = os.getpid()
    for other in spec.maps.values():
        other.autocreate = other.name == map or not other.name.startswith("of_")
    spec.programs[name].autoload = True
    with unless_no_trampolines():
        return spec.load()


@pytest.mark.parametrize("mode", MODES)
def test_values_of_groups(mode: str) -> None:
    """Given by the program when the group is made."""
    features.needs_types()
    with newer(mode, "made", "of_groups") as probe, network.cgroup() as before:
        map = probe.maps["of_groups"]
        with probe.programs["made"].attach(), network.cgroup() as group:
            assert map[group] == 5
        assert before not in map
        assert not probe.traps


@pytest.mark.parametrize("mode", MODES)
def test_values_of_files(mode: str, tmp_path: Path) -> None:
    """How many files were removed from a directory."""
    features.needs_types()
    features.needs_bpf_security_module()
    with newer(mode, "removed", "of_files") as probe:
        with unless_no_trampolines():
            link = probe.programs["removed"].attach()
        with link:
            for name in ("a", "b", "c"):
                (tmp_path / name).touch()
                (tmp_path / name).unlink()
        assert probe.maps["of_files"][tmp_path] == 3
        assert not probe.traps


@pytest.mark.parametrize("mode", MODES)
def test_a_hash_table_that_grows(mode: str) -> None:
    spec = zig_probes.spec("newer/resizable", mode)
    features.needs_map(spec.maps["lengths"].type)
    with spec.load() as probe:
        for length in (1, 2, 2):
            run(probe, "count", length)
        assert dict(probe.maps["lengths"]) == {1: 1, 2: 2}


@pytest.mark.parametrize("mode", MODES)
def test_maps_of_maps_and_tail_calls(mode: str) -> None:
    nothing = 0xFFFFFFFF
    with zig_probes.spec("newer/map_references", mode).load() as probe:
        maps = probe.maps
        maps["first"][1], maps["third"][1] = 11, 33
        with maps["aside"].create(5) as inner:
            inner[7] = 77
            assert dict(inner.items()) == {7: 77}

        def all_four(name: str) -> list[int]:
            return [run(probe, name, length) for length in (4, 5, 6, 7)]

        assert all_four("look") == [11, nothing, 33, nothing]
        assert all_four("enter") == [nothing, 101, 101, 103]
        assert {(trap.kind, trap.function, trap.count) for trap in probe.traps} == {
            ("error.Empty", "look", 2),
            ("error.NobodyThere", "enter", 1),
        }
        maps["outer"][1] = maps["third"]
        del maps["jumps"][3]
        assert all_four("look") == [11, 33, 33, nothing]
        assert all_four("enter") == [nothing, 101, 101, nothing]
        commands.map_update(
            maps["keyed"].fileno(), struct.pack("=I", 4), struct.pack("=i", maps["first"].fileno())
        )
        assert [run(probe, "by_key", length) for length in (4, 5)] == [11, nothing]


@pytest.mark.parametrize("mode", MODES)
def test_an_arena_is_shared(mode: str) -> None:
    features.needs_jit("calls of kernel functions")
    features.since("6.9", "arenas")
    with zig_probes.spec("newer/arena", mode).load() as probe:
        push, arena = probe.programs["push"], probe.maps["arena"]
        returned = [push.test_run(context=struct.pack("=Q", value)).retval for value in (7, 8, 9)]
        assert returned == [1, 7, 8]
        address, found = probe.variables["head"].value, []
        while address:
            address, value = struct.unpack("=QQ", arena.load(address - arena.address, 16))
            found.append(value)
        assert found == [9, 8, 7]


def exchange(control: bytes) -> None:
    """Send something over TCP under this congestion control; FileNotFoundError where there is none of this name."""
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            client.sendall(bytes(1000))
            assert len(server.recv(1000, socket.MSG_WAITALL)) == 1000


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("struct_ops", "control"), [("pyzbpf_zig", b"pyzbpf_zig"), ("pyzbpf_classic", b"pyzbpf_zig2")]
)
def test_a_struct_of_functions_is_called(struct_ops: str, control: bytes, mode: str) -> None:
    """By a link, and without one, as before Linux 6.4."""
    features.needs_types()
    features.needs_jit("a struct of functions")
    if struct_ops == "pyzbpf_zig":
        features.since("6.4", "struct_ops links")
    spec = zig_probes.spec("newer/struct_ops", mode)
    for name in ("pyzbpf_zig", "pyzbpf_classic"):
        spec.maps[name].autocreate = name == struct_ops
    with spec.load() as probe:
        with probe.maps[struct_ops].attach():
            exchange(control)
        assert probe.variables["buffer"].value > 0
        assert probe.variables["starts"].value >= 1
        with pytest.raises(FileNotFoundError):
            exchange(control)


@pytest.mark.parametrize("mode", MODES)
def test_a_scheduler_begins_and_ends(mode: str) -> None:
    features.needs_types()
    features.needs_jit("a struct of functions")
    if not vmlinux.vmlinux().find("sched_ext_ops", kinds.STRUCT):
        pytest.skip("needs a kernel with CONFIG_SCHED_CLASS_EXT=y (Linux 6.12)")
    with zig_probes.spec("newer/scheduler", mode).load() as probe:
        with probe.maps["pyzbpf"].attach():
            assert (probe.variables["begins"].value, probe.variables["ends"].value) == (1, 0)
            assert Path("/sys/kernel/sched_ext/root/ops").read_text().strip() == "pyzbpf"
        deadline = time.monotonic() + PATIENCE
        while not probe.variables["ends"].value and time.monotonic() < deadline:
            time.sleep(0.01)  # the kernel ends it by itself
        assert probe.variables["ends"].value == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_ring_buffer_in_a_map_of_maps_is_read_as_its_type_says(mode: str) -> None:
    features.needs_map(e.BPF_MAP_TYPE_RINGBUF)
    with zig_probes.spec("newer/inner_rings", mode).load() as probe:
        rings, keyed = probe.maps["rings"], probe.maps["keyed"]
        send, by_key = (probe.programs[name].test_run for name in ("send", "by_key"))
        assert send(bytes(64)).retval == 1  # there is none yet
        with rings.create(1) as ring:
            assert [send(bytes(64)).retval for _ in range(3)] == [3] * 3
            assert [event.number for event in ring.read(timeout=0)] == [1, 2, 3]
            room = int(ring.info["max_entries"]) // 16
            returned = [send(bytes(64)).retval for _ in range(room + 10)]
            lost = returned.count(2)
            assert 10 <= lost <= 11
            assert ring.lost == lost
            with rings.inner(1) as same:
                assert (len(same.read(timeout=0)), same.lost) == (returned.count(3), lost)
        with keyed.create(7) as ring:
            assert by_key(bytes(64)).retval == 3
            assert ring.read(timeout=0) == [probe.variables["sent"].value]
            assert ring.lost == 0
