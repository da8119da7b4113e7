//! Iterators that write text and records.

const bpf = @import("bpf");

const task_struct = extern struct { pid: i32, tgid: i32, comm: bpf.Text(16) };
const bpf_map = extern struct { id: u32, name: bpf.Text(16) };

const Tasks = bpf.Iterator(extern struct { task: ?*const task_struct });
const Maps = bpf.Iterator(extern struct { map: ?*const bpf_map });
const Elements = bpf.Iterator(extern struct { map: ?*const bpf_map, key: ?*const u32, value: ?*const u64 });

const Record = extern struct { pid: i32, tgid: i32, number: u64, command: bpf.Text(16) };

export var squares: bpf.Array(u64, 8) linksection(".maps") = .{};

export fn records(ctx: *const Tasks) linksection("iter/task") c_int {
    const task = ctx.fields.task orelse return 0;
    var record: Record = .{
        .pid = bpf.core.load(task, "pid"),
        .tgid = bpf.core.load(task, "tgid"),
        .number = ctx.number(),
        .command = @splat(0),
    };
    bpf.core.readText(task, "comm", &record.command) catch {};
    ctx.write(&record) catch {};
    return 0;
}

export fn maps(ctx: *const Maps) linksection("iter/bpf_map") c_int {
    const map = ctx.fields.map orelse {
        ctx.print("that was all\n", .{}) catch {};
        return 0;
    };
    ctx.print("%u\n", .{bpf.core.load(map, "id")}) catch {};
    return 0;
}

export fn elements(ctx: *const Elements) linksection("iter/bpf_map_elem") c_int {
    const key = ctx.fields.key orelse return 0;
    const value = ctx.fields.value orelse return 0;
    ctx.print("%u %llu %d%%\n", .{ key.*, value.*, @as(i32, -1) }) catch {};
    return 0;
}
