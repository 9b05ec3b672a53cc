//! The boundary of the float32 similarity kernels.

const std = @import("std");
const isa = @import("../isa.zig");
const rerank = @import("../rerank.zig");
const ScoredRows = @import("nearest.zig").ScoredRows;
const similarity = @import("../similarity.zig");
const status = @import("../status.zig");

fn kernelsFor(rows_count: usize, dimensions: usize) *const similarity.Table {
    const is_for_wide = similarity.isForWideVectors(rows_count, dimensions);
    const level = if (is_for_wide) isa.kernels() else isa.kernelsForScan(std.math.maxInt(usize));
    return &level.similarity;
}

/// The arguments of `engram_top_k_f32_call` in one block: ctypes packs and passes it in less than
/// half the time it takes to convert as many arguments.
pub const TopCall = extern struct {
    query: ?[*]const f32,
    dimensions: usize,
    rows: ?[*]const f32,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
};

/// Writes the best `capacity` rows, best first, and returns how many there are. `inv_norms` and
/// `mask` may be null; otherwise they hold `rows_count` elements and that many bits. `cancel` may be
/// null; else the scan ends with `cancelled` soon after its word is not zero any more.
export fn engram_top_k_f32_call(call: ?*const TopCall) i64 {
    const it = call orelse return status.invalid_argument;
    if (it.rows_count == 0) return 0;
    if (it.rows_count > 0xffff_ffff or it.dimensions == 0 or it.capacity == 0) return status.invalid_argument;
    return kernelsFor(it.rows_count, it.dimensions).top_k_f32(
        it.query orelse return status.invalid_argument,
        it.dimensions,
        it.rows orelse return status.invalid_argument,
        it.rows_count,
        it.inv_norms,
        it.mask,
        it.out_scores orelse return status.invalid_argument,
        it.out_rows orelse return status.invalid_argument,
        it.capacity,
        it.cancel,
    );
}

/// Does for each of `queries_count` queries what `engram_top_k_f32_call` does, in one pass over the rows:
/// writes `capacity` places a query and returns how many of them are filled, the same for all.
export fn engram_top_k_many_f32(
    queries: ?[*]const f32,
    queries_count: usize,
    dimensions: usize,
    rows: ?[*]const f32,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
) i64 {
    if (rows_count == 0 or queries_count == 0) return 0;
    if (rows_count > 0xffff_ffff or dimensions == 0 or capacity == 0) return status.invalid_argument;
    return isa.kernels().similarity.top_k_many_f32(
        queries orelse return status.invalid_argument,
        queries_count,
        dimensions,
        rows orelse return status.invalid_argument,
        rows_count,
        inv_norms,
        mask,
        out_scores orelse return status.invalid_argument,
        out_rows orelse return status.invalid_argument,
        capacity,
        cancel,
    );
}

/// Writes the score of every row; `inv_norms` and `cancel` may be null.
export fn engram_similarity_f32(
    query: ?[*]const f32,
    dimensions: usize,
    rows: ?[*]const f32,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    out_scores: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (rows_count == 0) return status.ok;
    if (dimensions == 0) return status.invalid_argument;
    return kernelsFor(rows_count, dimensions).similarity_f32(
        query orelse return status.invalid_argument,
        dimensions,
        rows orelse return status.invalid_argument,
        rows_count,
        inv_norms,
        out_scores orelse return status.invalid_argument,
        cancel,
    );
}

/// The arguments of `engram_similarity_at_f32`.
pub const SimilarityAtCall = extern struct {
    query: ?[*]const f32,
    dimensions: usize,
    pages: ?[*]const ScoredRows,
    pages_count: usize,
    page_rows: usize,
    numbers: ?[*]const u32,
    numbers_count: usize,
    out_scores: ?[*]f32,
};

/// Writes the score of each of some rows of several pages, as `engram_similarity_f32` has it; a number
/// that is in no page is `invalid_argument`.
export fn engram_similarity_at_f32(call: ?*const SimilarityAtCall) i32 {
    const it = call orelse return status.invalid_argument;
    if (it.numbers_count == 0) return status.ok;
    if (it.dimensions == 0 or it.page_rows == 0) return status.invalid_argument;
    const of: rerank.Paged = .{
        .query = it.query orelse return status.invalid_argument,
        .dimensions = it.dimensions,
        .pages = @ptrCast(it.pages orelse return status.invalid_argument),
        .page_rows = it.page_rows,
    };
    const numbers = it.numbers orelse return status.invalid_argument;
    for (numbers[0..it.numbers_count]) |number| {
        const page = number / it.page_rows;
        if (page >= it.pages_count or number % it.page_rows >= of.pages[page].rows_count) return status.invalid_argument;
    }
    const out = it.out_scores orelse return status.invalid_argument;
    isa.kernels().rerank.score_at(&of, numbers, it.numbers_count, out);
    return status.ok;
}

/// Writes one over the norm of each row.
export fn engram_normalize_f32(
    rows: ?[*]const f32,
    rows_count: usize,
    dimensions: usize,
    out_inv_norms: ?[*]f32,
) i32 {
    if (rows_count == 0) return status.ok;
    isa.kernels().similarity.normalize_f32(
        rows orelse return status.invalid_argument,
        rows_count,
        dimensions,
        out_inv_norms orelse return status.invalid_argument,
    );
    return status.ok;
}
