"""Finishing: each repair, on an object that looks as Zig writes it; and running twice changes nothing."""

from __future__ import annotations

import pytest

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Member, Type
from pyzbpf.elf import image as elf
from pyzbpf.elf import reader
from pyzbpf.errors import ObjectError
from pyzbpf.finish import code as codes
from pyzbpf.finish import unit as units
from pyzbpf.finish.passes import lines, members, type_names, typedefs, variables, void_types
from pyzbpf.finish.pipeline import PASSES, finish
from pyzbpf.spec.read import read
from tests.support import elf_writer
from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.objects import sample

ENDIANS = ["little", "big"]


def raw(endian: str = "little") -> bytes:
    return sample(endian, relocate_by_section=True, linkage=0)


@pytest.mark.parametrize("endian", ENDIANS)
def test_the_whole_way(endian: str) -> None:
    data = finish(raw(endian), file="probe.zig", name="probe", prefixes=[("/home/me", "")])
    image = reader.read(data, file="probe.o")
    names = {section.name for section in image.sections}
    assert not {n for n in names if n.startswith((".debug", ".eh_frame"))}
    assert b"/home/me" not in data
    symbols = {s.name for s in image.symbols if s.type not in (elf.STT_SECTION, elf.STT_FILE) and s.name}
    assert symbols == {"prog", "sub", "first", "second", "limit", "_license"}
    spec = read(data, file="probe.o", name="probe")
    assert spec.btf is not None
    by_name = {(t.kind, t.name): t for t in spec.btf.types if t is not None}
    assert by_name[kinds.STRUCT, "Event"].size == 16
    assert by_name[kinds.VAR, "second"].linkage == kinds.GLOBAL
    assert by_name[kinds.FUNC, "prog"].linkage == kinds.GLOBAL
    assert by_name[kinds.FUNC, "sub"].linkage == kinds.STATIC
    assert by_name[kinds.DATASEC, ".maps"].size == 56
    prototype = spec.btf.get(by_name[kinds.FUNC, "prog"].type)
    assert [name for name, _ in prototype.parameters] == ["arg0"]
    assert (kinds.DECL_TAG, "pyzbpf.event:second") in by_name
    assert not [
        t for t in spec.btf.types if t is not None and any(m.name == "pyzbpf_event" for m in t.members)
    ]
    assert [(r.kind, r.name) for r in spec.functions["prog"].references] == [
        ("map", "second"), ("data", ".rodata"), ("call", "sub"),
    ]  # fmt: skip
    relocations = {r.symbol.name for s in image.sections if s.is_code for r in s.relocations}
    assert {"second", "limit"} <= relocations


@pytest.mark.parametrize("endian", ENDIANS)
def test_finishing_twice_changes_nothing(endian: str) -> None:
    once = finish(raw(endian), file="probe.zig", name="probe")
    assert finish(once, file="probe.zig", name="probe") == once


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.__module__.rpartition(".")[2])
def test_each_pass_may_run_twice(step: object) -> None:
    work = units.read(raw(), file="probe.zig")
    for done in PASSES:
        done(work)
        if done is step:
            done(work)
    again = units.read(raw(), file="probe.zig")
    for done in PASSES:
        done(again)
    assert units.write(work) == units.write(again)


def unit_of(*types: Type) -> units.Unit:
    work = units.Unit(elf.Image(file="a", endian="little"))
    for found in types:
        work.add_type(found)
    return work


def test_typedefs_only_zig_can_spell_give_way() -> None:
    optional, pointer = Type(kinds.TYPEDEF, "?*Node", type=2), Type(kinds.PTR, "*Node", type=3)
    node = Type(kinds.STRUCT, "probe.Node", size=8)
    node.members = [Member("next", 1, 0)]
    alias = Type(kinds.TYPEDEF, "good", type=3)
    work = unit_of(optional, pointer, node, alias)
    typedefs.run(work)
    assert node.members[0].type == 2 and work.types[1] is None and work.types[4] is alias
    assert pointer.name == ""


def test_typedefs_of_typedefs_give_way_together() -> None:
    work = unit_of(
        Type(kinds.TYPEDEF, "??u8", type=2), Type(kinds.TYPEDEF, "?u8", type=3), Type(kinds.INT, "u8", size=1)
    )
    user = Type(kinds.PTR, type=1)
    work.add_type(user)
    typedefs.run(work)
    assert user.type == 3


def test_void_is_type_zero_and_nobodys_member() -> None:
    result = Type(kinds.STRUCT, "error{A}!void", size=2)
    result.members = [Member("payload", 1, 16), Member("error", 2, 0)]
    pointer = Type(kinds.PTR, type=1)
    work = unit_of(Type(kinds.INT, "void"), Type(kinds.INT, "u16", size=2), result, pointer)
    void_types.run(work)
    assert pointer.type == 0 and [m.name for m in result.members] == ["error"]


