"""What makes code shorter: overflow bits and the places of code, on examples and on thousands of random functions."""

from __future__ import annotations

import random

import pytest

from pyzbpf.elf import image as elf
from pyzbpf.finish import unit as units
from pyzbpf.finish.branches import opposite, speaks_v2
from pyzbpf.finish.code import Core, Function, Instruction, Line, Mark
from pyzbpf.finish.flow import TRAP
from pyzbpf.finish.passes import narrow_copies, overflow_bits, placement
from pyzbpf.insn.instruction import CALL, EXIT, JA
from tests.support.run_code import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ANY = (0, 1, 2, 5, 0xFFFFFFFF, 1 << 32, (1 << 64) - 1)
SYMBOL = elf.Symbol(TRAP, section=None)


def op(opcode: int, destination: int = 0, source: int = 0, imm: int = 0) -> Instruction:
    return Instruction(opcode, destination=destination, source=source, immediate=imm)


def trap(text: str = "integerOverflow") -> Instruction:
    made = op(CALL, 0, 1, -1)
    made.symbol, made.marks = SYMBOL, [Mark("trap", text)]
    return made


# An instruction, or a jump with the index it goes to.
Part = Instruction | tuple[Instruction, int]


def function(*code: Part) -> Function:
    """A function with a line record on each instruction."""
    made = Function(elf.Symbol("prog", section=None), elf.Section("xdp", type=1))
    made.instructions = [part[0] if isinstance(part, tuple) else part for part in code]
    for part in code:
        if isinstance(part, tuple):
            part[0].target = made.instructions[part[1]]
    for number, instruction in enumerate(made.instructions):
        instruction.line = Line("probe.zig", f"{number}", number << 10)
    return made


def unit(*functions: Function, zig: bool = True) -> units.Unit:
    made = units.Unit(elf.Image(file="probe.o", endian="little"))
    made.code.functions = list(functions)
    made.is_from_zig = zig
    return made


def shown(code: Function) -> list[tuple[int, ...]]:
    """Opcode, registers, immediate, and where a jump goes."""
    places = {instruction: index for index, instruction in enumerate(code.instructions)}
    return [
        (
            i.opcode,
            i.destination,
            i.source,
            i.immediate,
            *([places[i.target]] if i.target is not None else []),
        )
        for i in code.instructions
    ]


def check(width: int = 0xB4, test: int = 0x56, decider: int = 0xAD) -> list[Part]:
    """r2 = 1; if r1 < r3 goto 3; r2 = 0; 3: if r2 != 1 goto 5; trap; 5: r0 = 7; exit"""
    return [
        op(width, 2, 0, 1), (op(decider, 1, 3), 3), op(width, 2, 0, 0), (op(test, 2, 0, 1), 5), trap(),
        op(0xB7, 0, 0, 7), op(EXIT),
    ]  # fmt: skip


# -- overflow bits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "test"), [(0xB4, 0x56), (0xB7, 0x55)])
def test_an_overflow_check_is_one_jump(width: int, test: int) -> None:
    code = function(*check(width, test))
    overflow_bits.run(unit(code))
    assert shown(code) == [(0x3D, 1, 3, 0, 2), (CALL, 0, 1, -1), (0xB7, 0, 0, 7), (EXIT, 0, 0, 0)]
    # The line of what is gone counts for what follows it, unless that has its own.
    assert [i.line and i.line.position >> 10 for i in code.instructions] == [3, 4, 5, 6]


def test_the_bit_may_be_masked_and_joined_by_a_jump() -> None:
    """r2 = 1; if r1 == 0 goto 4; r2 = 0; goto 4; 4: r0 = 2; r2 &= 1; if r2 != 0 goto 8; exit; 8: trap"""
    code = function(
        op(0xB4, 2, 0, 1), (op(0x15, 1), 4), op(0xB4, 2), (op(JA), 4), op(0xB4, 0, 0, 2), op(0x54, 2, 0, 1),
        (op(0x56, 2), 8), op(EXIT), trap(),
    )  # fmt: skip
    overflow_bits.run(unit(code))
    assert shown(code) == [
        (JA, 0, 0, 0, 1), (0xB4, 0, 0, 2), (0x15, 1, 0, 0, 4), (EXIT, 0, 0, 0), (CALL, 0, 1, -1),
    ]  # fmt: skip


def used_later(code: list[Part]) -> None:
    code[5] = op(0xBF, 0, 2)


def used_by_the_trap(code: list[Part]) -> None:
    code[4] = trap("outOfBounds r2 r3")


def decided_by_itself(code: list[Part]) -> None:
    code[1] = op(0xAD, 2, 3), 3


