"""Sections that have no test of their own: a program of each is attached, caused to run, and seen to have run."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pyzbpf.errors import Error, NotFoundError, UnsupportedError
from pyzbpf.kernel import commands
from pyzbpf.kernel.features.attach import FEATURES as ATTACHED
from pyzbpf.kernel.features.programs import FEATURES
from pyzbpf.uapi import since
from tests.kernel.test_cgroup import run_in
from tests.kernel.test_kinds import bind, tcp, unless_no_trampolines
from tests.kernel.test_uprobe import libc_file
from tests.support import features, network, zig_probes
from tests.support.bpf_fs import mounted
from tests.support.probes import PACKET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyzbpf.maps.base import KernelMap
    from pyzbpf.runtime.object import Object

PATIENCE = 30
LIBC = ctypes.CDLL(None)
TEST_FUNCTION = "6.2"  # 5b481acab4ce: bpf_fentry_test1 may sleep
SLEEPABLE_TRACEPOINTS = "7.2"
LOOPBACK = 1  # its number in every network namespace


@contextlib.contextmanager
def loaded(*names: str) -> Iterator[Object]:
    """Programs of the probe; skipped where no loader could load them."""
    spec = zig_probes.spec("links/sections")
    for name, program in spec.programs.items():
        program.autoload = program.autoattach = name in names
    for map in spec.maps.values():
        map.autocreate = features.has_map(map.type)
    spec.variables["wanted"].value = os.getpid()
    with unless_no_trampolines():
        probe = spec.load()
    with probe:
        yield probe


def runs(probe: Object) -> int:
    return probe.variables["runs"].value


@pytest.fixture
def elsewhere() -> Iterator[network.Veth]:
    """This thread in a network namespace of its own, where loopback is up."""
    with network.veth() as pair, pair.other_side():
        yield pair


def wait(condition: Callable[[], bool]) -> None:
    """For what another thread of the kernel does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- processes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "times", "first", "option"),
    [
        ("uprobe_s", 1, since.SLEEPABLE_UPROBES, "symbol"),
        ("uretprobe_s", 1, since.SLEEPABLE_UPROBES, "symbol"),
        ("uprobe_multi_s", 1, since.UPROBE_MULTI, "symbols"),
        ("uretprobe_multi_s", 1, since.UPROBE_MULTI, "symbols"),
        ("uprobe_session_s", 2, since.UPROBE_SESSION, "symbols"),
    ],
)
def test_functions_of_a_library(name: str, times: int, first: str, option: str) -> None:
    """A session runs on the way out, too."""
    features.since(first, name)
    with loaded(name) as probe:
        link = probe.programs[name].attach(path=libc_file(), **{option: "getpgid"})
        LIBC.getpgid(0)
        assert runs(probe) == times
        link.detach()
        LIBC.getpgid(0)
        assert runs(probe) == times


# -- tracepoints --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["raw_tracepoint", "raw_tracepoint_s", "raw_tp_s", "tp_btf_s", "tracepoint_s", "tp_s"]
)
def test_tracepoints(name: str) -> None:
    """Those of system calls may sleep."""
    if name.endswith("_s"):
        features.since(SLEEPABLE_TRACEPOINTS, name)
    if name == "tp_btf_s":
        features.needs_types()
    with loaded(name) as probe:
        link = probe.programs[name].attach()
        os.getppid()
        os.getppid()
        link.detach()
        seen = runs(probe)
        assert seen >= 2
        os.getppid()
        assert runs(probe) == seen


@pytest.mark.parametrize("name", ["raw_tracepoint_w", "raw_tp_w"])
def test_a_tracepoint_whose_arguments_can_be_written(name: str) -> None:
    """That at the end of a test run, of which the program itself can have none."""
    features.since("5.2", name)
    with loaded(name, "to_device") as probe:
        link = probe.programs[name].attach()
        probe.programs["to_device"].test_run(PACKET)
        assert runs(probe) == 1
        link.detach()
        probe.programs["to_device"].test_run(PACKET)
        assert runs(probe) == 1


