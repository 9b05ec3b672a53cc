//! The exact float32 scores of a few candidates, wherever in the matrix they stand, and the best of them.

const std = @import("std");
const dots = @import("dots.zig");
const Best = @import("best.zig").Best;
const cancel = @import("cancel.zig");
const status = @import("status.zig");

const block_rows = dots.block_rows;

/// What a level offers of this family.
pub const Table = extern struct {
    rerank_f32: *const @TypeOf(rerank),
    offer_exact: *const @TypeOf(offerExact),
    score_at: *const @TypeOf(scoreAt),
};

pub const table: Table = .{ .rerank_f32 = rerank, .offer_exact = offerExact, .score_at = scoreAt };

/// What candidates are scored by: `dot(query, row) * inv_norms[row]`, summed as in similarity.zig.
pub const Rows = extern struct {
    query: [*]const f32,
    dimensions: usize,
    rows: [*]const f32,
    inv_norms: ?[*]const f32,
    /// The number under which the first row is offered.
    first: u32 = 0,
};

/// Writes the best candidates, best first; returns how many, or `cancelled`. They may come in any order.
fn rerank(
    query: [*]const f32,
    dimensions: usize,
    rows: [*]const f32,
    inv_norms: ?[*]const f32,
    candidates: [*]const u32,
    candidates_count: usize,
    out_scores: [*]f32,
    out_rows: [*]u32,
    capacity: usize,
    flag: cancel.Flag,
) callconv(.c) i64 {
    var best: Best = .{ .scores = out_scores, .rows = out_rows, .capacity = capacity };
    const of: Rows = .{ .query = query, .dimensions = dimensions, .rows = rows, .inv_norms = inv_norms };
    const result = offerExact(&of, candidates, candidates_count, &best, flag);
    if (result != status.ok) return result;
    best.sort();
    return @intCast(best.len);
}

/// Offers each candidate with its score; `cancelled` when the flag was set meanwhile.
fn offerExact(
    of: *const Rows,
    candidates: [*]const u32,
    candidates_count: usize,
    best: *Best,
    flag: cancel.Flag,
) callconv(.c) i32 {
    const dimensions = of.dimensions;
    const step = cancel.rowsBetweenPolls(dimensions * @sizeOf(f32));
    var first: usize = 0;
    while (first < candidates_count) : (first += block_rows) {
        if (first % step == 0 and cancel.isSet(flag)) return status.cancelled;
        const used = @min(block_rows, candidates_count - first);
        var numbers: [block_rows]u32 = undefined;
        var starts: [block_rows]dots.Pointer = undefined;
        var next: [block_rows]usize = undefined;
        inline for (0..block_rows) |i| {
            // The last ones again where there are no more: that harms nothing.
            numbers[i] = candidates[@min(first + i, candidates_count - 1)];
            const later = candidates[@min(first + block_rows + i, candidates_count - 1)];
            starts[i] = of.rows + @as(usize, numbers[i]) * dimensions;
            next[i] = @intFromPtr(of.rows + @as(usize, later) * dimensions);
        }
        const scores: [block_rows]f32 =
            dots.tile(1, block_rows, .rows, dimensions, .{of.query}, starts, .{ .rows = &next })[0];
        for (scores[0..used], numbers[0..used]) |score, row| {
            best.offerInAnyOrder(if (of.inv_norms) |inv| score * inv[row] else score, of.first + row);
        }
    }
    return status.ok;
}

/// Rows one after the other, and their inverse norms; as `ScoredRows` of the boundary.
pub const Page = extern struct {
    rows: ?[*]const f32,
    inv_norms: ?[*]const f32,
    rows_count: usize,
};

/// Row `number` is row `number % page_rows` of page `number / page_rows`.
pub const Paged = extern struct {
    query: [*]const f32,
    dimensions: usize,
    pages: [*]const Page,
    page_rows: usize,

    fn row(self: *const Paged, number: u32) dots.Pointer {
        return self.pages[number / self.page_rows].rows.? + number % self.page_rows * self.dimensions;
    }
};

/// Writes the score of each row, in any order, as `rerank` has it.
fn scoreAt(of: *const Paged, numbers: [*]const u32, count: usize, out: [*]f32) callconv(.c) void {
    var first: usize = 0;
    while (first < count) : (first += block_rows) {
        var starts: [block_rows]dots.Pointer = undefined;
        var next: [block_rows]usize = undefined;
        inline for (0..block_rows) |i| {
            starts[i] = of.row(numbers[@min(first + i, count - 1)]);
            next[i] = @intFromPtr(of.row(numbers[@min(first + block_rows + i, count - 1)]));
        }
        const scores: [block_rows]f32 =
            dots.tile(1, block_rows, .rows, of.dimensions, .{of.query}, starts, .{ .rows = &next })[0];
        const used = @min(block_rows, count - first);
        for (scores[0..used], numbers[first..][0..used], out[first..][0..used]) |score, number, *place| {
            place.* = score * of.pages[number / of.page_rows].inv_norms.?[number % of.page_rows];
        }
    }
}

test "rows of several pages are scored in the order they are asked for" {
    const first = [_]f32{ 1, 2, 3, 4 };
    const second = [_]f32{5};
    const norms = [_]f32{ 1, 1, 0.5, 1 };
    const pages = [_]Page{
        .{ .rows = &first, .inv_norms = &norms, .rows_count = 4 },
        .{ .rows = &second, .inv_norms = &norms, .rows_count = 1 },
    };
    const of: Paged = .{ .query = &.{2}, .dimensions = 1, .pages = &pages, .page_rows = 4 };
    var scores: [6]f32 = undefined;
    scoreAt(&of, &.{ 4, 0, 2, 4, 3, 1 }, 6, &scores);
    try std.testing.expectEqualSlices(f32, &.{ 10, 2, 3, 10, 8, 4 }, &scores);
}

test "candidates rank by score, equal ones by row, in whatever order they come" {
    const rows = [_]f32{ 2, 1, 3, 1, 3, 0, -1 };
    const candidates = [_]u32{ 6, 4, 3, 5, 2, 1 };
    const meant = [_]u32{ 2, 4, 1, 3, 5, 6 };
    for (1..meant.len + 1) |capacity| {
        var scores: [meant.len]f32 = undefined;
        var numbers: [meant.len]u32 = undefined;
        const count = rerank(&.{1}, 1, &rows, null, &candidates, candidates.len, &scores, &numbers, capacity, null);
        try std.testing.expectEqual(@as(i64, @intCast(capacity)), count);
        try std.testing.expectEqualSlices(u32, meant[0..capacity], numbers[0..capacity]);
    }
}
