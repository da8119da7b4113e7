"""Members of the kernel's types that are read without CO-RE are refused, however their object was come by."""

from __future__ import annotations

import pytest

from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., dict[str, bytes]]

MODES = ["safe", "small", "fast"]
HEAD = """const bpf = @import("bpf");
const core = bpf.core;
const mm_struct = extern struct { start_stack: u64, arg_start: u64 };
const task_struct = extern struct { pid: i32, tgid: i32, comm: bpf.Text(16), mm: ?*const mm_struct, parent: ?*const task_struct };
const Switch = extern struct { preempt: u64, previous: *const task_struct, next: *const task_struct };
const trace_event_raw_sys_enter = extern struct { id: c_long, args: [6]c_ulong };
export var seen: i64 = 0;
export var values: bpf.Hash(u32, u64, 8) linksection(".maps") = .{};
"""
AT = HEAD.count("\n") + 1


def probe(section: str, context: str, body: str) -> str:
    return HEAD + (
        f'pub const programs = .{{ .prog = "{section}" }};'
        f"{' pub const trap_verdicts = .{ .prog = 0 };' if section.startswith('struct_ops') else ''}\n"
        f"pub fn prog({context}) {'i32' if section.startswith('struct_ops') else 'void'} {{\n{body}\n"
        f"{'return 0;' if section.startswith('struct_ops') else ''}}}\n"
    )


SWITCH, SWITCHED = "ctx: *const Switch", "tp_btf/sched_switch"
TASK = "bpf.Iterator(extern struct { task: ?*const task_struct })"
# What is written: (section, context, body, what is said).
REFUSED = {
    "tracepoint": (SWITCHED, SWITCH, "seen = ctx.next.tgid;", "reads byte 4 ('tgid') of the kernel's 'task_struct'"),
    "number": (
        "tp_btf/sched_switch",
        "ctx: *const extern struct { args: [3]u64 }",
        "@setRuntimeSafety(false); seen = @as(*const task_struct, @ptrFromInt(ctx.args[2])).pid;",
        "reads byte 0 of an object of the kernel's",
    ),
    "fentry": (
        "fentry/wake_up_new_task",
        "ctx: *const extern struct { task: *const task_struct }",
        "seen = ctx.task.tgid;",
        "reads byte 4 ('tgid') of the kernel's 'task_struct'",
    ),
    "fexit": (
        "fexit/copy_process",
        "ctx: *const extern struct { pid: u64, made: *const task_struct }",
        "seen = ctx.made.tgid;",
        "reads byte 4 ('tgid') of the kernel's 'task_struct'",
    ),
    "security": (
        "lsm/task_setnice",
        "ctx: *const extern struct { task: *const task_struct, nice: i64, before: i64 }",
        "seen = ctx.task.pid;",
        "reads byte 0 ('pid') of the kernel's 'task_struct'",
    ),
    "iterator": (
        "iter/task",
        f"ctx: *const {TASK}",
        "seen = (ctx.fields.task orelse return).tgid;",
        "reads byte 4 ('tgid') of the kernel's 'task_struct'",
    ),
    "operations": (
        "struct_ops",
        "ctx: *const extern struct { task: *const task_struct }",
        "seen = ctx.task.tgid;",
        "reads byte 4 ('tgid') of the kernel's 'task_struct'",
    ),
    "written": (
        "struct_ops",
        "ctx: *const extern struct { task: *task_struct }",
        "ctx.task.tgid = 1;",
        "writes byte 4 ('tgid') of the kernel's 'task_struct'",
    ),
    "pointed_to": (
        SWITCHED,
        SWITCH,
        'seen = @bitCast((core.load(ctx.next, "mm") orelse return).arg_start);',
        "reads byte 8 ('arg_start') of the kernel's 'mm_struct'",
    ),
    "chased": (SWITCHED, SWITCH, "seen = ctx.next.parent.?.tgid;", "reads byte 32 ('parent') of the kernel's 'task_struct'"),
    "helper": (
        "raw_tp/sys_enter",
        "",
        "@setRuntimeSafety(false); const task: *const task_struct = @ptrCast(@alignCast(bpf.helpers.get_current_task_btf() orelse return)); seen = task.tgid;",
        "reads byte 4 of an object of the kernel's",
    ),
    "address": (
        SWITCHED,
        SWITCH,
        "var name: bpf.Text(16) = undefined; _ = bpf.helpers.probe_read_kernel(&name, 16, &ctx.next.comm); seen = name[0];",
        "takes the address of byte 8 ('comm') of the kernel's 'task_struct'",
    ),
    "context": (
        "tracepoint/syscalls/sys_enter_openat",
        "ctx: *const trace_event_raw_sys_enter",
        "seen = @bitCast(ctx.args[1]);",
        "reads byte 16 ('args[1]') of the kernel's 'trace_event_raw_sys_enter'",
    ),
}  # fmt: skip


def test_a_dot_in_a_function_names_what_it_reads(compile_text: Compile) -> None:
    """LLVM may do the load before the call: then the line is that of the call, and the member still the one read."""
    text = probe(SWITCHED, SWITCH, 'seen = help(core.load(ctx.next, "parent") orelse return);')
    text += "fn help(task: *const task_struct) i32 { return task.pid; }\n"
    error = refused(compile_text, text)
    assert "reads byte 0 ('pid') of the kernel's 'task_struct'" in error.message
    line = error.message.partition(": ")[0]
    assert line == f"probe.zig:{AT + 5}" or error.message.endswith("` (in a function that is called there)")


