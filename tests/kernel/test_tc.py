"""Traffic control from a Zig probe: filters of clsact and links of tcx, on a pair of interfaces of the test's own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pyzbpf.errors import Error, NotFoundError, PrivilegeError, SystemCallError, UnsupportedError
from pyzbpf.kernel import netlink
from pyzbpf.kernel import traffic_control as tc
from tests.support import child, features, network, zig_probes
from tests.support.require import missing

PATIENCE = 30
ROOT = Path(__file__).parents[2]
CLASSIFIER, TCX_IN, TCX_OUT = 3, 4, 5
HEADERS = 14 + 20 + 8  # of Ethernet, IPv4 and UDP


@pytest.fixture
def pair():
    with network.veth() as made:
        yield made


def spec_of(*names: str, dropped: int = 0):
    spec = zig_probes.spec("network")
    for name, program in spec.programs.items():
        program.autoload = name in names
    spec.variables["dropped_length"].value = dropped + HEADERS
    return spec


def send(pair, *, out: bool, sizes: list[int]) -> list[int]:
    """Send datagrams through the pair and one of length 1 behind them; the lengths that came in before it."""
    source, target = (pair.address, pair.other_address) if out else (pair.other_address, pair.address)
    with pair.other_side():
        theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with theirs, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        sender, receiver = (ours, theirs) if out else (theirs, ours)
        receiver.bind((target, 0))
        receiver.settimeout(PATIENCE)
        sender.bind((source, 0))
        for size in [*sizes, 1]:
            sender.sendto(bytes(size), receiver.getsockname())
        found: list[int] = []
        while 1 not in found:
            found.append(len(receiver.recv(2000)))
        return found[:-1]


def qdiscs(pair) -> str:
    program = shutil.which("tc", path=network.PATH)
    if program is None:
        missing("tc", "needs the program tc: apt-get install iproute2")
    done = subprocess.run(
        [program, "qdisc", "show", "dev", pair.name], capture_output=True, text=True, check=True
    )
    return done.stdout


def filters(pair, direction: str) -> list[int]:
    """The priorities of the filters there."""
    hook = tc.Hook(socket.if_nametoindex(pair.name), "the test's view")
    try:
        return [found.priority for found in hook.filters(direction) if found.program]
    finally:
        hook.close()


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_a_filter_counts_and_drops_and_goes(pair, direction):
    before = qdiscs(pair)
    with spec_of("classifier", dropped=200).load() as probe:
        (link,) = probe.attach(interface=pair.name, direction=direction)
        assert (link.kind, link.target) == ("tc", f"tc {direction} of interface '{pair.name}'")
        assert "clsact" in qdiscs(pair)
        assert send(pair, out=direction == "egress", sizes=[100, 200, 300]) == [100, 300]
        assert probe.maps["seen"][CLASSIFIER] == 4
        with pytest.raises(ValueError, match="no descriptor"):
            link.fileno()
        for ask in (lambda: link.info, lambda: link.pin("/nowhere")):
            with pytest.raises(UnsupportedError, match="no link for it"):
                ask()
        link.detach()
        link.detach()
        assert qdiscs(pair) == before
        assert send(pair, out=direction == "egress", sizes=[200]) == [200]
        assert probe.maps["seen"][CLASSIFIER] == 4


def leave_behind(pair) -> None:
    """A filter of a process that is gone: nothing of the kernel ties it to one."""

    def attach() -> None:
        probe = spec_of("classifier").load()
        probe.attach(interface=pair.name, direction="ingress", priority=5)
        os._exit(0)  # nothing is taken down

    assert child.run(attach) == 0
    assert filters(pair, "ingress") == [5]


def test_filters_of_others_stay(pair):
    """The clsact goes with our last filter only where we made it, and never under somebody else's filter."""
    program = shutil.which("tc", path=network.PATH) or "tc"
    with spec_of("classifier").load() as probe:
        attach = probe.programs["classifier"].attach
        first = attach(interface=pair.name, direction="ingress", priority=7)
        second = attach(interface=pair.name, direction="egress")
        assert filters(pair, "ingress") == [7]
        first.close()
        assert filters(pair, "ingress") == []
        assert len(filters(pair, "egress")) == 1
        leave_behind(pair)
        second.close()
        assert "clsact" in qdiscs(pair), "the other's filter is in it"
        third = attach(interface=pair.name, direction="egress")
        subprocess.run([program, "filter", "del", "dev", pair.name, "ingress", "prio", "5"], check=True)
        third.close()
        assert "clsact" not in qdiscs(pair), "it was ours, and is empty now"


