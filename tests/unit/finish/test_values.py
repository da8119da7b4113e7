"""What is known of values does not grow with the function: else a build takes the square of its length."""

from __future__ import annotations

from pyzbpf.finish.analysis import values
from pyzbpf.insn.instruction import EXIT
from tests.support.functions import function, op


def test_only_what_is_somewhere_is_known() -> None:
    # r2 = *(u32 *)(r1 + 0), and again
    states = values.states(function(*(op(0x61, 2, 1) for _ in range(300)), op(EXIT)))
    assert len(states) == 301
    last = states[300]
    name = last.terms[2].base
    assert last.known.top(name, 64) == 0xFFFFFFFF
    assert last.told.top(last.links[2], 64) == 0xFFFFFFFF
    forgotten = states[10].terms[2].base
    assert name != forgotten
    assert last.known.top(forgotten, 64) == 0xFFFFFFFFFFFFFFFF
