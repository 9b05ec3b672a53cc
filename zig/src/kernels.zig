//! The table each level exports and the dispatcher calls through: one part a kernel family.

/// What a level offers the dispatcher.
pub const Kernels = extern struct {
    forgetting: @import("forgetting.zig").Table,
    fusion: @import("fusion.zig").Table,
    similarity: @import("similarity.zig").Table,
    spread: @import("spread.zig").Table,
    half: @import("half.zig").Table,
    int8: @import("int8.zig").Table,
    bits: @import("bits.zig").Table,
    nearest: @import("nearest.zig").Table,
    rerank: @import("rerank.zig").Table,
    words: @import("words.zig").Table,
    sketches: @import("sketches.zig").Table,
    trails: @import("trails.zig").Table,
};
