"""Programs of sockets, of a network namespace and of its packet filter, each seen to run and to decide."""

from __future__ import annotations

import contextlib
import os
import socket
import sys

import pytest

from pyzbpf.errors import Error, NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands
from pyzbpf.uapi import enums
from tests.support import features, network, zig_probes
from tests.support.assemble import add_map, object_spec

PATIENCE = 30
LOOKUP, REUSE, PARSER, VERDICT, MESSAGE, DISSECTOR = range(6)
_SO_COOKIE = 57
_PACKET_FANOUT, _SOL_PACKET, _ETH_P_ALL = 18, 263, 3


def sockets(*names: str, refuse: bool = False):
    spec = zig_probes.spec("links/sockets")
    spec.variables["refuse"].value = refuse
    for name, program in spec.programs.items():
        program.autoload = name in names
    return spec.load()


@pytest.fixture
def elsewhere():
    """This thread in a network namespace of its own, where loopback is up."""
    with network.veth() as pair, pair.other_side():
        yield pair


@contextlib.contextmanager
def connection():
    """Two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        with socket.create_connection(server.getsockname(), timeout=PATIENCE) as near:
            far, _ = server.accept()
            with far:
                far.settimeout(PATIENCE)
                yield near, far


def refused(port: int) -> bool:
    """Whether nobody listens there: a refusal, or silence, for not every kernel answers such a packet."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except (ConnectionRefusedError, TimeoutError):
        return True
    return False


def test_sk_lookup(elsewhere):
    """A connection that the program refuses finds no listener, though there is one."""
    features.since("5.9", "sk_lookup")
    with sockets("lookup", refuse=True) as probe, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        link = probe.programs["lookup"].attach()
        assert (link.kind, link.target) == ("sk_lookup", "sk_lookup")
        assert refused(port)
        assert probe.maps["seen"][LOOKUP] >= 1
        link.detach()
        assert not refused(port)


def test_sk_lookup_of_another_namespace():
    features.since("5.9", "sk_lookup")
    with network.veth() as pair, sockets("lookup", refuse=True) as probe:
        probe.programs["lookup"].attach(namespace=f"/run/netns/{pair.namespace}")
        with socket.create_server(("127.0.0.1", 0)) as server:
            assert not refused(server.getsockname()[1])
        with pair.other_side(), socket.create_server(("127.0.0.1", 0)) as server:
            assert refused(server.getsockname()[1])


def test_namespaces_that_are_none():
    with sockets("dissector") as probe:
        with pytest.raises(NotFoundError, match=r"no network namespace '/run/netns/no': No such file"):
            probe.programs["dissector"].attach(namespace="/run/netns/no")
        with pytest.raises(SystemCallError, match=f"'{__file__}' is no network namespace"):
            probe.programs["dissector"].attach(namespace=__file__)


def test_flow_dissector(elsewhere):
    """Packet sockets that share the work by the flow's hash have the kernel dissect each packet."""
    with sockets("dissector") as probe:
        link = probe.programs["dissector"].attach()
        with (
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as packets,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):
            packets.bind(("lo", 0))
            packets.setsockopt(_SOL_PACKET, _PACKET_FANOUT, os.getpid() & 0xFFFF)
            packets.settimeout(PATIENCE)
            sender.sendto(b"x", ("127.0.0.1", 9))
            packets.recv(100)
            assert probe.maps["seen"][DISSECTOR] >= 1
            with (
                pytest.raises(SystemCallError, match="of which there is one"),
                sockets("dissector") as second,
            ):
                second.programs["dissector"].attach()
            link.detach()
            before = probe.maps["seen"][DISSECTOR]
            sender.sendto(b"x", ("127.0.0.1", 9))
            packets.recv(100)
            assert probe.maps["seen"][DISSECTOR] == before


