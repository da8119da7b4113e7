"""Safe mode through the real compiler: what it puts into an object, and what it refuses."""

from __future__ import annotations

import itertools
import re
import struct
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.build import compiler
from pyzbpf.build.compile import build_probe
from pyzbpf.elf import image as elf
from pyzbpf.elf import reader
from pyzbpf.errors import BuildError, ObjectError
from pyzbpf.finish import unit as units
from pyzbpf.finish.analysis.arguments import HELPERS_OF_FIVE
from pyzbpf.finish.analysis.flow import reachable, successors
from pyzbpf.finish.analysis.registers import LOAD64
from pyzbpf.finish.code import decode
from pyzbpf.finish.pipeline import PASSES, finish
from pyzbpf.spec import traps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

ROOT = Path(__file__).parents[2]
PROBES = Path(__file__).parent / "probes"
ENDIANS, MODES = ["little", "big"], ["safe", "small", "fast"]
HEAD = 'const std = @import("std");\nconst bpf = @import("bpf");\nexport var table: [16]u64 = @splat(1);\n'
CONTEXT = "ctx: *const bpf.RawTracepoint"
RAW = f'export fn prog({CONTEXT}) linksection("raw_tp/sys_enter") c_int {{{{ {{}} }}}}\n'
XDP = 'export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {{ {} }}\n'


def refused(compile_text: Compile, text: str) -> ObjectError:
    with pytest.raises(ObjectError) as caught:
        compile_text(text)
    return caught.value


def members(text: str) -> dict[str, int]:
    """The public functions of a Zig file, with how many parameters they take."""
    found = re.findall(r"^pub fn (\w+)\((.*)\) noreturn", text, re.MULTILINE)
    return {name: parameters.count(":") for name, parameters in found}


def test_the_panic_namespace_fits_the_compiler() -> None:
    standard = compiler.find_zig().resolve().parent / "lib" / "std" / "debug" / "no_panic.zig"
    ours = members((ROOT / "zig" / "bpf" / "panic.zig").read_text())
    assert ours == members(standard.read_text())
    # What they are called in messages.
    assert {*ours, "trap"} == set(traps._MESSAGES)


def test_every_kind_of_check_has_a_probe(compile_text: Compile) -> None:
    """Which tests/kernel/test_safe.py lets fail. All but one: BPF has no floating point."""
    kinds = {trap.kind for trap in pyzbpf.open(compile_text((PROBES / "safe.zig").read_text())["big"]).traps}
    assert kinds == {*traps._MESSAGES} - {"integerPartOutOfBounds"}
    with pytest.raises(BuildError, match="no floating point"):
        compile_text(
            HEAD + RAW.format("const f: *const f64 = @ptrCast(&ctx.args); return @intFromFloat(f.*);")
        )


def test_the_helpers_of_five_arguments() -> None:
    text = (ROOT / "zig" / "bpf" / "helpers.zig").read_text()
    found = re.findall(r"const fn \((.*)\) callconv\(\.c\) .*ptrFromInt\((\d+)\)", text)
    assert len(found) > 200
    of_five = {int(number) for arguments, number in found if arguments.count(": ") >= 5}
    assert of_five == HELPERS_OF_FIVE


@pytest.mark.parametrize("name", ["safe", "safe_calls", "many_checks", "safe_packets"])
@pytest.mark.parametrize("mode", MODES)
def test_both_byte_orders_say_the_same(compile_text: Compile, name: str, mode: str) -> None:
    objects = compile_text((PROBES / f"{name}.zig").read_text(), mode=mode)
    specs = {endian: pyzbpf.open(data) for endian, data in objects.items()}
    little, big = (
        [(t.kind, t.file, t.line, t.column, t.text, t.function, t.operands) for t in spec.traps]
        for spec in specs.values()
    )
    assert little == big
    assert len(little) > (10 if mode == "safe" and name != "safe_packets" else -1)
    for endian, data in objects.items():
        check_structure(data, endian)


