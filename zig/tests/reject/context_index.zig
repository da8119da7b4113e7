//! refuses: context_index.zig:11: reads or writes the context at a place that is known at run time only
//! advises: copy the member first (`const args = ctx.args;`) and index the copy

const bpf = @import("bpf");

pub export var at: u64 = 0;

export fn prog(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    @setRuntimeSafety(false);
    at +%= 1;
    return @truncate(@as(i64, @bitCast(ctx.args[at])));
}
