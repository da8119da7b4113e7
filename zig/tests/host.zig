//! What of the SDK runs without a kernel: `zig build test`.

const std = @import("std");
const bpf = @import("bpf");
const expectEqual = std.testing.expectEqual;

test "upper bounds belong to their slot of a histogram" {
    const slotOf = bpf.Hist.slotOf;
    for ([_]struct { u64, usize }{ .{ 0, 0 }, .{ 1, 1 }, .{ 2, 2 }, .{ 3, 3 }, .{ 4, 3 }, .{ 5, 4 } }) |pair| {
        try expectEqual(pair[1], slotOf(pair[0]));
    }
    for (0..64) |k| {
        const bound = @as(u64, 1) << @intCast(k);
        try expectEqual(k + 1, slotOf(bound));
        if (bound > 1) try expectEqual(k + 2, slotOf(bound + 1));
    }
    try expectEqual(65, slotOf(std.math.maxInt(u64)));
}

test "a changed checksum is that of the changed header" {
    var random = std.Random.DefaultPrng.init(7);
    for (0..1000) |_| {
        var words: [10]u16 = undefined;
        for (&words) |*word| word.* = random.random().int(u16);
        const before = sum(words);
        const place = random.random().uintLessThan(usize, words.len);
        const old = words[place];
        words[place] = random.random().int(u16);
        const after = bpf.net.changed(before, old, words[place]);
        // 0 and 0xffff are one number to a checksum.
        if (after != sum(words)) try expectEqual(0xffff, after ^ sum(words));
    }
}

fn sum(words: [10]u16) u16 {
    var total: u64 = 0;
    for (words) |word| total += word;
    return ~bpf.net.folded(total);
}

test "a checksum over itself is zero" {
    // 45 00 00 3c 1c 46 40 00 40 06 b1 e6 ac 10 0a 63 ac 10 0a 0c, the header that RFC 1071's readers know.
    var header = [_]u8{ 0x45, 0, 0, 0x3c, 0x1c, 0x46, 0x40, 0, 0x40, 6, 0xb1, 0xe6, 0xac, 0x10, 0x0a, 0x63, 0xac, 0x10, 0x0a, 0x0c };
    try expectEqual(0, bpf.net.checksumOf(&header));
    header[10] = 0;
    header[11] = 0;
    const checksum = bpf.net.checksumOf(&header);
    try std.testing.expectEqualSlices(u8, &.{ 0xb1, 0xe6 }, std.mem.asBytes(&checksum));
}

test "numbers of the network" {
    const Big = bpf.net.Big(u16);
    try expectEqual(0x0800, Big.of(0x0800).get());
    try std.testing.expectEqualSlices(u8, &.{ 0x12, 0x34 }, std.mem.asBytes(&Big.of(0x1234)));
    const ip: bpf.net.Ipv4 = undefined;
    try expectEqual(20, @sizeOf(@TypeOf(ip)));
    try expectEqual(40, @sizeOf(bpf.net.Ipv6));
    try expectEqual(20, @sizeOf(bpf.net.Tcp));
    try expectEqual(14, @sizeOf(bpf.net.Ethernet));
}

test "text" {
    var text: bpf.Text(8) = @splat(0);
    for ("bash", 0..) |letter, place| text[place] = @bitCast(letter);
    try std.testing.expect(bpf.isText(&text, "bash"));
    try std.testing.expect(bpf.startsWith(&text, "ba"));
    try std.testing.expect(!bpf.isText(&text, "bas"));
    try std.testing.expect(!bpf.isText(&text, "bashs"));
}

test "results of helpers" {
    try bpf.check(0);
    try bpf.check(5);
    try std.testing.expectError(error.NotFound, bpf.check(-2));
    try std.testing.expectError(error.NoSpace, bpf.check(-28));
    try std.testing.expectError(error.Fault, bpf.check(-14));
    try std.testing.expectError(error.Unexpected, bpf.check(-999));
}

test "every declaration is sound" {
    std.testing.refAllDecls(bpf);
    inline for (.{ bpf.net, bpf.types, bpf.constants, bpf.helpers }) |namespace| std.testing.refAllDecls(namespace);
}