@pytest.mark.parametrize("name", ["safe", "safe_calls", "safe_packets", "narrow", "returned_errors"])
def test_finishing_again_changes_nothing(tmp_path: Path, name: str) -> None:
    """The finished object as a whole, and each pass on the raw one."""
    keep = tmp_path / "raw"
    (path,) = build_probe(
        PROBES / f"{name}.zig",
        endian="little",
        output_directory=tmp_path,
        cache=tmp_path / "cache",
        keep=keep,
    )
    finished = path.read_bytes()
    assert finish(finished, file=f"{name}.zig", name=name) == finished
    raw = (keep / f"{name}.bpfel.raw.o").read_bytes()
    results = set()
    for twice in (None, *PASSES):
        work = units.read(raw, file=f"{name}.zig")
        for step in PASSES:
            step(work)
            if step is twice:
                step(work)
        results.add(units.write(work))
    assert len(results) == 1


def check_structure(data: bytes, endian: str) -> None:
    """No trap is left, every instruction can be reached, every record is written by somebody."""
    image = reader.read(data, file="probe.o")
    assert not [symbol for symbol in image.symbols if symbol.name == "__bpf_trap"]
    assert not [s.name for s in image.sections if s.name.startswith((".pyzbpf", ".text."))]
    code, _ = decode(image)
    written = set()
    for function in code.functions:
        assert reachable(successors(function)) == set(range(len(function.instructions))), function
        for instruction, behind in itertools.pairwise(function.instructions):
            symbol = instruction.symbol
            if symbol is None or symbol.section is None or symbol.section.name != traps.SECTION:
                continue
            if (behind.opcode, behind.source) != (LOAD64, instruction.destination):  # a zero of a hidden sum
                written.add(instruction.immediate)
    spec = pyzbpf.open(data)
    assert spec.endian == endian
    assert sorted(trap.offset for trap in spec.traps) == sorted(written)
    if written:
        section = image.section(traps.SECTION)
        assert section is not None and len(section.data) == traps.RECORD_SIZE * len(written)
        assert section.type == elf.SHT_PROGBITS and not any(section.data)
        assert traps.SECTION in spec.maps and traps.VARIABLE not in spec.variables


@pytest.mark.parametrize("mode", MODES)
def test_a_probe_without_checks_has_no_traps(compile_text: Compile, mode: str) -> None:
    spec = pyzbpf.open(compile_text(HEAD + XDP.format("_ = ctx; return 2;"), mode=mode)["little"])
    assert list(spec.traps) == [] and traps.SECTION not in spec.maps


@pytest.mark.parametrize("mode", ["small", "fast"])
def test_checks_of_one_block_in_the_other_modes(compile_text: Compile, mode: str) -> None:
    """@setRuntimeSafety(true) makes the same checks; @panic and `unreachable` behind an effect stay too."""
    text = HEAD + RAW.format(
        "@setRuntimeSafety(true); table[ctx.args[0]] +%= 1; table[1] = 5; "
        'if (ctx.args[1] == 7) @panic("seven"); if (ctx.args[2] == 1) { table[2] = 3; @trap(); } return 0;'
    )
    found = pyzbpf.open(compile_text(text, mode=mode)["little"]).traps
    assert sorted(trap.kind for trap in found) == ["call", "outOfBounds", "trap"]
    assert {trap.line for trap in found} == {4}


def test_the_authors_panic_namespace_counts(compile_text: Compile) -> None:
    text = (
        HEAD + "pub const panic = std.debug.no_panic;\n" + RAW.format("return @intCast(table[ctx.args[0]]);")
    )
    spec = pyzbpf.open(compile_text(text)["little"])
    assert {trap.kind for trap in spec.traps} == {"trap"}
    assert {(trap.file, trap.line) for trap in spec.traps} == {("probe.zig", 5)}


@pytest.mark.parametrize(
    ("text", "license"),
    [("", "GPL"), ('pub const license = "Dual MIT/GPL";\n', "Dual MIT/GPL"), ('pub const license = "MIT";\n', "MIT")],
)  # fmt: skip
def test_the_licence_is_the_probes(compile_text: Compile, text: str, license: str) -> None:
    assert pyzbpf.open(compile_text(HEAD + text + XDP.format("_ = ctx; return 2;"))["big"]).license == license


