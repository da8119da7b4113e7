"""An index that Zig has checked is one that the verifier takes, whatever its width and the way it came."""

from __future__ import annotations

import struct

import pytest

from pyzbpf.errors import VerifierError
from tests.support import features, zig_probes

TYPES = ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64")
USES = ("byte", "record", "part")
WAYS = ("direct", "argument", "result", "behind_if", "loop", "least", "most", "clamped", "sum")
LENGTH = 16


def indexes(way: str, value: int) -> list[int] | None:
    """Where a program uses the table, in order."""
    return {
        "result": [value ^ 1],
        "behind_if": [value] if 0 <= value < 10 else [],
        "loop": [value, value + 1, value + 2],
        "least": [min(value, 9)],
        "most": [max(value, 2)],
        "clamped": [min(max(value, 1), 9)],
    }.get(way, [value])


def given(kind: str) -> list[int]:
    """Numbers of a type about the ends of the table and of the type."""
    bits = int(kind[1:])
    ends = (0, (1 << bits) - 1) if kind[0] == "u" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    return [n for n in (0, 1, 3, 9, 12, 13, 15, 16, 17, 100, -1, *ends) if ends[0] <= n <= ends[1]]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("use", USES)
def test_indexes(kind: str, use: str) -> None:
    if use == "part":  # 6.12 and 6.18.15 refuse those of 64 bits yet, 6.18.44 and 7.3 take them
        version = "6.19" if kind.endswith("64") else "6.8"
        features.since(version, f"a loop over a part whose length is a variable {kind}")
    spec = zig_probes.spec("indexes")
    names = {f"{kind}_{way}_{use}": way for way in WAYS}
    wanted = {name: way for name, way in names.items() if name in spec.programs}
    assert len(wanted) == len(WAYS) - (kind[0] == "i" and use == "part")
    for name, program in spec.programs.items():
        program.autoload = name in wanted
    table = {"byte": "bytes", "record": "records", "part": "words"}[use]
    with spec.load() as probe:
        for name, way in wanted.items():
            for value in given(kind):
                probe.variables["trace"].value = 0
                before = counts(probe.variables[table].value)
                context = struct.pack("=12Q", value & (1 << 64) - 1, *[0] * 11)
                returned = probe.programs[name].test_run(context=context).retval
                expected = list(before)
                good = True
                for index in indexes(way, value) or ():
                    good = good and 0 <= index < LENGTH + (use == "part")
                    for place in (range(index) if use == "part" else [index]) if good else ():
                        expected[place] = (expected[place] + 1) % 256
                assert returned == 7 * good, (name, value)
                found = counts(probe.variables[table].value)
                assert [count % 256 for count in found] == expected, (name, value)


@pytest.mark.parametrize("name", ["neighbours", "around"])
def test_several_places_by_one_index(name: str) -> None:
    spec = zig_probes.spec("indexes")
    for other, program in spec.programs.items():
        program.autoload = other == name
    with spec.load() as probe:
        for at in (0, 1, 5, 12, 13, 14, 15, 16, (1 << 64) - 1):
            words = list(range(LENGTH))
            probe.variables["words"].value = words
            good = at + 1 < LENGTH if name == "neighbours" else 1 <= at < LENGTH - 2
            if name == "neighbours" and at < LENGTH:
                words[at] += 1
            elif name == "around" and at + 1 < LENGTH:
                words[at + 1] += words[at]
            if good and name == "neighbours":
                words[at + 1] += 2
            elif good:
                words[at - 1] += words[at + 2]
            returned = probe.programs[name].test_run(context=struct.pack("=12Q", at, *[0] * 11)).retval
            assert (returned, list(probe.variables["words"].value)) == (7 * good, words), at


def counts(table: object) -> list[int]:
    assert hasattr(table, "__iter__")
    return [int(getattr(element, "second", element)) % 256 for element in table]


def test_without_the_checks_they_are_refused() -> None:
    for name in ("u32_argument_byte", "u8_direct_record", "i16_result_part"):
        spec = zig_probes.spec("indexes", "fast")
        for other, program in spec.programs.items():
            program.autoload = other == name
        with pytest.raises(VerifierError):
            spec.load()
