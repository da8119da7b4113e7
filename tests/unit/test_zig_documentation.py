"""Every public declaration of the Zig SDK says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SDK = Path(__file__).parents[2] / "zig" / "bpf"
# Generated from the kernel's header, whose names they keep; and the namespace whose members are Zig's.
WITHOUT = {"constants.zig", "types.zig", "helpers.zig", "panic.zig"}
FILES = sorted(path for path in SDK.rglob("*.zig") if path.name not in WITHOUT)

_PUBLIC = re.compile(r"\s*pub (?:inline |export )?(?:fn|const|var) ")
# Names for what is documented where it is defined, the field's names for numbers, and what the SDK itself reads.
_ALIAS = re.compile(
    r"\s*pub const \w+ = (?:@import\(.*|\w+(?:\.\w+)*);$|\s*pub const \w+(?:: \w+)? = (?:-?\d+|0x[0-9a-f]+);$|\s*pub const (?:btf|Value|bit_width|KeyType|ValueType) = "
)


@pytest.mark.parametrize("file", FILES, ids=[str(path.relative_to(SDK)) for path in FILES])
def test_documented(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines[0].startswith("//! ") or "Generated" in lines[0]
    missing = [
        f"{file.name}:{number + 1}: {line.strip()}"
        for number, line in enumerate(lines)
        if _PUBLIC.match(line) and not _ALIAS.match(line) and not _comment_above(lines, number)
    ]
    assert not missing, "\n".join(missing)


def _comment_above(lines: list[str], number: int) -> bool:
    return number > 0 and lines[number - 1].strip().startswith("///")