# -- functions of the kernel --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "times", "first"),
    [
        ("fentry_s", 1, TEST_FUNCTION),
        ("fexit_s", 1, TEST_FUNCTION),
        ("fmod_ret_s", 1, TEST_FUNCTION),
        ("fsession", 2, since.FSESSION),
        ("fsession_s", 2, since.FSESSION),
        ("fentry_multi", 2, since.TRACING_MULTI),
        ("fexit_multi", 2, since.TRACING_MULTI),
        ("fsession_multi", 4, since.TRACING_MULTI),
        ("fentry_multi_s", 1, since.TRACING_MULTI),
        ("fexit_multi_s", 1, since.TRACING_MULTI),
        ("fsession_multi_s", 2, since.TRACING_MULTI),
    ],
)
def test_functions_of_the_kernel(name: str, times: int, first: str) -> None:
    """A run of another program of fentry calls them."""
    features.since(first, name)
    features.needs_types()
    features.needs_jit(name)
    if "multi" in name:
        needs_many_trampolines()
    caller = "fexit_s" if name == "fentry_s" else "fentry_s"
    with loaded(name, caller) as probe:
        with unless_no_trampolines():
            link = probe.programs[name].attach()
        probe.programs[caller].test_run()
        assert runs(probe) == times
        link.detach()
        probe.programs[caller].test_run()
        assert runs(probe) == times


def needs_many_trampolines() -> None:
    feature = next(feature for feature in ATTACHED if feature.name == "fentry multi")
    if not feature.answer().supported:
        pytest.skip(
            "fentry.multi needs CONFIG_HAVE_SINGLE_FTRACE_DIRECT_OPS=y, which machines but x86-64 have not yet"
        )


def test_a_security_hook_that_may_sleep() -> None:
    features.since("5.11", "lsm.s/file_open")  # 423f16108c9d
    features.needs_types()
    features.needs_bpf_security_module()
    with loaded("lsm_s") as probe:
        with unless_no_trampolines():
            link = probe.programs["lsm_s"].attach()
        Path(__file__).read_bytes()
        seen = runs(probe)
        assert seen >= 1
        link.detach()
        Path(__file__).read_bytes()
        assert runs(probe) == seen


def test_an_iterator_that_may_sleep() -> None:
    features.since("5.18", "iter.s")
    features.needs_types()
    with loaded("iter_s") as probe:
        assert probe.programs["iter_s"].attach().text() == ""
        assert runs(probe) >= 2, "this task, and the end"


# -- packets ------------------------------------------------------------------------------------


def send(port: int = 9, address: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", (address, port))


def tc(*arguments: str) -> None:
    program = shutil.which("tc", path=network.PATH)
    if program is None:
        pytest.skip("needs the program tc: apt-get install iproute2")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if "TC classifier not found" in done.stderr or "Failed to load TC action module" in done.stderr:
        pytest.skip(f"needs CONFIG_NET_CLS_MATCHALL and CONFIG_NET_ACT_BPF: {done.stderr}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tc_ingress", {}),
        ("tcx_egress", {}),
        ("classifier", {"direction": "egress"}),
        ("xdp_frags", {"mode": "generic"}),
    ],
)
def test_packets_of_an_interface(name: str, options: dict[str, str], elsewhere: network.Veth) -> None:
    features.since({"classifier": "4.5", "xdp_frags": "5.18"}.get(name, "6.6"), name)
    with loaded(name) as probe:
        link = probe.programs[name].attach(interface="lo", **options)
        send()
        seen = runs(probe)
        assert seen >= 1
        link.detach()
        send()
        assert runs(probe) == seen


def test_packets_in_the_driver() -> None:
    """Which veth has: those that come from the other end."""
    features.since("5.18", "xdp.frags")
    with network.veth() as pair, loaded("xdp_frags") as probe:
        link = probe.programs["xdp_frags"].attach(interface=pair.name, mode="native")
        with pair.other_side():
            send(address=pair.address)
        wait(lambda: runs(probe) >= 1)
        link.detach()
        seen = runs(probe)
        with pair.other_side():
            send(address=pair.address)
        assert runs(probe) == seen


def test_an_action_of_traffic_control(elsewhere: network.Veth, tmp_path: Path) -> None:
    with loaded("action") as probe:
        with pytest.raises(Error, match="pin it, and name it in a command of tc"):
            probe.programs["action"].attach()
        with mounted(tmp_path / "bpf") as folder:
            probe.programs["action"].pin(folder / "action")
            tc("qdisc", "add", "dev", "lo", "clsact")
            tc(
                "filter",
                "add",
                "dev",
                "lo",
                "ingress",
                "matchall",
                "action",
                "bpf",
                "pinned",
                str(folder / "action"),
            )
            send()
            assert runs(probe) >= 1
            tc("qdisc", "del", "dev", "lo", "clsact")


