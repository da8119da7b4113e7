"""An object's bytes -> ObjectSpec, for finished objects and for what Zig writes."""

from __future__ import annotations

import re
import struct

import pytest

from pyzbpf.errors import Error, ObjectError
from pyzbpf.spec import section
from pyzbpf.spec.index import from_index, to_index
from pyzbpf.spec.read import read
from pyzbpf.uapi import enums
from tests.support import elf_writer
from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.elf_writer import EXEC, LOCAL, OBJECT, R_64_32, R_64_64, WRITE, Section, Symbol
from tests.support.objects import definition, sample

ENDIANS = ["little", "big"]


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("by_section", [False, True])
def test_a_whole_object(endian: str, by_section: bool) -> None:
    spec = read(sample(endian, relocate_by_section=by_section), file="a.o", name="a")
    assert (spec.endian, spec.license, spec.name, spec.file) == (endian, "GPL", "a", "a.o")
    (program,) = spec.programs.values()
    assert (program.name, program.kind, program.type) == ("prog", "socket", enums.BPF_PROG_TYPE_SOCKET_FILTER)
    first, second, rodata, bss = (spec.maps[n] for n in ("first", "second", ".rodata", ".bss"))
    assert (first.type, first.key_size, first.value_size, first.max_entries) == (1, 4, 8, 8)
    assert (second.type, second.max_entries, second.key_size) == (27, 4096, 0)
    assert spec.btf is not None and spec.btf.get(second.event_type).name == "probe.Event"
    assert rodata.frozen and rodata.flags == enums.BPF_F_MMAPABLE | enums.BPF_F_RDONLY_PROG
    assert bss.contents == bytearray(8) and not bss.frozen
    function = spec.functions["prog"]
    assert [(r.kind, r.name, r.addend) for r in function.references] == [
        ("map", "second", 0),
        ("data", ".rodata", 0),
        ("call", "probe.sub", 0),
    ]
    assert function.type_id and function.lines[0][3] >> 10 == 7
    assert spec.functions["probe.sub"].section == ".text"


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_variable_is_read_and_set(endian: str) -> None:
    spec = read(sample(endian), file="a.o", name="a")
    limit = spec.variables["limit"]
    assert limit.value == 7
    limit.value = 4242
    assert spec.maps[".rodata"].contents == (4242).to_bytes(4, endian)  # type: ignore[arg-type]
    with pytest.raises(Error, match="limit"):
        limit.value = -1


def test_a_variable_that_is_smaller_than_its_type_is_told() -> None:
    limit = read(sample(), file="a.o", name="a").variables["limit"]
    limit.size = 2  # as a damaged symbol table says
    with pytest.raises(ObjectError, match=r"symbol 'limit': has 2 bytes, its type .* more"):
        _ = limit.value


@pytest.mark.parametrize("value", [1000, "x", None, b"", [1], {"a": 1}, True])
def test_a_variable_is_set_by_its_value(value: object) -> None:
    spec = read(sample(), file="a.o", name="a")
    with pytest.raises(TypeError, match=r"to set it: …\['limit'\]\.value = "):
        spec.variables["limit"] = value  # type: ignore[assignment]
    with pytest.raises(TypeError, match="change its attributes"):
        spec.maps["first"] = value  # type: ignore[assignment]
    assert spec.variables["limit"].value == 7


def test_a_wrong_name_lists_the_right_ones() -> None:
    spec = read(sample(), file="a.o", name="a")
    with pytest.raises(KeyError, match="no map 'frist'; there is: first, second"):
        spec.maps["frist"]


def test_an_unknown_section_is_named_with_what_is_near() -> None:
    spec = read(sample(section="tracepiont/sched/sched_switch"), file="a.o", name="a")
    (program,) = spec.programs.values()
    assert (program.kind, program.type) == ("", enums.BPF_PROG_TYPE_UNSPEC)
    with pytest.raises(ObjectError) as caught:
        section.check(program, file=spec.file)
    assert "tracepoint/sched/sched_switch" in str(caught.value)
    assert "a.o, section 'tracepiont/sched/sched_switch', symbol 'prog'" in str(caught.value)


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("words", [4, 5, 7, 9])
def test_legacy_maps(endian: str, words: int) -> None:
    order = "<" if endian == "little" else ">"
    record = struct.pack(order + "9I", 4, 4, 4, 256, 9, 5, 1, 0, 0)[: 4 * words]
    code = bytes(Asm(endian).raw(0x18, 1, imm=len(record)).raw(0).mov_imm(0, 0).raw(0x95).code)
    data = elf_writer.write(
        [
            Section("socket1", code, EXEC, relocations=((0, R_64_64, "section:maps"),)),
            Section("maps", record * 2, WRITE, align=4),
        ],
        [
            Symbol("prog", "socket1", size=len(code)),
            Symbol("one", "maps", 0, len(record), OBJECT),
            Symbol("two", "maps", len(record), len(record), OBJECT),
        ],
        endian=endian,
    )
    spec = read(data, file="a.o", name="a")
    two = spec.maps["two"]
    assert (two.type, two.key_size, two.value_size, two.max_entries) == (4, 4, 4, 256)
    assert two.flags == (9 if words >= 5 else 0)
    assert two.pinning == (words == 7), (
        "Rust's definitions say it there, those of iproute2 mean something else"
    )
    assert [(r.kind, r.name) for r in spec.functions["prog"].references] == [("map", "two")]


