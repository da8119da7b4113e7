//! Text in events and maps.

/// `n` bytes of NUL-ended text: Python reads a str. (An array of u8 is bytes to it.)
pub fn Text(comptime n: usize) type {
    return [n]c_char;
}