def test_sk_reuseport():
    with (
        sockets("reuse", refuse=True) as probe,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        attach = probe.programs["reuse"].attach
        with pytest.raises(Error, match=r"say for which group: attach\(socket="):
            attach()
        receiver.settimeout(PATIENCE)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        receiver.bind(("127.0.0.1", 0))
        link = attach(socket=receiver)
        sender.sendto(b"refused", receiver.getsockname())
        assert probe.maps["seen"][REUSE] == 1
        if features.is_older("5.3"):
            return
        link.detach()
        link.detach()
        sender.sendto(b"taken", receiver.getsockname())
        assert receiver.recv(100) == b"taken"
        assert probe.maps["seen"][REUSE] == 1


def test_sk_reuseport_and_sockets_it_is_not_for():
    with sockets("reuse") as probe:
        with (
            socket.socket(socket.AF_UNIX) as other,
            pytest.raises(SystemCallError, match="TCP or UDP with SO_REUSEPORT"),
        ):
            probe.programs["reuse"].attach(socket=other)
        for wrong in (3, "x"):
            with pytest.raises(TypeError, match=f"option 'socket' is a socket.socket .*, not {wrong!r}"):
                probe.programs["reuse"].attach(socket=wrong)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            closed.bind(("127.0.0.1", 0))
            link = probe.programs["reuse"].attach(socket=closed)
        link.detach()  # the group is gone with its only socket


@pytest.mark.parametrize("name", ["sockets", "hashed"])
def test_sk_msg(name):
    with sockets("message", refuse=True) as probe, connection() as (near, far):
        sockmap = probe.maps[name]
        key = sockmap.decode_key(bytes(sockmap.spec.key_size))
        with pytest.raises(TypeError, match=r"option 'map' is a loaded map .*, not 'sockets'"):
            probe.programs["message"].attach(map="sockets")
        link = probe.programs["message"].attach(map=sockmap)
        assert key not in sockmap
        sockmap[key] = near
        assert sockmap[key] == int.from_bytes(
            near.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8), sys.byteorder
        )
        with pytest.raises(Error, match=r"value: something with fileno\(\) is wanted"):
            sockmap[key] = "near"
        with pytest.raises(SystemCallError, match="what is given is no socket"):
            sockmap[key] = sockmap
        with socket.socket() as idle, pytest.raises(SystemCallError, match="that are connected or listen"):
            sockmap[key] = idle
        with pytest.raises(PermissionError):
            near.sendall(b"x")
        assert probe.maps["seen"][MESSAGE] == 1
        link.detach()
        del sockmap[key]  # the socket itself holds it, too
        near.sendall(b"after")
        assert far.recv(100) == b"after"
        sockmap[key] = near
        near.sendall(b"again")
        assert far.recv(100) == b"again"


def sockets_in(kind: int, value_size: int):
    spec = object_spec()
    add_map(spec, "sockets", kind, key_size=4, value_size=4, max_entries=4)
    spec.maps["sockets"].value_size = value_size
    return spec.load()


SOCKET_MAPS = (enums.BPF_MAP_TYPE_SOCKMAP, enums.BPF_MAP_TYPE_SOCKHASH)


def test_a_hash_whose_values_hold_no_cookie():
    """As C declares it: the keys are told, what cannot be read says why."""
    one, other = bytes(4), bytes([1, 0, 0, 0])
    with sockets_in(enums.BPF_MAP_TYPE_SOCKHASH, 4) as probe, connection() as (near, _):
        hashed = probe.maps["sockets"]
        hashed[one] = near
        assert one in hashed
        assert other not in hashed
        assert (list(hashed), len(hashed), bool(hashed)) == ([one], 1, True)
        for read in (lambda: hashed[one], lambda: list(hashed.items()), lambda: list(hashed.values())):
            with pytest.raises(
                SystemCallError, match=r"cookie, which has 8 bytes.* have 4; .*\['sockets'\]\.value_size = 8"
            ):
                read()
        del hashed[one]
        assert list(hashed) == []


def test_an_array_whose_values_hold_no_cookie():
    """Of an array the kernel tells by its values alone which places are taken."""
    with sockets_in(enums.BPF_MAP_TYPE_SOCKMAP, 4) as probe, connection() as (near, _):
        sockmap = probe.maps["sockets"]
        sockmap[1] = near
        for read in (lambda: sockmap[1], lambda: 1 in sockmap, lambda: list(sockmap), lambda: len(sockmap)):
            with pytest.raises(SystemCallError, match="which has 8 bytes"):
                read()
        del sockmap[1]


