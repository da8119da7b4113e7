"""libbpf as the judge of what can be attached here: where a section says enough, both attach it, or neither.

Not asked about, as Debian 12's libbpf 1.1 has no function for them: tcx, netkit, netfilter and uprobe.multi (1.3), sessions
and fentry.multi (later); nor infrared receivers, which no kernel of ours has.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from pyzbpf.elf import executable
from pyzbpf.errors import Error
from pyzbpf.kernel import perf_event
from pyzbpf.uapi import enums as e
from tests.kernel.test_many import kernel_names
from tests.support import features, libbpf, libbpf_attach, network, targets, zig_probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.runtime.object import Object

ENOENT, EBUSY = 2, 16
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
            libbpf_attach.attaches(zig_probes.path(name), names, libbpf_attach.by_section)
        return
    theirs = libbpf_attach.attaches(zig_probes.path(name), names, libbpf_attach.by_section)
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
    # It has programs that are loaded by the kernel's types, for which libbpf looks first.
    if probe == "packets":
        features.needs_types()
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
            return libbpf_attach.attaches(zig_probes.path(probe), (name,), libbpf_attach.to(where, number))[
                name
            ]

        made = loaded(probe, name)
        if made is None:
            with pytest.raises(AssertionError):
                theirs()
            return
        with made:
            errno, said = theirs(), refusal(made, name, **ours)
            assert bool(errno) == bool(said), (errno, said)
            assert not errno, "each of these is attached by every kernel that takes it"


def both(probe: str, name: str, way: libbpf_attach.Way, **options: object) -> tuple[int, str]:
    """Libbpf's errno and our refusal for one program; both 0 and "" where it was attached."""
    path = zig_probes.path(probe)
    made = loaded(probe, name)
    if made is None:
        with pytest.raises(AssertionError):
            libbpf_attach.attaches(path, (name,), way)
        return 1, "it is not loaded"
    with made:
        maps = {option: made.maps[value] for option, value in options.items() if option == "map"}
        return libbpf_attach.attaches(path, (name,), way)[name], refusal(made, name, **{**options, **maps})


def test_both_attach_to_a_file() -> None:
    features.needs_to_know_the_machine()
    path = targets.program()
    offset = executable.function_offset(str(path), "target_add")
    errno, said = both(
        "uprobes", "entered", libbpf_attach.to_file(path, offset), path=str(path), offset=offset
    )
    assert (errno, said) == (0, "")


def test_both_attach_to_a_sample() -> None:
    """Libbpf is given an event, which it closes with its link."""
    features.needs_to_know_the_machine()
    event = perf_event.sample("cpu-clock", 99, "an event", by_frequency=True, cpu=0, thread=None)
    assert event is not None
    with event:
        errno, said = both("samples", "sample", libbpf_attach.to("perf_event", os.dup(event.fileno())), cpu=0)
    assert (errno, said) == (0, "")


def test_both_attach_to_many_functions() -> None:
    features.since("5.18", "kprobe.multi")
    features.needs_types()  # libbpf reads them for other programs of the object, even if they are not loaded
    features.needs_to_know_the_machine()
    function = next(iter(kernel_names()))
    errno, said = both("links/many", "kernel_in", libbpf_attach.to_functions(function), functions=function)
    assert bool(errno) == bool(said), (errno, said)


@pytest.mark.parametrize(
    ("name", "attach_type"),
    [
        ("parser", e.BPF_SK_SKB_STREAM_PARSER),
        ("verdict", e.BPF_SK_SKB_STREAM_VERDICT),
        ("message", e.BPF_SK_MSG_VERDICT),
    ],
)
def test_both_attach_to_sockets_of_a_map(name: str, attach_type: int) -> None:
    assert both("links/sockets", name, libbpf_attach.to_map("sockets", attach_type), map="sockets") == (0, "")


@pytest.mark.parametrize(("direction", "point"), [("ingress", 1), ("egress", 2)])
def test_both_attach_a_filter(direction: str, point: int) -> None:
    with network.veth() as pair:
        way = libbpf_attach.to_clsact(socket.if_nametoindex(pair.name), point)
        assert both("network", "classifier", way, interface=pair.name, direction=direction) == (0, "")


def test_both_register_a_struct_of_functions() -> None:
    features.needs_types()
    features.needs_jit("a struct of functions")
    theirs = libbpf_attach.attaches(
        zig_probes.path("links/structs"), (), libbpf_attach.registered("pyzbpf_plain")
    )
    # It can be registered once: for the first of its programs, and is refused for the others.
    assert sorted(theirs.values()) == [0, EBUSY, EBUSY]
    with zig_probes.spec("links/structs").load() as probe:
        probe.maps["pyzbpf_plain"].attach().detach()


def test_both_replace_a_function() -> None:
    features.needs_types()
    features.needs_jit("freplace")
    path = zig_probes.path("links/extensions")
    with zig_probes.spec("links/extensions").load() as target:
        place = target.programs["filter"]
        spec = zig_probes.spec("links/extensions")
        spec.programs["filter"].autoload, spec.programs["other"].autoload = False, True

        def theirs() -> int:
            found = libbpf_attach.attaches(
                path, ("other",), libbpf_attach.by_section, target=(place.fileno(), "decide")
            )
            return found["other"]

        try:
            made = spec.load(targets={"other": place})
        except Error:  # of this kernel or its policy
            with pytest.raises(AssertionError):
                theirs()
            return
        with made:
            errno, said = theirs(), refusal(made, "other")
            assert bool(errno) == bool(said), (errno, said)
