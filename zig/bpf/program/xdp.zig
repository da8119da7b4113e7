//! XDP: sections "xdp" and "xdp.frags" (Linux 4.8).

/// What becomes of the packet; a program returns one of them (an `export fn` its number).
pub const Action = enum(c_int) {
    /// Dropped, and counted as an error of the program.
    aborted = 0,
    drop = 1,
    pass = 2,
    /// Sent back out of the interface it came from.
    tx = 3,
    /// Sent where a redirect helper said.
    redirect = 4,

    pub const ABORTED: c_int = 0;
    pub const DROP: c_int = 1;
    pub const PASS: c_int = 2;
    pub const TX: c_int = 3;
    pub const REDIRECT: c_int = 4;
};
