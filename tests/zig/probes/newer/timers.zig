//! A timer in the value of a map, whose call may fail a safety check. (The verifier writes an address of its own into
//! the code, which differs from load to load.)

const bpf = @import("bpf");

pub const programs = .{ .timed = "tc" };

const Alarm = extern struct { timer: bpf.Timer, fired: u64, limit: u64 };
export var alarms: bpf.Hash(u32, Alarm, 4) linksection(".maps") = .{};

fn ring(key: *const u32, alarm: *Alarm) void {
    alarm.fired += alarm.limit + key.*; // overflows where the limit is large: the call ends
}

pub fn timed(ctx: *bpf.SkBuff) !void {
    const key: u32 = 1;
    _ = ctx;
    const alarm = alarms.lookup(&key) orelse return error.Lost;
    try bpf.timer.init(&alarms, &alarm.timer, .monotonic);
    try bpf.timer.after(&alarms, &alarm.timer, 1000, ring);
}