def test_a_clsact_of_somebody_else_stays(pair):
    program = shutil.which("tc", path=network.PATH) or "tc"
    subprocess.run([program, "qdisc", "add", "dev", pair.name, "clsact"], check=True)
    with spec_of("classifier").load() as probe:
        with probe.programs["classifier"].attach(interface=pair.name, direction="ingress"):
            assert len(filters(pair, "ingress")) == 1
        assert "clsact" in qdiscs(pair)


def test_what_is_not_ours_any_more_is_left_alone(pair):
    with spec_of("classifier", "tcx_in").load() as probe:
        link = probe.programs["classifier"].attach(interface=pair.name, direction="ingress", priority=3)
        program = shutil.which("tc", path=network.PATH) or "tc"
        subprocess.run([program, "filter", "del", "dev", pair.name, "ingress"], check=True)
        other = probe.programs["tcx_in"].attach(
            kind="tc", interface=pair.name, direction="ingress", priority=3
        )
        assert filters(pair, "ingress") == [3]
        link.close()
        assert filters(pair, "ingress") == [3], "of another program, though its place is the same"
        other.close()
        assert "clsact" not in qdiscs(pair)


def test_an_interface_that_is_gone():
    with spec_of("classifier").load() as probe:
        with network.veth() as pair:
            link = probe.programs["classifier"].attach(interface=pair.name, direction="ingress")
            network.ip("link", "set", pair.name, "down")
        link.close()
        assert probe.links == []


def test_detaching_from_another_network_namespace(pair):
    with spec_of("classifier").load() as probe:
        link = probe.programs["classifier"].attach(interface=pair.name, direction="ingress")
        with pair.other_side():
            link.close()
        assert "clsact" not in qdiscs(pair)


def test_a_child_process_does_not_detach(pair):
    with spec_of("classifier").load() as probe:
        link = probe.programs["classifier"].attach(interface=pair.name, direction="ingress", priority=9)
        assert child.run(link.close) == 0
        assert filters(pair, "ingress") == [9]