def refused(compile_text: Compile, text: str, mode: str = "safe") -> ObjectError:
    with pytest.raises(ObjectError) as caught:
        compile_text(text, mode=mode, endian="little")
    return caught.value


@pytest.mark.parametrize("case", REFUSED)
def test_a_dot_is_refused(compile_text: Compile, case: str) -> None:
    section, context, body, said = REFUSED[case]
    error = refused(compile_text, probe(section, context, body))
    assert error.message.startswith(f"probe.zig:{AT + 2}: {said}")
    assert f": `{body}`" in error.message
    assert error.advice is not None
    assert 'bpf.core.load(pointer, "member")' in error.advice


@pytest.mark.parametrize("mode", MODES)
def test_over_functions_and_the_stack(compile_text: Compile, mode: str) -> None:
    text = HEAD + (
        'pub const programs = .{ .one = "tp_btf/sched_switch" };\n'
        "noinline fn later(ctx: *const Switch, which: u64) *const task_struct {\n"
        "    return if (which & 1 == 0) ctx.next else ctx.previous;\n"
        "}\n"
        "noinline fn see(task: *const task_struct) void {\n"
        "    seen +%= task.tgid;\n"
        "}\n"
        f"pub fn one({SWITCH}) void {{\n"
        "    const kept = later(ctx, bpf.ktime_get_ns());\n"
        "    _ = bpf.ktime_get_ns();\n"
        "    see(kept);\n"
        "    see(later(ctx, bpf.ktime_get_ns()));\n"
        "}\n"
    )
    error = refused(compile_text, text, mode)
    lines = AT + 5, AT + 10  # of the member, or of the call to which LLVM has moved it
    assert error.message.startswith(tuple(f"probe.zig:{line}: reads byte 4 of an object" for line in lines))


LOOPS = {
    "pointers": "const both = [2]*const task_struct{ ctx.previous, ctx.next }; for (both) |task| seen +%= task.tgid;",
    "elements": "const k = bpf.ktime_get_ns() & 15; seen = ctx.next.comm[k];",
    "whole": "const task = ctx.next.*; seen = task.tgid;",
    "list": 'var task: ?*const task_struct = ctx.next; for (0..3) |_| { const it = task orelse return; seen +%= it.pid; task = core.load(it, "parent"); }',
}  # fmt: skip


@pytest.mark.parametrize("mode", ["safe", "small"])
@pytest.mark.parametrize("case", LOOPS)
def test_places_that_are_known_at_run_time(compile_text: Compile, case: str, mode: str) -> None:
    error = refused(compile_text, probe(SWITCHED, SWITCH, LOOPS[case]), mode)
    assert f"probe.zig:{AT + 2}: reads " in error.message


# What a dot may be used on.
TAKEN = {
    "arguments": (SWITCHED, SWITCH, "const given = ctx.*; seen = @bitCast(given.preempt);"),
    "context_laid_out": (
        "tracepoint/syscalls/sys_enter_openat",
        "ctx: *bpf.Tracepoint(extern struct { id: c_long, args: [6]c_ulong })",
        "seen = @bitCast(ctx.fields.args[1]);",
    ),
    "by_format_file": (
        "tracepoint/syscalls/sys_enter_openat",
        "ctx: *const extern struct { common: u64, id: c_long, args: [6]c_ulong }",
        "seen = @bitCast(ctx.args[1]);",
    ),
    "registers": (
        "tp_btf/sys_enter",
        "ctx: *const extern struct { registers: *const bpf.PtRegs, id: i64 }",
        "seen = @bitCast(ctx.registers.arg(0));",
    ),
    "elements": (
        "iter/bpf_map_elem",
        "ctx: *const bpf.Iterator(extern struct { map: ?*const anyopaque, key: ?*const extern struct { a: u32, b: u32 } })",
        "seen = (ctx.fields.key orelse return).b;",
    ),
    "value_of_a_map": (
        SWITCHED,
        SWITCH,
        'const key: u32 = @bitCast(core.load(ctx.next, "pid")); seen = @bitCast((values.lookup(&key) orelse return).*);',
    ),
    "address": (
        SWITCHED,
        SWITCH,
        'var name: bpf.Text(16) = undefined; _ = bpf.helpers.probe_read_kernel(&name, 16, core.at(ctx.next, "comm")); seen = name[0];',
    ),
    "bits": (
        SWITCHED,
        'ctx: *const extern struct { preempt: u64, previous: *const extern struct { pub const btf = "task_struct"; sched_reset_on_fork: core.Bits(u32, 1) } }',
        'seen = core.load(ctx.previous, "sched_reset_on_fork");',
    ),
    "elements_found_by_hand": (
        SWITCHED,
        SWITCH,
        '@setRuntimeSafety(false); const k = bpf.ktime_get_ns() & 7; const first: [*]const u8 = @ptrFromInt(@intFromPtr(ctx.next) +% core.offset(task_struct, "comm")); seen = first[k] +% first[3];',
    ),
    "place_found_by_hand": (
        SWITCHED,
        SWITCH,
        '@setRuntimeSafety(false); const at: *const i32 = @ptrFromInt(@intFromPtr(ctx.next) +% core.offset(task_struct, "tgid")); seen = at.*;',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_no_member_of_the_kernels(compile_text: Compile, case: str) -> None:
    for mode in ("safe", "small"):
        assert compile_text(probe(*TAKEN[case]), mode=mode)
