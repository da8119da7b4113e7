//! Raw tracepoint: calls by process, in a hash.

const bpf = @import("bpf");

export var calls: bpf.Hash(u32, u64, 1024) linksection(".maps") = .{};

export fn prog(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const pid = bpf.process.pid();
    if (calls.lookup(&pid)) |found| {
        found.* += 1;
    } else {
        calls.update(&pid, &1, bpf.NOEXIST) catch {};
    }
    return 0;
}
