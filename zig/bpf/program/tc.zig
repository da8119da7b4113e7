//! Traffic control: sections "tc", "tcx/ingress", "tcx/egress" (Linux 4.4; tcx 6.6, netkit 6.7).

/// What becomes of the packet; a program returns one of them (an `export fn` its number).
pub const Action = enum(c_int) {
    /// The next program decides (tcx: TCX_NEXT); without one the packet goes on.
    unspec = -1,
    /// The packet goes on, past the programs that follow (tcx: TCX_PASS).
    ok = 0,
    /// The packet is dropped (tcx: TCX_DROP).
    shot = 2,
    /// The packet goes where a redirect helper said (tcx: TCX_REDIRECT).
    redirect = 7,
    /// Others of linux/pkt_cls.h; tcx and netkit know the four above.
    _,

    pub const UNSPEC: c_int = -1;
    pub const OK: c_int = 0;
    pub const SHOT: c_int = 2;
    pub const REDIRECT: c_int = 7;
};
