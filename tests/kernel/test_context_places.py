"""Accesses of the context whose place the compiler chooses at run time, in every mode."""

from __future__ import annotations

import struct
from itertools import product

import pytest

from tests.support import features, zig_probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.runtime.object import Object

MODES = ("safe", "small", "fast")
WORD = (1 << 64) - 1
ARGUMENTS = [3 ** (5 + at) for at in range(12)]


def loaded(program: str, mode: str) -> Object:
    spec = zig_probes.spec("context_places", mode)
    for name, found in spec.programs.items():
        found.autoload = name == program
    return spec.load()


def sum_of(arguments: list[int]) -> int:
    total = 0
    for argument in arguments:
        total = (total * 3 + argument) & WORD
    return total


def two_of(a: list[int]) -> int:
    return (a[3] - a[2] if a[0] > 4 else a[8] - a[7]) & WORD


RESULTS: dict[str, Callable[[list[int]], int]] = {
    "chosen": lambda a: a[1] if a[0] > 4 else a[2],
    "switched": lambda a: {0: a[3], 1: a[5], 2: a[7], 3: a[4]}.get(a[0], 0),
    "indexed": lambda a: a[1 + (a[0] & 7)],
    "looped": lambda a: sum_of(a[: min(a[0], 9)]),
    "copied": lambda _: 1,
    "called": lambda a: a[11 if a[0] & 1 else 1] * 2 + a[11 if a[0] & 2 else 1],
    "pair": two_of,
}


@pytest.mark.parametrize(("program", "mode"), [*product(RESULTS, MODES)])
def test_the_place_asked_for_is_read(program: str, mode: str) -> None:
    if (program, mode) == ("looped", "small") and features.is_older("6.8"):
        pytest.skip(f"a loop that counts down needs Linux 6.8, this is {features.RELEASE}")
    with loaded(program, mode) as probe:
        for first in (*range(12), WORD):
            arguments = [first, *ARGUMENTS[1:]]
            context = struct.pack("=12Q", *arguments)
            returned = probe.programs[program].test_run(context=context).retval
            assert returned == RESULTS[program](arguments) & 0xFFFFFFFF, first
            if program == "copied":
                assert list(probe.variables["seen"].value) == arguments


@pytest.mark.parametrize("mode", MODES)
def test_the_place_asked_for_is_written(mode: str) -> None:
    with loaded("written", mode) as probe:
        for size, changed in ((64, "mark"), (128, "priority")):
            result = probe.programs["written"].test_run(bytes(size), context=bytes(192))
            assert result.context is not None
            found = dict(
                zip(("mark", "priority"), struct.unpack_from("=I20xI", result.context, 8), strict=True)
            )
            assert found == {"mark": 0, "priority": 0} | {changed: 7}


ENDINGS = {
    "panics": (1, "panic: always"),
    "traps": (2, "reached a trap"),
    "divides": (3, "division by zero"),
    "unwraps": (4, "attempt to use null value"),
    "calls": (5, "panic: given up"),
    "called_for_nothing": (6, "panic: given up"),
    "asks_first": (7, "reached unreachable code"),
    "holds": (8, "panic: held"),
}
# What LLVM does not keep of them in the modes without checks.
LOST = ("divides", "unwraps", "asks_first")


@pytest.mark.parametrize(("program", "mode"), [*product(ENDINGS, MODES)])
def test_a_program_that_always_fails_loads(program: str, mode: str) -> None:
    verdict, said = ENDINGS[program]
    with zig_probes.spec("endings", mode).load() as probe:
        for _ in range(2):
            assert probe.programs[program].test_run(context=bytes(96)).retval == verdict
        (trap,) = probe.traps
        wanted = said if mode == "safe" or program not in LOST else "reached a trap"
        assert (trap.spec.describe().rpartition(": ")[2], trap.count) == (wanted.rpartition(": ")[2], 2)
        lines = (zig_probes.FOLDERS[0] / "endings.zig").read_text().splitlines()
        owner = "fn give_up" if said.endswith("given up") else f"fn {program}("
        start = next(n for n, line in enumerate(lines) if owner in line)
        assert start + 1 < trap.line <= lines.index("}", start) + 1
        assert probe.maps["records"].read(timeout=0) == []
