//! Headers of packets, and their checksums. Get them by `bpf.packet.at` or `bpf.packet.load`.

const std = @import("std");

/// A number in the order of the network: the most significant byte first.
pub fn Big(comptime Int: type) type {
    return extern struct {
        raw: Int,

        /// The number as this machine has it.
        pub inline fn get(self: @This()) Int {
            return std.mem.bigToNative(Int, self.raw);
        }

        /// A number of this machine as the network has it.
        pub inline fn of(number: Int) @This() {
            return .{ .raw = std.mem.nativeToBig(Int, number) };
        }
    };
}

/// Values of `Ethernet.type` and `Vlan.type`.
pub const EtherType = struct {
    pub const ipv4: u16 = 0x0800;
    pub const arp: u16 = 0x0806;
    pub const vlan: u16 = 0x8100;
    pub const ipv6: u16 = 0x86dd;
};

/// Values of `Ipv4.protocol` and `Ipv6.next_header`.
pub const Protocol = struct {
    pub const icmp: u8 = 1;
    pub const tcp: u8 = 6;
    pub const udp: u8 = 17;
    pub const icmpv6: u8 = 58;
};

/// The first header of a frame (14 bytes).
pub const Ethernet = extern struct { target: [6]u8, source: [6]u8, type: Big(u16) };

/// What stands behind the addresses where `Ethernet.type` is `EtherType.vlan`.
pub const Vlan = extern struct { control: Big(u16), type: Big(u16) };

/// The header of IPv4 without options (20 bytes).
pub const Ipv4 = extern struct {
    version_length: u8,
    service: u8,
    total_length: Big(u16),
    id: Big(u16),
    fragment: Big(u16),
    ttl: u8,
    protocol: u8,
    checksum: u16,
    source: [4]u8,
    target: [4]u8,

    /// Bytes of the header, 20 to 60.
    pub inline fn length(self: *const Ipv4) u32 {
        return @as(u32, self.version_length & 0x0f) * 4;
    }
};

/// The header of IPv6 without extensions (40 bytes).
pub const Ipv6 = extern struct {
    version_class_flow: Big(u32),
    payload_length: Big(u16),
    next_header: u8,
    hop_limit: u8,
    source: [16]u8,
    target: [16]u8,
};

/// The header of UDP (8 bytes).
pub const Udp = extern struct { source: Big(u16), target: Big(u16), length: Big(u16), checksum: u16 };

/// The header of TCP without options (20 bytes).
pub const Tcp = extern struct {
    source: Big(u16),
    target: Big(u16),
    sequence: Big(u32),
    acknowledgement: Big(u32),
    offset: u8,
    flags: u8,
    window: Big(u16),
    checksum: u16,
    urgent: Big(u16),

    pub const FIN = 1;
    pub const SYN = 2;
    pub const RST = 4;
    pub const PSH = 8;
    pub const ACK = 16;

    /// Bytes of the header, 20 to 60.
    pub inline fn length(self: *const Tcp) u32 {
        return @as(u32, self.offset >> 4) * 4;
    }
};

/// The header of ICMP and ICMPv6 (8 bytes).
pub const Icmp = extern struct { type: u8, code: u8, checksum: u16, rest: [4]u8 };

/// A checksum after a 16-bit word that it covers was changed (RFC 1624). All three as they lie in the packet.
pub inline fn changed(checksum: u16, old: u16, new: u16) u16 {
    return ~folded(@as(u64, ~checksum) + @as(u64, ~old) + new);
}

/// A sum of 16-bit words as 16 bits, with the carries added in.
pub inline fn folded(sum: u64) u16 {
    var rest = sum;
    inline for (0..4) |_| rest = (rest & 0xffff) + (rest >> 16);
    return @truncate(rest);
}

/// The checksum of `bytes.*`, an array or struct of an even number of bytes, up to 128: 0 over a header that has its own.
pub inline fn checksumOf(bytes: anytype) u16 {
    @setRuntimeSafety(false); // of any alignment, as packets are
    const size = @sizeOf(@TypeOf(bytes.*));
    if (size % 2 != 0 or size > 128) @compileError("a checksum is made of an even number of bytes, up to 128");
    const words: *const [size / 2]u16 = @ptrCast(@alignCast(bytes));
    var sum: u64 = 0;
    inline for (0..words.len) |place| sum += words[place];
    return ~folded(sum);
}
