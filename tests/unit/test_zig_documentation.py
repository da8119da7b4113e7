"""Every public declaration of the Zig SDK says what it is."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from pyzbpf.uapi.helpers import HELPERS

SDK = Path(__file__).parents[2] / "zig" / "bpf"
FILES = sorted(SDK.rglob("*.zig"))

_PUBLIC = re.compile(r"\s*pub (?:inline |export )?(?:fn|const|var) ")
# Names for what is documented where it is defined, the field's names for numbers, and what the SDK itself reads.
_ALIAS = re.compile(
    r"\s*pub const \w+ = (?:@import\(.*|\w+(?:\.\w+)*);$|\s*pub const \w+(?:: \w+)? = (?:-?\d+|0x[0-9a-f]+);$|\s*pub const (?:btf|Value|bit_width|KeyType|ValueType) = "
)


@pytest.mark.parametrize("file", FILES, ids=[str(path.relative_to(SDK)) for path in FILES])
def test_documented(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines["Generated" in lines[0]].startswith("//! ")
    missing = [
        f"{file.name}:{number + 1}: {line.strip()}"
        for number, line in enumerate(lines)
        if _PUBLIC.match(line) and not _ALIAS.match(line) and not _comment_above(lines, number)
    ]
    assert not missing, "\n".join(missing)


def _comment_above(lines: list[str], number: int) -> bool:
    return number > 0 and lines[number - 1].strip().startswith("///")


def test_helpers_say_since_when_and_for_which_licence() -> None:
    lines = (SDK / "helpers.zig").read_text().splitlines()
    comments: dict[str, str] = {}
    for number, line in enumerate(lines):
        found = re.match(r"pub const (\S+): \*align\(1\)", line)
        if found:
            begin = number
            while lines[begin - 1].startswith("///"):
                begin -= 1
            comments[found[1].strip('@"')] = "\n".join(lines[begin:number])
    assert set(comments) == {name for name, _ in HELPERS.values()}
    for name, gpl_only in HELPERS.values():
        assert re.search(r"\(Linux \d+\.\d+\)", comments[name]), name
        assert gpl_only == ("GPL-compatible licence only" in comments[name]), name


def test_functions_say_that_they_are_for_gpl_compatible_programs() -> None:
    """Those that call such a helper themselves, and what is made of functions of the kernel."""
    wanting = {name for name, gpl_only in HELPERS.values() if gpl_only}
    missing = []
    for file in FILES:
        lines = file.read_text().splitlines()
        begins = [
            number for number, line in enumerate(lines) if re.match(r"\s*(?:pub )?(?:inline )?fn ", line)
        ]
        for begin, end in pairwise([*begins, len(lines)]):
            body = "\n".join(lines[begin:end])
            called = set(re.findall(r"helpers\.(\w+)\(", body)) & wanting
            if not lines[begin].strip().startswith("pub ") or not (called or "external.kfunc(" in body):
                continue
            above = begin
            while lines[above - 1].strip().startswith("///"):
                above -= 1
            if "GPL" not in "\n".join(lines[above:begin]):
                missing.append(f"{file.name}:{begin + 1}: {lines[begin].strip()}")
    assert not missing, "\n".join(missing)
