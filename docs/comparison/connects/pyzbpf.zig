const bpf = @import("bpf");

pub const programs = .{ .connect = "kprobe/tcp_connect" };

const Event = extern struct { pid: u32, address: u32, port: u32, command: bpf.Text(16) };
const sock = extern struct { __sk_common: extern struct { skc_daddr: u32, skc_dport: u16 } };
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

pub fn connect(ctx: *const bpf.PtRegs) void {
    const socket = ctx.argAs(*const sock, 0);
    const event = events.reserve() orelse return;
    event.pid = bpf.process.pid();
    event.address = bpf.core.read(socket, "__sk_common.skc_daddr");
    event.port = @byteSwap(bpf.core.read(socket, "__sk_common.skc_dport"));
    bpf.process.command(&event.command);
    events.submit(event);
}
