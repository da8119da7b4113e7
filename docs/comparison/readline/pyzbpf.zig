const bpf = @import("bpf");

pub const programs = .{ .typed = "uretprobe//bin/bash:readline" };

const Event = extern struct { pid: u32, line: bpf.Text(80) };
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

pub fn typed(ctx: *const bpf.PtRegs) !void {
    const event = events.reserve() orelse return;
    event.pid = bpf.process.pid();
    _ = try bpf.user.readText(ctx.result(), &event.line);
    events.submit(event);
}