@pytest.mark.parametrize("name", ["xdp_devmap", "xdp_frags_devmap", "xdp_cpumap", "xdp_frags_cpumap"])
def test_programs_of_device_and_cpu_maps(name: str, elsewhere: network.Veth) -> None:
    """On the way to the device or CPU that a program of XDP has sent the packet to."""
    frags = "frags" in name
    features.since("5.18" if frags else "5.15", f"{name} for packets of generic XDP")
    kind = name.rpartition("_")[2]
    sender = f"to_{'device' if kind == 'devmap' else 'cpu'}{'_frags' if frags else ''}"
    with loaded(name, sender) as probe:
        with pytest.raises(Error, match="its descriptor is put into a"):
            probe.programs[name].attach()
        first, map = (LOOPBACK, "devices") if kind == "devmap" else (192, "cpus")  # a queue of 192 packets
        value = struct.pack("=Ii", first, probe.programs[name].fileno())
        commands.map_update(probe.maps[map].fileno(), bytes(4), value)
        with probe.programs[sender].attach(interface="lo", mode="generic"):
            send()
            wait(lambda: runs(probe) >= 1)


@pytest.mark.parametrize("name", ["lwt_in", "lwt_out", "lwt_xmit"])
def test_programs_of_routes(name: str, elsewhere: network.Veth, tmp_path: Path) -> None:
    """Routes of this test's network namespace, which go with it."""
    direction = name.removeprefix("lwt_")
    with loaded(name) as probe:
        with pytest.raises(Error, match="name it in a route"):
            probe.programs[name].attach()
        with mounted(tmp_path / "bpf") as folder:
            probe.programs[name].pin(folder / "program")
            program = ("encap", "bpf", direction, "pinned", str(folder / "program"))
            if direction == "in":
                network.ip("route", "add", "table", "local", "local", "192.0.2.1/32", *program, "dev", "lo")
            else:
                network.ip("route", "add", "192.0.2.1/32", *program, "dev", "lo")
            send(address="192.0.2.1")
            assert runs(probe) >= 1


def test_a_program_of_segment_routing(tmp_path: Path) -> None:
    """One route gives the packet its segments; the first of them, across the wire, is where the program is."""
    with network.veth() as pair, loaded("lwt_seg6local") as probe, mounted(tmp_path / "bpf") as folder:
        probe.programs["lwt_seg6local"].pin(folder / "program")
        there = ("-n", pair.namespace, "-6")
        network.ip("-6", "address", "add", "fd00:1::1/64", "dev", pair.name, "nodad")
        network.ip(*there, "address", "add", "fd00:1::2/64", "dev", pair.other_name, "nodad")
        program = ("action", "End.BPF", "endpoint", "pinned", str(folder / "program"))
        network.ip(
            *there, "route", "add", "fd00:2::1/128", "encap", "seg6local", *program, "dev", pair.other_name
        )
        with pair.other_side():
            for name in (pair.other_name, "all"):
                Path(f"/proc/sys/net/ipv6/conf/{name}/seg6_enabled").write_text("1")
        by = ("via", "fd00:1::2", "dev", pair.name)
        network.ip("-6", "route", "add", "fd00:2::1/128", *by)
        network.ip(
            "-6", "route", "add", "fd00:3::1/128", "encap", "seg6", "mode", "inline", "segs", "fd00:2::1", *by
        )
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("fd00:3::1", 9))
        wait(lambda: runs(probe) >= 1)


# -- sockets ------------------------------------------------------------------------------------


def put(map: KernelMap, key: int, socket: socket.socket) -> None:
    descriptor = socket.fileno().to_bytes(map.spec.value_size, sys.byteorder)
    commands.map_update(map.fileno(), key.to_bytes(4, sys.byteorder), descriptor)


@pytest.mark.parametrize(
    ("name", "options"), [("verdict", {}), ("unnamed_verdict", {"kind": "sk_skb/stream_verdict"})]
)
def test_what_comes_into_the_sockets_of_a_map(name: str, options: dict[str, str]) -> None:
    if name == "verdict":
        features.since("5.13", "sk_skb/verdict")
    with loaded(name) as probe, tcp() as (near, far):
        if options:
            with pytest.raises(Error, match=r"attach it with kind='sk_skb/stream_parser'"):
                probe.programs[name].attach(map=probe.maps["sockets"])
        probe.programs[name].attach(map=probe.maps["sockets"], **options)
        put(probe.maps["sockets"], 0, far)
        near.sendall(b"x")
        far.settimeout(PATIENCE)
        assert far.recv(9) == b"x"
        assert runs(probe) == 1
        commands.map_delete(probe.maps["sockets"].fileno(), bytes(4))


