//! The arguments of statically defined probes, by the maps and records of libbpf's usdt.bpf.h.

const bpf = @import("bpf");

const Argument = extern struct { value: u64, about: u32, register: i16, signed: bool, shift: u8 };
const Spec = extern struct { arguments: [12]Argument, cookie: u64, count: i16 };
const Seen = extern struct { cookie: u64, pid: u32, count: i32, arguments: [3]i64 };

export var __bpf_usdt_specs: bpf.Array(Spec, 8) linksection(".maps") = .{};
export var __bpf_usdt_ip_to_spec_id: bpf.Hash(i64, u32, 16) linksection(".maps") = .{};
export var seen: bpf.RingBuf(Seen) linksection(".maps") = .{};

export fn passed(ctx: *const bpf.PtRegs) linksection("usdt") c_int {
    const spec = specOf(ctx) orelse return 0;
    const event = seen.reserve() orelse return 0;
    event.cookie = spec.cookie;
    event.pid = bpf.process.pid();
    event.count = spec.count;
    inline for (0..3) |index| event.arguments[index] = read(ctx, &spec.arguments[index]);
    seen.submit(event);
    return 0;
}

inline fn specOf(ctx: *const bpf.PtRegs) ?*Spec {
    if (bpf.kconfig(bool, "LINUX_HAS_BPF_COOKIE"))
        return __bpf_usdt_specs.lookup(@truncate(bpf.attachCookie(ctx)));
    const address: i64 = @bitCast(ctx.instructionPointer());
    const number = __bpf_usdt_ip_to_spec_id.lookup(&address) orelse return null;
    return __bpf_usdt_specs.lookup(number.*);
}

inline fn read(ctx: *const bpf.PtRegs, argument: *const Argument) i64 {
    const big = @import("builtin").cpu.arch.endian() == .big;
    const kind: u8 = @truncate(argument.about);
    const index: u64 = if (big) argument.about >> 12 & 0xfff else argument.about >> 8 & 0xfff;
    const scale: u6 = @truncate(if (big) argument.about >> 8 & 15 else argument.about >> 20 & 15);
    var value = argument.value;
    if (kind != 0) {
        value = register(ctx, @intCast(argument.register));
        if (kind == 3) value +%= register(ctx, index) << scale;
        if (kind != 1) {
            const place = value +% argument.value;
            _ = bpf.helpers.probe_read_user(&value, 8, @ptrFromInt(place));
            if (big) value >>= @truncate(argument.shift);
        }
    }
    value <<= @truncate(argument.shift);
    const left: i64 = @bitCast(value);
    return if (argument.signed) left >> @truncate(argument.shift) else @bitCast(value >> @truncate(argument.shift));
}

inline fn register(ctx: *const bpf.PtRegs, offset: u64) u64 {
    var value: u64 = 0;
    _ = bpf.helpers.probe_read_kernel(&value, 8, @ptrFromInt(@intFromPtr(ctx) +% offset));
    return value;
}