@pytest.mark.parametrize("kind", SOCKET_MAPS)
def test_a_map_that_was_given_room_for_cookies(kind):
    with sockets_in(kind, 8) as probe, connection() as (near, _):
        sockmap = probe.maps["sockets"]
        key = sockmap.decode_key(bytes(4))
        sockmap[key] = near
        assert list(sockmap) == [key]
        cookie = sockmap[key]
        assert list(sockmap.items()) == [(key, cookie)]
        with pytest.raises(Error, match=r"not [0-9]+; reading gives the cookie of a socket"):
            sockmap[key] = cookie


def test_sk_skb():
    with sockets("parser", "verdict", refuse=True) as probe, connection() as (near, far):
        sockmap = probe.maps["sockets"]
        links = probe.attach(map=sockmap)
        assert {link.kind for link in links} == {"sk_skb/stream_parser", "sk_skb/stream_verdict"}
        sockmap[0] = far
        near.sendall(b"dropped")
        seen = probe.maps["seen"]
        far.settimeout(1)
        with pytest.raises(TimeoutError):
            far.recv(100)
        assert (seen[PARSER], seen[VERDICT]) == (1, 1)
        del sockmap[0]
        if features.is_older("6.10"):
            return  # a second program takes the place of the first
        with pytest.raises(SystemCallError, match="attached to this map already"):
            probe.programs["verdict"].attach(map=sockmap)


def test_maps_that_hold_no_sockets():
    with sockets("message") as probe:
        with pytest.raises(Error, match=r"say for which sockets: attach\(map="):
            probe.attach()
        with pytest.raises(SystemCallError, match="kind sockmap or sockhash"):
            probe.attach(map=probe.maps["seen"])
        assert probe.links == []


def test_before_links_of_maps(monkeypatch):
    """Linux 4.17 to 6.9: the program is the map's, and detaching takes it out again."""
    real = commands.link_create

    def refuse(what, **values):
        raise SystemCallError(22, "Invalid argument", command="BPF_LINK_CREATE", detail=what)

    monkeypatch.setattr(commands, "link_create", refuse)
    with sockets("message") as probe:
        sockmap = probe.maps["sockets"]
        link = probe.programs["message"].attach(map=sockmap)
        with pytest.raises(ValueError, match="no descriptor"):
            link.fileno()
        link.detach()
        link.detach()
        monkeypatch.setattr(commands, "link_create", real)
        probe.programs["message"].attach(map=sockmap).detach()


def netfilter():
    features.since("6.4", "netfilter by a link")
    return zig_probes.spec("links/netfilter").load()


def test_netfilter(elsewhere):
    with (
        netfilter() as probe,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        link = probe.programs["filter"].attach(hook="output", priority=-5)
        assert link.target == "netfilter ipv4 output with priority -5"
        assert link.info["priority"] == -5
        sender.sendto(b"1", receiver.getsockname())
        assert receiver.recv(9) == b"1"
        assert probe.variables["packets"].value == 1
        with pytest.raises(SystemCallError, match="has this priority there already"):
            probe.programs["filter"].attach(hook="output", priority=-5)
        probe.variables["dropping"].value = True
        with pytest.raises(PermissionError):
            sender.sendto(b"2", receiver.getsockname())
        link.detach()
        sender.sendto(b"3", receiver.getsockname())
        assert receiver.recv(9) == b"3"
        assert probe.variables["packets"].value == 2
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
            probe.programs["filter"].attach(family="ipv6", hook="output")
            with pytest.raises(PermissionError):
                six.sendto(b"4", ("::1", 9))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, Error, r"attach\(hook='input'\)"),
        ({"hook": "in"}, ValueError, "option 'hook' is one of prerouting, input"),
        ({"hook": "input", "family": "inet"}, ValueError, "option 'family' is one of ipv4, ipv6"),
        ({"hook": "input", "priority": "first"}, TypeError, "option 'priority' is an int"),
        ({"hook": "input", "priority": -(1 << 31)}, ValueError, "option 'priority' is a number above"),
        (
            {"hook": "input", "priority": -400, "defragment": True},
            (SystemCallError, UnsupportedError),
            "above -400|nf_defrag|6.4",
        ),
    ],
)
def test_mistakes_with_netfilter(options, error, message):
    with netfilter() as probe:
        with pytest.raises(error, match=message):
            probe.attach(**options)
        assert probe.links == []
