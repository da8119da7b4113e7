//! Traffic control: sections "tc", "tcx/ingress", "tcx/egress" (Linux 4.4; tcx 6.6).

/// What becomes of the packet; a program returns one of them.
pub const Action = struct {
    /// The next program decides (tcx: TCX_NEXT); without one the packet goes on.
    pub const UNSPEC: c_int = -1;
    /// The packet goes on, past the programs that follow (tcx: TCX_PASS).
    pub const OK: c_int = 0;
    /// The packet is dropped (tcx: TCX_DROP).
    pub const SHOT: c_int = 2;
    /// The packet goes where a redirect helper said (tcx: TCX_REDIRECT).
    pub const REDIRECT: c_int = 7;
};
