//! The author's file: module `probe` below the SDK's root, or the root itself where it was compiled alone.
//! Where the SDK itself is the root, for its documentation, there is none.

const root = @import("root");

/// The namespace in which the author says `license`, `programs` and `trap_verdicts`.
pub const file = if (@hasDecl(root, "probe")) root.probe else if (root == @import("../bpf.zig")) struct {} else root;
