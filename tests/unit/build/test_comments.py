"""Doc comments, found where `zig fmt` puts them."""

from __future__ import annotations

from pyzbpf.build.comments import doc_comments

SOURCE = """
//! Of the file.
const bpf = @import("bpf");

/// What happened,
/// in two lines.
const Event = extern struct {
    /// Nanoseconds.
    time: u64,
    // an ordinary comment
    pid: u32,
    inner: extern struct {
        /// Not reachable by a name.
        a: u8,
    },

    /// Text with a brace: "}".
    text: bpf.Text(16) = "}",
};
const Kind = enum(u32) {
    /// At the beginning.
    start = 1,
    /// At the end.
    stop,
};
/// Set before loading.
export var only: u32 linksection(".rodata") = 0;

/// The program.
export fn started(_: *anyopaque) linksection("xdp") c_int {
    /// not a place for one
    const inside = 1;
    return inside;
}
/// Lost, for something else follows.
comptime {}
var later: u8 = 0;
"""


def test_comments() -> None:
    assert doc_comments(SOURCE) == {
        "Event": "What happened,\nin two lines.",
        "Event.time": "Nanoseconds.",
        "Event.text": 'Text with a brace: "}".',
        "Kind.start": "At the beginning.",
        "Kind.stop": "At the end.",
        "only": "Set before loading.",
        "started": "The program.",
    }
