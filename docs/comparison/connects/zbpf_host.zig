const std = @import("std");
const libbpf = @cImport(@cInclude("bpf/libbpf.h"));

const Event = extern struct { pid: u32, address: [4]u8, port: u16, command: [16]u8 };

fn show(_: ?*anyopaque, data: ?*anyopaque, _: usize) callconv(.c) c_int {
    const event: *const Event = @ptrCast(@alignCast(data.?));
    std.debug.print("{} {s} {any} {}\n", .{ event.pid, std.mem.sliceTo(&event.command, 0), event.address, event.port });
    return 0;
}

pub fn main() !void {
    const object = libbpf.bpf_object__open("probe.o") orelse return error.Open;
    defer libbpf.bpf_object__close(object);
    if (libbpf.bpf_object__load(object) != 0) return error.Load;
    const program = libbpf.bpf_object__next_program(object, null) orelse return error.NoProgram;
    const link = libbpf.bpf_program__attach(program) orelse return error.Attach;
    defer _ = libbpf.bpf_link__destroy(link);
    const map = libbpf.bpf_object__find_map_by_name(object, "events") orelse return error.NoMap;
    const ring = libbpf.ring_buffer__new(libbpf.bpf_map__fd(map), show, null, null) orelse return error.Ring;
    defer libbpf.ring_buffer__free(ring);
    while (libbpf.ring_buffer__poll(ring, -1) >= 0) {}
}
