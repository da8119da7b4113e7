"""Ways that are certain to end with an error end there: what is certain, and that nothing else changes."""

from __future__ import annotations

import random

import pytest

from pyzbpf.elf import image as elf
from pyzbpf.finish.analysis.certain import Address, Certainties, outcome
from pyzbpf.finish.analysis.flow import is_trap
from pyzbpf.finish.analysis.held import Holdings
from pyzbpf.finish.code import Function, Instruction, Mark
from pyzbpf.finish.passes import returned_errors
from pyzbpf.insn.instruction import CALL, EXIT, JA, LD_IMM64
from tests.support.functions import SYMBOL, function, op, run, shown, trap, unit

RESERVE, SUBMIT = 131, 132
ANY = (0, 1, 2, 5, 1 << 32, (1 << 64) - 1)


def address(section: elf.Section, register: int, offset: int) -> Instruction:
    made = op(LD_IMM64, register, 0, offset)
    made.symbol = elf.Symbol("", section=section)
    return made


def load(opcode: int, register: int, base: int, offset: int) -> Instruction:
    return Instruction(opcode, destination=register, source=base, offset=offset)


@pytest.mark.parametrize(("endian", "number"), [("little", 0x0201), ("big", 0x0102)])
def test_constants_are_read_and_variables_are_not(endian: str, number: int) -> None:
    constants = elf.Section(".rodata", type=1, data=bytearray(b"\x00\x00\x01\x02\x07\x00\x00\x00"))
    code = function(
        address(constants, 1, 0), op(0x07, 1, 0, 2), load(0x69, 2, 1, 0), load(0x69, 3, 1, 2),
        op(0xBF, 4, 10), op(0x07, 4, 0, -8), load(0x6B, 4, 2, 4), load(0x69, 5, 10, -4),
        load(0x61, 6, 1, 4), op(EXIT),
    )  # fmt: skip
    made = unit(code)
    made.image.endian = endian
    made.variables = {constants: [(1, 4, 4)]}  # what a loader may set
    known = Certainties(made, code).on_edge(8, 9)
    assert known.get(1) == Address(constants, 2)
    assert known.number(2) == known.number(5) == number
    assert known.get(3) is None and known.get(6) is None  # in the variable, beyond the end
    constants.name = ".data"
    assert Certainties(made, code).on_edge(8, 9).get(2) is None


@pytest.mark.parametrize(
    ("opcode", "number", "with_number", "taken"),
    [(0x15, 5, 5, True), (0x55, 5, 5, False), (0x66, 0xFFFFFFFF, -1, False), (0x66, 0, -1, True),
     (0x26, 0xFFFFFFFF, 1, True), (0xA5, 1 << 40, 7, False), (0xA6, 1 << 40, 7, True), (0x45, 6, 4, True),
     (0xD5, (1 << 64) - 1, 0, True)],
)  # fmt: skip
def test_what_a_comparison_comes_to(opcode: int, number: int, with_number: int, taken: bool) -> None:
    number_in_two = op(LD_IMM64, 2, 0, (number & 0xFFFFFFFF) - (number & 1 << 31) * 2)
    number_in_two.high = number >> 32
    code = function(number_in_two, (op(opcode, 2, 0, with_number), 3), op(EXIT), op(EXIT))
    known = Certainties(unit(code), code).on_edge(0, 1)
    assert known.number(2) == number
    assert outcome(known, code.instructions[1]) is taken
    known.put(2, None)
    assert outcome(known, code.instructions[1]) is None


def held_on_one_way(last: int) -> Function:
    """Two errors by number in r7 meet, one with a record; the record's way ends with ``last``."""
    return function(
        op(0xB7, 7, 0, 1), (op(0x15, 1, 0, 7), 8), op(CALL, 0, 0, RESERVE), (op(0x15, 0, 0, 0), 8),
        op(0xBF, 6, 0), op(0xB7, 7, 0, last), (op(0x15, 1, 0, 9), 8), (op(JA), 11),
        (op(0x15, 7, 0, 1), 10), trap("error.Two"), trap("error.One"),
        op(0xBF, 1, 6), op(CALL, 0, 0, SUBMIT), op(0xB7, 0, 0, 0), op(EXIT),
    )  # fmt: skip


