//! The header of IP version 4, as it lies in a packet.

pub const Ip = extern struct {
    version_length: u8,
    service: u8,
    total: u16,
    id: u16,
    fragment: u16,
    ttl: u8,
    protocol: u8,
    checksum: u16,
    source: u32,
    target: u32,
};
