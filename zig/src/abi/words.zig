//! The boundary of the word search kernels.

const arena = @import("../arena.zig");
const isa = @import("../isa.zig");
const kernels = @import("../words.zig");
const status = @import("../status.zig");

/// What a call needs of the arena, taken at once so that a refusal names all of it.
const Room = struct {
    spans: [*]kernels.Span,
    words: [*]kernels.Word,
    rest: [*]align(arena.alignment) u8,

    fn take(scratch: *arena.Scratch, segments_count: usize, terms_count: usize, rest_bytes: usize) ?Room {
        const spans_bytes = aligned(segments_count *| terms_count *| @sizeOf(kernels.Span));
        const words_bytes = aligned(terms_count *| @sizeOf(kernels.Word));
        const memory = scratch.take(u8, spans_bytes +| words_bytes +| rest_bytes) orelse return null;
        return .{
            .spans = @ptrCast(memory.ptr),
            .words = @ptrCast(@alignCast(memory.ptr + spans_bytes)),
            .rest = @alignCast(memory.ptr + spans_bytes + words_bytes),
        };
    }
};

fn aligned(bytes: usize) usize {
    return (bytes +| (arena.alignment - 1)) / arena.alignment * arena.alignment;
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
    // A smaller block is slower, never wrong.
    const lists_bytes = aligned(terms_count *| @sizeOf(kernels.List));
    const fixed_bytes = (columns.segments_count *| @sizeOf(kernels.Span) +| @sizeOf(kernels.Word)) *|
        terms_count +| 2 * arena.alignment +| lists_bytes;
    var block_rows = kernels.block_rows_max;
    while (block_rows > kernels.block_rows_min) : (block_rows /= 2) {
        const is_needed = block_rows / 2 < columns.rows_count;
        if (is_needed and fixed_bytes +| kernels.blockBytes(block_rows) <= scratch.room()) break;
    }
    const rest_bytes = lists_bytes +| kernels.blockBytes(block_rows);
    const room = Room.take(&scratch, columns.segments_count, terms_count, rest_bytes) orelse
        return status.out_of_space;
    const words = isa.kernels().words;
    const words_count = words.weigh(
        columns,
        terms orelse return status.invalid_argument,
        repeats orelse return status.invalid_argument,
        terms_count,
        room.spans,
        room.words,
    );
    if (words_count == 0) return 0;
    return words.top_k(
        columns,
        terms_count,
        room.spans,
        room.words,
        words_count,
        @ptrCast(room.rest),
        @alignCast(room.rest + lists_bytes),
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
    const room = Room.take(&scratch, columns.segments_count, terms_count, 0) orelse
        return status.out_of_space;
    const words = isa.kernels().words;
    const words_count = words.weigh(
        columns,
        terms orelse return status.invalid_argument,
        repeats orelse return status.invalid_argument,
        terms_count,
        room.spans,
        room.words,
    );
    words.scores(columns, terms_count, room.spans, room.words, words_count, wanted, rows_count, into);
    return status.ok;
}
