"""Structs of functions registered with the kernel: a congestion control for TCP, with a link and without."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

import pyzbpf
from pyzbpf.errors import Error, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, inventory
from tests.support import c_probes, features

PATIENCE = 30


def congestion(*names: str):
    features.needs_types()
    features.needs_jit("a struct of functions")
    spec = pyzbpf.open(c_probes.path("congestion"))
    for name in ("linked", "newer", "classic"):
        spec.maps[name].autocreate = name in names
    return spec.load()


def transfer(name: str) -> None:
    """Send something over TCP under this congestion control; FileNotFoundError where there is none of this name."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as near:
        server.settimeout(PATIENCE)
        near.settimeout(PATIENCE)
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
        near.connect(server.getsockname())
        far, _ = server.accept()
        with far:
            far.settimeout(PATIENCE)
            for _ in range(4):
                near.sendall(bytes(1000))
                left = 1000
                while left:
                    left -= len(far.recv(left))


def registered() -> set[str]:
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as file:
        return set(file.read().split())


def test_by_a_link():
    features.since("6.4", "structs of functions with a link")
    with congestion("linked") as probe:
        assert "pyzbpf_linked" not in registered()
        (link,) = probe.attach()
        assert repr(link) == "<Link linked to struct of functions 'linked', attached>"
        assert link.info["kind"] == "struct_ops"
        transfer("pyzbpf_linked")
        assert probe.variables["first_calls"].value >= 1
        assert probe.variables["acknowledged"].value >= 1
        with pytest.raises(Error, match=r"^map 'linked' is attached already: .* registered once"):
            probe.attach()
        link.detach()
        with pytest.raises(FileNotFoundError):
            transfer("pyzbpf_linked")
        assert "pyzbpf_linked" not in registered()


def test_another_struct_without_a_gap():
    features.since("6.4", "structs of functions with a link")
    with congestion("linked", "newer") as probe:
        link = probe.maps["linked"].attach()
        link.update(probe.maps["newer"])
        transfer("pyzbpf_linked")
        assert (probe.variables["first_calls"].value, probe.variables["second_calls"].value > 0) == (0, True)
        with pytest.raises(SystemCallError, match="one of this name is registered already"):
            probe.maps["newer"].attach()


def test_without_a_link():
    with congestion("classic") as probe:
        (link,) = probe.attach()
        transfer("pyzbpf_classic")
        assert probe.variables["second_calls"].value >= 1
        with pytest.raises(ValueError, match="has no link"):
            link.fileno()
        for ask in (lambda: link.info, lambda: link.pin("/nowhere")):
            with pytest.raises(UnsupportedError, match="no link for it"):
                ask()
        with pytest.raises(SystemCallError, match="it is registered already"):
            probe.maps["classic"].attach()
        link.detach()
        link.detach()
        assert "pyzbpf_classic" not in registered()
    with congestion("classic") as probe:
        probe.attach()
    assert "pyzbpf_classic" not in registered()


CHILD = """
import os, signal, sys, pyzbpf
spec = pyzbpf.open(sys.argv[1])
for name in ("linked", "newer", "classic"):
    spec.maps[name].autocreate = name == "classic"
probe = spec.load()
link = probe.maps["classic"].attach()
if sys.argv[2] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_without_a_link_and_the_end_of_its_process(end):
    """Python takes it back when it ends; after kill -9 it stays, and goes by its map, which still can be found."""
    features.needs_types()
    features.needs_jit("a struct of functions")
    child = subprocess.run(
        [sys.executable, "-c", CHILD, c_probes.path("congestion"), end], capture_output=True, check=False
    )
    assert child.returncode == {"exit": 0, "kill": -signal.SIGKILL}[end], child.stderr
    if end == "kill":
        assert "pyzbpf_classic" in registered()
        (left,) = [
            thing for thing in inventory.everything() if (thing.kind, thing.name) == ("map", "classic")
        ]
        with commands.by_id("map", left.id) as map:
            commands.map_delete(map.fileno(), bytes(4))
    assert "pyzbpf_classic" not in registered()


def test_its_functions_are_not_attached_one_by_one():
    with (
        congestion("classic") as probe,
        pytest.raises(Error, match=r"not attached; the map that names it is regist"),
    ):
        probe.programs["ssthresh"].attach()
