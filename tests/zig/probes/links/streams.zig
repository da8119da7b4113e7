//! What a program prints for its owner (Linux 6.17).

const bpf = @import("bpf");

export const format: [11:0]u8 linksection(".rodata") = "run %d/%d\n\x00".*;
export var runs: u64 = 0;

/// bpf_stream_vprintk_impl of Linux 6.18, and bpf_stream_vprintk since.
const WithProgram = fn (c_int, *const u8, *const anyopaque, u32, ?*anyopaque) callconv(.c) c_int;
const WithoutProgram = fn (c_int, *const u8, *const anyopaque, u32) callconv(.c) c_int;

export fn speak(_: *bpf.SkBuff) linksection("tc") c_int {
    runs += 1;
    var arguments = [2]u64{ runs, 7 };
    if (bpf.kfuncExists("bpf_stream_vprintk_impl", WithProgram))
        return bpf.kfunc("bpf_stream_vprintk_impl", WithProgram)(1, &format[0], &arguments, 16, null);
    if (bpf.kfuncExists("bpf_stream_vprintk", WithoutProgram))
        return bpf.kfunc("bpf_stream_vprintk", WithoutProgram)(1, &format[0], &arguments, 16);
    return -38;
}
