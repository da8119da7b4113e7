"""Advice for the limits of BPF: the compiler's texts as they were, and the compiler itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pyzbpf.build import compiler, diagnose
from pyzbpf.errors import BuildError

# What Zig 0.17.1 printed -> the beginning of the advice.
TEXTS = [
    (
        "error: <unknown>:0:0: in function probe.half void (ptr, i64): aggregate returns are not supported\n\n",
        "A BPF function returns one register",
    ),
    (
        "error: probe.zig:3:19: in function probe.prog i32 (ptr): only small returns supported\n\n",
        "A BPF function returns one register",
    ),
    ("LLVM ERROR: unable to allocate function return #1\n", "A BPF function returns one register"),
    (
        "error: probe.zig:3:43: in function probe.prog i32 (ptr): 0x7fdf01bd48d0: i64 = GlobalAddress<ptr "
        "@probe.six> 0, probe.zig:3:43 too many arguments\n\n",
        "A BPF function takes at most five arguments",
    ),
    (
        "error: probe.zig:5:18: in function probe.prog i32 (ptr): Looks like the BPF stack limit is exceeded. "
        "Please move large on stack variables into BPF per-cpu array map. For non-kernel uses, the stack can "
        "be increased using -mllvm -bpf-stack-size.\n\n",
        "A BPF program has 512 bytes of stack",
    ),
    (
        "error: std/debug.zig:477:28: in function debug.panicExtra__func_2 void (): Looks like the BPF stack limit "
        "is exceeded. Please move large on stack variables into BPF per-cpu array map.\n\n",
        "`std.debug.panic` formats its message",
    ),
    (
        "probe.zig:4:1: error: unable to export type '[]const u8'\n",
        "A slice is an address, which no loader can fill in",
    ),
    (
        "probe.zig:4:1: error: unable to export type '?u32'\n",
        "What is exported has a layout that C knows",
    ),
    (
        "error: <unknown>:0: xdp changed binding to STB_GLOBAL\n\n",
        "An exported function or variable has the name of its section",
    ),
    (
        "error: probe.zig:2:22: in function probe.prog i32 (ptr): unsupported signed division, please convert "
        "to unsigned div/mod.\n\n",
        "BPF has signed division only from CPU v4",
    ),
    (
        "probe.zig:3:58: error: cannot directly embed opaque type 'bpf.core.Typedef(\"pid_t\"[0..5],i32)' in struct\n",
        "`core.Typedef` is for questions about a type",
    ),
    (
        "LLVM ERROR: Cannot select: 0x7f6a498ae010: ch = brind 0x7f6a498ae240, 0x7f6a498ae630, probe.zig:3:20\n"
        "In function: probe.prog\n",
        "A labelled switch",
    ),
    (
        "error: probe.zig:2:33: in function probe.prog i32 (ptr): A call to built-in function '__multi3' is "
        "not supported.\n\n",
        "BPF has no 128-bit arithmetic",
    ),
    (
        "error: probe.zig:2:33: in function probe.prog i32 (ptr): A call to built-in function '__muldf3' is "
        "not supported.\n\n",
        "BPF has no floating point",
    ),
    (
        "probe.zig:2:58: error: pointer type '*const fn () callconv(.c) u64' requires aligned address\n",
        "A helper's address is its number",
    ),
    (
        "probe.zig:1:21: error: no module named 'bff' available within module 'root'\n",
        'A probe can import "bpf"',
    ),
    ("probe.zig:1:21: error: import of file outside module path\n", "A probe can import files"),
    (
        "Threaded.zig:2104:45: error: struct 'posix.system__struct_2' has no member named 'getrandom'\n",
        "This part of the standard library",
    ),
    (
        "error: <unknown>:0:0: in function Io.Writer.unimplementedSendFile void (ptr, ptr, ptr, i64): aggregate returns "
        "are not supported\n\n",
        "`std.fmt` formats through function pointers",
    ),
    (
        "LLVM ERROR: Cannot select: 0x7f897987e1d0: ch = AtomicStore<(store monotonic (s64) into @probe.seen)> "
        "0x7f8979abc118, Constant:i64<5>, 0x7f897987e080, probe.zig:11:14\nIn function: probe.prog\n",
        "BPF has atomic loads and stores from CPU v4",
    ),
    (
        "error: probe.zig:11:14: in function probe.prog i32 (ptr): sequentially consistent (seq_cst) atomic load/store is "
        "not supported\n\n",
        "BPF has atomic loads and stores from CPU v4",
    ),
    (
        "LLVM ERROR: Cannot select: 0x7fc92cf361d0: i64,ch = AtomicLoadMax<(load store monotonic (s64) on @probe.seen)> "
        "0x7fc92d162d18, 0x7fc92cf36080, Constant:i64<5>, probe.zig:11:14\nIn function: probe.prog\n",
        "BPF's atomic operations are `.Add`",
    ),
    (
        "error: probe.zig:11:14: in function probe.prog i32 (ptr): unsupported atomic operation, please use 32/64 bit "
        "version\n\n",
        "BPF's atomic operations are on 32 and 64 bits",
    ),
    (
        "LLVM ERROR: Cannot select: 0x7fc8b12740f0: i64 = GlobalTLSAddress<ptr @probe.per> 0, probe.zig:11:5\n",
        "A BPF program has no thread",
    ),
    (
        "std/heap.zig:46:97: error: bpfel-freestanding has unknown page_size_min; populate std.options.page_size_min\n",
        "A BPF program has no heap",
    ),
]

# Zig 0.17.1 prints each of these texts for one of these probes.
SEEN = "export var seen: u64 = 0;\nexport var small: u8 = 0;\nexport var short: u16 = 0;\n"
HEAD = 'export fn prog(ctx: *const [8]u64) linksection("socket") c_int {\n'
SOURCES = {
    "a typedef as a member": (
        "small",
        'const Of = @import("bpf").core.Typedef;\nconst task_struct = extern struct { pid: Of("pid_t", i32) };\n'
        "export fn prog(task: *task_struct) usize { return @sizeOf(@TypeOf(task.*)); }\n",
        "`core.Typedef` is for questions about a type",
    ),
    "an optional by value": (
        "small",
        "noinline fn half(x: u64) ?u64 { return if (x & 1 == 0) x / 2 else null; }\n"
        + HEAD
        + "const a = half(ctx[0]) orelse return 1; const b = half(ctx[1]) orelse return 2;\n"
        "return @intCast((a ^ b) & 3); }",
        "A BPF function returns one register",
    ),
    "a struct by value": (
        "fast",
        "const Pair = extern struct { a: u64, b: u64 };\n"
        "export fn two(x: u64) Pair { return .{ .a = x, .b = x +% 1 }; }",
        "A BPF function returns one register",
    ),
    "a slice by value": (
        "fast",
        "noinline fn pick(p: *const [8]u64) []const u8 { const b: [*]const u8 = @ptrFromInt(p[0]); "
        "return b[0..p[1]]; }\n" + HEAD + "const s = pick(ctx); return @intCast((s.len ^ s[0]) & 3); }",
        "A BPF function returns one register",
    ),
    "u128 by value": (
        "fast",
        "export fn two(x: u64) u128 { return x; }",
        "A BPF function returns one register",
    ),
    "six arguments": (
        "fast",
        "noinline fn six(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) u64 "
        "{ return a ^ (b +% c) ^ (d *% e) ^ f; }\n"
        + HEAD
        + "return @truncate(@as(i64, @bitCast(six(ctx[0], ctx[1], ctx[2], ctx[3], ctx[4], ctx[5])))); }",
        "A BPF function takes at most five arguments",
    ),
    "600 bytes on the stack": (
        "fast",
        HEAD + "var buffer: [600]u8 = undefined;\n"
        "const f: *align(1) const fn (*anyopaque, u64) callconv(.c) u64 = @ptrFromInt(16);\n"
        "_ = f(&buffer, ctx[0]); return buffer[7]; }",
        "A BPF program has 512 bytes of stack",
    ),
    "signed division": (
        "fast",
        'export fn prog(ctx: *const [2]i64) linksection("socket") c_int '
        "{ return @truncate(@divTrunc(ctx[0], ctx[1])); }",
        "BPF has signed division only from CPU v4",
    ),
    "a labelled switch": (
        "fast",
        HEAD + "var i: u32 = 0;\n"
        "state: switch (ctx[0] & 3) {\n"
        "0 => { i +%= 1; if (i > 7) return 1; continue :state ctx[i] & 3; },\n"
        "1 => { i +%= 3; if (i > 7) return 2; continue :state ctx[i] & 3; },\n"
        "2 => { i +%= 2; if (i > 7) return 5; continue :state ctx[i] & 3; },\n"
        "else => return 3,\n} }",
        "A labelled switch",
    ),
    "a checked multiplication": (
        "fast",
        HEAD + "const r = @mulWithOverflow(ctx[0], ctx[1]); return r[1]; }",
        "BPF has no 128-bit arithmetic",
    ),
    "floating point": (
        "fast",
        'export fn prog(ctx: *const [2]f64) linksection("socket") c_int '
        "{ return @intFromFloat(ctx[0] * ctx[1]); }",
        "BPF has no floating point",
    ),
    "a formatted panic": (
        "safe",
        HEAD + 'if (ctx[0] == 1) @import("std").debug.panic("{d}", .{ctx[1]}); return 0; }',
        "`std.debug.panic` formats its message",
    ),
    "a slice that is exported": (
        "safe",
        'export var name: []const u8 = "abc";',
        "A slice is an address, which no loader can fill in",
    ),
    "an optional that is exported": (
        "safe",
        "export var limit: ?u32 = null;",
        "What is exported has a layout that C knows",
    ),
    "a function named as its section": (
        "safe",
        'export fn xdp(_: *anyopaque) linksection("xdp") c_int { return 2; }',
        "An exported function or variable has the name of its section",
    ),
    "a variable named as its section": (
        "fast",
        'export var numbers: [4]u32 linksection("numbers") = @splat(1);',
        "An exported function or variable has the name of its section",
    ),
    "an unaligned helper": (
        "fast",
        "const f: *const fn () callconv(.c) u64 = @ptrFromInt(5);\n"
        + HEAD
        + "_ = ctx; return @truncate(@as(i64, @bitCast(f()))); }",
        "A helper's address is its number",
    ),
    "an unknown module": ("fast", 'comptime { _ = @import("bff"); }', 'A probe can import "bpf"'),
    "a file above": ("fast", 'comptime { _ = @import("../above.zig"); }', "A probe can import files"),
    "printing": (
        "fast",
        HEAD + '@import("std").debug.print("x {}\\n", .{ctx[0]}); return 0; }',
        "This part of the standard library",
    ),
    "formatted text": (
        "safe",
        HEAD + "var text: [32]u8 = undefined;\n"
        'const made = @import("std").fmt.bufPrint(&text, "{d}", .{ctx[0]}) catch return 1; return made[0]; }',
        "`std.fmt` formats through function pointers",
    ),
    "an atomic store": (
        "safe",
        SEEN + HEAD + "@atomicStore(u64, &seen, ctx[0], .monotonic); return 0; }",
        "BPF has atomic loads and stores from CPU v4",
    ),
    "an atomic load in order": (
        "fast",
        SEEN + HEAD + "return @truncate(@as(i64, @bitCast(@atomicLoad(u64, &seen, .seq_cst) + ctx[0]))); }",
        "BPF has atomic loads and stores from CPU v4",
    ),
    "an atomic maximum": (
        "safe",
        SEEN + HEAD + "_ = @atomicRmw(u64, &seen, .Max, ctx[0], .monotonic); return 0; }",
        "BPF's atomic operations are `.Add`",
    ),
    "an atomic byte": (
        "safe",
        SEEN + HEAD + "_ = @atomicRmw(u8, &small, .Add, @truncate(ctx[0]), .monotonic); return 0; }",
        "BPF's atomic operations are on 32 and 64 bits",
    ),
    "an atomic short": (
        "safe",
        SEEN
        + HEAD
        + "_ = ctx; return if (@cmpxchgStrong(u16, &short, 1, 2, .seq_cst, .seq_cst)) |old| old else 0; }",
        "BPF's atomic operations are on 32 and 64 bits",
    ),
    "a variable of a thread": (
        "safe",
        "threadlocal var per: u64 = 0;\n" + HEAD + "per +%= ctx[0]; return @intCast(per & 1); }",
        "A BPF program has no thread",
    ),
    "a heap": (
        "safe",
        HEAD + 'const std = @import("std"); var list: std.ArrayList(u64) = .empty;\n'
        "list.append(std.heap.page_allocator, ctx[0]) catch return 1; return @intCast(list.items[0] & 1); }",
        "A BPF program has no heap",
    ),
}


@pytest.mark.parametrize(("text", "advice"), TEXTS, ids=[advice for _, advice in TEXTS])
def test_text(text: str, advice: str) -> None:
    (found,) = diagnose.advice(text)
    assert found.startswith(advice)


def test_an_ordinary_error_earns_no_advice() -> None:
    assert diagnose.advice("probe.zig:2:15: error: expected expression, found ';'\n") == []


def test_advice_is_given_once() -> None:
    assert len(diagnose.advice(TEXTS[0][0] * 3 + TEXTS[1][0])) == 1


def test_every_advice_has_a_text_and_a_source() -> None:
    for known in diagnose.KNOWN:
        assert any(known.advice.startswith(advice) for _, advice in TEXTS)
        assert any(known.advice.startswith(advice) for _, _, advice in SOURCES.values())


@pytest.mark.zig
@pytest.mark.parametrize(("mode", "source", "advice"), SOURCES.values(), ids=SOURCES)
def test_compiler(zig: Path, tmp_path: Path, mode: str, source: str, advice: str) -> None:
    (tmp_path / "above.zig").write_text("")
    folder = tmp_path / "probes"
    folder.mkdir()
    probe = folder / "probe.zig"
    probe.write_text(source)
    with pytest.raises(BuildError) as caught:
        compiler.compile_probe(
            probe, tmp_path / "probe.o", endian="little", mode=mode, cache=tmp_path / "cache", zig=zig
        )
    first, *advised = str(caught.value).splitlines()
    assert re.match(
        rf"{re.escape(str(probe))}(:\d+(:\d+)?)?: Zig could not compile the probe for bpfel", first
    )
    assert [line.strip() for line in advised] == diagnose.advice(caught.value.output)
    assert advised, caught.value.output
    assert advised[0].strip().startswith(advice)


@pytest.mark.zig
def test_the_compilers_own_words_are_unchanged(
    zig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a probe in the working directory; else files are named from there, so that an editor finds them."""
    monkeypatch.chdir(tmp_path)
    probe = Path("probe.zig")
    probe.write_text("export fn prog() void {\n    const x = ;\n}\n")
    with pytest.raises(BuildError) as caught:
        compiler.compile_probe(probe, tmp_path / "probe.o", endian="big", cache=tmp_path / "cache", zig=zig)
    plain = subprocess.run([zig, "ast-check", "probe.zig"], cwd=tmp_path, capture_output=True, text=True)
    assert caught.value.output == plain.stderr
    assert "probe.zig:2:15: error: expected expression, found ';'\n    const x = ;" in caught.value.output
    assert str(caught.value) == "probe.zig:2:15: Zig could not compile the probe for bpfeb"
    monkeypatch.chdir(tmp_path.parent)
    probe = Path(tmp_path.name) / "probe.zig"
    with pytest.raises(BuildError) as caught:
        compiler.compile_probe(probe, tmp_path / "probe.o", endian="big", cache=tmp_path / "cache", zig=zig)
    assert caught.value.output == plain.stderr.replace("probe.zig:", f"{tmp_path.name}/probe.zig:")
    assert str(caught.value) == f"{tmp_path.name}/probe.zig:2:15: Zig could not compile the probe for bpfeb"


