//! The table each level exports and the dispatcher calls through.

/// What a level offers the dispatcher.
pub const Kernels = extern struct {
    top_k_f32: *const fn (
        query: [*]const f32,
        dimensions: usize,
        rows: [*]const f32,
        rows_count: usize,
        inv_norms: ?[*]const f32,
        mask: ?[*]const u8,
        out_scores: [*]f32,
        out_rows: [*]u32,
        capacity: usize,
    ) callconv(.c) usize,
    normalize_f32: *const fn (
        rows: [*]const f32,
        rows_count: usize,
        dimensions: usize,
        out_inv_norms: [*]f32,
    ) callconv(.c) void,
};
