//! What user-space probes look at, in Zig: the same requests and answers as target.c, without its semaphore.

const builtin = @import("builtin");
const linux = @import("std").os.linux;

/// A note as systemtap's <sys/sdt.h> writes it, at an instruction that does nothing.
inline fn done(first: i32, second: u64) void {
    asm volatile (
        \\990: nop
        \\.pushsection .note.stapsdt, "?", %%note
        \\.balign 4
        \\.4byte 992f-991f, 994f-993f, 3
        \\991: .asciz "stapsdt"
        \\992: .balign 4
        \\993: .8byte 990b, 0, 0
        \\.asciz "target_zig"
        \\.asciz "done"
        \\.asciz "-4@%[first] 8@%[second]"
        \\994: .balign 4
        \\.popsection
        :
        : [first] "r" (first),
          [second] "r" (second),
    );
}

noinline fn add(first: i32, second: i32) callconv(.c) i32 {
    return first +% second;
}

comptime {
    @export(&add, .{ .name = "target_add" });
}

pub fn main() void {
    var request: [1]u8 = undefined;
    var numbers: [2]i32 = .{ 20, 22 };
    const given: *volatile [2]i32 = &numbers;
    while (linux.read(0, &request, 1) == 1) {
        const answer: u8 = switch (request[0]) {
            'f' => @intCast(@call(.never_inline, add, .{ given[0], given[1] })),
            'u' => passed: {
                done(7, 0x1122334455667788);
                break :passed 'u';
            },
            else => '?',
        };
        _ = linux.write(1, &[1]u8{answer}, 1);
    }
}
