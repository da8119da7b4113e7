"""Relocations by kind, on hand-made types of both byte orders."""

from __future__ import annotations

import pytest

from pyzbpf.adapt.adapt import adapt
from pyzbpf.adapt.core import Relocator
from pyzbpf.btf.decode import decode
from pyzbpf.errors import ObjectError
from tests.support.assemble import Asm, add_function, add_program, object_spec
from tests.support.btf_writer import Writer
from tests.support.core import (
    BYTE_OFFSET,
    BYTE_SIZE,
    EXISTS,
    ID_LOCAL,
    ID_TARGET,
    LEFT,
    MATCHES,
    POISON,
    RIGHT,
    SIGNED,
    TYPE_EXISTS,
    TYPE_SIZE,
    VALUE,
    VALUE_EXISTS,
    Kernel,
    adapted,
    number,
)

ENDIANS = ("little", "big")
SIGN = 1


def probe_types(endian: str) -> tuple[Writer, dict[str, int]]:
    """What the probe's author wrote down."""
    w = Writer(endian)
    i = {"int": w.int("int", 4, SIGN), "u32": w.int("unsigned int", 4), "u8": w.int("unsigned char", 1)}
    i["u64"] = w.int("unsigned long", 8)
    i["pid_t"] = w.typedef("pid_t", i["int"])
    i["void*"] = w.ptr(0)
    i["char16"] = w.array(i["u8"], i["u32"], 16)
    i["flexible"] = w.array(i["u32"], i["u32"], 0)
    i["pair"] = w.struct("pair", 8, [("a", i["u32"], 0), ("b", i["u32"], 32)])
    i["pairs"] = w.array(i["pair"], i["u32"], 2)
    i["task"] = w.struct(
        "task_struct",
        80,
        [
            ("comm", i["char16"], 0),  # 0
            ("pid", i["pid_t"], 128),  # 1
            ("start", i["u64"], 192),  # 2
            ("parent", i["void*"], 256),  # 3
            ("pairs", i["pairs"], 320),  # 4
            ("gone", i["u32"], 448),  # 5
            ("was_number", i["u32"], 480),  # 6
            ("in_union", i["u32"], 512),  # 7
            ("tail", i["flexible"], 544),  # 8
        ],
    )
    i["flags"] = w.bit_struct(
        "flags", 4, [("low", i["u32"], 0, 3), ("high", i["int"], 3, 5), ("plain", i["u8"], 8, 0)]
    )
    i["absent"] = w.struct("absent", 4, [("a", i["u32"], 0)])
    i["flavour"] = w.struct("task_struct___old", 4, [("pid", i["u32"], 0)])
    i["enum"] = w.enum("state", [("RUNNING", 9), ("NEGATIVE", 7), ("NEVER", 1)])
    i["enum64"] = w.enum64("wide", [("HUGE", 1 << 40)])
    i["later"] = w.enum("state___later", [("RUNNING___later", 4)])
    i["anonymous"] = w.struct("", 4, [("a", i["u32"], 0)])
    return w, i


