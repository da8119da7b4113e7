"""What docs/benchmarks.md says of the number of instructions, beside the same probes in C."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.build.compile import build_probe

SOURCES = Path(__file__).parents[2] / "benchmarks" / "code"
NAMES = sorted(path.stem for path in SOURCES.glob("*.zig") if path.with_suffix(".c").exists())


def instructions(path: Path) -> int:
    """Those of the program and of the functions that it calls, of 8 bytes each."""
    spec = pyzbpf.open(path)
    waiting, seen = [name for name in spec.functions if name == "prog"], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [r.name for r in spec.functions[name].references if r.name in spec.functions]
    return sum(len(spec.functions[name].instructions) // 8 for name in seen)


@pytest.mark.parametrize("name", NAMES)
def test_no_more_than_c_in_fast_mode(name: str, tmp_path: Path) -> None:
    found = {}
    for suffix in (".c", ".zig"):
        (path,) = build_probe(
            SOURCES / (name + suffix),
            endian="little" if sys.byteorder == "little" else "big",
            mode="fast",
            output_directory=tmp_path / suffix[1:],
            cache=tmp_path / "cache",
        )
        found[suffix] = instructions(path)
    assert 0 < found[".zig"] <= found[".c"]


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
def test_a_loop_over_a_large_array_stays_a_loop(mode: str, tmp_path: Path) -> None:
    """What docs/zig.md has instead of @memset, which LLVM makes a store for each byte, or eight where they are aligned."""
    found = {}
    for name, line in (("loop", "for (&table) |*byte| byte.* = 7;"), ("memset", "@memset(&table, 7);")):
        source = tmp_path / f"{name}.zig"
        source.write_text(
            "export var table: [2048]u8 align(8) = @splat(1);\n"
            f'export fn prog() linksection("socket") c_int {{ {line} return 0; }}\n'
        )
        (path,) = build_probe(
            source, endian=sys.byteorder, mode=mode, output_directory=tmp_path, cache=tmp_path / "cache"
        )
        found[name] = instructions(path)
    assert found["loop"] < 32
    assert 256 <= found["memset"] < 512
