//! One instruction level's kernels. Compiled once a level; the level's name ends every symbol.

const builtin = @import("builtin");
const similarity = @import("similarity.zig");
const Kernels = @import("kernels.zig").Kernels;

const name = switch (builtin.cpu.arch) {
    .x86_64 => if (builtin.cpu.has(.x86, .avx512f))
        "avx512"
    else if (builtin.cpu.has(.x86, .avx2)) "avx2" else "baseline",
    .aarch64 => "neon",
    else => "baseline",
};

fn topK(
    query: [*]const f32,
    dimensions: usize,
    rows: [*]const f32,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: [*]f32,
    out_rows: [*]u32,
    capacity: usize,
) callconv(.c) usize {
    return similarity.topK(query[0..dimensions], rows, rows_count, inv_norms, mask, out_scores, out_rows, capacity);
}

fn normalize(rows: [*]const f32, rows_count: usize, dimensions: usize, out_inv_norms: [*]f32) callconv(.c) void {
    similarity.normalize(rows, rows_count, dimensions, out_inv_norms);
}

const kernels: Kernels = .{ .top_k_f32 = topK, .normalize_f32 = normalize };

comptime {
    @export(&kernels, .{ .name = "engram_kernels_" ++ name, .visibility = .hidden });
}
