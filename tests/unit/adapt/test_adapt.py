from __future__ import annotations

import struct

import pytest

from pyzbpf.adapt.adapt import adapt
from pyzbpf.errors import ObjectError, UnsupportedError
from pyzbpf.spec.model import Reference
from tests.support.assemble import (
    R0,
    R1,
    R2,
    Asm,
    add_data_map,
    add_function,
    add_map,
    add_program,
    object_spec,
)  # fmt: skip

ENDIANS = ("little", "big")


def decoded(code: bytes, endian: str) -> list[tuple[int, int, int, int, int]]:
    """(opcode, target, source, offset, immediate) of each instruction."""
    found = []
    for opcode, registers, offset, imm in struct.iter_unpack(
        ("<" if endian == "little" else ">") + "BBhi", code
    ):
        low, high = registers & 15, registers >> 4
        target, source = (low, high) if endian == "little" else (high, low)
        found.append((opcode, target, source, offset, imm))
    return found


@pytest.mark.parametrize("endian", ENDIANS)
def test_functions_follow_the_entry_once_in_order_of_first_mention(endian):
    spec = object_spec(endian=endian)
    add_function(spec, "unused", Asm(endian).exit_(), 9)
    add_function(spec, "last", Asm(endian).mov_imm(R0, 3).exit_(), 8)
    add_function(spec, "middle", Asm(endian).call_function("last").call_function("middle").exit_(), 7)
    entry = (
        Asm(endian)
        .mov_imm(R0, 1)
        .call_function("middle")
        .call_function("last")
        .call_function("middle")
        .exit_()
    )
    program = add_program(spec, "main", "socket", entry, type_id=6)

    ready = adapt(spec, program)

    assert [(start, function.name) for start, function in ready.places] == [
        (0, "main"),
        (5, "middle"),
        (8, "last"),
    ]
    code = decoded(ready.instructions, endian)
    assert len(code) == 10
    calls = {i: i + 1 + insn[4] for i, insn in enumerate(code) if insn[0] == 0x85}
    assert calls == {1: 5, 2: 8, 3: 5, 5: 8, 6: 5}
    assert {code[i][2] for i in calls} == {1}, "BPF_PSEUDO_CALL"
    assert ready.func_info == [(0, 6), (5, 7), (8, 8)]
    assert not ready.callbacks


@pytest.mark.parametrize("endian", ENDIANS)
def test_callbacks_are_addresses_relative_to_their_load(endian):
    spec = object_spec(endian=endian)
    add_function(spec, "each", Asm(endian).exit_())
    program = add_program(
        spec, "main", "socket", Asm(endian).mov_imm(R0, 0).load_function(R2, "each").exit_()
    )
    ready = adapt(spec, program)
    code = decoded(ready.instructions, endian)
    assert code[1] == (0x18, R2, 4, 0, 2)
    assert code[2] == (0, 0, 0, 0, 0)
    assert 1 + 1 + code[1][4] == 4 == ready.places[1][0]
    assert ready.callbacks


@pytest.mark.parametrize("endian", ENDIANS)
def test_descriptors_go_into_a_copy(endian):
    spec = object_spec(endian=endian)
    add_map(spec, "hash", 1)
    add_data_map(spec, ".bss", bytes(64))
    helper = Asm(endian).load_data(R1, ".bss", 40).exit_()
    add_function(spec, "helper", helper)
    entry = Asm(endian).load_map(R1, "hash").call_function("helper").exit_()
    program = add_program(spec, "main", "socket", entry)
    ready = adapt(spec, program)
    assert ready.references == [(0, "map", "hash", 0), (4, "data", ".bss", 40)]

    code = decoded(ready.with_descriptors({"hash": 5, ".bss": 6}), endian)
    assert code[0] == (0x18, R1, 1, 0, 5)
    assert code[1] == (0, 0, 0, 0, 0)
    assert code[4] == (0x18, R1, 2, 0, 6)
    assert code[5] == (0, 0, 0, 0, 40)
    assert decoded(ready.instructions, endian)[0] == (0x18, R1, 0, 0, 0)
    assert decoded(spec.functions["main"].instructions, endian)[0] == (0x18, R1, 0, 0, 0)
    assert decoded(ready.with_descriptors({"hash": 7, ".bss": 8}), endian)[0][4] == 7


