"""Maps that a probe pins by name: each kind is found again by the second load, with what the first left in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyzbpf.errors import Error
from pyzbpf.uapi.enums import BPF_F_NO_PREALLOC
from tests.kernel.test_cgroup import run_in, send
from tests.support import features, network, zig_probes
from tests.support.bpf_fs import mounted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.runtime.object import Object

PACKET = bytes(range(100))
LENGTH = 86  # a socket filter sees the packet behind its Ethernet header
ADDRESS = 1 << 44  # of the arena
CGROUP_INET_EGRESS = 1  # enum bpf_attach_type
# What `with` was not used on.
UNPINNED = {"inner", ".rodata", ".data.traps"}


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "bpf") as root:
        folder = root / "pins"  # the kernel may keep files of its own in the root (CONFIG_BPF_PRELOAD)
        folder.mkdir()
        yield folder


def loaded(pins: Path, *programs: str) -> Object:
    """These programs, with the maps that this kernel has."""
    spec = zig_probes.spec("pinning/maps")
    spec.variables["watched"].value = os.getpid()
    for map in spec.maps.values():
        map.autocreate = features.has_map(map.type)
    spec.maps["shared"].map_extra = ADDRESS
    for name, program in spec.programs.items():
        program.autoload = name in programs
    return spec.load(pin_root=pins)


def ids(probe: Object) -> dict[str, int]:
    return {name: map.info["id"] for name, map in probe.maps.items() if name not in UNPINNED}


def test_every_kind_is_found_again(pins: Path) -> None:
    with loaded(pins, "last") as probe:
        first, kinds = ids(probe), {name: type(map) for name, map in probe.maps.items()}
        assert sorted(os.listdir(pins)) == sorted(first)
        assert probe.maps["by_length"].info["map_flags"] == BPF_F_NO_PREALLOC
    with loaded(pins, "last") as probe:
        assert ids(probe) == first
        assert {name: type(map) for name, map in probe.maps.items()} == kinds


def test_numbers_and_references_go_on(pins: Path) -> None:
    for times in (1, 2):
        with loaded(pins, "count", "last") as probe:
            assert probe.programs["count"].test_run(PACKET).retval == 2  # the other's, by a tail call
            maps = probe.maps
            assert maps["packets"].value == times
            assert maps["by_length"].sums() == {LENGTH: times}
            assert maps["sizes"].hist().sum == LENGTH * times
            assert maps["sizes_by_length"].hists()[LENGTH].sum == LENGTH * times
            assert maps["inner"][LENGTH] == 1
            assert not probe.traps


def test_values_of_a_group_go_on(pins: Path) -> None:
    with network.cgroup() as group:
        for times in (1, 2):
            with loaded(pins, "of_group") as probe, probe.programs["of_group"].attach(cgroup=group):
                assert run_in(group, lambda: send(3, 20)) == 0
                key = os.stat(group).st_ino, CGROUP_INET_EGRESS
                assert probe.maps["local"][key] == 3 * times
                assert sum(probe.maps["local_by_cpu"][key]) == 3 * times
                assert not probe.traps


def test_an_arena_needs_an_address(pins: Path) -> None:
    """The kernel lets the second map it where the first did, and tells nobody where that was."""
    spec = zig_probes.spec("pinning/maps")
    with pytest.raises(Error, match=r"Set spec.maps\['shared'\].map_extra"):
        spec.load(pin_root=pins)
    assert os.listdir(pins) == []


def test_stacks_and_events_go_on(pins: Path) -> None:
    for times in (1, 2):
        with loaded(pins, "traced") as probe:
            with probe.programs["traced"].attach():
                os.getppid()
            assert sum(probe.maps["samples"].sums().values()) >= times
            assert probe.maps["events"].read()[0] == 1
            assert not probe.traps
