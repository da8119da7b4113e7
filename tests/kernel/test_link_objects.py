"""Links as objects: found again, pinned, given another program, put in order, and ended with their process."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

import pyzbpf
from pyzbpf import Link
from pyzbpf.errors import Error, NotFoundError, PrivilegeError, SystemCallError, UnsupportedError
from pyzbpf.kernel import inventory
from tests.kernel.test_uprobe import LIBC, NAME, libc_file
from tests.support import child, features, network, zig_probes
from tests.support.bpf_fs import mounted

PATIENCE = 30
TCX_IN = 4


@pytest.fixture
def bpffs(tmp_path):
    with mounted(tmp_path / "bpf") as folder:
        yield folder


def tcx(length: int = 0):
    """The tcx programs of the probe `network`, which drop packets of one length."""
    features.since("6.6", "tcx")
    spec = zig_probes.spec("network")
    for name, program in spec.programs.items():
        program.autoload = name == "tcx_in"
    spec.variables["dropped_length"].value = length
    return spec.load()


def arrived(pair: network.Veth, payload: int) -> bool:
    """Whether a datagram from the other end comes through; one of another length follows it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((pair.address, 0))
        receiver.settimeout(PATIENCE)
        with pair.other_side():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sender:
            for size in (payload, 1):
                sender.sendto(bytes(size), receiver.getsockname())
        return len(receiver.recv(2000)) == payload


def frame(payload: int) -> int:
    return 14 + 20 + 8 + payload


@pytest.fixture
def pair():
    with network.veth() as found:
        yield found


def test_found_by_its_id(pair):
    with tcx(frame(100)) as probe:
        link = probe.programs["tcx_in"].attach(interface=pair.name)
        info = link.info
        assert (info["kind"], info["ifindex"]) == ("tcx", socket.if_nametoindex(pair.name))
        assert info["prog_id"] == probe.programs["tcx_in"].info["id"]
        with Link.by_id(int(info["id"])) as same:
            assert (same.info, same.program, same.kind) == (info, "tcx_in", "tcx")
        assert not arrived(pair, 100), "one of two descriptors is closed"
        Link.by_id(int(info["id"])).detach()
        assert arrived(pair, 100), "by force, for the other is still open"
        assert link.attached
    with pytest.raises(SystemCallError, match="link 4294967294"):
        Link.by_id(2**32 - 2)
    with pytest.raises(TypeError, match="the id of a link is an int, not 'a'"):
        Link.by_id("a")


def test_what_is_said_of_user_probes():
    features.since("5.15", "links of uprobes")
    with zig_probes.spec("uprobes").load() as probe:
        link = probe.programs["entered"].attach(path=libc_file(), symbol=NAME, cookie=5)
        if not features.is_older("6.10"):
            assert (link.info["file_name"], link.info["cookie"]) == (libc_file(), 5)
        with pytest.raises(UnsupportedError, match=r"which others may hold(.|\n)*pyzbpf list"):
            Link.by_id(int(link.info["id"])).detach()
        with pytest.raises(UnsupportedError, match=r"link of kind 'uprobe'(.|\n)*for a moment both run"):
            link.update(probe.programs["returned"])


def test_what_has_no_link():
    with zig_probes.spec("historic").load() as probe:
        link = probe.programs["bpf_prog"].attach()
        for ask in (
            lambda: link.info,
            lambda: link.pin("/nowhere"),
            lambda: link.update(probe.programs["bpf_prog"]),
        ):
            with pytest.raises(UnsupportedError, match=r"of packets of interface 'lo'(.|\n)*no link for it"):
                ask()
        link.close()
        with pytest.raises(ValueError, match="is closed"):
            link.pin("/nowhere")