def kernel_types(endian: str, *, more: bool = False) -> tuple[Writer, dict[str, int]]:
    """The same things elsewhere: other offsets and sizes, members within members without a name."""
    w = Writer(endian)
    i = {"u64": w.int("long unsigned int", 8), "int": w.int("int", 4, SIGN), "u32": w.int("unsigned int", 4)}
    i["u8"] = w.int("char", 1)
    i["s64"] = w.int("long int", 8, SIGN)
    i["pid_t"] = w.typedef("__kernel_pid_t", w.const(i["int"]))
    i["void*"] = w.ptr(i["u8"])
    i["char32"] = w.array(i["u8"], i["u32"], 32)
    i["pair"] = w.struct("pair", 24, [("x", i["u64"], 0), ("a", i["u64"], 64), ("b", i["u64"], 128)])
    i["pairs"] = w.array(i["pair"], i["u32"], 2)
    i["flexible"] = w.array(i["u32"], i["u32"], 0)
    i["inner"] = w.struct("", 16, [("other", i["u64"], 0), ("in_union", i["u32"], 96)])
    i["union"] = w.struct("", 16, [("", i["inner"], 0), ("raw", i["u64"], 0)], union=True)
    i["task"] = w.struct(
        "task_struct",
        200,
        [
            ("state", i["u64"], 0),
            ("pid", i["pid_t"], 64),
            ("was_number", i["void*"], 128),
            ("", i["union"], 192),
            ("comm", i["char32"], 320),
            ("start", i["u64"], 576),
            ("parent", i["void*"], 640),
            ("pairs", i["pairs"], 704),
            ("tail", i["flexible"], 1568),
        ],
    )
    i["flags"] = w.bit_struct(
        "flags", 8, [("word", i["u32"], 0, 0), ("low", i["u32"], 37, 3), ("high", i["int"], 44, 6)]
    )
    i["enum"] = w.enum("state", [("IDLE", 0), ("NEGATIVE", -3), ("RUNNING", 5)], signed=True)
    i["enum64"] = w.enum64("wide", [("HUGE", 1 << 41)])
    if more:
        i["again"] = w.struct(
            "task_struct___2", 200, [("pid", i["pid_t"], 64), ("start", i["u64"], 8), ("only", i["u64"], 128)]
        )
    return w, i


# (root, path, kind) -> (local number, number in the kernel of both byte orders or by byte order)
ANSWERS: list[tuple[str, str, int, int, int | dict[str, int]]] = [
    ("task", "0:1", BYTE_OFFSET, 16, 8),
    ("task", "0:0", BYTE_OFFSET, 0, 40),
    ("task", "0:0:5", BYTE_OFFSET, 5, 45),
    ("task", "1:1", BYTE_OFFSET, 96, 208),
    ("task", "0:4:1:1", BYTE_OFFSET, 52, 88 + 24 + 16),
    ("task", "0:7", BYTE_OFFSET, 64, 36),  # two unnamed levels deep
    ("task", "0:8:3", BYTE_OFFSET, 80, 208),  # the last member is a flexible array
    ("task", "0:0", BYTE_SIZE, 16, 32),
    ("task", "0:0:5", BYTE_SIZE, 1, 1),
    ("task", "0:4:1", BYTE_SIZE, 8, 24),
    ("task", "0:3", BYTE_SIZE, 8, 8),
    ("task", "0:1", EXISTS, 1, 1),
    ("task", "0:5", EXISTS, 1, 0),
    ("task", "0:6", EXISTS, 1, 0),  # a number became a pointer
    ("task", "0:0:15", EXISTS, 1, 1),
    ("absent", "0:0", EXISTS, 1, 0),
    ("task", "0:1", SIGNED, 1, 1),
    ("task", "0:2", SIGNED, 0, 0),
    ("task", "0:0", SIGNED, 0, 0),
    ("task", "0:1", LEFT, 32, 32),
    ("task", "0:1", RIGHT, 32, 32),
    # Bits 37 to 39: the u32 at 4 holds them. In memory order they come first on big-endian machines.
    ("flags", "0:0", BYTE_OFFSET, 0, 4),
    ("flags", "0:0", BYTE_SIZE, 4, 4),
    ("flags", "0:0", LEFT, 0, {"little": 64 - 8, "big": 32 + 5}),
    ("flags", "0:0", RIGHT, 61, 61),
    ("flags", "0:0", SIGNED, 0, 0),
    ("flags", "0:1", BYTE_OFFSET, 0, 4),
    ("flags", "0:1", LEFT, 0, {"little": 64 - 18, "big": 32 + 12}),
    ("flags", "0:1", RIGHT, 59, 58),
    ("flags", "0:1", SIGNED, 1, 1),
    ("flags", "0:1", EXISTS, 1, 1),
    ("flavour", "0:0", BYTE_OFFSET, 0, 8),
    ("flavour", "0:0", EXISTS, 1, 1),
    ("task", "0", TYPE_EXISTS, 1, 1),
    ("absent", "0", TYPE_EXISTS, 1, 0),
    ("flavour", "0", TYPE_EXISTS, 1, 1),
    ("task", "0", TYPE_SIZE, 80, 200),
    ("absent", "0", TYPE_SIZE, 4, 0),
    ("pid_t", "0", TYPE_EXISTS, 1, 0),
    ("int", "0", TYPE_SIZE, 4, 4),
    ("task", "0", MATCHES, 1, 0),
    ("enum", "0", TYPE_EXISTS, 1, 1),
    ("enum", "0", VALUE_EXISTS, 1, 1),
    ("enum", "0", VALUE, 9, 5),
    ("enum", "1", VALUE, 7, (1 << 64) - 3),
    ("enum", "2", VALUE_EXISTS, 1, 0),
    ("enum64", "0", VALUE, 1 << 40, 1 << 41),
    ("enum64", "0", VALUE_EXISTS, 1, 1),
    ("later", "0", VALUE, 4, 5),
    ("later", "0", VALUE_EXISTS, 1, 1),
]


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("row", ANSWERS, ids=str)
def test_answers(endian, row):
    root, path, kind, held, expected = row
    local, ids = probe_types(endian)
    kernel, _ = kernel_types(endian)
    wanted = expected[endian] if isinstance(expected, dict) else expected
    assert number(local, kernel, (ids[root], path, kind), held=held) == wanted


