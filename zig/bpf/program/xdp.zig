//! XDP: sections "xdp" and "xdp.frags" (Linux 4.8).

/// What becomes of the packet; a program returns one of them.
pub const Action = struct {
    pub const ABORTED: c_int = 0;
    pub const DROP: c_int = 1;
    pub const PASS: c_int = 2;
    pub const TX: c_int = 3;
    pub const REDIRECT: c_int = 4;
};
