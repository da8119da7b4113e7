"""The instruction forms that can hold a relocated number, and what they must hold before."""

from __future__ import annotations

import pytest

from pyzbpf.errors import ObjectError
from tests.support.assemble import Asm
from tests.support.btf_writer import Writer
from tests.support.core import BYTE_OFFSET, EXISTS, POISON, VALUE, adapted

ENDIANS = ("little", "big")
U8, U16, U32, U64, S32, POINTER, BITS, CHAR = range(8)
SIZES = (1, 2, 4, 8, 4, 8, 4, 1)


def one_member(endian: str, member: int, offset: int) -> Writer:
    """`struct s { T m; }` with the member at a byte offset."""
    w = Writer(endian)
    ids = [w.int("unsigned char", 1), w.int("unsigned short", 2), w.int("unsigned int", 4)]
    ids += [w.int("unsigned long", 8), w.int("int", 4, 1), w.ptr(0)]
    signed_char = w.int("char", 1, 3)  # signed and a character: not equal to signed alone
    if member == BITS:
        w.bit_struct("s", offset + 4, [("m", ids[U32], offset * 8, 5)])
    else:
        type_id = signed_char if member == CHAR else ids[member]
        w.struct("s", offset + SIZES[member], [("m", type_id, offset * 8)])
    return w


ROOT = 8


def relocated(endian: str, before: tuple[int, int], after: tuple[int, int], asm: Asm):
    return adapted(
        one_member(endian, *before), one_member(endian, *after), [(0, ROOT, "0:0", BYTE_OFFSET)], asm
    )


def asm(endian: str) -> Asm:
    return Asm(endian)


# (how it is written with the number, whether the member's width matters)
FORMS = {
    "mov64": lambda a, n: a.mov_imm(3, n),
    "mov32": lambda a, n: a.raw(0xB4, 3, imm=n),
    "add64": lambda a, n: a.add_imm(9, n),
    "add32": lambda a, n: a.raw(0x04, 9, imm=n),
    "load64": lambda a, n: a.load_imm64(3, n),
    "ldx": lambda a, n: a.load(4, 1, 2, n),
    "ldx, sign": lambda a, n: a.raw(0x81, 1, 2, n),
    "stx": lambda a, n: a.store(4, 1, 2, n),
    "st": lambda a, n: a.store_imm(4, 1, 77, n),
    "atomic": lambda a, n: a.atomic_add(4, 1, 2, n),
}


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("form", FORMS)
def test_forms(endian, form):
    write = FORMS[form]
    ready = relocated(endian, (U32, 4), (U32, 1024), write(asm(endian), 4).exit_())
    assert ready.instructions == write(asm(endian), 1024).exit_().code
    assert not ready.unresolved


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize(
    ("before", "after"),
    [(U8, U64), (U64, U8), (U16, U32), (U32, U16), (U32, U32), (POINTER, POINTER), (U8, CHAR), (CHAR, U64)],
)
def test_the_width_follows_the_member(endian, before, after):
    for write in (Asm.load, Asm.store, lambda a, size, *rest: a.store_imm(size, rest[0], 5, rest[2])):
        ready = relocated(endian, (before, 0), (after, 8), write(asm(endian), SIZES[before], 1, 2, 0).exit_())
        assert ready.instructions == write(asm(endian), SIZES[after], 1, 2, 8).exit_().code


@pytest.mark.parametrize(("before", "after"), [(S32, U64), (U64, S32), (U32, BITS), (U16, BITS)])
def test_a_width_that_must_not_change_is_poisoned(before, after):
    # Wrong only where it is loaded: as a plain offset it is good.
    size = SIZES[before]
    plain = relocated("little", (before, 0), (after, 8), asm("little").mov_imm(1, 0).exit_())
    assert plain.instructions == asm("little").mov_imm(1, 8).exit_().code
    ready = relocated("little", (before, 0), (after, 8), asm("little").load(size, 1, 2, 0).exit_())
    assert ready.instructions == asm("little").call(POISON).exit_().code
    assert "only pointers and unsigned numbers are adapted" in ready.unresolved[0]


