"""Objects with many programs: loaded side by side, refused as if one after the other."""

from __future__ import annotations

import pytest

from pyzbpf.errors import VerifierError
from pyzbpf.runtime import parallel
from tests.support.assemble import R0, R2, Asm, add_program, object_spec
from tests.support.probes import PACKET

MANY = 60


@pytest.fixture(autouse=True, params=[1, 2, 4])
def threads(request, monkeypatch):
    monkeypatch.setattr(parallel, "workers", lambda _: request.param)


def many(broken: tuple[int, ...] = ()):
    spec = object_spec("many")
    for number in range(MANY):
        asm = Asm()
        for _ in range(50):
            asm.mov_imm(R2, number)
        asm.mov(R0, R2 if number not in broken else 9).exit_()
        add_program(spec, f"program{number}", "socket", asm)
    return spec


def test_all_are_loaded_in_the_order_of_the_object():
    with many().load() as probe:
        assert list(probe.programs) == [f"program{number}" for number in range(MANY)]
        assert probe.programs["program37"].test_run(PACKET).retval == 37


def test_the_first_that_is_refused_is_named_and_nothing_stays():
    with pytest.raises(VerifierError, match="program 'program11'"):
        many((11, 12, 40)).load()
