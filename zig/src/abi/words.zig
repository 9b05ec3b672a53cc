//! The boundary of the word search kernels.

const arena = @import("../arena.zig");
const isa = @import("../isa.zig");
const kernels = @import("../words.zig");
const status = @import("../status.zig");

const Found = struct { spans: []kernels.Span, words: []kernels.Word };

/// Finds the postings of the cue's terms; null when the arena is too small.
fn weighed(
    scratch: *arena.Scratch,
    index: *const kernels.Index,
    terms: [*]const u32,
    repeats: [*]const u32,
    terms_count: usize,
) ?Found {
    const spans = scratch.take(kernels.Span, index.segments_count *| terms_count) orelse return null;
    const words = scratch.take(kernels.Word, terms_count) orelse return null;
    const count = isa.kernels().words.weigh(index, terms, repeats, terms_count, spans.ptr, words.ptr);
    return .{ .spans = spans, .words = words[0..count] };
}

/// Writes the best `capacity` rows by BM25 for distinct terms, best first, and returns how many
/// there are. `mask` may be null; rows beyond its bits are no candidates. `cancel` may be null; else
/// the search ends with `cancelled` soon after its word is not zero any more.
export fn engram_bm25_top_k(
    index: ?*const kernels.Index,
    terms: ?[*]const u32,
    repeats: ?[*]const u32,
    terms_count: usize,
    mask: ?[*]const u8,
    mask_bytes: usize,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
) i64 {
    const columns = index orelse return status.invalid_argument;
    if (capacity == 0 or columns.rows_count > 0xffff_ffff) return status.invalid_argument;
    if (terms_count == 0 or columns.rows_count == 0) return 0;
    var scratch = arena.begin();
    defer scratch.end();
    const found = weighed(
        &scratch,
        columns,
        terms orelse return status.invalid_argument,
        repeats orelse return status.invalid_argument,
        terms_count,
    ) orelse return status.out_of_space;
    if (found.words.len == 0) return 0;
    const lists = scratch.take(kernels.List, found.words.len) orelse return status.out_of_space;
    // A smaller block is slower, never wrong.
    var block_rows = kernels.block_rows_max;
    while (block_rows > kernels.block_rows_min and
        (block_rows / 2 >= columns.rows_count or kernels.blockBytes(block_rows) > scratch.room())) block_rows /= 2;
    const block = scratch.take(u8, kernels.blockBytes(block_rows)) orelse return status.out_of_space;
    return isa.kernels().words.top_k(
        columns,
        terms_count,
        found.spans.ptr,
        found.words.ptr,
        found.words.len,
        lists.ptr,
        block.ptr,
        block_rows,
        mask,
        mask_bytes,
        out_scores orelse return status.invalid_argument,
        out_rows orelse return status.invalid_argument,
        capacity,
        cancel,
    );
}

/// Writes the BM25 score of each of `rows` for distinct terms: 0 without one of them.
export fn engram_bm25_scores(
    index: ?*const kernels.Index,
    terms: ?[*]const u32,
    repeats: ?[*]const u32,
    terms_count: usize,
    rows: ?[*]const u32,
    rows_count: usize,
    out_scores: ?[*]f32,
) i32 {
    const columns = index orelse return status.invalid_argument;
    if (rows_count == 0) return status.ok;
    const wanted = rows orelse return status.invalid_argument;
    const into = out_scores orelse return status.invalid_argument;
    if (terms_count == 0 or columns.rows_count == 0) {
        @memset(into[0..rows_count], 0);
        return status.ok;
    }
    var scratch = arena.begin();
    defer scratch.end();
    const found = weighed(
        &scratch,
        columns,
        terms orelse return status.invalid_argument,
        repeats orelse return status.invalid_argument,
        terms_count,
    ) orelse return status.out_of_space;
    isa.kernels().words.scores(
        columns,
        terms_count,
        found.spans.ptr,
        found.words.ptr,
        found.words.len,
        wanted,
        rows_count,
        into,
    );
    return status.ok;
}