def test_an_array_is_loaded_by_its_elements():
    def types(element: int, count: int) -> Writer:
        w = one_member("little", U8, 0)
        inner = w.array(element, 3, count)
        outer = w.array(inner, 3, 2)
        w.struct("t", 64, [("m", outer, 64)])
        return w

    root = ROOT + 3
    for path in ("0:0:1", "0:0:1:3"):
        code = asm("little").load(2, 1, 2, 16 if path == "0:0:1" else 22).exit_()
        ready = adapted(types(2, 4), types(4, 5), [(0, root, path, BYTE_OFFSET)], code)
        expected = asm("little").load(8, 1, 2, 8 + 40 + (0 if path == "0:0:1" else 24)).exit_().code
        # A row of the outer array is no number, so its width counts as that of another type.
        assert ready.instructions == (
            expected if path == "0:0:1:3" else asm("little").call(POISON).exit_().code
        )


REFUSED = [
    (lambda a: a.mov_imm(1, 5), 8, r"the instruction holds 5, expected was 4 \(to become 8\)"),
    (lambda a: a.mov_imm(1, -4), 8, r"holds -4, expected was 4"),
    (lambda a: a.load(4, 1, 2, 6), 8, r"holds 6, expected was 4"),
    (lambda a: a.load_imm64(1, 4 | 1 << 32), 8, r"holds 4294967300, expected was 4"),
    (lambda a: a.load(8, 1, 2, 4), 8, None),
    (lambda a: a.load(4, 1, 2, 4), 1 << 15, r"offset 32768 is too large for a load or store"),
    (lambda a: a.mov(1, 2), 8, r"opcode 0xbf, which has no number"),
    (lambda a: a.jump(4), 8, r"opcode 0x05, which has no number"),
    (lambda a: a.call(4), 8, r"opcode 0x85, which has no number"),
    (lambda a: a.raw(0x18, 1, 1, 0, 4).raw(0), 8, r"not one of a plain number"),
    (lambda a: a.raw(0x18, 1, 0, 0, 4).raw(5), 8, r"not one of a plain number"),
    (lambda a: a.raw(0x30, 0, 0, 0, 4), 8, r"opcode 0x30"),
]


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize(("write", "offset", "message"), REFUSED)
def test_refused(endian, write, offset, message):
    code = write(asm(endian)).exit_()
    if message is None:
        # The width is looked at only where it must change, as libbpf does.
        assert relocated(endian, (U32, 4), (U32, offset), code).instructions[0] == 0x79
        message = "the instruction moves 8 bytes, expected were 4"
        with pytest.raises(ObjectError, match=message):
            relocated(endian, (U32, 4), (U64, offset), code)
        return
    with pytest.raises(ObjectError, match=message):
        relocated(endian, (U32, 4), (U32, offset), code)


def test_a_load_of_64_bits_that_is_cut_off():
    for code in (asm("little").raw(0x18, 1, imm=4),):
        with pytest.raises(ObjectError, match="cut off"):
            relocated("little", (U32, 4), (U32, 8), code)


def test_numbers_that_do_not_fit():
    def types(value: int) -> Writer:
        w = Writer("little")
        w.enum64("e", [("A", value)])
        return w

    record = [(0, 1, "0", VALUE)]
    ready = adapted(types(4), types((1 << 64) - 5), record, asm("little").mov_imm(1, 4).exit_())
    assert ready.instructions == asm("little").mov_imm(1, -5).exit_().code
    with pytest.raises(ObjectError, match="0x10000000000 does not fit into an instruction of 32 bits"):
        adapted(types(4), types(1 << 40), record, asm("little").mov_imm(1, 4).exit_())


def test_a_bit_field_may_be_read_in_another_way_than_we_would():
    ready = relocated("little", (BITS, 4), (BITS, 8), asm("little").load(8, 1, 2, 0).exit_())
    assert ready.instructions == asm("little").load(8, 1, 2, 8).exit_().code
    with pytest.raises(ObjectError, match="holds 7, expected was 1"):
        adapted(
            one_member("little", U8, 0), one_member("little", U8, 0), [(0, ROOT, "0:0", EXISTS)],
            asm("little").mov_imm(1, 7).exit_(),
        )  # fmt: skip
