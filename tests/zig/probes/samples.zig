//! Samples of a process: how many, how far apart, and where it was.

const bpf = @import("bpf");

export var wanted: u32 linksection(".rodata") = 0;
export var samples: u64 = 0;
export var period: u64 = 0;
export var instruction: u64 = 0;
export var address: u64 = 0;

export fn sample(ctx: *const bpf.PerfEvent) linksection("perf_event") c_int {
    if (bpf.process.pid() != wanted) return 0;
    _ = @atomicRmw(u64, &samples, .Add, 1, .monotonic);
    period = ctx.period();
    address = ctx.address();
    instruction = ctx.registers().instructionPointer();
    return 0;
}
