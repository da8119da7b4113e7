//! Memory shared with user space: a list that the program makes longer.

const bpf = @import("bpf");

pub const programs = .{ .push = "syscall" };

const Node = extern struct { next: u64, value: u64 };

export var arena: bpf.Arena(16) linksection(".maps") = .{};
export var head: u64 = 0;

pub fn push(ctx: *const extern struct { value: u64 }) !i32 {
    const node = arena.create(Node) orelse return error.NoMemory;
    node.value = ctx.value;
    node.next = head;
    const address = bpf.arena.addressOf(node);
    head = address;
    if (node.next == 0) return 1;
    const previous = bpf.arena.view(Node, node.next);
    return @truncate(@as(i64, @bitCast(previous.value)));
}