def test_files_are_named_from_where_the_probe_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The author's own, wherever the compiler names one; not the SDK's, and no text that looks like a place."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "probes" / "more").mkdir(parents=True)
    for name in ("a.zig", "more/b.zig", "c.c"):
        (tmp_path / "probes" / name).write_text("")
    output = (
        "a.zig:1:2: error: 'a.zig:3' is text\n    run: more/b.zig:4:5\n/sdk/a.zig:6:7: note\n"
        "In file included from c.c:8:\nno.zig:9:9: note\nLLVM ERROR: a.zig:1\n"
    )
    placed = output.replace("a.zig:1:2", "probes/a.zig:1:2").replace("more/b", "probes/more/b")
    placed = placed.replace("c.c:8", "probes/c.c:8")
    assert compiler.placed(output, Path("probes/a.zig")) == placed
    assert compiler.placed(output, Path("a.zig")) == output


PLACES = {
    "as Zig says it": ("probe.zig:2:15: error: expected expression, found ';'\n", "probe.zig:2:15"),
    "below the SDK's": (
        "/sdk/zig/bpf/map/definition.zig:83:5: error: the event type\nprobe.zig:9:22: note: called inline here\n",
        "probe.zig:9:22",
    ),
    "behind the library's": (
        "error: std/sort/block.zig:245:34: in function probe.prog i32 (ptr): 0x7f21: i64 = GlobalAddress<ptr @f> 0, "
        "std/sort/block.zig:245:34 @[ std/mem.zig:615:9 @[ probe.zig:11:26 ] ] too many arguments\n",
        "probe.zig:11:26",
    ),
    "only the SDK's, and the program": (
        'error: pyzbpf/zig/bpf/program/plain.zig:47:0: in function bpf.program.plain.Program("see"[0..3],"xdp"[0..3],'
        "(function 'see')).run i32 (ptr): Looks like the BPF stack limit is exceeded.\n",
        "probe.zig:4",
    ),
    "only the function": (
        "error: <unknown>:0:0: in function probe.half void (ptr, i64): aggregate returns are not supported\n",
        "probe.zig:2",
    ),
    "what was used": (
        "error: <unknown>:0:0: in function Io.Writer.drain void (ptr): aggregate returns are not supported\n",
        "probe.zig:5",
    ),
    "a section": (
        "/sdk/zig/bpf/program/kinds.zig:87:5: error: programs of section 'xpd' are not known; libbpf's names are\n",
        "probe.zig:9",
    ),
    "a program": (
        "/sdk/zig/bpf/program/plain.zig:22:5: error: programs.gone: there is no such function, or it is not `pub`\n",
        "probe.zig:10",
    ),
    "a verdict": (
        "/sdk/zig/bpf/verdict.zig:44:52: error: trap_verdicts.dney: no program 'dney'\n",
        "probe.zig:14",
    ),
    "all verdicts": (
        "/sdk/zig/bpf/verdict.zig:17:60: error: trap_verdicts names programs and their verdicts\n",
        "probe.zig:12",
    ),
    "nothing": ("LLVM ERROR: out of memory\n", "probe.zig"),
}


