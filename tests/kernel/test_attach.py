"""Attaching each kind on the real kernel, with real events."""

from __future__ import annotations

import os
import socket
import sys
import time

import pytest

from pyzbpf.errors import Error, NotFoundError, SystemCallError
from pyzbpf.kernel import tracefs
from tests.support import child, network
from tests.support.assemble import (
    R0,
    R1,
    R2,
    Asm,
    add_data_map,
    add_program,
    add_variable,
    object_spec,
)  # fmt: skip
from tests.support.probes import counter

PATIENCE = 30


def wait_for(condition) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def number(variable) -> int:
    value = variable.value
    return int.from_bytes(value, sys.byteorder) if isinstance(value, bytes) else value


@pytest.mark.parametrize("kind", ["tracepoint", "tp"])
def test_tracepoint_counts_our_calls(kind):
    spec = counter("tracepoint", "syscalls/sys_enter_getpgid", os.getpid())
    spec.programs["count"].kind = kind
    with spec.load() as probe:
        (link,) = probe.attach()
        assert link.kind == kind
        assert link.target == "tracepoint 'syscalls/sys_enter_getpgid'"
        for _ in range(7):
            os.getpgid(0)
        assert probe.variables["hits"].value == 7
        link.detach()
        link.detach()
        os.getpgid(0)
        assert probe.variables["hits"].value == 7
        assert probe.links == []
        with probe.programs["count"].attach(target="syscalls/sys_enter_getsid"):
            os.getsid(0)
        assert probe.variables["hits"].value == 8


def test_tracepoint_without_a_link_of_the_kernel(monkeypatch):
    """Before Linux 5.15 the program is set on the perf event."""
    from pyzbpf.errors import SystemCallError
    from pyzbpf.kernel import commands

    def refuse(*_, **__):
        raise SystemCallError(22, "Invalid argument", command="BPF_LINK_CREATE")

    monkeypatch.setattr(commands, "link_create", refuse)
    with counter("tracepoint", "syscalls/sys_enter_getpgid", os.getpid()).load() as probe:
        probe.attach()
        os.getpgid(0)
        assert probe.variables["hits"].value == 1
        probe.links[0].close()
        os.getpgid(0)
        assert probe.variables["hits"].value == 1


def test_tracefs_is_not_left_mounted():
    def mounted() -> list[str]:
        with open("/proc/self/mounts") as file:
            return [line for line in file if "tracefs" in line]

    before = mounted()
    assert tracefs.tracepoint_id("sched/sched_switch") > 0
    assert mounted() == before


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("sched/sched_swich", "did you mean sched/sched_switch"),
        ("schedd/sched_switch", "did you mean sched/sched_switch"),
        ("sched_switch", "did you mean sched/sched_switch"),
        ("shed/nothing_like_it", "no category 'shed'"),
        ("nothing", "category/name"),
        ("sched/../sched/sched_switch", "no tracepoint"),
    ],
)
def test_unknown_tracepoint(target, words):
    with pytest.raises(NotFoundError, match=words):
        tracefs.tracepoint_id(target)


def test_raw_tracepoint_counts_our_calls():
    with counter("raw_tracepoint", "sys_enter", os.getpid()).load() as probe:
        (link,) = probe.attach()
        os.getpgid(0)
        first = probe.variables["hits"].value
        assert first > 0
        link.close()
        last = probe.variables["hits"].value
        os.getpgid(0)
        assert probe.variables["hits"].value == last


def test_unknown_raw_tracepoint():
    with counter("raw_tracepoint", "sched_swich", 0).load() as probe:
        with pytest.raises(NotFoundError, match=r"there is .*sched_switch"):
            probe.attach()
        with pytest.raises(NotFoundError, match="has no category"):
            probe.programs["count"].attach(target="sched/sched_switch")


def packets(kind: str, verdict: int):
    """Counts packets longer than 300 bytes, which nothing else on lo sends in this test."""
    spec = object_spec("packets")
    add_data_map(spec, ".bss", bytes(8))
    add_variable(spec, "hits", ".bss", offset=0, size=8)
    asm = Asm()
    if kind == "socket":
        asm.load(4, R2, R1, 0)  # skb->len
    else:
        asm.load(4, R2, R1, 4).load(4, R1, R1, 0).raw(0x1F, R2, R1)  # data_end - data
    asm.raw(0xB5, R2, offset=4, imm=300)  # if r2 <= 300
    asm.load_data(R1, ".bss").mov_imm(R2, 1).atomic_add(8, R1, R2)
    add_program(spec, "count", kind, asm.mov_imm(R0, verdict).exit_())
    return spec