def test_members_are_sorted_by_offset() -> None:
    loose = Type(kinds.STRUCT, "Loose", size=16)
    loose.members = [Member("small", 1, 96), Member("large", 1, 0)]
    members.run(unit_of(loose))
    assert [m.name for m in loose.members] == ["large", "small"]


def test_names_are_cs() -> None:
    struct, number = Type(kinds.STRUCT, "probe.Pair(u32,u8)", size=8), Type(kinds.INT, "c_char", size=1)
    struct.members = [Member("with space", 2, 0)]
    enum = Type(kinds.ENUM, "error{A,B}", size=4)
    enum.values = [("not ok", 1)]
    type_names.run(unit_of(struct, number, enum))
    assert (struct.name, struct.members[0].name, number.name) == ("Pair_u32_u8", "with_space", "char")
    assert (enum.name, enum.values) == ("error_A_B", [("not_ok", 1)])


def test_two_types_of_one_c_name_are_refused() -> None:
    one, other = Type(kinds.STRUCT, "a.Event", size=8), Type(kinds.STRUCT, "b.Event", size=4)
    with pytest.raises(ObjectError, match=r"'a\.Event' and 'b\.Event' are both 'Event' in C, and differ"):
        type_names.run(unit_of(one, other))
    same = [Type(kinds.STRUCT, name, size=8) for name in ("a.Event", "b.Event")]
    type_names.run(unit_of(*same))
    foreign = [Type(kinds.STRUCT, "bpf.x.Event", size=8), Type(kinds.STRUCT, "b.Event", size=4)]
    type_names.run(unit_of(*foreign))


def test_a_piece_of_a_variable_is_bytes() -> None:
    section = elf.Section(".data", type=1, flags=3, data=bytes(8))
    whole, var = Type(kinds.STRUCT, "Loose", size=16), Type(kinds.VAR, "probe.loose", type=1)
    work = unit_of(whole, var)
    work.variables[section] = [(2, 0, 8)]
    work.image.sections = [section]
    work.image.symbols = [
        elf.Symbol("loose_0", section=section, size=8, binding=elf.STB_LOCAL, type=elf.STT_OBJECT)
    ]
    variables.run(work)
    piece = work.types[var.type]
    assert var.name == "loose_0" and piece is not None and (piece.kind, piece.count) == (kinds.ARRAY, 8)


@pytest.mark.parametrize(
    ("path", "portable"),
    [
        ("/src/probes/a.zig", "a.zig"), ("/src/sdk/map/hash.zig", "bpf/map/hash.zig"), ("/opt/zig/lib/std/mem.zig", "mem.zig"),
        ("relative/x.zig", "relative/x.zig"), ("/src/x/../sdk/./core.zig", "bpf/core.zig"), ("C:\\src\\y.zig", "y.zig"), ("sub\\z.zig", "sub/z.zig"),
        ("/src/probesother/a.zig", "a.zig"), ("", ""),
    ],
)  # fmt: skip
def test_file_names_leave_the_builders_folders_behind(path: str, portable: str) -> None:
    prefixes = [("/src/probes", ""), ("/src/sdk/", "bpf/")]
    assert lines.portable(path, prefixes) == portable


def test_a_line_that_is_not_in_its_file_goes() -> None:
    def with_line(text: str, column: int) -> codes.Instruction:
        instruction = codes.Instruction(0xB7)
        instruction.line = codes.Line("a.zig", text, 50 << 10 | column)
        return instruction

    section = elf.Section("xdp", type=1, flags=6)
    function = codes.Function(elf.Symbol("prog", section=section), section)
    function.instructions = [with_line("", 3), with_line("", 3), with_line("ok();", 9), with_line("ok();", 2)]
    work = unit_of()
    work.code.functions.append(function)
    lines.run(work)
    assert [i.line is not None for i in function.instructions] == [True, False, False, True]


def test_one_line_record_for_each_instruction() -> None:
    code = Asm("little").mov_imm(0, 0).raw(0x95).code
    btf = Writer()
    func = btf.func("prog", btf.prototype(btf.int("int", 4, 1), []), 1)
    rows = [(0, "a.zig", "one", 1 << 10), (8, "a.zig", "two", 2 << 10), (8, "a.zig", "three", 3 << 10)]
    ext = btf.ext({"xdp": [(0, func)]}, {"xdp": rows})
    data = elf_writer.write(
        [
            elf_writer.Section("xdp", bytes(code), elf_writer.EXEC),
            elf_writer.Section(".BTF", btf.bytes(), 0),
            elf_writer.Section(".BTF.ext", ext, 0),
        ],
        [elf_writer.Symbol("prog", "xdp", size=16)],
    )
    spec = read(finish(data, file="a.zig"), file="a.o", name="a")
    assert spec.btf is not None
    lines = spec.functions["prog"].lines
    assert [(index, spec.btf.string(text)) for index, _, text, _ in lines] == [(0, "one"), (1, "three")]
