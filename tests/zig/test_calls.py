"""Calls that BPF lacks are refused where they are built, with the author's line."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

HEAD = 'const bpf = @import("bpf");\nexport var table: [16]u64 = @splat(1);\n'
PROGRAM = (
    'export fn prog(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {{\nreturn {};\n}}\n'
)
TWO = "noinline fn one(x: u64) u64 {\nreturn x +% 1;\n}\nnoinline fn two(x: u64) u64 {\nreturn x *% 3;\n}\n"
POINTER, RECURSION = "calls a function through a pointer", "BPF has no recursion"

# Text, line, function, what is said and what is advised.
REFUSED = {
    "a table of functions": (
        TWO
        + "const all = [_]*const fn (u64) u64{ one, two, one, two };\n"
        + PROGRAM.format("@intCast(all[ctx.args[0] & 3](ctx.args[1]) & 7)"),
        11, "prog", POINTER, "let a `switch` choose",
    ),
    "a function as an argument": (
        TWO
        + "noinline fn apply(f: *const fn (u64) u64, x: u64) u64 {\ntable[3] = 7;\nreturn f(x) +% f(x +% 1);\n}\n"
        + PROGRAM.format("@intCast((apply(&one, ctx.args[0]) +% apply(&two, ctx.args[1])) & 7)"),
        11, "apply", POINTER, "`comptime` parameter",
    ),
    "a variable": (
        TWO
        + "var chosen: *const fn (u64) u64 = &one;\n"
        + PROGRAM.format("blk: {\nif (ctx.args[0] == 1) chosen = &two;\nbreak :blk @intCast(chosen(ctx.args[1]) & 7);\n}"),
        13, "prog", POINTER, "let a `switch` choose",
    ),
    "recursion": (
        "noinline fn fib(x: u64) u64 {\nreturn if (x < 2) x else fib(x -% 1) +% fib(x -% 2);\n}\n"
        + PROGRAM.format("@intCast(fib(ctx.args[0]) & 0xff)"),
        4, "fib", f"'fib' calls itself, and {RECURSION}", "write a loop",
    ),
    "recursion by way of another": (
        "noinline fn even(x: u64) u64 {\ntable[1] = x;\nreturn if (x == 0) 1 else odd(x -% 1);\n}\n"
        "noinline fn odd(x: u64) u64 {\ntable[2] = x;\nreturn if (x == 0) 0 else even(x -% 1);\n}\n"
        + PROGRAM.format("@intCast(even(ctx.args[0]))"),
        9, "odd", f"'even' calls itself by way of 'odd', and {RECURSION}", "in an array",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
@pytest.mark.parametrize("endian", ["little", "big"])
def test_refused(compile_text: Compile, case: tuple[str, int, str, str, str], mode: str, endian: str) -> None:
    text, line, symbol, message, advice = case
    with pytest.raises(ObjectError) as caught:
        compile_text(HEAD + text, mode=mode, endian=endian)
    error = caught.value
    assert (Path(error.file or "").name, error.symbol) == ("probe.zig", symbol)
    assert error.section in (".text", "raw_tp/sys_enter") and error.offset is not None
    assert f"probe.zig:{line}: {message}" in str(error) and advice in str(error), str(error)


def test_what_is_advised_instead(compile_text: Compile) -> None:
    text = (
        TWO
        + "fn apply(comptime f: fn (u64) u64, x: u64) u64 {\nreturn f(x);\n}\n"
        + PROGRAM.format(
            "switch (ctx.args[0] & 3) {\n0 => @intCast(one(ctx.args[1]) & 7),\n1 => @intCast(two(ctx.args[1]) & 7),\n"
            "else => @intCast(apply(two, ctx.args[2]) & 7),\n}"
        )
    )
    assert list(pyzbpf.open(compile_text(HEAD + text)["little"]).programs) == ["prog"]
    loop = "noinline fn fib(x: u64) u64 {\nvar a: u64 = 0;\nvar b: u64 = 1;\nfor (0..90) |i| {\nif (i == x) break;\nconst c = a +% b;\na = b;\nb = c;\n}\nreturn a;\n}\n"
    assert compile_text(HEAD + loop + PROGRAM.format("@intCast(fib(ctx.args[0]) & 0xff)"))
