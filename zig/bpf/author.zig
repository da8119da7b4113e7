//! The author's file: module `probe` below the SDK's root, or the root itself where it was compiled alone.

const root = @import("root");

pub const file = if (@hasDecl(root, "probe")) root.probe else root;