def test_only_what_is_not_clear_is_parted() -> None:
    code = held_on_one_way(2)
    returned_errors.run(unit(code))
    ends = {
        n: next(m.text for m in i.target.marks)
        for n, i in enumerate(code.instructions)
        if i.target is not None and is_trap(i.target)
    }
    assert {ends[1], ends[3], ends[6]} == {"error.One", "error.Two"} and ends[6] == "error.Two"
    again = shown(code)
    returned_errors.run(unit(code))
    assert shown(code) == again
    nothing_held = held_on_one_way(2)
    nothing_held.instructions[2].immediate = 14
    before = shown(nothing_held)
    returned_errors.run(unit(nothing_held))
    assert shown(nothing_held) == before


@pytest.mark.parametrize(("last", "is_forgotten"), [(op(EXIT), True), (op(CALL, 0, 0, SUBMIT), False)])
def test_what_a_way_without_an_error_forgets(last: Instruction, is_forgotten: bool) -> None:
    code = function(
        op(CALL, 0, 0, RESERVE), (op(0x15, 0, 0, 0), 7), op(0xBF, 6, 0), op(0xB7, 7, 0, 0), (op(0x15, 1, 0, 3), 7),
        op(0xBF, 1, 6), last, (op(0x15, 7, 0, 0), 9), trap("error.One"), op(EXIT),
    )  # fmt: skip
    states = Holdings([code]).states(code)
    (record,) = states[code.instructions[4]].states
    assert returned_errors.forgotten(unit(code), code, states, record) is code.instructions[4]
    code.instructions[3].immediate = 1  # an error, which is another's business
    found = returned_errors.forgotten(unit(code), code, states, record)
    assert found is (code.instructions[4] if is_forgotten else None)


def invented(rnd: random.Random) -> Function:
    """Numbers, tests of them, jumps anywhere, errors and returns."""
    code: list[Instruction | tuple[Instruction, int]] = []
    while len(code) < 40:
        kind = rnd.randrange(8)
        register, number = rnd.randrange(4), rnd.randrange(3)
        if kind < 3:
            code.append(op(rnd.choice((0xB7, 0xB4, 0xB7, 0x07, 0x57, 0x67)), register, 0, number))
        elif kind < 6:
            made = op(rnd.choice((0x15, 0x16, 0x55, 0x66, 0xA5, 0x1D)), register, rnd.randrange(4), number)
            code.append((made, rnd.randrange(60)))
        elif kind < 7:
            code.append((op(JA), rnd.randrange(60)))
        else:
            code.append(rnd.choice((op(EXIT), trap("error.One"), trap("error.Two"), trap())))
    code.append(op(EXIT))
    return function(*[(p[0], min(p[1], 40)) if isinstance(p, tuple) else p for p in code])


@pytest.mark.parametrize("seed", range(4))
def test_random_functions_do_what_they_did(seed: int) -> None:
    rnd = random.Random(seed)
    parted = 0
    for _ in range(80):
        code = invented(rnd)
        inputs = [[rnd.choice(ANY) for _ in range(10)] for _ in range(16)]
        expected = [run(code, given) for given in inputs]
        size = len(code.instructions)
        returned_errors.part(unit(code), code)
        assert [run(code, given) for given in inputs] == expected
        parted += len(code.instructions) > size
        assert {i.target for i in code.instructions if i.target is not None} <= {*code.instructions}
    assert parted > 4


def test_copies_are_marked_like_the_first() -> None:
    code = held_on_one_way(2)
    returned_errors.run(unit(code))
    traps = [i for i in code.instructions if is_trap(i)]
    assert len(traps) > 2
    assert all(i.symbol is SYMBOL and isinstance(i.marks[0], Mark) and i.line is not None for i in traps)
