"""cilium/ebpf, which shares no code with libbpf, as a witness: of 2022 as Debian 12 has it, and the newest.

What an edition refuses, it refuses for a reason that can be read off the object; the reasons are in tables
with its own words, and a row that is not true any more fails, too. Everything else loads, and the kernel then
holds the same code.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

import pyzbpf
from pyzbpf.adapt import attach_target
from pyzbpf.btf import types as kinds
from pyzbpf.errors import Error
from tests.support import cilium, zig_probes
from tests.support.bpf_fs import mounted
from tests.support.bpftool import BPFTOOL, pinned, xlated
from tests.support.core_answers import LOCAL_TYPE_ID
from tests.support.require import missing
from tests.support.sent import in_order_of_calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyzbpf.spec.model import ObjectSpec, ProgramSpec
    from tests.support.sent import Instruction

ENDIANS = ["little", "big"]


class Limit(NamedTuple):
    """What an edition cannot do, whether an object asks for it, and what it then says."""

    reason: str
    concerns: Callable[[ObjectSpec], bool]


def has_type(kind: int) -> Callable[[ObjectSpec], bool]:
    return lambda spec: spec.btf is not None and any(found and found.kind == kind for found in spec.btf.types)


def has_extern(*wanted: str, weak: bool = False) -> Callable[[ObjectSpec], bool]:
    return lambda spec: any(e.kind in wanted and e.weak >= weak for e in spec.externs.values())


def has_typed_symbol(spec: ObjectSpec) -> bool:
    return any(e.kind == "ksym" and e.type_id for e in spec.externs.values())


def reads_kernel_types(spec: ObjectSpec, program: ProgramSpec) -> bool:
    return attach_target.needed(program) or any(function.core for function in spec.functions.values())


OPEN_LIMITS = {
    "0.9.1": [
        Limit("reference to .kconfig: not supported", has_extern("kconfig")),
        Limit("reference to .ksyms: not supported", has_extern("ksym", "kfunc")),
        Limit("unknown kind: Unknown (17)", has_type(kinds.DECL_TAG)),
        Limit("unknown kind: Unknown (19)", has_type(kinds.ENUM64)),
    ],
    "0.22.0": [
        Limit("unsupported binding: STB_WEAK", has_extern("kconfig", weak=True)),
        Limit("to be *Void, not *btf.Var", has_typed_symbol),
    ],
}
# It cannot read the kernel's types: they have 64-bit enums since Linux 6.0.
KERNEL_TYPES = {"0.9.1": "unknown kind: Unknown (19)", "0.22.0": ""}
# (edition, probe, program): libbpf and the kernel say 0 for the size and the id of a type that the kernel
# does not have, cilium/ebpf poisons the instruction. Not to be read off the object without its code.
POISONED = "bad CO-RE relocation: invalid func unknown#195896080"
# A member is declared wider than it is in the kernel: libbpf makes the load narrower, cilium/ebpf does not.
WIDE = "access beyond the end of member flags"
PROGRAMS_REFUSED = {
    ("0.22.0", "core", "ask"): POISONED,
    ("0.22.0", "core_twin", "lacking"): POISONED,
    ("0.22.0", "core_twin", "loads"): WIDE,
}


@pytest.fixture(params=cilium.EDITIONS)
def edition(request: pytest.FixtureRequest) -> cilium.Edition:
    if BPFTOOL is None:
        missing("bpftool", "needs bpftool: apt-get install bpftool")
    return cilium.edition(request.param)


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "bpf") as folder:
        yield folder


def table_of(edition: cilium.Edition) -> str:
    """The edition whose rows hold: for one newer than all, the newest. It may do more than they say."""
    return edition.version if edition.version in OPEN_LIMITS else max(OPEN_LIMITS, key=numbers)


def limits(edition: cilium.Edition, spec: ObjectSpec) -> list[str]:
    """Why this edition cannot open the object; it says which it has met first."""
    return [found.reason for found in OPEN_LIMITS[table_of(edition)] if found.concerns(spec)]


def limit(edition: cilium.Edition, name: str, spec: ObjectSpec, program: ProgramSpec) -> str:
    """Why it cannot load a program that it has opened; "" where it can."""
    table = table_of(edition)
    general = KERNEL_TYPES[table] if reads_kernel_types(spec, program) else ""
    return PROGRAMS_REFUSED.get((table, name, program.name), general)


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def loads_alone(path: Path, wanted: str) -> bool:
    """Whether we load this program of an object, of which the kernel refuses another."""
    spec = pyzbpf.open(path)
    for name, program in spec.programs.items():
        program.autoload = name == wanted
    try:
        spec.load().close()
    except Error:
        return False
    return True


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("name", zig_probes.EVERY)
def test_it_reads_what_we_read(name: str, endian: str, edition: cilium.Edition) -> None:
    path = zig_probes.path(name, endian=endian)
    spec, read = pyzbpf.open(path), edition.load(path)
    reasons = limits(edition, spec)
    if reasons and (read["error"] or edition.version in OPEN_LIMITS):
        assert any(reason in read["error"] for reason in reasons), read["error"]
        return
    assert read["error"] == ""
    assert read["order"] == {"little": "LittleEndian", "big": "BigEndian"}[endian]
    programs = {name: {"type": found.type, "section": found.section} for name, found in spec.programs.items()}
    assert {name: found for name, found in read["programs"].items() if name in programs} == programs
    for map_name, found in spec.maps.items():
        expected = {"type": found.type, "key": found.key_size, "value": found.value_size}
        seen = read["maps"][map_name]
        assert {key: seen[key] for key in expected} == expected, map_name


@pytest.mark.parametrize("name", [name for name in zig_probes.EVERY if name != "indexes"])  # 212 alike
def test_it_loads_what_we_load(name: str, edition: cilium.Edition, bpffs: Path) -> None:
    path = zig_probes.path(name)
    spec = pyzbpf.open(path)
    if limits(edition, spec):
        return  # the test above has seen why
    seen = edition.load(path, bpffs)
    assert seen["error"] == ""
    try:
        probe = spec.load()
    except Error:  # of this kernel, then; test_bpftool.py knows which may be
        probe = None
    if probe is None:
        assert sorted(seen["refused"]) == sorted(
            name for name in spec.programs if not loads_alone(path, name)
        )
        return
    with probe:
        for program_name, program in probe.programs.items():
            refusal = seen["refused"].get(program_name, "")
            reason = limit(edition, name, spec, spec.programs[program_name])
            if reason and (refusal or edition.version in OPEN_LIMITS):
                assert reason in refusal, program_name
                continue
            assert refusal == ""
            there = pinned(bpffs / program_name)
            ours, theirs = (comparable(xlated(number), spec) for number in (program.info["id"], there["id"]))
            assert ours == theirs, program_name


def comparable(code: list[Instruction], spec: ObjectSpec) -> list[list[Instruction]]:
    """The code without what an edition may do in its own way, and what means the same.

    It appends subprograms in another order, does not put the object's name before those of data
    sections, and gives the object's types other ids.
    """
    if any(kind == LOCAL_TYPE_ID for function in spec.functions.values() for *_, kind in function.core):
        code = [one._replace(immediate=0) if one.high == 0 and one.map is None else one for one in code]
    return in_order_of_calls(
        [
            one._replace(map="." + one.map.partition(".")[2]) if one.map and "." in one.map else one
            for one in code
        ]
    )
