"""Programs of control groups, from a Zig probe: packets and sockets of a child process."""

from __future__ import annotations

import os
import socket

import pytest

from pyzbpf.errors import Error, NotFoundError, PrivilegeError
from pyzbpf.kernel import cgroup as kernel_cgroup
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import failure
from tests.support import child, network, zig_probes

PATIENCE = 30
IN, OUT, CREATED = 0, 1, 2
HEADERS = 20 + 8  # of IPv4 and UDP: what a cgroup program sees of a packet begins there


def send(count: int, size: int) -> None:
    """Datagrams to ourselves."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        for _ in range(count):
            sender.sendto(bytes(size), receiver.getsockname())
            assert len(receiver.recv(size)) == size


@pytest.fixture
def spec():
    found = zig_probes.spec("network")
    for name, program in found.programs.items():
        program.autoload = name in ("cgroup_in", "cgroup_out", "created")
    return found


@pytest.fixture
def group():
    with network.cgroup() as folder:
        yield str(folder)


def run_in(folder: str, work) -> int:
    """Do ``work()`` in a child process of that cgroup; its exit status (0: it returned)."""

    def join_and_work() -> None:
        with open(f"{folder}/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))
        work()

    return child.run(join_and_work)


def test_packets_and_sockets_of_one_group(spec, group):
    with spec.load() as probe:
        names = ("cgroup_in", "cgroup_out", "created")
        links = [probe.programs[name].attach(cgroup=group) for name in names]
        assert [link.kind for link in links] == [
            "cgroup_skb/ingress",
            "cgroup_skb/egress",
            "cgroup/sock_create",
        ]
        assert links[1].target == f"cgroup_skb/egress of cgroup '{group}'"
        seen = probe.maps["seen"]
        send(3, 100)
        assert [seen[n] for n in (IN, OUT, CREATED)] == [0, 0, 0], "this process is not in the group"
        assert run_in(group, lambda: send(5, 100)) == 0
        assert [seen[n] for n in (IN, OUT, CREATED)] == [5, 5, 2]
        for link in links:
            link.detach()
            link.detach()
        assert run_in(group, lambda: send(5, 100)) == 0
        assert [seen[n] for n in (IN, OUT, CREATED)] == [5, 5, 2]


def test_a_group_by_name_and_a_packet_refused(spec, group):
    spec.variables["dropped_length"].value = 200 + HEADERS
    with spec.load() as probe:
        probe.programs["cgroup_out"].attach(cgroup=os.path.basename(group))

        def work() -> None:
            send(1, 100)
            with (
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
                pytest.raises(PermissionError),
            ):
                sender.sendto(bytes(200), ("127.0.0.1", 9))

        assert run_in(group, work) == 0
        assert probe.maps["seen"][OUT] == 2


def test_another_kind_of_the_same_type(spec, group):
    with spec.load() as probe:
        link = probe.programs["cgroup_in"].attach(kind="cgroup_skb/egress", cgroup=group)
        assert (link.kind, link.target) == ("cgroup_skb/egress", f"cgroup_skb/egress of cgroup '{group}'")
        assert run_in(group, lambda: send(2, 10)) == 0
        assert probe.maps["seen"][IN] == 2
        with pytest.raises(Error, match=r"loaded as a program of kind 'cgroup_skb/ingress'.*'xdp'"):
            probe.programs["cgroup_in"].attach(kind="xdp", interface="lo")


def test_mistakes(spec, group):
    with spec.load() as probe:
        with pytest.raises(Error, match=r"attach\(cgroup='.*/mytool'\)"):
            probe.attach()
        with pytest.raises(Error, match=r"say for which cgroup"):
            probe.attach(cgroup="")
        with pytest.raises(NotFoundError, match=r"cgroup '.*/nothing': No such file.*cgroup2 is mounted at"):
            probe.attach(cgroup=f"{group}/nothing")
        with pytest.raises(Error, match=r"'/tmp' is no cgroup of version 2; cgroup2 is mounted at"):
            probe.attach(cgroup="/tmp")
        with pytest.raises(NotFoundError, match="Not a directory"):
            probe.attach(cgroup=f"{group}/cgroup.procs")
        assert probe.links == []


def test_a_refusal_names_programs_above(spec, group, monkeypatch):
    def refuse(*_, capability, **__):
        raise failure(1, command="BPF_LINK_CREATE", capability=capability)

    monkeypatch.setattr(commands, "link_create", refuse)
    with spec.load() as probe, pytest.raises(PrivilegeError, match="BPF_F_ALLOW_MULTI") as caught:
        probe.programs["cgroup_in"].attach(cgroup=group)
    assert caught.value.capability == "CAP_NET_ADMIN"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw", "/sys/fs/cgroup"),
        ("30 23 0:26 / /mnt/a\\040b\\134c rw - cgroup2 none rw", "/mnt/a b\\c"),
        ("30 23 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", None),
        ("30 23 0:26 / /cgroup2 rw - tmpfs cgroup2 rw", None),
    ],
)
def test_the_mount_table(monkeypatch, tmp_path, line, place):
    table = tmp_path / "mountinfo"
    table.write_text("22 1 8:1 / / rw - ext4 /dev/vda rw\n" + line + "\n")
    monkeypatch.setattr(kernel_cgroup, "_MOUNTS", str(table))
    assert kernel_cgroup.mount_point() == place
    if place is None:
        with pytest.raises(NotFoundError, match="cgroup2 is not mounted here; mount it: "):
            kernel_cgroup.directory("mytool")