def code_object(
    asm: Asm, *relocations: tuple[int, int, str], extra: tuple[Symbol, ...] = (), size: int | None = None
) -> bytes:
    code = bytes(asm.code)
    return elf_writer.write(
        [
            Section("xdp", code, EXEC, relocations=relocations),
            Section(".text", bytes(Asm().mov_imm(0, 0).raw(0x95).code), EXEC),
            Section("maps", struct.pack("=5I", 1, 4, 4, 1, 0), WRITE),
            Section("other", bytes(8), WRITE),
        ],
        [
            Symbol("prog", "xdp", size=len(code) if size is None else size),
            Symbol("sub", ".text", size=16, binding=LOCAL),
            Symbol("m", "maps", size=20, type=OBJECT),
            *extra,
        ],
    )


def test_calls_without_relocation_and_callbacks_are_references() -> None:
    asm = Asm("little").raw(0x85, source=1, imm=1).raw(0x95).mov_imm(0, 0).raw(0x95)
    data = code_object(asm, extra=(Symbol("inner", "xdp", 16, 16, binding=LOCAL),), size=16)
    spec = read(data, file="a.o", name="a")
    assert [(r.kind, r.name) for r in spec.functions["prog"].references] == [("call", "inner")]
    assert list(spec.programs) == ["prog"]
    asm = Asm("little").raw(0x18, 1).raw(0).mov_imm(0, 0).raw(0x95)
    spec = read(code_object(asm, (0, R_64_64, "sub")), file="a.o", name="a")
    assert [(r.kind, r.name) for r in spec.functions["prog"].references] == [("function", "sub")]


def test_undefined_symbols_are_kept_by_name() -> None:
    asm = Asm("little").raw(0x18, 1).raw(0).raw(0x85, source=2, imm=-1).raw(0x95)
    data = code_object(
        asm, (0, R_64_64, "CONFIG_HZ"), (16, R_64_32, "bpf_task_acquire"),
        extra=(Symbol("CONFIG_HZ", None), Symbol("bpf_task_acquire", None)),
    )  # fmt: skip
    references = read(data, file="a.o", name="a").functions["prog"].references
    assert [(r.kind, r.name) for r in references] == [("extern", "CONFIG_HZ"), ("kfunc", "bpf_task_acquire")]


@pytest.mark.parametrize(
    ("asm", "relocations", "message"),
    [
        (Asm("little").mov_imm(0, 0).raw(0x95), ((0, R_64_64, "m"),), "relocation of type 1 on an instruction with opcode 0xb7"),
        (Asm("little").raw(0x18, 1, imm=4).raw(0).raw(0x95), ((0, R_64_64, "m"),), "refers to maps+0x4, where no map begins"),
        (Asm("little").raw(0x18, 1).raw(0).raw(0x95), ((0, R_64_64, "section:other"),), "neither maps nor data"),
        (Asm("little").raw(0x85, source=1, imm=7).raw(0x95), ((0, R_64_32, "sub"),), "calls .text+0x40, where no function begins"),
        (Asm("little").raw(0x85, source=1, imm=-1).raw(0x95), ((0, R_64_32, "m"),), "a call of something that is not a function"),
        (Asm("little").raw(0x85, source=1, imm=5).raw(0x95), (), "calls xdp+0x30, where no function begins"),
    ],
)  # fmt: skip
def test_references_to_nowhere_are_named(
    asm: Asm, relocations: tuple[tuple[int, int, str], ...], message: str
) -> None:
    with pytest.raises(ObjectError) as caught:
        read(code_object(asm, *relocations), file="a.o", name="a")
    assert message in str(caught.value)
    assert caught.value.section == "xdp" and caught.value.offset is not None


def switch_object(table: bytes, endian: str = "little", *, size: int | None = None) -> bytes:
    """Two programs of one section; the second, which begins at byte 16, has a jump table."""
    code = Asm(endian).mov_imm(0, 0).exit_().load_imm64(1, 0).raw(0x0D, 1).exit_().exit_().code
    return elf_writer.write(
        [
            Section("xdp", bytes(code), EXEC, relocations=((16, R_64_64, "table"),)),
            Section(".jumptables", table, 0),
        ],
        [
            Symbol("first", "xdp", 0, 16),
            Symbol("second", "xdp", 16, 40),
            Symbol("table", ".jumptables", 8, len(table) - 8 if size is None else size, OBJECT, LOCAL),
        ],
        endian=endian,
    )