@pytest.mark.parametrize("endian", ENDIANS)
def test_ids(endian):
    local, ids = probe_types(endian)
    kernel, theirs = kernel_types(endian)
    # Both may have been moved by a linker, so the number in the instruction is not looked at.
    assert number(local, kernel, (ids["task"], "0", ID_LOCAL), held=12345) == ids["task"]
    assert number(local, kernel, (ids["task"], "0", ID_TARGET), held=12345) == theirs["task"]
    assert number(local, kernel, (ids["absent"], "0", ID_TARGET), held=12345) == 0


# What has no answer is poisoned, with the reason.
NO_ANSWER = [
    (
        "task", "0:5", BYTE_OFFSET,
        "<byte_off> struct task_struct.gone (0:5): the kernel's struct task_struct has no member 'gone'",
    ),
    (
        "task", "0:6", BYTE_SIZE,
        "<byte_sz> struct task_struct.was_number (0:6): the kernel's struct task_struct.was_number is a pointer, "
        "the probe's a number",
    ),
    (
        "absent", "0:0", SIGNED,
        "<signed> struct absent.a (0:0): the kernel of the test has no struct 'absent'",
    ),
    (
        "enum", "2", VALUE,
        "<enumval_value> enum state::NEVER: the kernel's enum state has no value 'NEVER'",
    ),
]  # fmt: skip


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize(("root", "path", "kind", "reason"), NO_ANSWER)
def test_no_answer(endian, root, path, kind, reason):
    local, ids = probe_types(endian)
    kernel, _ = kernel_types(endian)
    assert number(local, kernel, (ids[root], path, kind)) == reason


@pytest.mark.parametrize("endian", ENDIANS)
def test_poison_is_the_call_that_libbpf_puts_there(endian):
    local, ids = probe_types(endian)
    kernel, _ = kernel_types(endian)
    asm = Asm(endian).mov_imm(0, 0).load_imm64(1, 56).mov_imm(2, 56).load(4, 3, 1, 56).exit_()
    records = [(offset, ids["task"], "0:5", BYTE_OFFSET) for offset in (8, 24, 32)]
    ready = adapted(local, kernel, records, asm)
    call = Asm(endian).call(POISON).code
    assert ready.instructions == Asm(endian).mov_imm(0, 0).code + 4 * call + Asm(endian).exit_().code
    assert sorted(ready.unresolved) == [1, 3, 4]


