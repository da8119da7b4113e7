//! Constants wherever LLVM may put them: three sections that must become one `.rodata`.

const bpf = @import("bpf");

const named: [8]u32 = .{ 3, 1, 4, 1, 5, 9, 2, 6 };
export const shown: [4]u64 = .{ 10, 20, 30, 40 };
export var limit: u32 linksection(".rodata") = 10;
export var sum: u64 = 0;

noinline fn at(table: *const [8]u32, index: u32) u32 {
    return table[index & 7];
}

/// Adds `named[length & 7]` and `shown[length & 3]` to `sum`, unless the packet is shorter than `limit`.
export fn prog(ctx: *bpf.SkBuff) linksection("socket") c_int {
    const length = ctx.len;
    if (length == 0xffff) bpf.printk("length %d\n", .{length});
    if (length < limit) return 0;
    sum += at(&named, length) + (&shown)[length & 3];
    return 1;
}