@pytest.mark.parametrize("case", PLACES)
def test_the_authors_place_comes_first(tmp_path: Path, case: str) -> None:
    source = tmp_path / "probe.zig"
    source.write_text(
        'const std = @import("std");\nfn half(x: u64) ?u64 {}\n\npub fn see() void {\n    std.fmt.bufPrint();\n}\n'
        'pub const programs = .{\n    .see = "xdp",\n    .p = "xpd",\n    .gone = "tc",\n};\n'
        "pub const trap_verdicts = .{\n    .see = .drop,\n    .dney = .pass,\n};\n"
    )
    output, place = PLACES[case]
    assert diagnose.place(output, source) == (tmp_path / place).as_posix()


@pytest.mark.zig
def test_what_the_sdk_refuses_is_said_with_the_authors_line(zig: Path, tmp_path: Path) -> None:
    probe = tmp_path / "probe.zig"
    probe.write_text(
        'const bpf = @import("bpf");\npub const programs = .{ .p = "xpd" };\npub fn p() void {}\n'
    )
    with pytest.raises(BuildError) as caught:
        compiler.compile_probe(probe, tmp_path / "p.o", endian="big", cache=tmp_path / "cache", zig=zig)
    assert str(caught.value).startswith(
        f"{probe.as_posix()}:2: Zig could not compile the probe for bpfeb\n"
        "  programs of section 'xpd' are not known; libbpf's names are"
    )


def test_llvms_instructions_are_left_out() -> None:
    first, last = "LLVM ERROR: Cannot select: 0x7ff: i64 = Bad 0x7fe\n", "In function: probe.prog\n"
    dump = (
        "  0x7fe: i64 = LDIMM64 TargetGlobalAddress:i64<ptr @n> 0\n    0x7fd: ch,glue = callseq_end 0x7fc\n"
    )
    assert diagnose.shortened(first + dump + last) == first + last


@pytest.mark.zig
def test_an_error_in_a_program_is_said_once(zig: Path, tmp_path: Path) -> None:
    probe = tmp_path / "probe.zig"
    probe.write_text(
        'const bpf = @import("bpf");\npub const programs = .{ .prog = "raw_tp/sys_enter" };\n'
        "pub fn prog(ctx: *const bpf.RawTracepoint) void {\n    _ = ctx.nothing;\n}\n"
    )
    with pytest.raises(BuildError) as caught:
        compiler.compile_probe(
            probe, tmp_path / "probe.o", endian="little", cache=tmp_path / "cache", zig=zig
        )
    assert caught.value.output.count("error: no field named 'nothing'") == 1
    assert str(caught.value) == f"{probe}:4:13: Zig could not compile the probe for bpfel"
