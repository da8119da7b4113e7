const std = @import("std");
const libbpf = @cImport(@cInclude("bpf/libbpf.h"));

pub fn main() !void {
    const object = libbpf.bpf_object__open("probe.o") orelse return error.Open;
    defer libbpf.bpf_object__close(object);
    if (libbpf.bpf_object__load(object) != 0) return error.Load;
    var program = libbpf.bpf_object__next_program(object, null);
    while (program) |each| : (program = libbpf.bpf_object__next_program(object, each)) {
        if (libbpf.bpf_program__attach(each) == null) return error.Attach;
    }
    std.Thread.sleep(10 * std.time.ns_per_s);
    const map = libbpf.bpf_object__find_map_by_name(object, "counts") orelse return error.NoMap;
    var key: u32 = 0;
    var last: ?*u32 = null;
    while (libbpf.bpf_map__get_next_key(map, last, &key, 4) == 0) : (last = &key) {
        var value: u64 = 0;
        if (libbpf.bpf_map__lookup_elem(map, &key, 4, &value, 8, 0) == 0) std.debug.print("[2^{}, 2^{}): {}\n", .{ key, key + 1, value });
    }
}