def test_type_names_are_those_of_the_file(compile_text: Compile) -> None:
    text = HEAD + "const Event = extern struct { a: u32 };\nexport var event: Event = .{ .a = 1 };\n"
    spec = pyzbpf.open(compile_text(text + XDP.format("_ = ctx; return 2;"))["little"])
    assert spec.btf is not None and spec.btf.describe(spec.variables["event"].type_id) == "struct Event"


def test_options_of_the_standard_library_are_the_probes(compile_text: Compile) -> None:
    text = HEAD + "pub const std_options: std.Options = .{ .side_channels_mitigations = .full };\n"
    text += 'comptime { if (std.options.side_channels_mitigations != .full) @compileError("other"); }\n'
    assert compile_text(text + XDP.format("_ = ctx; return 2;"))


@pytest.mark.parametrize(
    ("section", "value", "good"),
    [
        ("xdp", "bpf.XDP.DROP", True), ("xdp", "-5", True), ("tc", "0", True), ("cgroup_skb/egress", "3", True),
        ("cgroup_skb/ingress", "2", False), ("lsm/file_open", "1", False), ("lsm/file_open", "-1", True),
        ("fentry/vfs_read", "1", False), ("cgroup/recvmsg4", "0", False), ("struct_ops/init", "0", True),
    ],
)  # fmt: skip
def test_verdicts_are_in_the_kernels_range(
    compile_text: Compile, section: str, value: str, *, good: bool
) -> None:
    text = HEAD + f"pub const trap_verdicts = .{{ .prog = {value} }};\n"
    text += f'export fn prog(ctx: *const [4]u64) linksection("{section}") c_int {{ return @intCast(table[ctx[0]]); }}\n'
    if good:
        assert compile_text(text)
        return
    error = refused(compile_text, text)
    assert (error.section, error.symbol) == (section, "prog")
    assert f"trap_verdicts lets it return {value}" in str(error) and "may return" in str(error)


@pytest.mark.parametrize("section", ["struct_ops/init", "freplace/other", "sk_skb/stream_parser"])
def test_where_nothing_is_neutral_the_author_must_say(compile_text: Compile, section: str) -> None:
    body = f'export fn prog(ctx: *const [4]u64) linksection("{section}") c_int {{ return @intCast(table[ctx[0]]); }}\n'
    error = refused(compile_text, HEAD + body)
    assert (error.section, error.symbol) == (section, "prog")
    assert "no value is neutral" in str(error) and ".prog = 0" in str(error)


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        (".another = 1", "trap_verdicts names 'another', and the probe exports no such function"),
        (".other = 1", "trap_verdicts names 'other', and the probe exports no such function"),
        (".table = 1", "trap_verdicts names 'table', which is no function"),
        (".shared = 1", "trap_verdicts names a function that is no program"),
    ],
)
def test_verdicts_of_what_is_no_program(compile_text: Compile, verdict: str, message: str) -> None:
    text = HEAD + "noinline fn other(i: u64) u64 { return table[i]; }\n"
    text += "export fn shared(i: u64) u64 { return i +% 1; }\n"
    text += f"pub const trap_verdicts = .{{ {verdict} }};\n"
    error = refused(compile_text, text + RAW.format("return @intCast(other(ctx.args[0] +% shared(1)));"))
    assert message in str(error) and error.advice, str(error)


