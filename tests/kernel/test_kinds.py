"""Kinds that have no file of their own: each is attached from a Zig probe, seen to run, and where it can, to decide."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import sys

import pytest

from pyzbpf.errors import Error, NotFoundError, SystemCallError
from pyzbpf.kernel import netlink
from pyzbpf.kernel.netlink import Route, attribute
from tests.kernel.test_cgroup import run_in
from tests.support import features, network, zig_probes
from tests.support.probes import PACKET

PATIENCE = 30
LIBC = ctypes.CDLL(None, use_errno=True)
(CONNECT, BIND, POST_BIND, SENDMSG, PEER_NAME, RELEASE, SYSCTL, GETSOCKOPT, SETSOCKOPT, DEVICE, SOCKOPS, HOOK, MODIFY,
 PRIMARY, PEER, INSIDE, SAMPLE) = range(17)  # fmt: skip


def load(*names: str, refuse: bool = False, **options):
    """The probe with these programs; skipped where this kernel refuses them, whatever loads them."""
    spec = zig_probes.spec("links/kinds")
    for name, program in spec.programs.items():
        program.autoload = name in names
    spec.variables["refuse"].value = refuse
    spec.variables["wanted"].value = os.getpid()
    with unless_no_trampolines():
        return spec.load(**options)


@contextlib.contextmanager
def unless_no_trampolines():
    try:
        yield
    except Error as error:
        reason = features.no_trampolines(error)
        if reason:
            pytest.skip(reason)
        raise


@contextlib.contextmanager
def tcp(address: str = "127.0.0.1"):
    with socket.create_server((address, 0)) as server:
        server.settimeout(PATIENCE)
        with socket.create_connection(server.getsockname(), timeout=PATIENCE) as near:
            far, _ = server.accept()
            with far:
                yield near, far


def connect() -> None:
    with tcp():
        pass


def bind() -> None:
    with socket.socket() as any:
        any.bind(("127.0.0.1", 0))


def send() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 9))


def peer_name() -> None:
    with tcp() as (near, _):
        near.getpeername()


def read_sysctl() -> None:
    with open("/proc/sys/kernel/ostype") as file:
        file.read()


def get_option() -> None:
    with socket.socket() as any:
        any.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def set_option() -> None:
    with socket.socket() as any:
        any.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def open_device() -> None:
    with open("/dev/null", "rb"):
        pass


CGROUP_KINDS = {
    "connect": (CONNECT, connect, True),
    "bind": (BIND, bind, True),
    "post_bind": (POST_BIND, bind, True),
    "sendmsg": (SENDMSG, send, True),
    "peer_name": (PEER_NAME, peer_name, False),
    "release": (RELEASE, bind, False),
    "sysctl": (SYSCTL, read_sysctl, True),
    "getsockopt": (GETSOCKOPT, get_option, True),
    "setsockopt": (SETSOCKOPT, set_option, True),
    "device": (DEVICE, open_device, True),
    "sockops": (SOCKOPS, connect, False),
}
SINCE = {"peer_name": "5.8", "release": "5.9"}


@pytest.mark.parametrize("name", CGROUP_KINDS)
def test_control_groups(name):
    """Counted in the group only; those that decide are a refusal to the process when they say no."""
    features.since(SINCE.get(name, "5.7"), f"the program {name} of a control group")
    place, work, decides = CGROUP_KINDS[name]
    with network.cgroup() as group:
        with load(name) as probe:
            probe.programs[name].attach(cgroup=group)
            work()
            assert probe.maps["seen"][place] == 0
            assert run_in(str(group), work) == 0
            assert probe.maps["seen"][place] >= 1

        def refused() -> None:
            with pytest.raises(PermissionError):
                work()

        if decides:
            with load(name, refuse=True) as probe:
                link = probe.programs[name].attach(cgroup=group)
                assert run_in(str(group), refused) == 0
                link.detach()
                assert run_in(str(group), work) == 0


def test_a_system_call_program_writes_into_its_context():
    features.since("5.14", "programs of syscall")
    asked = struct.pack("=QQ", 21, 0)
    with load("answer") as probe:
        run = probe.programs["answer"].test_run(context=asked)
        assert (run.retval, run.context) == (7, struct.pack("=QQ", 21, 42))
        assert asked == struct.pack("=QQ", 21, 0), "the caller's own bytes stay as they are"
        assert probe.attach() == []
        with pytest.raises(Error, match=r"this kind is not attached; it is run by test_run\(\)$"):
            probe.programs["answer"].attach()


@pytest.mark.parametrize(
    "wrong", [{}, {"data": bytes(20)}, {"context": bytes(8)}, {"context": bytes(16), "repeat": 3}]
)
def test_what_a_system_call_program_takes(wrong):
    features.since("5.14", "programs of syscall")
    with (
        load("answer") as probe,
        pytest.raises(
            Error, match=r"a syscall program takes context=, at least as many bytes as it reads of it"
        ),
    ):
        probe.programs["answer"].test_run(**wrong)


def test_a_security_hook_of_a_control_group():
    features.since("6.0", "lsm_cgroup")
    features.needs_types()
    features.needs_jit("lsm_cgroup")
    with network.cgroup() as group, load("hook", refuse=True) as probe:
        with unless_no_trampolines():
            probe.programs["hook"].attach(cgroup=group)
        bind()
        assert probe.maps["seen"][HOOK] == 0

        def refused() -> None:
            with pytest.raises(PermissionError):
                bind()

        assert run_in(str(group), refused) == 0
        assert probe.maps["seen"][HOOK] == 1


def test_a_result_is_modified():
    features.since("5.7", "fmod_ret")
    features.needs_types()
    with load("modify", refuse=True) as probe:
        with unless_no_trampolines():
            link = probe.programs["modify"].attach()
        assert LIBC.getpgid(os.getpid()) == -1, "0 for ourselves would not be asked for"
        assert ctypes.get_errno() == 1
        assert probe.maps["seen"][MODIFY] == 1
        link.detach()
        assert LIBC.getpgid(os.getpid()) == os.getpgrp()


def test_the_way_into_a_function_of_a_program():
    features.since("5.6", "fentry of a program")
    features.needs_jit("fentry of a program")
    with zig_probes.spec("links/extensions").load() as target:
        run = target.programs["filter"].test_run
        with load("inside", targets={"inside": target.programs["filter"]}) as probe:
            with unless_no_trampolines():
                link = probe.programs["inside"].attach()
            run(PACKET)
            assert probe.maps["seen"][INSIDE] == 1
            link.detach()
            run(PACKET)
            assert probe.maps["seen"][INSIDE] == 1


@contextlib.contextmanager
def netkit():
    """The primary side of a netkit device whose peer is beside it: asked of the kernel, for not every iproute2 can."""
    features.since("6.7", "netkit")
    name = f"nk{os.getpid() % 100000}"
    data = attribute(_INFO_KIND, b"netkit") + attribute(_INFO_DATA, attribute(_NETKIT_MODE, _L3))
    body = bytes(16) + attribute(_IFNAME, name.encode() + bytes(1)) + attribute(_LINKINFO, data)
    route = Route()
    try:
        flags = netlink.ACKNOWLEDGE | netlink.CREATE | netlink.EXCLUSIVE
        route.request(_NEWLINK, flags, body, command="RTM_NEWLINK", what=name)
    except SystemCallError as error:
        pytest.skip(f"needs a kernel with CONFIG_NETKIT=y: {error}")
    finally:
        route.close()
    try:
        yield name
    finally:
        network.ip("link", "del", name)


# RTM_NEWLINK and IFLA_* of include/uapi/linux/rtnetlink.h and if_link.h
_NEWLINK, _IFNAME, _LINKINFO, _INFO_KIND, _INFO_DATA, _NETKIT_MODE = 16, 3, 18, 1, 2, 5
_L3 = (1).to_bytes(4, sys.byteorder)


def test_netkit():
    with netkit() as name, load("primary", "peer") as probe:
        network.ip("address", "add", "198.19.9.1/24", "dev", name)
        (peer,) = [other for _, other in socket.if_nameindex() if other != name and other.startswith("nk")]
        network.ip("link", "set", name, "up")
        network.ip("link", "set", peer, "up")
        links = [probe.programs[side].attach(interface=name) for side in ("primary", "peer")]
        assert [link.info["kind"] for link in links] == ["netkit", "netkit"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode())
            sender.sendto(b"x", ("198.19.9.2", 9))
            assert probe.maps["seen"][PRIMARY] >= 1
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, peer.encode())
            network.ip("address", "add", "198.19.8.1/24", "dev", peer)
            sender.sendto(b"x", ("198.19.8.2", 9))
            assert probe.maps["seen"][PEER] >= 1


def test_netkit_of_another_interface():
    features.since("6.7", "netkit")
    with load("primary") as probe:
        with pytest.raises(
            Error, match=r"interface 'lo'.*(is no netkit device|\n.*CONFIG_NETKIT=y)"
        ) as caught:
            probe.programs["primary"].attach(interface="lo")
        assert "needs Linux" not in str(caught.value), "this kernel is new enough"
        with pytest.raises(NotFoundError, match="no network interface 'nk-none'"):
            probe.programs["primary"].attach(interface="nk-none")


def test_a_breakpoint():
    """At a number of this process; ctypes writes to it."""
    number = ctypes.c_uint64(0)
    with load("sample") as probe:
        attach, seen = probe.programs["sample"].attach, probe.maps["seen"]
        try:
            link = attach(event="breakpoint", address=ctypes.addressof(number), pid=os.getpid())
        except SystemCallError as error:
            if "has no breakpoints" in str(error) or "CONFIG_HAVE_HW_BREAKPOINT" in str(error):
                pytest.skip(
                    "needs a machine with breakpoints that its kernel uses: CONFIG_HAVE_HW_BREAKPOINT=y"
                )
            raise
        for value in range(5):
            number.value = value
        if not seen[SAMPLE] and sys.platform == "linux" and os.uname().machine != "x86_64":
            link.close()
            pytest.skip("this machine is emulated without breakpoints")
        assert seen[SAMPLE] == 5
        link.close()
        number.value = 7
        assert seen[SAMPLE] == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"event": "breakpoint"}, "takes address=, of a process"),
        ({"event": "breakpoint", "address": 8, "access": "look"}, "option 'access' is one of read, write"),
        ({"event": "breakpoint", "address": 8, "size": 3}, "option 'size' is 1, 2, 4 or 8, not 3"),
        ({"event": "breakpoint", "address": 8, "frequency": 9}, "a breakpoint has no frequency="),
        ({"address": 8}, "option 'address' goes with event='breakpoint'"),
    ],
)
def test_mistakes_with_breakpoints(options, message):
    with load("sample") as probe:
        with pytest.raises(ValueError, match=message):
            probe.programs["sample"].attach(**options)
        assert probe.links == []
