"""What other tests stand on: the target program, interfaces and control groups of their own."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support import network
from tests.support.targets import Target


def test_the_target_does_what_it_is_asked() -> None:
    with Target() as target:
        assert target.add() == 42
        target.done()
        target.counted()
        assert target.semaphore() is False
        assert os.path.samefile(f"/proc/{target.pid}/exe", target.path())


def test_packets_go_through_a_pair_of_interfaces_and_nothing_is_left() -> None:
    with network.veth() as pair:
        with pair.other_side():
            assert not Path(f"/proc/thread-self/net/dev_snmp6/{pair.name}").exists()
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind((pair.other_address, 0))
        with receiver, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            receiver.settimeout(30)
            sender.sendto(b"through", receiver.getsockname())
            data, (source, _) = receiver.recvfrom(100)
        assert (data, source) == (b"through", pair.address)
        interface = pair.name
    assert interface not in [name for _, name in socket.if_nameindex()]
    assert not Path(f"/run/netns/{pair.namespace}").exists()


def test_a_failing_test_leaves_no_interface() -> None:
    with pytest.raises(ZeroDivisionError), network.veth() as pair, pair.other_side():
        1 / 0  # noqa: B018 - the failure
    assert pair.name not in [name for _, name in socket.if_nameindex()]
    assert "lo" in [name for _, name in socket.if_nameindex()]


def test_a_control_group_takes_a_process_and_goes() -> None:
    with network.cgroup() as group, subprocess.Popen(["sleep", "600"]) as sleeper:
        try:
            (group / "cgroup.procs").write_text(str(sleeper.pid))
            assert f"/{group.name}\n" in Path(f"/proc/{sleeper.pid}/cgroup").read_text()
        finally:
            sleeper.kill()
            sleeper.wait()
    assert not group.exists()