@pytest.mark.parametrize(
    ("verdicts", "message"),
    [
        ('.{ .prog = "x" }', "trap_verdicts.prog: an i32 is wanted"),
        (
            ".{ .prog = .drop }",
            "trap_verdicts.prog: `.drop` is known of programs with verdicts that `programs` names",
        ),
        (".{ .prog = true }", "not a value of type bool"),
        (".{ .prog = 1.5 }", "not a value of type comptime_float"),
        (".{ .prog = 5000000000 }", "(-2147483648 to 2147483647), not 5000000000"),
        (".{ .prog = @as(u64, 1) << 31 }", "(-2147483648 to 2147483647), not 2147483648"),
        ('.{ .@"a b" = 1 }', "trap_verdicts.a b: no program can have this name"),
        (".{1}", "trap_verdicts names programs and their verdicts: `pub const trap_verdicts"),
        ("-1", "trap_verdicts names programs and their verdicts: `pub const trap_verdicts"),
    ],
)
def test_verdicts_that_are_no_numbers(compile_text: Compile, verdicts: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        compile_text(HEAD + f"pub const trap_verdicts = {verdicts};\n" + RAW.format("_ = ctx; return 0;"))
    assert message in caught.value.output


@pytest.mark.parametrize(
    ("verdict", "returned"), [(".drop", 1), ("bpf.XDP.tx", 3), ("bpf.XDP.DROP", 1), ("0", 0)]
)
def test_verdicts_of_a_kind(compile_text: Compile, verdict: str, returned: int) -> None:
    objects = compile_text(
        HEAD
        + f'pub const programs = .{{ .prog = "xdp" }};\npub const trap_verdicts = .{{ .prog = {verdict} }};\n'
        "pub fn prog(ctx: *const bpf.XdpMd) bpf.XDP { return if (table[ctx.ingress_ifindex] == 1) .pass else .redirect; }\n"
    )
    assert struct.pack("<BxxxiQ", 0xB7, returned, 0x95) in objects["little"]  # r0 = it, exit


@pytest.mark.parametrize(
    ("section", "verdict", "message"),
    [
        ("tc", "bpf.XDP.drop", "trap_verdicts.prog: its kind's verdict is wanted, bpf.program.tc.Action"),
        ("tc", ".drop", "programs of section 'tc' have no verdict .drop; they have ."),
        ("socket", ".drop", "`.drop` is known of programs with verdicts"),
    ],
)
def test_verdicts_of_another_kind(compile_text: Compile, section: str, verdict: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        compile_text(
            HEAD + f'pub const programs = .{{ .prog = "{section}" }};\n'
            f"pub const trap_verdicts = .{{ .prog = {verdict} }};\npub fn prog(ctx: *bpf.SkBuff) !void {{ table[ctx.len] = 1; }}\n"
        )
    assert message in caught.value.output


def test_a_verdict_of_a_misspelt_program(compile_text: Compile) -> None:
    with pytest.raises(BuildError) as caught:
        compile_text(
            HEAD
            + 'pub const programs = .{ .prog = "xdp", .other = "tc" };\npub const trap_verdicts = .{ .porg = .drop };\n'
            "pub fn prog() bpf.XDP { return .pass; }\npub fn other() void {}\n"
        )
    assert (
        "trap_verdicts.porg: no program 'porg' in `programs`; there are 'prog', 'other'"
        in caught.value.output
    )


REFUSED = {
    "an exported function": (
        "export fn other(i: u64) u64 { return table[i]; }\n" + RAW.format("return @intCast(other(ctx.args[0]) & 1);"),
        ".text", "other", "verified without its callers", "noinline fn",
    ),
    "a callback": (
        "const Sum = struct { at: u64 };\n"
        "fn step(i: u64, sum: *Sum) callconv(.c) c_long { return @intCast(table[i + sum.at]); }\n"
        + RAW.format("var sum: Sum = .{ .at = ctx.args[0] }; _ = bpf.helpers.loop(4, @ptrCast(&step), &sum, 0); return 0;"),
        ".text", "step", "which the kernel calls back", "bpf.loop",
    ),
    "five arguments": (
        "noinline fn five(a: u64, b: u64, c: u64, d: u64, e: u64) u64 { return table[a ^ (b +% c) ^ (d *% e)]; }\n"
        + RAW.format("const a = &ctx.args; return @intCast(five(a[0], a[1], a[2], a[3], a[4]) & 1);"),
        ".text", "five", "take all five registers", "a slice takes two",
    ),
    "a record that is held on one way only": (
        'export var events: bpf.RingBuf(u64) linksection(".maps") = .{};\n'
        + RAW.format(
            "const wanted = ctx.args[0] == 1; var event: *u64 = undefined;\n"
            "if (wanted) event = events.reserve() orelse return 0;\n"
            "const value = table[ctx.args[1]];\n"
            "if (wanted) { event.* = value; events.submit(event); } return 0;"
        ),
        "raw_tp/sys_enter", "prog", "probe.zig:7: a safety check may fail here while a ring-buffer record", "acquired at probe.zig:6",
    ),
    "an error where a record is held on one way only": (
        'export var events: bpf.RingBuf(u64) linksection(".maps") = .{};\n'
        'pub const programs = .{ .prog = "tc" };\n'
        "pub fn prog(ctx: *bpf.SkBuff) !bpf.TC {\n"
        "    var event: *u64 = undefined;\n"
        "    if (ctx.mark == 1) event = events.reserve() orelse return error.RingIsFull;\n"
        "    if (bpf.ktime_get_ns() & 1 == 0) return error.TooShort;\n"
        "    if (ctx.mark == 1) events.submit(event);\n"
        "    return .ok;\n"
        "}\n",
        "tc", "prog", "error.TooShort may be returned while a ring-buffer record acquired at probe.zig:8", "`errdefer`, behind the line",
    ),
    "a return that forgets the record": (
        'export var events: bpf.RingBuf(u64) linksection(".maps") = .{};\n'
        'pub const programs = .{ .prog = "cgroup/connect4" };\n'
        "pub fn prog(ctx: *bpf.types.bpf_sock_addr) !bpf.Access {\n"
        "    if (ctx.user_port == 0) return error.NoPort;\n"
        "    const event = events.reserve() orelse return .allow;\n"
        "    errdefer events.discard(event);\n"
        "    event.* = table[ctx.user_port % 17];\n"
        "    if (event.* == 5) return error.Five;\n"
        "    if (event.* == 6) return .deny;\n"
        "    events.submit(event);\n"
        "    return .allow;\n"
        "}\n",
        "cgroup/connect4", "prog", "that returns no error leaves the program while a ring-buffer record acquired at probe.zig:8 is held",
        "before each `return` (submit or discard it)",
    ),
    "a task that nothing gives back": (
        "const task_struct = extern struct { pid: i32 }; comptime { bpf.declare(@This()); }\n"
        "pub extern fn bpf_task_from_pid(pid: i32) ?*task_struct;\n"
        + RAW.format(
            "const found = bpf_task_from_pid(1) orelse return 0;\n"
            'return @intCast(table[ctx.args[1]] +% @as(u32, @bitCast(bpf.core.load(found, "pid"))) & 1);'
        ),
        "raw_tp/sys_enter", "prog", "probe.zig:7: a safety check may fail here while a task acquired at probe.zig:6",
        "give it back with bpf_task_release",
    ),
    "a spin lock": (
        "const Locked = extern struct { lock: bpf.types.bpf_spin_lock, value: u32 };\n"
        'export var locked: bpf.Array(Locked, 1) linksection(".maps") = .{};\n'
        + XDP.format(
            "const found = locked.lookup(0) orelse return 1; _ = bpf.helpers.spin_lock(&found.lock);\n"
            "found.value += 1; _ = bpf.helpers.spin_unlock(&found.lock); _ = ctx; return 2;"
        ),
        "xdp", "prog", "while a spin lock", "acquired at probe.zig:6",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(compile_text: Compile, case: tuple[str, str, str, str, str]) -> None:
    text, section, symbol, message, advice = case
    error = refused(compile_text, HEAD + text)
    assert (Path(error.file or "").name, error.section, error.symbol) == ("probe.zig", section, symbol)
    assert error.offset is not None
    assert message in str(error) and advice in str(error), str(error)


def test_a_panic_that_says_something_beside_other_checks(compile_text: Compile) -> None:
    """Its words are no registers, neither to an overflow check nor to a record that is held."""
    text = (
        HEAD
        + "const Event = extern struct { value: u64 };\n"
        + 'export var events: bpf.RingBuf(Event) linksection(".maps") = .{};\n'
        + RAW.format(
            "const event = events.reserve() orelse return 0; event.value = table[ctx.args[0]]; "
            'if (ctx.args[1] == 7) @panic("seven is not allowed here"); '
            "const sum = @as(u32, @truncate(ctx.args[2])) + @as(u32, @truncate(ctx.args[3])); "
            'if (sum == 5) @panic("five r2 r3"); event.value += sum; events.submit(event); return 1;'
        )
    )
    for data in compile_text(text).values():
        found = sorted(trap.describe().partition(": ")[2] for trap in pyzbpf.open(data).traps)
        assert [t for t in found if "panic" in t] == ["panic: five r2 r3", "panic: seven is not allowed here"]
        assert [t for t in found if "overflow" in t] == ["integer overflow"] * 2
