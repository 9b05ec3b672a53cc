//! The boundary of score fusion.

const isa = @import("../isa.zig");
const status = @import("../status.zig");

/// More rows of `parts` are refused.
pub const fusion_parts_max: u32 = 16;

comptime {
    if (fusion_parts_max != @import("../fusion.zig").parts_max) @compileError("one bound, two values");
}

/// Writes the positions of the best `capacity` of n candidates and their scores, best first, and
/// returns how many there are: those with a score above zero. `parts` is [parts_count, n]; its first
/// `shares_count` rows each have a floor, every row has a weight.
export fn engram_score_fuse(
    parts: ?[*]const f32,
    parts_count: usize,
    shares_count: usize,
    n: usize,
    weights: ?[*]const f32,
    floors: ?[*]const f32,
    out_scores: ?[*]f32,
    out_order: ?[*]u32,
    capacity: usize,
) i64 {
    if (n == 0) return 0;
    if (n > 0xffff_ffff or capacity == 0) return status.invalid_argument;
    if (parts_count > fusion_parts_max or shares_count > parts_count) return status.invalid_argument;
    return isa.kernels().fusion.score_fuse(
        parts orelse return status.invalid_argument,
        parts_count,
        shares_count,
        n,
        weights orelse return status.invalid_argument,
        floors orelse return status.invalid_argument,
        out_scores orelse return status.invalid_argument,
        out_order orelse return status.invalid_argument,
        capacity,
    );
}
