"""Where a failed check is said to be: the author's line, column and function, or honestly none."""

from __future__ import annotations

import pytest

import pyzbpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

HEAD = 'const std = @import("std");\nconst bpf = @import("bpf");\nexport var table: [16]u64 = @splat(1);\n'
RAW = 'export fn {}(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {{\n{}}}\n'


def places(compile_text: Compile, text: str, mode: str = "safe") -> list[str]:
    """The sites of a probe as Python describes them, each with its function."""
    specs = [pyzbpf.open(data) for data in compile_text(HEAD + text, mode=mode).values()]
    little, big = ([f"{trap.describe()} in {trap.function}" for trap in spec.traps] for spec in specs)
    assert little == big
    return little


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
def test_a_trap_beside_a_panic(compile_text: Compile, mode: str) -> None:
    """LLVM lets both share one call: the place of the one is not the other's."""
    body = 'if (ctx.args[0] == 7) {\n@panic("seven");\n}\nif (ctx.args[0] == 9) @trap();\nreturn 1;\n'
    assert places(compile_text, RAW.format("prog", body), mode) == [
        "probe.zig: in 'prog': reached a trap in prog",
        "probe.zig:6:1: panic: seven in prog",
    ]


def test_a_trap_and_a_panic_behind_different_effects(compile_text: Compile) -> None:
    body = 'if (ctx.args[0] == 9) {\ntable[2] = 6;\n@trap();\n}\nif (ctx.args[0] == 7) {\ntable[1] = 5;\n@panic("");\n}\nreturn 1;\n'
    assert places(compile_text, RAW.format("prog", body)) == [
        "probe.zig:7:1: reached a trap in prog",
        "probe.zig:11:1: panic in prog",
    ]


def test_traps_that_were_merged_have_no_line(compile_text: Compile) -> None:
    """What is known of them is the function."""
    ways = "if (ctx.args[0] == 8) {\ntable[1] = 4;\n@trap();\n}\nif (ctx.args[0] == 9) @trap();\n"
    body = f"if (ctx.args[0] == 7) table[1] = 3;\n{ways}return 1;\n"
    assert places(compile_text, RAW.format("prog", body)) == ["probe.zig: in 'prog': reached a trap in prog"]


def test_bodies_of_loops_have_their_own_names_and_lines(compile_text: Compile) -> None:
    """Both callbacks are `bpf.loop.loop.Frame.call` in DWARF."""
    text = (
        "const Sum = struct { at: u64, sum: u64 = 0 };\n"
        "inline fn get(i: u64) u64 {\nreturn table[i];\n}\n"
        "fn addOne(i: u32, s: *Sum) bpf.Next {\ns.sum +%= get(s.at +% i);\nreturn .again;\n}\n"
        "fn count(i: u32, s: *Sum) bpf.Next {\ns.sum += i;\nreturn .again;\n}\n"
        + RAW.format(
            "prog",
            "var s: Sum = .{ .at = ctx.args[0] };\nbpf.loop(4, &s, addOne);\nbpf.loop(4, &s, count);\nreturn 1;\n",
        )
    )
    assert places(compile_text, text) == [
        "probe.zig:6:13: index out of bounds: index ?, len ? in addOne",
        "probe.zig:13:7: integer overflow in count",
    ]


def test_a_body_that_is_called_elsewhere_too(compile_text: Compile) -> None:
    """The name is taken: the callback's is another, and still tells."""
    text = (
        "const Sum = struct { at: u64, sum: u64 = 0 };\n"
        "noinline fn addOne(i: u32, s: *Sum) bpf.Next {\ns.sum +%= table[s.at +% i];\nreturn .again;\n}\n"
        + RAW.format(
            "prog",
            "var s: Sum = .{ .at = ctx.args[0] };\nbpf.loop(4, &s, addOne);\n_ = addOne(1, &s);\nreturn 1;\n",
        )
    )
    found = places(compile_text, text)
    assert {place.partition(" in ")[0] for place in found} == {
        "probe.zig:6:16: index out of bounds: index ?, len ?"
    }
    assert {place.partition(" in ")[2] for place in found} == {"addOne", "addOne_2"}
