//! Ninety safety checks in one program; the argument n + 1 lets the one with the comment n fail.

const bpf = @import("bpf");

export var table: [16]u64 = @splat(1);
export var narrow: u8 = 0;
export var word: u32 = 0;

/// `bad` in round `number`, else `good`; nothing that the compiler could foresee.
inline fn pick(ctx: *const bpf.RawTracepoint, number: u64, bad: u64, good: u64) u64 {
    return (if (ctx.args[0] == number) bad else good) +% ctx.args[1];
}

export fn many(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    var sum: u64 = 1;
    sum +%= table[pick(ctx, 1, 16, 0)]; // 0
    narrow = @intCast(pick(ctx, 2, 300, 1)); // 1
    sum +%= 1000 / pick(ctx, 3, 0, 3); // 2
    word = @as(u32, @truncate(pick(ctx, 4, 0xffff_ffff, 3))) + 1; // 3
    if (pick(ctx, 5, 1, 0) == 1) unreachable; // 4
    sum +%= table[pick(ctx, 6, 16, 5)]; // 5
    narrow = @intCast(pick(ctx, 7, 300, 6)); // 6
    sum +%= 1000 / pick(ctx, 8, 0, 8); // 7
    word = @as(u32, @truncate(pick(ctx, 9, 0xffff_ffff, 8))) + 1; // 8
    if (pick(ctx, 10, 1, 0) == 1) unreachable; // 9
    sum +%= table[pick(ctx, 11, 16, 10)]; // 10
    narrow = @intCast(pick(ctx, 12, 300, 11)); // 11
    sum +%= 1000 / pick(ctx, 13, 0, 13); // 12
    word = @as(u32, @truncate(pick(ctx, 14, 0xffff_ffff, 13))) + 1; // 13
    if (pick(ctx, 15, 1, 0) == 1) unreachable; // 14
    sum +%= table[pick(ctx, 16, 16, 15)]; // 15
    narrow = @intCast(pick(ctx, 17, 300, 16)); // 16
    sum +%= 1000 / pick(ctx, 18, 0, 18); // 17
    word = @as(u32, @truncate(pick(ctx, 19, 0xffff_ffff, 18))) + 1; // 18
    if (pick(ctx, 20, 1, 0) == 1) unreachable; // 19
    sum +%= table[pick(ctx, 21, 16, 4)]; // 20
    narrow = @intCast(pick(ctx, 22, 300, 21)); // 21
    sum +%= 1000 / pick(ctx, 23, 0, 23); // 22
    word = @as(u32, @truncate(pick(ctx, 24, 0xffff_ffff, 23))) + 1; // 23
    if (pick(ctx, 25, 1, 0) == 1) unreachable; // 24
    sum +%= table[pick(ctx, 26, 16, 9)]; // 25
    narrow = @intCast(pick(ctx, 27, 300, 26)); // 26
    sum +%= 1000 / pick(ctx, 28, 0, 28); // 27
    word = @as(u32, @truncate(pick(ctx, 29, 0xffff_ffff, 28))) + 1; // 28
    if (pick(ctx, 30, 1, 0) == 1) unreachable; // 29
    sum +%= table[pick(ctx, 31, 16, 14)]; // 30
    narrow = @intCast(pick(ctx, 32, 300, 31)); // 31
    sum +%= 1000 / pick(ctx, 33, 0, 33); // 32
    word = @as(u32, @truncate(pick(ctx, 34, 0xffff_ffff, 33))) + 1; // 33
    if (pick(ctx, 35, 1, 0) == 1) unreachable; // 34
    sum +%= table[pick(ctx, 36, 16, 3)]; // 35
    narrow = @intCast(pick(ctx, 37, 300, 36)); // 36
    sum +%= 1000 / pick(ctx, 38, 0, 38); // 37
    word = @as(u32, @truncate(pick(ctx, 39, 0xffff_ffff, 38))) + 1; // 38
    if (pick(ctx, 40, 1, 0) == 1) unreachable; // 39
    sum +%= table[pick(ctx, 41, 16, 8)]; // 40
    narrow = @intCast(pick(ctx, 42, 300, 41)); // 41
    sum +%= 1000 / pick(ctx, 43, 0, 43); // 42
    word = @as(u32, @truncate(pick(ctx, 44, 0xffff_ffff, 43))) + 1; // 43
    if (pick(ctx, 45, 1, 0) == 1) unreachable; // 44
    sum +%= table[pick(ctx, 46, 16, 13)]; // 45
    narrow = @intCast(pick(ctx, 47, 300, 46)); // 46
    sum +%= 1000 / pick(ctx, 48, 0, 48); // 47
    word = @as(u32, @truncate(pick(ctx, 49, 0xffff_ffff, 48))) + 1; // 48
    if (pick(ctx, 50, 1, 0) == 1) unreachable; // 49
    sum +%= table[pick(ctx, 51, 16, 2)]; // 50
    narrow = @intCast(pick(ctx, 52, 300, 51)); // 51
    sum +%= 1000 / pick(ctx, 53, 0, 53); // 52
    word = @as(u32, @truncate(pick(ctx, 54, 0xffff_ffff, 53))) + 1; // 53
    if (pick(ctx, 55, 1, 0) == 1) unreachable; // 54
    sum +%= table[pick(ctx, 56, 16, 7)]; // 55
    narrow = @intCast(pick(ctx, 57, 300, 56)); // 56
    sum +%= 1000 / pick(ctx, 58, 0, 58); // 57
    word = @as(u32, @truncate(pick(ctx, 59, 0xffff_ffff, 58))) + 1; // 58
    if (pick(ctx, 60, 1, 0) == 1) unreachable; // 59
    sum +%= table[pick(ctx, 61, 16, 12)]; // 60
    narrow = @intCast(pick(ctx, 62, 300, 61)); // 61
    sum +%= 1000 / pick(ctx, 63, 0, 63); // 62
    word = @as(u32, @truncate(pick(ctx, 64, 0xffff_ffff, 63))) + 1; // 63
    if (pick(ctx, 65, 1, 0) == 1) unreachable; // 64
    sum +%= table[pick(ctx, 66, 16, 1)]; // 65
    narrow = @intCast(pick(ctx, 67, 300, 66)); // 66
    sum +%= 1000 / pick(ctx, 68, 0, 68); // 67
    word = @as(u32, @truncate(pick(ctx, 69, 0xffff_ffff, 68))) + 1; // 68
    if (pick(ctx, 70, 1, 0) == 1) unreachable; // 69
    sum +%= table[pick(ctx, 71, 16, 6)]; // 70
    narrow = @intCast(pick(ctx, 72, 300, 71)); // 71
    sum +%= 1000 / pick(ctx, 73, 0, 73); // 72
    word = @as(u32, @truncate(pick(ctx, 74, 0xffff_ffff, 73))) + 1; // 73
    if (pick(ctx, 75, 1, 0) == 1) unreachable; // 74
    sum +%= table[pick(ctx, 76, 16, 11)]; // 75
    narrow = @intCast(pick(ctx, 77, 300, 76)); // 76
    sum +%= 1000 / pick(ctx, 78, 0, 78); // 77
    word = @as(u32, @truncate(pick(ctx, 79, 0xffff_ffff, 78))) + 1; // 78
    if (pick(ctx, 80, 1, 0) == 1) unreachable; // 79
    sum +%= table[pick(ctx, 81, 16, 0)]; // 80
    narrow = @intCast(pick(ctx, 82, 300, 81)); // 81
    sum +%= 1000 / pick(ctx, 83, 0, 83); // 82
    word = @as(u32, @truncate(pick(ctx, 84, 0xffff_ffff, 83))) + 1; // 83
    if (pick(ctx, 85, 1, 0) == 1) unreachable; // 84
    sum +%= table[pick(ctx, 86, 16, 5)]; // 85
    narrow = @intCast(pick(ctx, 87, 300, 86)); // 86
    sum +%= 1000 / pick(ctx, 88, 0, 88); // 87
    word = @as(u32, @truncate(pick(ctx, 89, 0xffff_ffff, 88))) + 1; // 88
    if (pick(ctx, 90, 1, 0) == 1) unreachable; // 89
    return @intCast(sum & 0xffff);
}