def another_number(code: list[Part]) -> None:
    code[0] = op(0xB4, 2, 0, 3)


def the_same_number(code: list[Part]) -> None:
    code[2] = op(0xB4, 2, 0, 1)


def another_register(code: list[Part]) -> None:
    code[2] = op(0xB4, 4, 0, 0)


def a_loader_sets_it(code: list[Part]) -> None:
    code[2] = op(0xB4, 2)
    code[2].core = Core(1, "0", 2)


def condition_overwritten(code: list[Part]) -> None:
    code[3:3] = [op(0xB7, 3, 0, 9)]
    code[4] = op(0x56, 2, 0, 1), 6


def changed_otherwise(code: list[Part]) -> None:
    code[3:3] = [op(0x07, 2, 0, 1)]
    code[4] = op(0x56, 2, 0, 1), 6


def joined_from_elsewhere(code: list[Part]) -> None:
    code[5:5] = [(op(0x15, 1), 3)]
    code[3] = op(0x56, 2, 0, 1), 5


def second_number_jumped_to(code: list[Part]) -> None:
    code[5:5] = [(op(0x15, 1), 2)]
    code[3] = op(0x56, 2, 0, 1), 5


def behind_a_call(code: list[Part]) -> None:
    code[3:3] = [op(CALL, 0, 0, 5)]
    code[4] = op(0x56, 2, 0, 1), 6


def no_opposite(code: list[Part]) -> None:
    code[1] = op(0x45, 1, 0, 4), 3


def no_trap(code: list[Part]) -> None:
    code[4] = op(0xB7, 0, 0, 1)


@pytest.mark.parametrize(
    "change",
    [
        used_later, used_by_the_trap, decided_by_itself, another_number, the_same_number, another_register,
        a_loader_sets_it, condition_overwritten, changed_otherwise, joined_from_elsewhere, second_number_jumped_to,
        behind_a_call, no_opposite, no_trap,
    ],
)  # fmt: skip
def test_a_bit_that_more_depends_on_stays(change: Callable[[list[Part]], None]) -> None:
    code = check()
    change(code)
    made = function(*code)
    before = shown(made)
    overflow_bits.run(unit(made))
    assert shown(made) == before


def test_no_comparison_that_the_cpu_has_not() -> None:
    """With the instructions of v1 only, `>` has no opposite; `==` has."""
    above = function(*check(0xB7, 0x55, 0x2D))
    equal = function(*check(0xB7, 0x55, 0x1D))
    whole = unit(above, equal)
    assert not speaks_v2(whole.code)
    overflow_bits.run(whole)
    assert (len(above.instructions), len(equal.instructions)) == (7, 4)
    above.instructions[5].opcode = 0xB4  # 32-bit arithmetic: v3
    overflow_bits.run(whole)
    assert len(above.instructions) == 4 and above.instructions[0].opcode == 0xBD


@pytest.mark.parametrize(
    "opcode", [0x15, 0x1D, 0x25, 0x35, 0x55, 0x65, 0x75, 0xA5, 0xB5, 0xC5, 0xD5, 0x16, 0xDE]
)
def test_opposites_go_both_ways(opcode: int) -> None:
    other = opposite(op(opcode), v2=True)
    assert other is not None and other != opcode and opposite(op(other), v2=True) == opcode
    assert opposite(op(0x45), v2=True) is None


# -- random functions -----------------------------------------------------------------------------------

COMPARISONS = [0x15, 0x16, 0x1D, 0x25, 0x2D, 0x35, 0x45, 0x55, 0x56, 0x5D, 0xA5, 0xAD, 0xB5, 0xBE]


