//! Where the processors are: counts the stacks that samples find, of one process or of all.

const bpf = @import("bpf");

export var stacks: bpf.StackTrace(16384) linksection(".maps") = .{};
export var samples: bpf.StackCounter("stacks", 10240) linksection(".maps") = .{};

/// Only this process; 0: all but the idle ones.
export var process: u32 linksection(".rodata") = 0;
/// Samples for which there was no room.
export var samples_lost: u64 = 0;

export fn sample(ctx: *const bpf.PerfEvent) linksection("perf_event") c_int {
    const pid = bpf.process.pid();
    if (pid == 0 or (process != 0 and pid != process)) return 0;
    samples.add(ctx, &stacks, 1) catch {
        _ = @atomicRmw(u64, &samples_lost, .Add, 1, .monotonic);
    };
    return 0;
}