def send_datagrams(count: int) -> int:
    """Send datagrams to ourselves over lo; how many came in."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        for _ in range(count):
            sender.sendto(bytes(400), receiver.getsockname())
        return sum(len(receiver.recv(500)) == 400 for _ in range(count))


@pytest.mark.parametrize("verdict", [0, -1])
def test_socket_filter_sees_packets_and_lets_them_pass(verdict):
    with packets("socket", verdict).load() as probe:
        probe.attach(interface="lo")
        assert send_datagrams(50) == 50
        # A packet on lo is seen going out and coming in.
        assert wait_for(lambda: number(probe.variables["hits"]) >= 100)


def test_socket_filter_keeps_running_when_its_queue_is_full():
    with packets("socket", -1).load() as probe:
        probe.attach()
        for _ in range(10):
            assert send_datagrams(100) == 100
        assert wait_for(lambda: number(probe.variables["hits"]) >= 2000)


def test_missing_interface():
    with packets("socket", 0).load() as probe, pytest.raises(NotFoundError, match=r"'eth99'.*there is: .*lo"):
        probe.attach(interface="eth99")


XDP_PASS = 2


def test_xdp_generic():
    with packets("xdp", XDP_PASS).load() as probe:
        (link,) = probe.attach(interface="lo", mode="generic")
        assert send_datagrams(20) == 20
        assert wait_for(lambda: number(probe.variables["hits"]) == 20)
        again = probe.programs["count"].attach
        with pytest.raises(OSError, match=r"another XDP program.*This very process holds it.*detach\(\)"):
            again(interface="lo", mode="generic")
        # Linux 7.3 looks first whether the driver can, the others whether something is there.
        with pytest.raises(OSError, match=r"another mode.*This very process|lo'.* no native XDP"):
            again(interface="lo", mode="native")
        link.close()
        assert send_datagrams(5) == 5
        assert number(probe.variables["hits"]) == 20


def test_two_programs_for_one_place_are_named():
    """The first is detached again, so that nobody should look for its link."""
    spec = packets("xdp", XDP_PASS)
    add_program(spec, "second", "xdp", Asm().mov_imm(R0, XDP_PASS).exit_())
    with spec.load() as probe:
        with pytest.raises(
            Error, match=r"'count' and 'second' are both for XDP of interface 'lo'.*neither"
        ) as e:
            probe.attach(interface="lo", mode="generic")
        assert "spec.programs['second'].autoattach = False" in str(e.value)
        assert probe.links == []
        probe.programs["second"].attach(interface="lo", mode="generic")


def test_a_closed_object_says_that_it_is_closed():
    probe = packets("xdp", XDP_PASS).load()
    probe.close()
    with pytest.raises(ValueError, match="program 'count' is closed"):
        probe.attach()


def test_xdp_of_another_process_says_how_to_find_it():
    ready, done = socket.socketpair()

    def attach_and_wait() -> None:
        with packets("xdp", XDP_PASS).load() as probe:
            probe.attach(interface="lo", mode="generic")
            ready.send(b"x")
            ready.recv(1)

    process = child.start(attach_and_wait)
    with ready, done:
        done.settimeout(PATIENCE)
        done.recv(1)
        try:
            with (
                packets("xdp", XDP_PASS).load() as probe,
                pytest.raises(OSError, match="another XDP program") as caught,
            ):
                probe.attach(interface="lo", mode="generic")
        finally:
            done.send(b"x")
            os.waitpid(process, 0)
    for word in ("bpftool net", "bpftool link", "when its owner ends", "xdp off"):
        assert word in str(caught.value)


def test_xdp_in_the_driver():
    with network.veth() as pair, packets("xdp", XDP_PASS).load() as probe:
        probe.attach(interface=pair.name, mode="native")
        assert probe.links[0].target == f"XDP of interface '{pair.name}'"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind((pair.address, 0))
            receiver.settimeout(PATIENCE)
            with pair.other_side():
                other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with other:
                other.sendto(bytes(400), receiver.getsockname())
                assert len(receiver.recv(500)) == 400
            assert wait_for(lambda: number(probe.variables["hits"]) == 1)


def test_xdp_mistakes():
    with packets("xdp", XDP_PASS).load() as probe:
        with pytest.raises(Error, match="interface='eth0'"):
            probe.attach()
        for mode in ("fast", "skb", 1, []):
            with pytest.raises(
                ValueError, match=r"option 'mode' is 'native'.*'generic'.*None, not"
            ) as caught:
                probe.attach(interface="lo", mode=mode)
            assert repr(mode) in str(caught.value)
        for interface in (1, b"lo"):
            with pytest.raises(TypeError, match=r"option 'interface' is a str such as 'eth0', not"):
                probe.attach(interface=interface)
        with pytest.raises(OSError, match="mode='generic'"):
            probe.attach(interface="lo", mode="native")


def test_options_go_to_those_who_take_them():
    spec = packets("socket", 0)
    add_program(spec, "other", "raw_tracepoint", Asm().mov_imm(R0, 0).exit_(), target="sys_enter")
    with spec.load() as probe:
        assert len(probe.attach(interface="lo")) == 2
        probe.close()
    with spec.load() as probe:
        with pytest.raises(TypeError, match="'mode'"):
            probe.attach(mode="native")
        with pytest.raises(TypeError, match="takes target"):
            probe.programs["other"].attach(interface="lo")


def test_partial_attach_is_undone():
    spec = packets("socket", 0)
    add_program(spec, "wrong", "tracepoint", Asm().mov_imm(R0, 0).exit_(), target="sched/nothing")
    with spec.load() as probe:
        with pytest.raises(NotFoundError):
            probe.attach()
        assert probe.links == []
        probe.programs["wrong"].spec.autoattach = False
        assert len(probe.attach()) == 1


def test_kinds_that_cannot_be_attached():
    spec = packets("socket", 0)
    spec.programs["count"].kind = "action"
    with spec.load() as probe, pytest.raises(Error, match="this kind is not attached; pin it") as caught:
        probe.programs["count"].attach()
    assert caught.value.exit_code == 1, "the kernel lacks nothing"


@pytest.mark.parametrize("kind", ["socket", "tracepoint"])
def test_attaching_twice_is_refused(kind):
    spec = packets(kind, 0) if kind == "socket" else counter(kind, "syscalls/sys_enter_getpgid", os.getpid())
    add_program(spec, "first", "raw_tracepoint", Asm().mov_imm(R0, 0).exit_(), target="sys_enter")
    spec.programs["first"].autoattach = False
    with spec.load() as probe:
        (link,) = probe.attach()
        probe.programs["first"].spec.autoattach = True
        with pytest.raises(
            Error, match=r"program 'count' is attached already: <Link count to .*detach\(\)"
        ) as e:
            probe.attach()
        assert "programs['count'].attach(...)" in str(e.value)
        assert probe.links == [link], "nothing was attached by the refused call"
        link.detach()
        assert len(probe.attach()) == 2


def test_a_second_place_on_purpose():
    with packets("socket", 0).load() as probe:
        probe.attach()
        probe.programs["count"].attach(interface="lo")
        assert len(probe.links) == 2


def test_a_tracepoint_takes_a_program_once():
    with counter("tracepoint", "syscalls/sys_enter_getpgid", 0).load() as probe:
        probe.attach()
        with pytest.raises(OSError, match=r"sys_enter_getpgid'.* attached there already"):
            probe.programs["count"].attach()


def test_a_raw_tracepoint_of_an_older_kernel_takes_a_program_once(monkeypatch):
    from pyzbpf.kernel import commands

    def refuse(*_, **__):
        raise SystemCallError(17, "File exists", command="BPF_RAW_TRACEPOINT_OPEN")

    monkeypatch.setattr(commands, "raw_tracepoint_open", refuse)
    with (
        counter("raw_tracepoint", "sys_enter", 0).load() as probe,
        pytest.raises(OSError, match=r"raw tracepoint 'sys_enter'.* attached there already"),
    ):
        probe.attach()


@pytest.mark.parametrize("interface", [1, None, b"lo"])
def test_an_interface_that_is_no_name(interface):
    with packets("socket", 0).load() as probe:
        with pytest.raises(TypeError, match=r"option 'interface' is a str such as 'lo', not") as caught:
            probe.attach(interface=interface)
        assert repr(interface) in str(caught.value)
        with pytest.raises(NotFoundError, match="no network interface"):
            probe.attach(interface="l\0o")


@pytest.mark.parametrize("kind", ["tracepoint", "raw_tracepoint"])
def test_a_target_that_is_no_name(kind):
    with (
        counter(kind, "sched/sched_switch", 0).load() as probe,
        pytest.raises(TypeError, match=r"option 'target' is a str such as .*, not 7"),
    ):
        probe.attach(target=7)


def test_tracepoint_that_is_too_short():
    spec = object_spec()
    # sys_enter_getpid has no arguments: 8 bytes of header, 4 of number
    add_program(
        spec, "main", "tracepoint", Asm().load(8, R0, R1, 64).exit_(), target="syscalls/sys_enter_getpid"
    )
    with spec.load() as probe, pytest.raises(OSError, match="beyond the end"):
        probe.attach()