def test_the_spec_stays_as_it_is_and_a_kernel_is_opened_only_when_it_is_asked():
    local, ids = probe_types("little")
    spec = object_spec(endian="little")
    spec.btf = decode(local.bytes(), "little")
    program = add_program(spec, "prog", "socket", Asm("little").mov_imm(1, 0).exit_())
    spec.functions["prog"].core = [(0, ids["task"], "0", ID_LOCAL)]
    before = spec.functions["prog"].instructions

    def no_kernel():
        raise AssertionError("the local id needs no kernel")

    ready = adapt(spec, program, Relocator(spec, no_kernel))
    assert ready.instructions[4] == ids["task"]
    assert spec.functions["prog"].instructions == before


@pytest.mark.parametrize("endian", ENDIANS)
def test_subprograms_are_relocated_where_they_come_to_lie(endian):
    local, ids = probe_types(endian)
    kernel = Kernel(kernel_types(endian)[0])
    spec = object_spec(endian=endian)
    spec.btf = decode(local.bytes(), endian)
    first = add_program(spec, "first", "socket", Asm(endian).mov_imm(3, 0).call_function("sub").exit_())
    second = add_program(spec, "second", "socket", Asm(endian).call_function("sub").exit_())
    add_function(spec, "sub", Asm(endian).mov_imm(0, 16).mov_imm(1, 56).exit_())
    spec.functions["sub"].core = [
        (0, ids["task"], "0:1", BYTE_OFFSET),
        (8, ids["task"], "0:5", BYTE_OFFSET),
    ]
    relocator = Relocator(spec, lambda: kernel)
    one, two = adapt(spec, first, relocator), adapt(spec, second, relocator)
    expected = Asm(endian).mov_imm(0, 8).call(POISON).exit_().code
    assert one.instructions[24:] == two.instructions[16:] == expected
    assert (list(one.unresolved), list(two.unresolved)) == ([4], [3])
    assert kernel.asked == [("task_struct", 4)]


def test_several_types_of_one_name():
    kernel, ids = kernel_types("little", more=True)
    local, ours = probe_types("little")
    only = local.struct("task_struct___mine", 8, [("only", ours["u64"], 0), ("start", ours["u64"], 64)])
    # Both have `pid`, at the same place; only one has `comm`, only the other `only`.
    assert number(local, kernel, (ours["task"], "0:1", BYTE_OFFSET), held=16) == 8
    assert number(local, kernel, (ours["task"], "0:0", BYTE_OFFSET), held=0) == 40
    assert number(local, kernel, (only, "0:0", BYTE_OFFSET), held=0) == 16
    with pytest.raises(ObjectError, match=r"several types .* disagree: .* bit offset 576 in one, 8 in the"):
        number(local, kernel, (ours["task"], "0:2", BYTE_OFFSET), held=24)
    with pytest.raises(ObjectError, match=rf"{ids['task']} by one, {ids['again']} by the other"):
        number(local, kernel, (ours["task"], "0", ID_TARGET))


def test_a_type_that_has_not_one_member_is_not_asked_for_the_next():
    """Candidates are dropped on the way: what is ambiguous alone is not after a member that decides."""
    kernel, _ = kernel_types("little", more=True)
    local, ours = probe_types("little")
    asm = Asm("little").mov_imm(1, 0).mov_imm(2, 24).exit_()
    records = [(0, ours["task"], "0:0", BYTE_OFFSET), (8, ours["task"], "0:2", BYTE_OFFSET)]
    ready = adapted(local, kernel, records, asm)
    assert ready.instructions == Asm("little").mov_imm(1, 40).mov_imm(2, 72).exit_().code


