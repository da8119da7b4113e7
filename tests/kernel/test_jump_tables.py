"""Switches of cpu v4 that are jump tables: the kernel jumps where the compiler meant."""

from __future__ import annotations

import os

import pytest

import pyzbpf
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import PrivilegeError, UnsupportedError
from pyzbpf.kernel import commands, inventory
from pyzbpf.runtime import jump_tables
from pyzbpf.runtime.program import Program
from pyzbpf.uapi.attrs import MAP_INFO
from pyzbpf.uapi.enums import BPF_MAP_TYPE_INSN_ARRAY
from tests.support import c_probes, features
from tests.support.probes import PACKET
from tests.support.zig_probes import need_compiler

# As tests/zig/c/jump_tables.c has them: (case, what it stores); it returns one less.
CHOOSE = dict(enumerate((17, 3, 90, 41, 8, 66, 5, 72, 19, 33, 1, 54, 27, 80, None, 12, 99, 63)))
SHARED = dict(enumerate((7, 18, 2, 31, 50, 44, 83, 29, 4, 61, 11, 95, 38, 20, 76, 57), 3))
# What a table is left at that the number is not for.
OTHERS = {"choose": 1000, "first": 12000, "second": 22000}


def opened(*names: str):
    spec = pyzbpf.open(c_probes.path("jump_tables", "-mcpu=v4"))
    for program in spec.programs.values():
        program.autoload = program.name in (names or spec.programs)
    return spec


def needs_indirect_jumps() -> None:
    features.needs_map(BPF_MAP_TYPE_INSN_ARRAY)
    features.needs_jit("an indirect jump")
    if os.uname().machine not in ("x86_64", "aarch64"):
        pytest.skip(f"the kernel's JIT for {os.uname().machine} has no indirect jumps; x86-64 and arm64 have")


def test_every_place_of_the_tables():
    needs_indirect_jumps()
    with opened().load() as probe:
        for number in range(-1, 21):
            probe.variables["asked"].value = number % (1 << 32)
            for name, cases, base in (("choose", CHOOSE, 0), ("first", SHARED, 10000)):
                _check(probe, name, cases.get(number), base)
            _check(probe, "second", SHARED.get(number + 1), 20000)


def _check(probe, name: str, result: int | None, base: int) -> None:
    probe.variables["seen"].value = 0
    returned = probe.programs[name].test_run(PACKET).retval
    expected = (OTHERS[name], 0) if result is None else (base + result - 1, result)
    assert (returned, probe.variables["seen"].value) == expected, name


def test_each_program_has_a_frozen_map_of_its_own():
    needs_indirect_jumps()
    with opened("first", "second").load() as probe:
        tables = [_tables(probe.programs[name]) for name in ("first", "second")]
        assert len({*tables[0], *tables[1]}) == 2, "the subprogram lies in both programs, at another place"
        (number,) = tables[0]
        with commands.by_id("map", number) as fd:
            info = commands.object_info(fd.fileno(), MAP_INFO)
            assert (info["max_entries"], info["key_size"], info["value_size"]) == (len(SHARED), 4, 16)
            assert bytes(info["name"]).rstrip(b"\0") == b".jumptables"
            with pytest.raises(PrivilegeError):
                commands.map_update(fd.fileno(), bytes(4), bytes(16))


def _tables(program: Program) -> set[int]:
    """The ids of the maps of instructions that the program uses."""
    loaded = {(found.kind, found.id): found for found in inventory.everything()}
    maps = loaded["program", int(program.info["id"])].details["maps"]
    return {number for number in maps if loaded["map", number].type == "insn_array"}


def test_kernels_without_such_maps_and_programs_without_tables():
    if features.has_map(BPF_MAP_TYPE_INSN_ARRAY):
        pytest.skip("this kernel has instruction arrays; one before 6.19 refuses them")
    with pytest.raises(UnsupportedError, match=r"(?s)'BPF\.JT.*needs Linux 6\.19.*-fno-jump-tables"):
        opened().load()
    with opened("without").load() as probe:
        assert probe.programs["without"].test_run(PACKET).retval == 5


def test_our_own_builds_have_none(tmp_path):
    """They are to run on kernels from 6.6 on, which know the other instructions of cpu v4."""
    features.since("6.6", "cpu v4")
    need_compiler()
    (path,) = build_probe(
        c_probes.FOLDERS[0] / "jump_tables.c", cpu="v4", endian="host", output_directory=tmp_path
    )
    spec = pyzbpf.open(path)
    assert not any(function.tables for function in spec.functions.values())
    with spec.load() as probe:
        probe.variables["asked"].value = 2
        assert probe.programs["choose"].test_run(PACKET).retval == CHOOSE[2] - 1


def test_a_machine_whose_compiler_knows_no_such_jumps(monkeypatch):
    monkeypatch.setattr(jump_tables.limits, "sysctl", lambda _: "1")
    assert "JIT for" in jump_tables.no_jit() and "-fno-jump-tables" in jump_tables.no_jit()
    monkeypatch.setattr(jump_tables.limits, "sysctl", lambda _: "0")
    assert "bpf_jit_enable=1" in jump_tables.no_jit()
