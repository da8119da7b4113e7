"""Where code stands: failures behind the function, what is only jumped to where it is jumped from."""

from __future__ import annotations

from pyzbpf.finish.analysis.roles import UNKNOWN
from pyzbpf.finish.code import Core, Mark
from pyzbpf.finish.passes import placement
from pyzbpf.insn.instruction import CALL, EXIT, JA
from tests.support.functions import SYMBOL, function, op, shown, trap, unit


def test_a_trap_stands_behind() -> None:
    """If r1 > 5 goto 3; r2 = 6; trap; 3: r0 = 1; exit"""
    code = function((op(0x25, 1, 0, 5), 3), op(0xB4, 2, 0, 6), trap(), op(0xB7, 0, 0, 1), op(EXIT))
    placement.run(unit(code))
    assert shown(code) == [
        (0xB5, 1, 0, 5, 3), (0xB7, 0, 0, 1), (EXIT, 0, 0, 0), (0xB4, 2, 0, 6), (CALL, 0, 1, -1),
    ]  # fmt: skip


def test_a_trap_of_unknown_place_lends_its_line_to_nobody() -> None:
    """If r1 > 5 goto 2; trap; 2: r0 = 1; exit"""
    code = function((op(0x25, 1, 0, 5), 2), trap(), op(0xB4, 0, 0, 1), op(EXIT))
    first, unknown, last, _ = code.instructions
    unknown.line, last.line = UNKNOWN, None
    placement.run(unit(code))
    assert unknown.line is UNKNOWN and code.instructions[-1] is unknown
    assert last.line in (None, first.line)


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
