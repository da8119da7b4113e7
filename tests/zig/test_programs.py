"""Programs as plain functions: every kind of the section table, its verdicts, and what is refused."""

from __future__ import annotations

import pyzbpf
from pyzbpf.finish import verdicts
from pyzbpf.insn import instruction as insn
from pyzbpf.spec import section
from pyzbpf.spec.section_table import SECTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

HEAD = 'const bpf = @import("bpf");\n'
# Kinds without a neutral verdict: the author says what a program returns.
SAID = {"sk_skb/stream_parser", "freplace", "struct_ops", "struct_ops.s"}
KINDS = {pattern.rstrip("+") for pattern, *_ in SECTIONS}


def name_of(kind: str) -> str:
    return kind.replace("/", "_").replace(".", "_") + "_program"


def constant(data: bytes, name: str) -> int:
    """What a program of two instructions returns."""
    spec = pyzbpf.open(data)
    code = spec.functions[name].instructions
    assert len(code) == 16 and code[0] in (0xB4, 0xB7) and code[8] == insn.EXIT, name
    return insn.immediate(code, 0, spec.endian)


def test_a_program_of_every_kind_is_neutral(compile_text: Compile) -> None:
    """A function that says nothing does what a failed check does: two tables, one truth."""
    sections = {
        name_of(kind): f"{kind}/x/y" if f"{kind}+" in {p for p, *_ in SECTIONS} else kind for kind in KINDS
    }
    lines = [f'.{name} = "{text}",' for name, text in sections.items()]
    bodies = [
        f"pub fn {name_of(kind)}() {'i32 { return 5; }' if kind in SAID else 'void {}'}"
        for kind in sorted(KINDS)
    ]
    text = "\n".join([HEAD, "pub const programs = .{", *lines, "};", *bodies])
    for data in compile_text(text).values():
        spec = pyzbpf.open(data)
        assert set(spec.programs) == set(sections)
        for name, program in spec.programs.items():
            found = section.match(sections[name])
            assert (
                found is not None and program.type == found.type and program.attach_type == found.attach_type
            )
            neutral = verdicts.of(program).value
            assert constant(data, name) == (5 if program.kind in SAID else neutral), name


# Exports a program for each tag of each kind's verdicts: `p_NUMBER_TAG`.
VERDICTS = """
comptime {
    @setEvalBranchQuota(100_000);
    for (bpf.kinds, 0..) |kind, row| if (@typeInfo(kind.Verdict) == .@"enum") {
        for (@typeInfo(kind.Verdict).@"enum".field_values, 0..) |value, tag| {
            for (kind.sections, 0..) |pattern, column| _ = Program(pattern, value, 1000 * row + 100 * tag + column);
        }
    };
}

fn Program(comptime pattern: []const u8, comptime value: comptime_int, comptime number: usize) type {
    const plus = pattern[pattern.len - 1] == '+';
    const section = if (plus) pattern[0 .. pattern.len - 1] ++ "/x/y" else pattern;
    const made = struct {
        fn run(_: *anyopaque) linksection(section) callconv(.c) c_int {
            return value;
        }
    };
    @export(&made.run, .{ .name = "p_" ++ decimal(number) });
    return made;
}

fn decimal(comptime number: usize) []const u8 {
    const digit: []const u8 = &.{'0' + number % 10};
    return if (number < 10) digit else decimal(number / 10) ++ digit;
}
"""


def test_every_verdict_is_one_that_the_kernel_takes(compile_text: Compile) -> None:
    data = compile_text(HEAD + VERDICTS, endian="little")["little"]
    spec = pyzbpf.open(data)
    assert len(spec.programs) > 100
    for name, program in spec.programs.items():
        verdict = verdicts.of(program)
        assert verdict.low <= constant(data, name) <= verdict.high, (name, program.section)


def test_the_errors_of_a_program_are_its_only_sites(compile_text: Compile) -> None:
    """Nothing but the author's own checks is left in mode `safe`: the SDK adds none where it looks at the result."""
    text = HEAD + (
        'pub const programs = .{ .prog = "xdp" };\n'
        "pub fn prog(ctx: *bpf.XdpMd) !bpf.XDP {\n"
        "    return switch (ctx.ingress_ifindex) { 1 => error.One, 2 => error.Two, 3 => .drop, else => .pass };\n"
        "}\n"
    )
    for data in compile_text(text).values():
        assert {trap.kind for trap in pyzbpf.open(data).traps} == {"error.One", "error.Two"}


def test_a_verdict_that_has_no_name_is_not_cut(compile_text: Compile) -> None:
    """Of LSM's verdicts `.allow` alone has one."""
    objects = compile_text(
        'const bpf = @import("bpf");\npub const programs = .{ .guard = "lsm/file_open" };\n'
        "pub fn guard(ctx: *const extern struct { file: u64, before: i64 }) !bpf.LSM {\n"
        "    if (ctx.before == 5) return error.Five;\n    return bpf.LSM.refuse(.PERM);\n}\n"
    )
    assert bytes.fromhex("b4000000ffffffff") in objects["little"]  # w0 = -1
