"""What a panic says reaches Python without costing the program anything."""

from __future__ import annotations

import pytest

import pyzbpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

HEAD = 'const bpf = @import("bpf");\nexport var table: [16]u64 = @splat(1);\n'
PROGRAM = 'export fn prog(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {{\n{}\nreturn 1;\n}}\n'
MORE = """const name: []const u8 = "a constant: {}";
var buffer: [8]u8 = @splat('x');
noinline fn other(text: []const u8) noreturn {
    table[7] = 7;
    @panic(text);
}
noinline fn once(text: []const u8) noreturn {
    table[7] = 8;
    @panic(text);
}
"""
BODIES = {
    "a literal": ('if (ctx.args[0] == 7) @panic("seven: {} of \\"ünï\\"\\n");', 'seven: {} of "ünï"\n'),
    "a constant": ("if (ctx.args[0] == 7) @panic(name);", "a constant: {}"),
    "a part of one": ("if (ctx.args[0] == 7) @panic(name[2..10]);", ""),
    "nothing": ('if (ctx.args[0] == 7) @panic("");', ""),
    "a NUL": ('if (ctx.args[0] == 7) @panic("a\\x00b");', "a\ufffdb"),
    "what no text is": ('if (ctx.args[0] == 7) @panic("a\\xffb");', "a\ufffdb"),
    "an argument that LLVM knows": ('if (ctx.args[0] == 7) once("once");', "once"),
    "an argument": ('if (ctx.args[0] == 7) other("one"); if (ctx.args[0] == 8) other("two");', ""),
    "a buffer": ("if (ctx.args[0] == 7) @panic(&buffer);", ""),
    "a part of it": ("if (ctx.args[0] == 7) @panic(buffer[0 .. ctx.args[1] & 7]);", ""),
}


@pytest.mark.parametrize("mode", ["safe", "small", "fast"])
@pytest.mark.parametrize(("body", "message"), BODIES.values(), ids=list(BODIES))
def test_message(compile_text: Compile, body: str, message: str, mode: str) -> None:
    text = HEAD + PROGRAM.format(body) + MORE
    for data in compile_text(text, mode=mode).values():
        spec = pyzbpf.open(data)
        (trap,) = [trap for trap in spec.traps if trap.kind == "call"]
        assert trap.panic_message == message
        said = f": {' '.join(message.split())}" if message else ""
        assert trap.describe().endswith(f": panic{said}") and "\n" not in trap.describe()


def test_it_costs_no_map_and_no_instruction(compile_text: Compile) -> None:
    """Neither a text in `.rodata` nor a load of its address."""
    with_text, without = (
        pyzbpf.open(compile_text(HEAD + PROGRAM.format(f"if (ctx.args[0] == 7) {failing};"))["big"])
        for failing in ('@panic("seven")', "unreachable")
    )
    assert sorted(with_text.maps) == sorted(without.maps)
    assert ".rodata" not in with_text.maps
    assert len(with_text.functions["prog"].instructions) == len(without.functions["prog"].instructions)


def test_texts_that_the_program_uses_stay(compile_text: Compile) -> None:
    body = 'bpf.printk("seen", .{});\nif (ctx.args[0] == 7) @panic("seven");'
    spec = pyzbpf.open(compile_text(HEAD + PROGRAM.format(body))["little"])
    assert b"seen" in bytes(spec.maps[".rodata"].contents or b"")
    assert [trap.panic_message for trap in spec.traps] == ["seven"]
