"""What makes code shorter, on thousands of random functions: carried out before and after, compared as graphs."""

from __future__ import annotations

import random

import pytest

from pyzbpf.finish.analysis.branches import opposite
from pyzbpf.finish.code import Function, Instruction, Line
from pyzbpf.finish.passes import checked_values, overflow_bits, placement
from pyzbpf.insn.instruction import EXIT, JA
from tests.support.functions import SYMBOL, function, op, run, shown, trap, unit

ANY = (0, 1, 2, 5, 0xFFFFFFFF, 1 << 32, (1 << 64) - 1)
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
    shorter = {overflow_bits: 0, placement: 0, checked_values: 0}
    for _ in range(60):
        code = invented(rnd)
        inputs = [[rnd.choice(ANY) for _ in range(10)] for _ in range(16)]
        expected = [run(code, given) for given in inputs]
        for step in (checked_values, overflow_bits, placement, overflow_bits, placement):
            size = len(code.instructions)
            before = shown(code)
            step.run(unit(code))
            assert [run(code, given) for given in inputs] == expected
            shorter[step] += len(code.instructions) < size
            after = shown(code)
            step.run(unit(code))
            assert shown(code) == after, (before, after)
            assert {i.target for i in code.instructions if i.target is not None} <= {*code.instructions}
    assert min(shorter.values()) > 8  # it was not for nothing


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