def test_a_connection_that_moves_to_another_listener() -> None:
    """Linux 5.14: when its listener is closed, the program is asked again."""
    features.since("5.14", "sk_reuseport/migrate")
    with loaded("migrate") as probe, contextlib.ExitStack() as sockets:
        first, second = (sockets.enter_context(socket.socket()) for _ in range(2))
        for one in (first, second):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.settimeout(PATIENCE)
        first.bind(("127.0.0.1", 0))
        first.listen()
        probe.programs["migrate"].attach(socket=first)
        client = sockets.enter_context(socket.create_connection(first.getsockname(), timeout=PATIENCE))
        assert runs(probe) == 1
        second.bind(first.getsockname())
        second.listen()
        first.close()
        moved, address = second.accept()
        moved.close()
        assert address == client.getsockname()
        assert runs(probe) == 2


INFRARED = next(feature for feature in FEATURES if feature.name == "lirc_mode2")


def test_a_type_that_the_kernel_was_built_without() -> None:
    if INFRARED.answer().supported is not False:
        pytest.skip("needs a kernel without CONFIG_BPF_LIRC_MODE2, and the privilege to load")
    with (
        pytest.raises(UnsupportedError, match=r"kind 'lirc_mode2'.*\n.*CONFIG_BPF_LIRC_MODE2=y") as caught,
        loaded("infrared"),
    ):
        pass
    assert caught.value.exit_code == 4


def test_an_infrared_receiver() -> None:
    """rc-loopback hears what is sent to it."""
    feature = INFRARED
    if not feature.answer().supported:
        pytest.skip(
            f"no infrared receivers: {feature.answer().reason}; needs CONFIG_BPF_LIRC_MODE2=y, which takes CONFIG_RC_CORE=y"
        )
    receivers = [
        device
        for device in Path("/sys/class/rc").glob("rc*/lirc*")
        if "rc-loopback" in (device.parent / "uevent").read_text()
    ]
    if not receivers:
        pytest.skip("needs the module rc-loopback (CONFIG_RC_LOOPBACK)")
    path = f"/dev/{receivers[0].name}"
    with loaded("infrared") as probe:
        link = probe.programs["infrared"].attach(device=path)
        with open(path, "r+b", buffering=0) as device:
            device.write(struct.pack("=III", 100, 100, 100))  # pulse, space, pulse
            wait(lambda: runs(probe) >= 3)
            link.detach()
            seen = runs(probe)
            device.write(struct.pack("=III", 100, 100, 100))
            assert runs(probe) == seen


# -- control groups -----------------------------------------------------------------------------


def bind6() -> None:
    with socket.socket(socket.AF_INET6) as one:
        one.bind(("::1", 0))


def connect6() -> None:
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server,
        socket.socket(socket.AF_INET6) as client,
    ):
        client.connect(server.getsockname())
        client.getpeername()


@contextlib.contextmanager
def unix(type: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A bound socket and another that knows its address, which is a file: the programs are not asked for others."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, type) as server,
        socket.socket(socket.AF_UNIX, type) as client,
    ):
        server.bind(f"{folder}/server")
        client.bind(f"{folder}/client")
        yield server, client


def connect_unix() -> None:
    with unix(socket.SOCK_STREAM) as (server, client):
        server.listen()
        client.connect(server.getsockname())
        client.getpeername()


def datagram_unix() -> None:
    with unix(socket.SOCK_DGRAM) as (server, client):
        client.sendto(b"x", server.getsockname())
        server.settimeout(PATIENCE)
        server.recvfrom(9)


def datagram(family: int, address: str) -> None:
    with (
        socket.socket(family, socket.SOCK_DGRAM) as server,
        socket.socket(family, socket.SOCK_DGRAM) as client,
    ):
        server.bind((address, 0))
        client.sendto(b"x", server.getsockname())
        server.settimeout(PATIENCE)
        server.recvfrom(9)


def datagram4() -> None:
    datagram(socket.AF_INET, "127.0.0.1")


def datagram6() -> None:
    datagram(socket.AF_INET6, "::1")