@pytest.mark.parametrize("endian", ENDIANS)
def test_jump_tables_lead_to_instructions_of_their_function(endian: str) -> None:
    places = struct.pack({"little": "<4Q", "big": ">4Q"}[endian], 0, 48, 40, 48)
    data = switch_object(places, endian)
    for spec in (
        read(data, file="a.o", name="a"),
        from_index(to_index(data, file="a.o", name="a"), data, file="a.o", name="a"),
    ):
        assert spec is not None
        second = spec.functions["second"]
        assert [(r.kind, r.name, r.addend) for r in second.references] == [("table", "table", 8)]
        assert {at: list(places) for at, places in second.tables.items()} == {8: [4, 3, 4]}
        assert not spec.functions["first"].tables


@pytest.mark.parametrize(
    ("table", "size", "message"),
    [
        (struct.pack("<2Q", 0, 8), None, "leads to 0x8, which is no instruction of its function"),
        (struct.pack("<2Q", 0, 56), None, "leads to 0x38"),
        (struct.pack("<2Q", 0, 20), None, "leads to 0x14"),
        (struct.pack("<2Q", 0, 24), 0, "jump table of 0 bytes at .jumptables+0x8"),
        (struct.pack("<2Q", 0, 24), 4, "jump table of 4 bytes"),
        (struct.pack("<2Q", 0, 24), 16, "jump table of 16 bytes"),
    ],
)
def test_jump_tables_that_cannot_be_are_named(table: bytes, size: int | None, message: str) -> None:
    with pytest.raises(ObjectError, match=re.escape(message)) as caught:
        read(switch_object(table, size=size), file="a.o", name="a")
    assert (caught.value.section, caught.value.symbol, caught.value.offset) == ("xdp", "table", 16)


def test_functions_that_leave_their_section_are_refused() -> None:
    asm = Asm("little").mov_imm(0, 0).raw(0x95)
    with pytest.raises(ObjectError, match="function of no size or outside of its section"):
        read(code_object(asm, size=64), file="a.o", name="a")


def test_maps_without_type_information_say_what_is_missing() -> None:
    code = bytes(Asm("little").mov_imm(0, 0).raw(0x95).code)
    data = elf_writer.write(
        [Section("xdp", code, EXEC), Section(".maps", bytes(32), WRITE)],
        [Symbol("prog", "xdp", size=16), Symbol("m", ".maps", size=32, type=OBJECT)],
    )
    with pytest.raises(ObjectError, match=r"need the object's \.BTF section"):
        read(data, file="a.o", name="a")


def test_an_unknown_map_attribute_is_named() -> None:
    with pytest.raises(ObjectError, match="unknown map attribute 'colour'; known are type, key"):
        read(sample(map_attributes={"type": 1, "colour": 3}), file="a.o", name="a")


@pytest.mark.parametrize("endian", ENDIANS)
def test_every_cut_of_an_object_is_an_object_error(endian: str) -> None:
    data = sample(endian)
    for length in range(0, len(data), 7):
        with pytest.raises(ObjectError) as caught:
            read(data[:length], file="a.o", name="a")
        assert "a.o" in str(caught.value)


def test_damage_is_always_an_error_of_ours() -> None:
    """Whatever a flipped byte claims: opening, describing and reading variables ends in pyzbpf.Error or well."""
    from pyzbpf.btf import codec
    from pyzbpf.cli.inspect import describe

    data = sample()
    for position in range(64, len(data), 5):
        for value in (data[position] ^ 0xFF, data[position] ^ 0x01):
            damaged = data[:position] + bytes([value]) + data[position + 1 :]
            try:
                spec = read(damaged, file="a.o", name="a")
                describe(spec)
                for found in spec.maps.values():
                    if spec.btf is not None and found.event_type:
                        codec.decoder(spec.btf, found.event_type)
            except Error:
                continue


def test_counted_stacks_want_the_map_of_their_addresses() -> None:
    btf = Writer()
    number = btf.int("u64", 8)
    kinds = {"type": enums.BPF_MAP_TYPE_HASH, "max_entries": 8}
    variable = btf.var("samples", definition(btf, **kinds, key=("type", number), value=("type", number)))
    btf.datasec(".maps", [(variable, 0, 32)])
    btf.decl_tag("pyzbpf.stacks:stacks", variable)
    sections = [Section(".maps", bytes(32), WRITE), Section(".BTF", btf.bytes(), 0, align=4)]
    data = elf_writer.write(sections, [Symbol("samples", ".maps", 0, 32, OBJECT)])
    with pytest.raises(
        ObjectError, match="'samples': counts the stacks of map 'stacks', which the object does"
    ):
        read(data, file="a.o", name="a")