def attached_by_a_process(pair, end: str) -> int:
    """A filter of priority 7 from another process, which ends so; its return code."""
    script = f"""
import os, signal, sys, pyzbpf
spec = pyzbpf.open({str(zig_probes.path("network"))!r})
for name, program in spec.programs.items():
    program.autoload = name == "classifier"
probe = spec.load()
link = probe.programs["classifier"].attach(interface={pair.name!r}, direction="ingress", priority=7)
print("attached", flush=True)
{end}
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert "attached" in done.stdout, done.stderr
    return done.returncode


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError", 1),
        (
            "signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number)); signal.raise_signal(signal.SIGTERM)",
            128 + signal.SIGTERM,
        ),
    ],
)
def test_a_process_that_ends_takes_its_filter_along(pair, end, status):
    """Also one that held it in a variable of a module until its end, and a service that is told to end."""
    assert attached_by_a_process(pair, end) == status
    assert filters(pair, "ingress") == [] and "clsact" not in qdiscs(pair)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_leaves_its_filter_to_tc(pair, number):
    """Nobody asks Python then; what the documentation says removes it, and nothing else."""
    program = shutil.which("tc", path=network.PATH)
    if program is None:
        missing("tc", "needs the program tc: apt-get install iproute2")
    assert attached_by_a_process(pair, f"os.kill(os.getpid(), {int(number)})") == -number
    with spec_of("classifier").load() as probe:
        probe.programs["classifier"].attach(interface=pair.name, direction="ingress", priority=8)
        assert filters(pair, "ingress") == [7, 8]
        shown = subprocess.run(
            [program, "filter", "show", "dev", pair.name, "ingress"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert re.search(r"pref 7 bpf .*classifier:\[\d+\]", shown.stdout)
        remove = [program, "filter", "del", "dev", pair.name, "ingress", "pref", "7"]
        subprocess.run(remove, check=True)
        assert filters(pair, "ingress") == [8]
    assert filters(pair, "ingress") == []
    assert "clsact" in qdiscs(pair), "this process has not made it"
    subprocess.run([program, "qdisc", "del", "dev", pair.name, "clsact"], check=True)
    assert "clsact" not in qdiscs(pair)


def test_a_forgotten_filter_is_reported_and_removed(pair):
    with spec_of("classifier").load() as probe:
        program = probe.programs["classifier"]
        program.attach(interface=pair.name, direction="ingress")
        with pytest.warns(ResourceWarning, match=f"unclosed filter: tc ingress of interface '{pair.name}'"):
            program._links.clear()  # the last that knew the link
        assert "clsact" not in qdiscs(pair)


def test_tcx(pair):
    spec = spec_of("tcx_in", "tcx_out", dropped=200)
    with spec.load() as probe:
        if features.is_older("6.6"):
            with pytest.raises(UnsupportedError, match=r"6\.6.*\n.*kind='tc'.*direction='(in|e)gress'"):
                probe.attach(interface=pair.name)
            return
        links = [probe.programs[name].attach(interface=pair.name) for name in ("tcx_in", "tcx_out")]
        assert [link.kind for link in links] == ["tcx/ingress", "tc/egress"]
        assert links[1].target == f"tcx egress of interface '{pair.name}'"
        assert send(pair, out=False, sizes=[100, 200, 300]) == [100, 300]
        assert send(pair, out=True, sizes=[200, 300]) == [300]
        seen = probe.maps["seen"]
        assert (seen[TCX_IN], seen[TCX_OUT]) == (4, 3)
        with pytest.raises(SystemCallError, match="the same program is attached there already"):
            probe.programs["tcx_in"].attach(interface=pair.name)
        for link in links:
            assert link.fileno() > 0
            link.close()
        assert send(pair, out=True, sizes=[200]) == [200]
        assert (seen[TCX_IN], seen[TCX_OUT]) == (4, 3)


def test_a_tc_program_by_tcx_and_the_other_way(pair):
    with spec_of("classifier", "tcx_in").load() as probe:
        with probe.programs["tcx_in"].attach(kind="tc", interface=pair.name, direction="egress") as link:
            assert link.kind == "tc"
            send(pair, out=True, sizes=[9])
            assert probe.maps["seen"][TCX_IN] == 2
        features.since("6.6", "tcx")
        with probe.programs["classifier"].attach(kind="tcx/egress", interface=pair.name):
            send(pair, out=True, sizes=[9])
            assert probe.maps["seen"][CLASSIFIER] == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, Error, r"attach\(interface='eth0', direction='ingress'\)"),
        ({"interface": "lo"}, Error, "direction="),
        ({"interface": "lo", "direction": "in"}, ValueError, "'ingress' or 'egress', not 'in'"),
        ({"interface": "eth99", "direction": "egress"}, NotFoundError, "no network interface 'eth99'"),
        ({"interface": "lo", "direction": "egress", "priority": 65536}, ValueError, "option 'priority'"),
        ({"interface": 1, "direction": "egress"}, TypeError, "option 'interface' is a str"),
    ],
)
def test_mistakes(options, error, message):
    with spec_of("classifier").load() as probe:
        with pytest.raises(error, match=message):
            probe.attach(**options)
        assert probe.links == []


def test_tcx_mistakes():
    with spec_of("tcx_in").load() as probe:
        with pytest.raises(Error, match=r"attach\(interface='eth0'\)"):
            probe.attach()
        with pytest.raises(NotFoundError, match="no network interface 'eth99'"):
            probe.attach(interface="eth99")


@pytest.mark.parametrize(
    ("errno", "error", "message"),
    [
        (1, PrivilegeError, "CAP_NET_ADMIN"),
        (2, UnsupportedError, "sch_ingress"),
        (16, SystemCallError, "busy"),
    ],
)
def test_refusals(monkeypatch, errno, error, message):
    def refuse(self, type, flags, body, *, command, what):
        from pyzbpf.kernel.syscall import failure

        if command.startswith("RTM_NEW"):
            raise failure(errno, command=command, capability="CAP_NET_ADMIN", detail=what)
        return []

    monkeypatch.setattr(netlink.Route, "request", refuse)
    with spec_of("classifier").load() as probe, pytest.raises(error, match=message):
        probe.attach(interface="lo", direction="ingress")


def test_an_older_qdisc_has_but_one_direction(pair):
    program = shutil.which("tc", path=network.PATH) or "tc"
    subprocess.run([program, "qdisc", "add", "dev", pair.name, "ingress"], check=True)
    with spec_of("classifier").load() as probe:
        with pytest.raises(Error, match="'ingress' instead of 'clsact'"):
            probe.attach(interface=pair.name, direction="egress")
        with probe.programs["classifier"].attach(interface=pair.name, direction="ingress"):
            send(pair, out=False, sizes=[5])
            assert probe.maps["seen"][CLASSIFIER] == 2
        assert "ingress" in qdiscs(pair)


def test_the_kernels_own_words(pair):
    hook = tc.Hook(socket.if_nametoindex(pair.name), "a filter")
    try:
        with pytest.raises(SystemCallError, match=r"RTM_NEWTFILTER: .*: a filter: \w+"):
            hook.add("ingress", 0, "name", 1)  # there is no clsact
    finally:
        hook.close()


def test_attributes():
    data = netlink.attribute(1, b"abc") + netlink.attribute(2 | 0x8000, b"")
    assert len(data) == 12
    assert netlink.attributes(data) == {1: b"abc", 2: b""}
    assert netlink.attributes(data[:3]) == {}
    assert netlink.attributes(bytes(8)) == {}