def invented(rnd: random.Random) -> Function:
    """A function without loops: numbers, jumps forward, traps, returns; overflow bits, some of them damaged."""
    code: list[Instruction] = []
    jumps: list[tuple[int, int]] = []

    def add(made: Instruction, forward: int = 0) -> None:
        if forward:
            jumps.append((len(code), len(code) + forward))
        code.append(made)

    def register() -> int:
        return rnd.choice((0, 1, 2, 2, 3))

    while len(code) < 40:
        kind = rnd.randrange(10)
        if kind < 4:
            bit, width = register(), rnd.choice((0xB4, 0xB7))
            add(op(width, bit, 0, rnd.choice((1, 1, 1, 0))))
            add(op(rnd.choice(COMPARISONS), register(), register(), rnd.choice((0, 1, 5))), 2)
            add(op(width, bit, 0, rnd.choice((0, 0, 0, 1))))
            if rnd.random() < 0.3:
                add(op(0xB4, register(), 0, 2))
            if rnd.random() < 0.3:
                add(op(rnd.choice((0x54, 0x57)), bit, 0, 1))
            add(op(rnd.choice((0x16, 0x56, 0x55)), bit, 0, rnd.choice((0, 1))), rnd.choice((2, 2, 3)))
            add(trap(rnd.choice(("unwrapNull", "outOfBounds r1 r2"))))
        elif kind < 6:
            add(op(rnd.choice((0x07, 0x04, 0x57, 0xA7)), register(), 0, rnd.randrange(4)))
        elif kind < 7:
            add(op(rnd.choice(COMPARISONS), register(), register(), rnd.randrange(3)), rnd.randrange(1, 12))
        elif kind < 8:
            add(op(JA), rnd.randrange(1, 12))
        elif kind < 9:
            one, other, mask = register(), register(), rnd.choice((255, 65535, 3, -1))
            add(op(rnd.choice((0xBF, 0xBC)), one, other))
            add(op(rnd.choice((0x57, 0x54)), one, 0, mask))
            add(op(rnd.choice((0x57, 0x54)), other, 0, mask))
        else:
            add(rnd.choice((op(EXIT), trap())))
    code.append(op(EXIT))
    last = len(code) - 1
    return function(*[(i, min(dict(jumps)[n], last)) if n in dict(jumps) else i for n, i in enumerate(code)])


@pytest.mark.parametrize("seed", range(4))
def test_random_functions_do_what_they_did(seed: int) -> None:
    rnd = random.Random(seed)
    shorter = {overflow_bits: 0, placement: 0, narrow_copies: 0}
    for _ in range(120):
        code = invented(rnd)
        inputs = [[rnd.choice(ANY) for _ in range(10)] for _ in range(16)]
        expected = [run(code, given) for given in inputs]
        for step in (narrow_copies, overflow_bits, placement, overflow_bits, placement):
            size = len(code.instructions)
            before = shown(code)
            step.run(unit(code))
            assert [run(code, given) for given in inputs] == expected
            shorter[step] += len(code.instructions) < size
            after = shown(code)
            step.run(unit(code))
            assert shown(code) == after, (before, after)
            assert {i.target for i in code.instructions if i.target is not None} <= {*code.instructions}
    assert min(shorter.values()) > 20  # it was not for nothing


# -- narrow copies --------------------------------------------------------------------------------------


def twice(mask: int = 255, again: int = 255) -> list[Part]:
    """If r3 == 0 goto 2; r2 = r1; r2 &= 255; w1 &= 255; r0 = r2; exit"""
    return [
        (op(0x15, 3), 1), op(0xBF, 2, 1), op(0x57, 2, 0, mask), op(0x54, 1, 0, again), op(0xBF, 0, 2), op(EXIT),
    ]  # fmt: skip


