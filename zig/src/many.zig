//! The best rows for each of several queries, in one pass over the rows.

const std = @import("std");
const dots = @import("dots.zig");
const Best = @import("best.zig").Best;
const Candidates = @import("candidates.zig").Candidates;
const cancel = @import("cancel.zig");
const maskWord = @import("visit.zig").maskWord;

const tile_queries = dots.tile_queries;
const tile_rows = dots.tile_rows;

/// Rows that stay in the first caches while every query passes over them.
const chunk_rows = 16;

pub const Many = struct {
    queries: [*]const f32,
    queries_count: usize,
    d: usize,
    rows: [*]const f32,
    inv_norms: ?[*]const f32,
    out_scores: [*]f32,
    out_rows: [*]u32,
    capacity: usize,
    /// Every query has been offered the same rows, so all heaps hold as many.
    len: usize = 0,

    /// Offers every candidate to every query; returns false when it was cancelled.
    pub fn offerAll(self: *Many, rows_count: usize, mask: ?[*]const u8, flag: cancel.Flag) bool {
        const step = cancel.rowsBetweenPolls(self.queries_count * self.d * @sizeOf(f32));
        var candidates: Candidates = .{};
        var first: usize = 0;
        while (first < rows_count) : (first += 64) {
            if (first % step == 0 and cancel.isSet(flag)) return false;
            candidates.add(if (mask) |bits|
                maskWord(bits, first, rows_count)
            else
                Candidates.allWord(first, rows_count), first);
            self.take(&candidates, 2 * chunk_rows);
        }
        self.take(&candidates, 1);
        return true;
    }

    /// Sorts each query's rows, best first; returns how many each has.
    pub fn finish(self: *Many) usize {
        for (0..self.queries_count) |query| {
            var best = self.bestOf(query);
            best.sort();
        }
        return self.len;
    }

    fn bestOf(self: *const Many, query: usize) Best {
        return .{
            .scores = self.out_scores + query * self.capacity,
            .rows = self.out_rows + query * self.capacity,
            .capacity = self.capacity,
            .len = self.len,
        };
    }

    /// Scores candidates, a chunk at a time, while `at_least` are left.
    fn take(self: *Many, candidates: *Candidates, at_least: usize) void {
        var left = candidates.slice();
        while (left.len >= at_least) {
            const count = @min(left.len, chunk_rows);
            self.passOver(left[0..count], left[count..]);
            self.len = @min(self.len + count, self.capacity);
            left = left[count..];
        }
        candidates.keep(left.len);
    }

    fn passOver(self: *Many, chunk: []const u32, later: []const u32) void {
        self.pass(.rows, 0, chunk, if (later.len > 0) later else chunk);
        var query: usize = tile_queries;
        while (query < self.queries_count) : (query += tile_queries) {
            self.pass(.nothing, query, chunk, chunk);
        }
    }

    /// Offers a chunk of rows to the queries from `first` on, as many as a tile holds.
    fn pass(
        self: *Many,
        comptime ahead_kind: std.meta.Tag(dots.Ahead),
        first: usize,
        chunk: []const u32,
        later: []const u32,
    ) void {
        const queries_count = @min(tile_queries, self.queries_count - first);
        var queries: [tile_queries]dots.Pointer = undefined;
        var bests: [tile_queries]Best = undefined;
        for (&queries, &bests, 0..) |*query, *best, q| {
            query.* = self.queries + (first + @min(q, queries_count - 1)) * self.d;
            best.* = self.bestOf(first + @min(q, queries_count - 1));
        }
        var done: usize = 0;
        while (done < chunk.len) : (done += tile_rows) {
            const rows_count = @min(tile_rows, chunk.len - done);
            var numbers: [tile_rows]u32 = undefined;
            var starts: [tile_rows]dots.Pointer = undefined;
            var next: [tile_rows]usize = undefined;
            for (&numbers, &starts, &next, 0..) |*number, *start, *ahead, r| {
                number.* = chunk[@min(done + r, chunk.len - 1)];
                start.* = self.rows + @as(usize, number.*) * self.d;
                ahead.* = @intFromPtr(self.rows + @as(usize, later[@min(done + r, later.len - 1)]) * self.d);
            }
            const ahead: dots.Ahead = if (ahead_kind == .rows) .{ .rows = &next } else .nothing;
            const scores = dots.tile(tile_queries, tile_rows, ahead_kind, self.d, queries, starts, ahead);
            const scales = self.scalesOf(numbers);
            inline for (0..tile_queries) |q| {
                if (q < queries_count) {
                    bests[q].offerRows(tile_rows, scores[q] * scales, numbers, rows_count);
                }
            }
        }
    }

    inline fn scalesOf(self: *const Many, numbers: [tile_rows]u32) @Vector(tile_rows, f32) {
        var scales: @Vector(tile_rows, f32) = @splat(1);
        if (self.inv_norms) |inv| {
            inline for (0..tile_rows) |r| scales[r] = inv[numbers[r]];
        }
        return scales;
    }
};
