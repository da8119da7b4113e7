"""libbpf as the judge of what can be attached here: where a section says enough, both attach it, or neither."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from pyzbpf.errors import Error
from tests.support import features, libbpf, network, zig_probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.runtime.object import Object

ENOENT = 2
TRACEPOINTS = ("tracepoint", "tp")
TRACEFS = Path("/sys/kernel/tracing/events")

# Probe, its programs whose sections say all; none stands for all of them.
PROBES = [
    ("tracepoints", ()),
    ("cookies", ()),
    ("tp_btf", ()),
    ("iterators", ()),
    ("kprobes", ()),
    ("functions", ()),
    ("links/calls", ()),
    ("links/kinds", ("modify",)),
    ("links/sections", ("raw_tracepoint",)),
    ("links/sections", ("raw_tp_w", "raw_tracepoint_w")),
    ("links/sections", ("fentry_s", "fexit_s", "fmod_ret_s")),
    ("links/sections", ("lsm_s",)),
    ("links/sections", ("iter_s",)),
]


@pytest.mark.parametrize(("name", "names"), PROBES)
def test_both_attach_or_neither(name: str, names: tuple[str, ...]) -> None:
    features.needs_types()
    spec = zig_probes.spec(name)
    names = names or tuple(n for n, program in spec.programs.items() if program.autoload)
    probe = loaded(name, *names)
    if probe is None:  # of this kernel or its policy: then libbpf does not load it, either
        with pytest.raises(AssertionError):
            libbpf.attaches(zig_probes.path(name), names)
        return
    theirs = libbpf.attaches(zig_probes.path(name), names)
    with probe:
        assert sorted(theirs) == sorted(probe.programs)
        for program_name, errno in theirs.items():
            ours = refusal(probe, program_name)
            if errno == ENOENT and spec.programs[program_name].kind in TRACEPOINTS and not TRACEFS.exists():
                errno = 0  # it looks only where tracefs may be mounted, and we find it without
            assert bool(errno) == bool(ours), (program_name, errno, ours)


def loaded(name: str, *names: str) -> Object | None:
    """The probe with these programs, or None where it is refused."""
    spec = zig_probes.spec(name)
    for program_name, program in spec.programs.items():
        program.autoload = program_name in names
    try:
        return spec.load()
    except Error:
        return None


def refusal(probe: Object, name: str, **options: object) -> str:
    """What is said when the program is attached, or ""."""
    try:
        probe.programs[name].attach(**options).close()
    except Error as error:
        return str(error)
    return ""


# Of kinds that are told where: probe, program, libbpf's function, our option, what it is given.
KINDS = "connect bind post_bind sendmsg peer_name release sysctl getsockopt setsockopt device sockops"
SECTIONS = "sock bind6 post_bind6 connect6 sendmsg6 recvmsg4 recvmsg6 getpeername6 getsockname4 getsockname6"
UNIX = (
    "connect_unix sendmsg_unix recvmsg_unix getpeername_unix getsockname_unix"  # libbpf knows them since 1.3
)


@pytest.mark.parametrize(
    ("probe", "name", "where"),
    [
        *(("links/kinds", name, "cgroup") for name in KINDS.split()),
        *(("links/sections", name, "cgroup") for name in SECTIONS.split()),
        *(("links/sections", name, "cgroup") for name in UNIX.split()),
        *(("network", name, "cgroup") for name in ("cgroup_in", "cgroup_out", "created")),
        ("links/sockets", "lookup", "netns"),
        ("links/sockets", "dissector", "netns"),
        ("packets", "bytes", "xdp"),
        ("links/sections", "xdp_frags", "xdp"),
    ],
)
def test_both_attach_there_or_neither(probe: str, name: str, where: str) -> None:
    features.since({"cgroup": "5.7", "netns": "5.8", "xdp": "5.9"}[where], f"links of {where}")
    if name in UNIX.split() and libbpf.version() < (1, 3):
        pytest.skip("needs libbpf 1.3, which knows the sections of Unix sockets")
    with network.veth() as pair, network.cgroup() as group, contextlib.ExitStack() as files:
        ours, target = {
            "cgroup": ({"cgroup": str(group)}, str(group)),
            "netns": ({}, "/proc/thread-self/ns/net"),
            "xdp": ({"interface": pair.name}, ""),
        }[where]
        if target:
            number = os.open(target, os.O_RDONLY)
            files.callback(os.close, number)
        else:
            number = socket.if_nametoindex(pair.name)

        def theirs() -> int:
            return libbpf.attaches_to(zig_probes.path(probe), name, f"bpf_program__attach_{where}", number)

        made = loaded(probe, name)
        if made is None:
            with pytest.raises(AssertionError):
                theirs()
            return
        with made:
            errno, said = theirs(), refusal(made, name, **ours)
            assert bool(errno) == bool(said), (errno, said)
            assert not errno, "each of these is attached by every kernel that takes it"