def test_lines_move_with_their_functions():
    spec = object_spec()
    add_function(spec, "helper", Asm().mov_imm(R0, 0).line(1, 9, 20).exit_())
    entry = Asm().line(1, 5, 10).call_function("helper").line(1, 6, 11).exit_()
    program = add_program(spec, "main", "socket", entry)
    ready = adapt(spec, program)
    # the helper's first instruction had no line: the nearest after it serves
    assert [(index, where >> 10) for index, _, _, where in ready.line_info] == [
        (0, 10),
        (1, 11),
        (2, 20),
        (3, 20),
    ]


def test_of_two_lines_at_one_instruction_the_last_stays():
    spec = object_spec()
    program = add_program(spec, "main", "socket", Asm().line(1, 2, 3).line(1, 2, 4).exit_())
    assert [where >> 10 for _, _, _, where in adapt(spec, program).line_info] == [4]


def test_lines_and_types_are_all_or_nothing():
    spec = object_spec()
    add_function(spec, "helper", Asm().exit_())
    program = add_program(
        spec, "main", "socket", Asm().line(1, 2, 3).call_function("helper").exit_(), type_id=4
    )
    ready = adapt(spec, program)
    assert ready.line_info == []
    assert ready.func_info == []


@pytest.mark.parametrize(
    ("asm", "names"),
    [
        (Asm().load_extern(R1, "CONFIG_HZ").exit_(), "CONFIG_HZ"),
        (Asm().call_function("bpf_task_acquire", "kfunc").exit_(), "bpf_task_acquire"),
    ],
)
def test_kernel_names_are_refused_by_name(asm, names):
    spec = object_spec()
    program = add_program(spec, "main", "socket", asm)
    with pytest.raises(UnsupportedError, match=names) as caught:
        adapt(spec, program)
    assert "autoload" in str(caught.value)


def broken(*references: Reference, code: bytes | None = None):
    spec = object_spec()
    program = add_program(spec, "main", "socket", Asm().mov_imm(R0, 0).exit_())
    spec.functions["main"].references = references
    if code is not None:
        spec.functions["main"].instructions = code
    return spec, program


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (Reference(0, "call", "main"), "opcode 0xb7, not 0x85"),
        (Reference(4, "call", "main"), "no instruction"),
        (Reference(8, "map", "m"), "no instruction"),
        (Reference(800, "call", "main"), "no instruction"),
        (Reference(-8, "call", "main"), "no instruction"),
    ],
)
def test_references_that_cannot_be(reference, words):
    spec, program = broken(reference)
    with pytest.raises(ObjectError, match=words):
        adapt(spec, program)


def test_names_that_the_object_does_not_define():
    spec = object_spec()
    program = add_program(spec, "main", "socket", Asm().call_function("nowhere").exit_())
    with pytest.raises(ObjectError, match="nowhere"):
        adapt(spec, program)
    spec = object_spec()
    program = add_program(spec, "main", "socket", Asm().load_map(R1, "nomap").exit_())
    with pytest.raises(ObjectError, match="nomap"):
        adapt(spec, program)
    spec, program = broken()
    del spec.functions["main"]
    with pytest.raises(ObjectError, match="no function of its name"):
        adapt(spec, program)


@pytest.mark.parametrize("code", [b"", b"1234567", bytes(12)])
def test_half_instructions(code):
    spec, program = broken(code=code)
    with pytest.raises(ObjectError, match="whole number"):
        adapt(spec, program)


def test_a_jump_table_leads_to_places_of_the_whole_program():
    spec = object_spec(endian="little")
    sub = add_function(spec, "sub", Asm("little").mov_imm(R0, 0).load_table(R1, 24).raw(0x0D, R1).exit_())
    sub.tables = {24: [0, 4, 4]}
    for name, before in (("one", 0), ("two", 3)):
        asm = Asm("little")
        for _ in range(before):
            asm.mov_imm(R0, 0)
        add_program(spec, name, "socket", asm.call_function("sub").exit_())
    found = {}
    for name, program in spec.programs.items():
        ready = adapt(spec, program)
        ((table, places),) = ready.tables.items()
        found[name] = (table, places, decoded(ready.with_descriptors({table: 77}), "little")[places[0] + 1])
    (one, first, load), (two, second, same) = found.values()
    assert (first, second) == ([2, 6, 6], [5, 9, 9])
    assert load == same == (0x18, R1, 2, 0, 77), "BPF_PSEUDO_MAP_VALUE"
    assert one != two, "each program has a map of its own"