def test_a_number_is_narrowed_once() -> None:
    code = function(*twice())
    narrow_copies.run(unit(code))
    assert shown(code) == [
        (0x15, 3, 0, 0, 1), (0x54, 1, 0, 255), (0xBF, 2, 1, 0), (0xBF, 0, 2, 0), (EXIT, 0, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("index", "part"),
    [
        (0, (op(0x15, 3), 2)),  # the copy may be left out
        (0, (op(0x15, 3), 3)),
        (1, Instruction(0xBF, destination=2, source=1, offset=8)),  # extends the sign
        (1, op(0xBF, 1, 1)),
        (1, op(0xBF, 2, 4)),
        (1, op(0x0F, 2, 1)),
        (2, op(0x57, 2, 0, 65535)),
        (2, op(0x47, 2, 0, 255)),
        (3, op(0x54, 4, 0, 255)),
        (3, op(0x5F, 1, 3)),
    ],
)
def test_what_is_narrowed_otherwise_stays(index: int, part: Part) -> None:
    code = twice()
    code[index] = part
    made = function(*code)
    before = shown(made)
    narrow_copies.run(unit(made))
    assert shown(made) == before


def test_a_mask_with_the_upper_half_stays() -> None:
    for zig, mask in ((True, -256), (False, 255)):
        made = function(*twice(mask, mask))
        before = shown(made)
        narrow_copies.run(unit(made, zig=zig))
        assert shown(made) == before


# -- placement ------------------------------------------------------------------------------------------


def ways(code: Function) -> dict[Instruction, tuple[Instruction, Instruction]]:
    """What may come behind each instruction, jumps that always go left out: of a condition where it goes when
    it holds and when not, whichever of the two opposite ones it is now.
    """

    def settle(index: int) -> Instruction:
        found = code.instructions[index]
        while found.opcode == JA:
            assert found.target is not None
            found = found.target
        return found

    known = {}
    for index, instruction in enumerate(code.instructions):
        if instruction.opcode in (JA, EXIT) or instruction.symbol is SYMBOL:
            continue
        follower = settle(index + 1)
        if instruction.target is None:
            known[instruction] = follower, follower
        else:
            taken = settle(code.instructions.index(instruction.target))
            other = opposite(instruction, v2=True) or 0x100
            direct = instruction.opcode < other
            known[instruction] = (taken, follower) if direct else (follower, taken)
    return known


def line_at(code: Function, index: int) -> Line | None:
    return next((i.line for i in reversed(code.instructions[: index + 1]) if i.line is not None), None)


@pytest.mark.parametrize("seed", range(4))
def test_only_places_change(seed: int) -> None:
    """The graph of what follows what is the same, and every instruction keeps its line."""
    rnd = random.Random(100 + seed)
    for _ in range(150):
        code = invented(rnd)
        for instruction in code.instructions[1:]:
            if rnd.random() < 0.6:
                instruction.line = None
        lines = {instruction: line_at(code, n) for n, instruction in enumerate(code.instructions)}
        before = ways(code)
        placement.run(unit(code))
        after = ways(code)
        gone = {i: way for i, way in before.items() if i not in after}

        def settle(
            found: Instruction, gone: dict[Instruction, tuple[Instruction, Instruction]] = gone
        ) -> Instruction:
            while found in gone:
                found = gone[found][0]
            return found

        # What is gone jumped to where it came anyhow.
        assert all(settle(one) is settle(other) for one, other in gone.values())
        for instruction, way in after.items():
            assert way == tuple(map(settle, before[instruction]))
        for index, instruction in enumerate(code.instructions):
            if instruction in lines and instruction.opcode != JA:
                assert line_at(code, index) is lines[instruction]


def test_a_trap_stands_behind() -> None:
    """If r1 > 5 goto 3; r2 = 6; trap; 3: r0 = 1; exit"""
    code = function((op(0x25, 1, 0, 5), 3), op(0xB4, 2, 0, 6), trap(), op(0xB7, 0, 0, 1), op(EXIT))
    placement.run(unit(code))
    assert shown(code) == [
        (0xB5, 1, 0, 5, 3), (0xB7, 0, 0, 1), (EXIT, 0, 0, 0), (0xB4, 2, 0, 6), (CALL, 0, 1, -1),
    ]  # fmt: skip


def test_the_common_exit_stands_last() -> None:
    """r0 = 0; if r1 == 5 goto 3; 2: exit; 3: if r2 > 7 goto 2; r0 = 1; goto 2"""
    code = function(
        op(0xB4), (op(0x15, 1, 0, 5), 3), op(EXIT), (op(0x25, 2, 0, 7), 2), op(0xB7, 0, 0, 1), (op(JA), 2)
    )
    placement.run(unit(code))
    assert shown(code) == [
        (0xB4, 0, 0, 0), (0x55, 1, 0, 5, 4), (0x25, 2, 0, 7, 4), (0xB7, 0, 0, 1), (EXIT, 0, 0, 0),
    ]  # fmt: skip


def test_a_loop_begins_where_it_is_entered() -> None:
    """Goto 3; 1: r0 += 1; if r1 >= r2 goto 6; 3: r3 = 1; if r3 > r4 goto 6; goto 1; 6: exit"""
    code = function(
        (op(JA), 3), op(0x07, 0, 0, 1), (op(0x3D, 1, 2), 6), op(0xB4, 3, 0, 1), (op(0x2D, 3, 4), 6), (op(JA), 1),
        op(EXIT),
    )  # fmt: skip
    placement.run(unit(code))
    assert shown(code) == [
        (0xB4, 3, 0, 1), (0x2D, 3, 4, 0, 4), (0x07, 0, 0, 1), (0xAD, 1, 2, 0, 0), (EXIT, 0, 0, 0),
    ]  # fmt: skip


def test_code_of_another_compiler_stays() -> None:
    code = function((op(0x25, 1, 0, 5), 2), op(EXIT), op(0xB7, 0, 0, 1), (op(JA), 1))
    before = shown(code)
    placement.run(unit(code, zig=False))
    assert shown(code) == before


def test_what_a_marker_belongs_to_stays() -> None:
    code = function((op(0x15, 1), 1), (op(JA), 2), op(EXIT))
    code.instructions[1].marks = [Mark("callback", "")]
    code.instructions[0].core = Core(1, "0", 2)
    before = shown(code)
    placement.run(unit(code))
    assert shown(code) == before


def test_a_function_as_long_as_a_jump_stays() -> None:
    filler = [op(0xB7, 3) for _ in range(30_000)]
    code = function((op(0x15, 1), 2), trap(), *filler, op(EXIT))
    placement.run(unit(code))
    assert code.instructions[1].symbol is SYMBOL
