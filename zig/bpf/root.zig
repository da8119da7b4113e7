//! The root of every probe that pyzbpf builds; the author's file is the module `probe`.
//!
//! It installs what the author need not write, and hands on what the author does write with `pub`:
//! `panic`, another namespace for failed safety checks, and `std_options`, settings of the standard
//! library. What else the SDK reads from the author's file it finds by `author.zig`.

const std = @import("std");

pub const probe = @import("probe");
/// What failed safety checks do.
pub const panic = if (@hasDecl(probe, "panic")) probe.panic else @import("bpf").panic;
/// Settings of the standard library.
pub const std_options: std.Options = if (@hasDecl(probe, "std_options")) probe.std_options else .{};

comptime {
    _ = probe; // its exports are the object
    _ = @import("bpf"); // and what it says to the SDK: programs, licence, verdicts
}