def test_pinned_it_outlives_its_process(pair, bpffs):
    """The process is killed; what it pinned goes on, and ends when it is detached."""
    features.since("6.6", "tcx")
    path = bpffs / "link"
    script = (
        "import os, signal, sys, pyzbpf\n"
        "spec = pyzbpf.open(sys.argv[1])\n"
        "for name, program in spec.programs.items(): program.autoload = name == 'tcx_in'\n"
        "spec.variables['dropped_length'].value = int(sys.argv[2])\n"
        "probe = spec.load()\n"
        "probe.programs['tcx_in'].attach(interface=sys.argv[3]).pin(sys.argv[4])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script, zig_probes.path("network"), str(frame(100)), pair.name, path]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not arrived(pair, 100)
    link = Link.pinned(path)
    assert link.program == "tcx_in"
    link.close()
    assert path.exists()
    assert not arrived(pair, 100)
    Link.pinned(path).detach()
    assert not path.exists()
    assert arrived(pair, 100)


def test_not_pinned_it_ends_with_its_process(pair):
    """Kill -9 and an end without a word are the same: no descriptor, no link."""
    features.since("6.6", "tcx")
    read, write = os.pipe()

    def attach_and_wait() -> None:
        probe = tcx(frame(100))
        probe.programs["tcx_in"].attach(interface=pair.name)
        os.write(write, b"x")
        signal.pause()

    process = child.start(attach_and_wait)
    os.close(write)
    try:
        assert os.read(read, 1) == b"x"
        assert not arrived(pair, 100)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(read)
    assert arrived(pair, 100)


def test_a_child_process_takes_nothing_away(pair):
    with tcx(frame(100)) as probe:
        probe.attach(interface=pair.name)
        assert child.run(probe.close) == 0
        assert not arrived(pair, 100)
        assert probe.links[0].attached


def test_pins_removed_with_their_link(bpffs):
    with zig_probes.spec("uprobes").load() as probe:
        if features.is_older("5.15"):
            pytest.skip("links of uprobes need Linux 5.15")
        link = probe.programs["entered"].attach(path=libc_file(), symbol=NAME)
        link.pin(bpffs / "one")
        link.pin(bpffs / "two")
        with pytest.raises(Error, match="one is there already"):
            link.pin(bpffs / "one")
        with pytest.raises(NotFoundError, match=r"there is no folder .*/none\n.*mount -t bpf"):
            link.pin(bpffs / "none" / "x")
        with pytest.raises(PrivilegeError, match="is in no BPF file system"):
            link.pin(bpffs.parent / "x")
        with pytest.raises(PrivilegeError, match=r"its name has a '\.'"):
            link.pin(bpffs / "x.1")
        link.detach()
        assert not {"one", "two"} & set(os.listdir(bpffs))
        with pytest.raises(NotFoundError, match="nothing is pinned there"):
            Link.pinned(bpffs / "one")
        LIBC.getpriority(0, 0)
        assert probe.maps["calls"].read(1, timeout=0) == []


def test_another_program_without_a_gap(pair):
    with tcx(frame(100)) as first, tcx(frame(200)) as second, tcx() as third:
        link = first.programs["tcx_in"].attach(interface=pair.name)
        assert not arrived(pair, 100)
        for given in (5, None, "tcx_in"):
            with pytest.raises(TypeError, match="takes a loaded program"):
                link.update(given)
        link.update(second.programs["tcx_in"], old=first.programs["tcx_in"])
        assert arrived(pair, 100)
        assert not arrived(pair, 200)
        with pytest.raises(Error, match=r"another program than 'tcx_in'|not attached there now"):
            link.update(third.programs["tcx_in"], old=first.programs["tcx_in"])
        assert not arrived(pair, 200)


def test_order_of_an_interface(pair):
    """One drops what the other counts: it depends on who is first."""
    with tcx(frame(100)) as dropping, tcx() as counting:
        attach, seen = counting.programs["tcx_in"].attach, counting.maps["seen"]
        drop = dropping.programs["tcx_in"].attach(interface=pair.name)

        def counted() -> bool:
            before = seen[TCX_IN]
            arrived(pair, 100)
            return seen[TCX_IN] - before == 2

        with attach(interface=pair.name):
            assert not counted()
        for before in (drop, dropping.programs["tcx_in"], "all"):
            with attach(interface=pair.name, before=before):
                assert counted(), before
        with attach(interface=pair.name, after=drop):
            assert not counted()
        with pytest.raises(ValueError, match="before= or after=, not both"):
            attach(interface=pair.name, before="all", after="all")
        with pytest.raises(TypeError, match="option 'before' is a link, a program or 'all', not 'first'"):
            attach(interface=pair.name, before="first")
        with tcx() as other, pytest.raises(SystemCallError, match=r"is not (attached )?there"):
            attach(interface=pair.name, before=other.programs["tcx_in"])
        with (
            zig_probes.spec("historic").load() as other,
            pytest.raises(SystemCallError, match="names is no tcx link or program"),
        ):
            attach(interface=pair.name, before=other.programs["bpf_prog"])


def test_order_of_a_control_group():
    spec = zig_probes.spec("network")
    for name, program in spec.programs.items():
        program.autoload = name == "cgroup_out"
    with network.cgroup() as group, spec.load() as probe, spec.load() as other:
        first = probe.programs["cgroup_out"].attach(cgroup=group)
        listed = {thing.id: thing for thing in inventory.everything() if thing.kind == "link"}
        assert listed[first.info["id"]].details["attach_type"] == "cgroup_inet_egress"
        refusal = ""
        try:
            second = other.programs["cgroup_out"].attach(cgroup=group, before=first)
        except UnsupportedError as error:
            refusal = str(error)
        if refusal:  # not wherever the kernel is older: 6.12.117 has it, too
            assert features.is_older("6.17")
            assert re.search(r"before= and after=(.|\n)*6\.17", refusal)
            return
        assert attached_to(group, first.info["attach_type"]) == [
            other.programs["cgroup_out"].info["id"],
            probe.programs["cgroup_out"].info["id"],
        ]
        second.detach()
        other.programs["cgroup_out"].attach(cgroup=group, after=first)
        with pytest.raises(SystemCallError, match="is not attached there"):
            probe.programs["cgroup_out"].attach(cgroup=group, kind="cgroup_skb/ingress", after=first)
        with pytest.raises(TypeError, match="option 'after' is a link, such as attach"):
            probe.programs["cgroup_out"].attach(cgroup=group, after=other.programs["cgroup_out"])


def attached_to(group, attach_type) -> list[int]:
    """The ids of a control group's programs, in their order (BPF_PROG_QUERY)."""
    from pyzbpf.kernel import commands
    from pyzbpf.uapi import attrs, enums

    ids = (ctypes.c_uint32 * 8)()
    folder = os.open(group, os.O_RDONLY)
    try:
        values = {
            "target_fd": folder,
            "attach_type": attach_type,
            "prog_ids": ctypes.addressof(ids),
            "prog_cnt": 8,
        }
        data = commands.pack(attrs.PROG_QUERY, values)
        # Since Linux 6.17 the revision is written, too, however short the attributes are said to be.
        data.extend(bytes(attrs.PROG_QUERY_SIZE - len(data)))
        assert commands.bpf(enums.BPF_PROG_QUERY, data) == 0
        return list(ids[: commands.unpack(attrs.PROG_QUERY, data, "prog_cnt")])
    finally:
        os.close(folder)


def test_a_whole_object_pinned_and_found_again(pair, bpffs):
    """It goes on when its process has closed all; its map is read and it is taken out by the pins alone."""
    with tcx(frame(100)) as probe:
        probe.attach(interface=pair.name)
        probe.pin(bpffs / "mine")
        identity = probe.programs["tcx_in"].info["id"]
        names = set(probe.maps)  # some with dots, which no pin has
        assert any(name.startswith(".") for name in names)
        with pytest.raises(Error, match="is there already"):
            probe.pin(bpffs / "mine")
        with pytest.raises(NotFoundError, match="its folder does not exist"):
            probe.pin(bpffs / "none" / "mine")
    assert not arrived(pair, 100)
    with pyzbpf.reopen(bpffs / "mine") as found:
        assert found.programs["tcx_in"].info["id"] == identity
        assert found.maps["seen"][TCX_IN] >= 2
        assert found.links["tcx_in"].info["kind"] == "tcx"
        assert set(found.maps) == names
        with pytest.raises(KeyError, match=r"no map 'sein'; there is: .*seen"):
            found.maps["sein"]
    assert not arrived(pair, 100)
    pyzbpf.reopen(bpffs / "mine").unpin()
    assert arrived(pair, 100)
    assert not (bpffs / "mine").exists()
    with pytest.raises(NotFoundError, match="no object is pinned there"):
        pyzbpf.reopen(bpffs / "mine")


def test_a_program_at_several_places_is_pinned_at_all_of_them(bpffs):
    features.since("6.6", "tcx")
    with network.veth() as one, network.veth() as other, tcx(frame(100)) as probe:
        for pair in (one, other):
            probe.programs["tcx_in"].attach(interface=pair.name)
        probe.pin(bpffs / "mine")
        probe.close()
        assert not arrived(one, 100) and not arrived(other, 100)
        with pyzbpf.reopen(bpffs / "mine") as found:
            assert list(found.links) == ["tcx_in", "tcx_in-2"]
        pyzbpf.reopen(bpffs / "mine").unpin()
        assert arrived(one, 100) and arrived(other, 100)


def test_an_object_that_cannot_be_pinned_whole_leaves_no_name(pair, bpffs):
    with tcx() as probe:
        probe.attach(interface=pair.name)
        (bpffs / "mine").mkdir()
        (bpffs / "mine" / "links").mkdir()
        probe.links[0].pin(bpffs / "mine" / "links" / "tcx_in")
        with pytest.raises(Error, match="links/tcx_in is there already"):
            probe.pin(bpffs / "mine")
        assert os.listdir(bpffs / "mine") == ["links"]
        probe.links[0].detach()


def test_the_public_name():
    assert pyzbpf.Link is Link
