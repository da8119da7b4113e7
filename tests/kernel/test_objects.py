"""What C objects put into their maps when they are loaded: maps, programs, pins, structs of functions, arenas."""

from __future__ import annotations

import os

import pytest

import pyzbpf
from pyzbpf.errors import Error, NotFoundError, ObjectError, UnsupportedError, VerifierError
from tests.support import c_probes, features
from tests.support.bpf_fs import mounted
from tests.support.probes import PACKET


def corpus(name: str):
    return pyzbpf.open(c_probes.path(name))


@pytest.fixture
def pins(tmp_path):
    """A folder in a BPF file system that goes away again."""
    with mounted(tmp_path / "bpf") as root:
        folder = root / "pins"  # the kernel may keep files of its own in the root (CONFIG_BPF_PRELOAD)
        folder.mkdir()
        yield str(folder)


def test_maps_and_programs_are_in_place():
    spec = corpus("maps_in_maps")
    assert spec.maps["outer"].values == [(0, "first"), (2, "second")]
    assert spec.maps["jumps"].values == [(1, "called")]
    inner = spec.maps["empty"].inner
    assert inner is not None
    assert (inner.type, inner.key_size, inner.value_size, inner.max_entries) == (1, 8, 8, 16)
    with spec.load() as probe:
        assert probe.programs["entry"].test_run(PACKET).retval == 77
        assert probe.maps["second"][1] == 5
        assert probe.maps["first"][1] == 0
        assert probe.maps["outer"][2] == probe.maps["second"].info["id"]


def test_a_program_that_stays_out_leaves_its_place_empty():
    spec = corpus("maps_in_maps")
    spec.programs["called"].autoload = False
    with spec.load() as probe:
        assert probe.programs["entry"].test_run(PACKET).retval == 4


def test_a_map_that_is_not_created_is_named():
    spec = corpus("maps_in_maps")
    spec.maps["by_key"].autocreate = False
    with pytest.raises(VerifierError, match="use of the map 'by_key', which was not created"):
        spec.load()
    spec.programs["entry"].autoload = False
    with spec.load() as probe:
        assert "by_key" not in probe.maps


def test_a_map_of_maps_that_does_not_say_of_which():
    spec = corpus("maps_in_maps")
    spec.maps["outer"].inner = None
    with pytest.raises(ObjectError, match=r"spec.maps\['outer'\].inner"):
        spec.load()


def test_a_map_of_another_kind_in_a_map_of_maps():
    spec = corpus("maps_in_maps")
    spec.maps["second"].value_size = 8
    spec.maps["second"].value_type = 0
    with pytest.raises(
        Error, match=r"map 'outer', element 2: 'second': it must be like .* value_size is 8, not 4"
    ):
        spec.load()


def test_a_pinned_map_outlives_the_object_and_is_used_again(pins):
    spec = corpus("pinned")
    with spec.load(pin_root=pins) as probe:
        assert os.listdir(pins) == ["pyzbpf_pinned"]
        assert probe.programs["count"].test_run(PACKET).retval == 1
    with spec.load(pin_root=pins) as probe:
        assert probe.programs["count"].test_run(PACKET).retval == 2
        assert probe.maps["pyzbpf_pinned"][2] == 2


def test_a_pinned_map_of_another_kind_is_not_used(pins):
    corpus("pinned").load(pin_root=pins).close()
    spec = corpus("pinned")
    spec.maps["pyzbpf_pinned"].max_entries = 5
    with pytest.raises(
        Error, match=f"pinned at {pins}/pyzbpf_pinned already, as another map: max_entries is 4, not 5"
    ):
        spec.load(pin_root=pins)
    assert os.listdir(pins) == ["pyzbpf_pinned"]


def test_a_load_that_fails_leaves_no_pin(pins):
    spec = corpus("pinned")
    spec.maps["near"].autocreate = False
    with pytest.raises(VerifierError, match="near"):
        spec.load(pin_root=pins)
    assert os.listdir(pins) == []


def test_a_folder_where_nothing_can_be_pinned(pins, tmp_path):
    with pytest.raises(NotFoundError, match="no folder"):
        corpus("pinned").load(pin_root=f"{pins}/nowhere")
    with pytest.raises(Error, match="in no BPF file system"):
        corpus("pinned").load(pin_root=tmp_path)


def test_a_struct_of_functions_has_the_kernels_layout():
    features.since("6.4", "struct_ops links")
    features.needs_jit("a struct of functions")
    spec = corpus("struct_ops")
    assert not spec.maps["pyzbpf_other"].autocreate
    with spec.load() as probe:
        assert "only_of_the_other" not in probe.programs
        assert "pyzbpf_other" not in probe.maps
        found = probe.maps["pyzbpf_mine"]
        assert b"pyzbpf_mine\0" in found.value
        assert len(found.value) == found.info["value_size"]
        for name in ("ssthresh", "cong_avoid", "undo_cwnd"):
            assert probe.programs[name].fileno().to_bytes(8, "little") in found.value


def test_a_function_that_no_struct_names():
    features.since("6.4", "struct_ops links")
    features.needs_jit("a struct of functions")
    spec = corpus("struct_ops")
    spec.maps["pyzbpf_mine"].values = []
    spec.maps["pyzbpf_other"].values = []
    with pytest.raises(ObjectError, match="no struct of functions refers to the program"):
        spec.load()


def test_a_struct_that_the_kernel_does_not_have():
    features.needs_types()
    spec = corpus("struct_ops")
    struct = spec.btf.get(spec.maps["pyzbpf_mine"].value_type)
    struct.name = "no_such_ops"
    with pytest.raises(UnsupportedError, match="bpf_struct_ops_no_such_ops"):
        spec.load()


def test_variables_in_an_arena():
    features.since("6.9", "arenas")
    features.needs_jit("an arena")
    spec = corpus("arena")
    assert spec.maps["arena"].map_extra == 1 << 44
    spec.variables["counter"].value = 9
    with spec.load() as probe:
        assert probe.maps["arena"].address == 1 << 44
        assert probe.programs["touch"].test_run(context=bytes(8)).retval == 13
        assert probe.variables["counter"].value == 10
        assert probe.variables["numbers"].value == [1, 2, 13, 4]
        probe.variables["counter"].value = 1
        assert probe.programs["touch"].test_run(context=bytes(8)).retval == 15
        arena = probe.maps["arena"]
    assert arena.closed
    with pytest.raises(ValueError, match="closed"):
        arena.load(0, 4)


@pytest.mark.parametrize("name", ["maps_in_maps", "struct_ops", "arena", "hidden", "two_maps"])
def test_the_kernel_takes_the_type_information(name):
    features.since("6.9", "arenas, and structs of functions with links")
    if name in ("struct_ops", "arena"):
        features.needs_jit(name)
    with corpus(name).load() as probe:
        assert probe.btf_error is None


def test_a_tag_makes_an_argument_the_context():
    """Before Linux 6.8 by a prototype for each type of program."""
    features.since("6.0", "enums of 64 bits")
    features.needs_types()  # by which the verifier knows the context
    with corpus("context").load() as probe:
        assert probe.programs["program"].test_run(PACKET).retval == len(PACKET)
        assert set(probe.programs) == {"program", "other"}
