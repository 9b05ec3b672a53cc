//! The table each level exports and the dispatcher calls through: one part a kernel family.

/// What a level offers the dispatcher.
pub const Kernels = extern struct {
    similarity: @import("similarity.zig").Table,
};