UNIX = "6.7"
# Program -> the first kernel that has it, what it is asked about.
GROUPS: dict[str, tuple[str, Callable[[], None]]] = {
    "sock": ("5.7", bind),
    "bind6": ("5.7", bind6),
    "post_bind6": ("5.7", bind6),
    "connect6": ("5.7", connect6),
    "connect_unix": (UNIX, connect_unix),
    "sendmsg6": ("5.7", datagram6),
    "sendmsg_unix": (UNIX, datagram_unix),
    "recvmsg4": ("5.7", datagram4),
    "recvmsg6": ("5.7", datagram6),
    "recvmsg_unix": (UNIX, datagram_unix),
    "getpeername6": ("5.8", connect6),
    "getpeername_unix": (UNIX, connect_unix),
    "getsockname4": ("5.8", datagram4),
    "getsockname6": ("5.8", datagram6),
    "getsockname_unix": (UNIX, datagram_unix),
}


@pytest.mark.parametrize("name", GROUPS)
def test_control_groups(name: str) -> None:
    """In the group only."""
    first, work = GROUPS[name]
    features.since(first, f"the program {name} of a control group")
    with network.cgroup() as group, loaded(name) as probe:
        link = probe.programs[name].attach(cgroup=group)
        work()
        assert runs(probe) == 0
        assert run_in(str(group), work) == 0
        seen = runs(probe)
        assert seen >= 1
        link.detach()
        assert run_in(str(group), work) == 0
        assert runs(probe) == seen


@pytest.mark.parametrize("kind", ["cgroup_skb/ingress", "cgroup_skb/egress"])
def test_packets_of_a_group_either_way(kind: str) -> None:
    with network.cgroup() as group, loaded("cgroup_skb") as probe:
        with pytest.raises(Error, match=r"does not say which way; attach\(kind='cgroup_skb/ingress'\)"):
            probe.programs["cgroup_skb"].attach(cgroup=group)
        probe.programs["cgroup_skb"].attach(kind=kind, cgroup=group)
        datagram4()
        assert runs(probe) == 0
        assert run_in(str(group), datagram4) == 0
        assert runs(probe) == 1


def test_what_many_functions_are_chosen_by() -> None:
    features.needs_types()
    if features.is_older(since.TRACING_MULTI):
        with pytest.raises((Error, UnsupportedError)), loaded("fentry_multi") as probe:
            probe.programs["fentry_multi"].attach(functions="bpf_fentry_test1")
        return
    features.needs_jit("fentry.multi")
    needs_many_trampolines()
    with loaded("fentry_multi", "fentry_s") as probe:
        attach = probe.programs["fentry_multi"].attach
        with pytest.raises(Error, match=r"no function 'bpf_fentry_test'.*bpf_fentry_test"):
            attach(functions=["bpf_fentry_test"])
        with pytest.raises(Error, match="no function of the kernel that can be traced fits"):
            attach(functions="no_such_*")
        assert probe.links == []
        link = attach(functions={"bpf_fentry_test1": 7, "bpf_fentry_test2": 8})
        assert link.target == "fentry.multi at 'bpf_fentry_test1' and 1 more"
        assert link.info["kind"] == "tracing_multi"
        probe.programs["fentry_s"].test_run()
        assert runs(probe) == 2


def test_a_pattern_takes_what_a_trampoline_takes() -> None:
    """seq_printf, which has as many arguments as it is given, is left out; without that all would be refused."""
    features.needs_types()
    features.since(since.TRACING_MULTI, "fentry.multi")
    features.needs_jit("fentry.multi")
    needs_many_trampolines()
    with loaded("fentry_multi") as probe:
        attach = probe.programs["fentry_multi"].attach
        link = attach(functions="seq_p*")
        assert re.search(
            r"^fentry\.multi at 'seq_p\w+' and \d+ more without 'seq_printf', which takes any", link.target
        )
        Path("/proc/self/status").read_bytes()
        seen = runs(probe)
        assert seen > 1
        link.detach()
        Path("/proc/self/status").read_bytes()
        assert runs(probe) == seen
        with pytest.raises(
            NotFoundError, match=r"fits 'seq_print\[f\]' without 'seq_printf', which takes any number"
        ):
            attach(functions="seq_print[f]")
        with pytest.raises(
            UnsupportedError, match=r"fentry\.multi at 'seq_printf', which takes any number of arguments, is"
        ):
            attach(functions=["seq_putc", "seq_printf"])
        assert probe.links == []