def test_a_kernel_with_32_bit_pointers():
    kernel = Writer("little")
    kernel.int("long unsigned int", 4)
    u64 = kernel.int("long long unsigned int", 8)
    many = kernel.array(kernel.ptr(0), u64, 4)
    kernel.struct("task_struct", 28, [("start", u64, 0), ("parent", kernel.ptr(0), 64), ("pairs", many, 96)])
    local, ours = probe_types("little")
    assert number(local, kernel, (ours["task"], "0:3", BYTE_SIZE), held=8) == 4
    pointers = local.array(ours["void*"], ours["u32"], 4)
    mine = local.struct("task_struct___32", 32, [("pairs", pointers, 0)])
    assert number(local, kernel, (mine, "0:0:2", BYTE_OFFSET), held=16) == 20
    # A load of a pointer becomes one of four bytes.
    ready = adapted(
        local, kernel, [(0, ours["task"], "0:3", BYTE_OFFSET)], Asm("little").load(8, 1, 2, 32).exit_()
    )
    assert ready.instructions == Asm("little").load(4, 1, 2, 8).exit_().code


WRONG = [
    ("task", "0:99", EXISTS, r"leads out of a struct"),
    ("task", "0:1:0", EXISTS, r"leads out of a number"),
    ("task", "0:0:16", EXISTS, r"leads out of an array of 16"),
    ("task", "0:x", EXISTS, r"'0:x' is not a list of numbers"),
    ("task", "", EXISTS, r"'' is not a list of numbers"),
    ("task", "0:-1", EXISTS, r"is not a list of numbers"),
    ("task", ":".join("0" * 65), EXISTS, r"more than 64 steps"),
    ("task", "0:1", TYPE_SIZE, r"of a whole type is not '0'"),
    ("task", "0", VALUE, r"leads to no value of struct task_struct"),
    ("enum", "3", VALUE, r"leads to no value of enum state"),
    ("task", "0:0:1", SIGNED, r"<signed> does not apply to an element"),
    ("anonymous", "0:0", EXISTS, r"without a name cannot be found"),
    ("task", "0:1", 13, r"the kind 13 is not known"),
]


@pytest.mark.parametrize(("root", "path", "kind", "message"), WRONG)
def test_damaged_records_name_their_place(root, path, kind, message):
    local, ids = probe_types("little")
    kernel, _ = kernel_types("little")
    with pytest.raises(ObjectError, match=message) as caught:
        number(local, kernel, (ids[root], path, kind))
    assert str(caught.value).startswith(
        "test.o, section 'socket', symbol 'prog', offset 0x0: CO-RE relocation <"
    )


def test_more_damage():
    local, ids = probe_types("little")
    kernel, _ = kernel_types("little")
    exit_ = Asm("little").mov_imm(0, 0).exit_()
    for offset in (4, 16, -8):
        with pytest.raises(ObjectError, match="there is no instruction"):
            adapted(local, kernel, [(offset, ids["task"], "0:1", EXISTS)], exit_)
    with pytest.raises(ObjectError, match="no BTF type has the id 999"):
        adapted(local, kernel, [(0, 999, "0:1", EXISTS)], exit_)
    with pytest.raises(ObjectError, match="no type has the id 0"):
        adapted(local, kernel, [(0, 0, "0:1", EXISTS)], exit_)
    with pytest.raises(
        ObjectError, match="little-endian, the types of the kernel of the test are big-endian"
    ):
        number(local, kernel_types("big")[0], (ids["task"], "0:1", BYTE_OFFSET), held=16)
    spec = object_spec(endian="little")
    program = add_program(spec, "prog", "socket", exit_)
    spec.functions["prog"].core = [(0, 1, "0", EXISTS)]
    with pytest.raises(ObjectError, match="no type information"):
        adapt(spec, program, Relocator(spec, lambda: Kernel(kernel)))
    with pytest.raises(ObjectError, match="no kernel was given"):
        adapt(spec, program)


def test_a_bit_field_that_no_load_holds():
    local, ids = probe_types("little")
    kernel = Writer("little")
    u64 = kernel.int("u64", 8)
    kernel.bit_struct("flags", 16, [("low", u64, 60, 8)])
    with pytest.raises(ObjectError, match=r"struct flags\.low of number u64 fits into no load"):
        number(local, kernel, (ids["flags"], "0:0", BYTE_OFFSET))
