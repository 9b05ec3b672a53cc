//! Similarity of queries to rows of float32: the best rows of a scan, all scores, norms.

const std = @import("std");
const dots = @import("dots.zig");
const Best = @import("best.zig").Best;
const Few = @import("few.zig").Few;
const Candidates = @import("candidates.zig").Candidates;
const cancel = @import("cancel.zig");
const status = @import("status.zig");
const maskWord = @import("visit.zig").maskWord;
const Many = @import("many.zig").Many;

const block_rows = dots.block_rows;
const Block = @Vector(block_rows, f32);

/// Matrices up to this size are in a core's own cache: nothing need be asked for, and what counts is
/// the number of instructions and of loop ends that are guessed wrong.
const near_bytes_max = 1 << 20;
const near_steps = 8;

/// Matrices up to this size are read from a cache, larger ones from DRAM.
const cached_bytes_max = 32 << 20;

/// In longer rows the bytes in order and the bytes a block reads lie too far apart: two rows at once.
const long_row_bytes = 8 << 10;

/// Whether 512-bit vectors are the faster ones for a matrix: where they need not wait for a shared
/// cache or for DRAM, and for rows so long that ends of rows count for little.
pub fn isForWideVectors(rows_count: usize, d: usize) bool {
    const row_bytes = d * @sizeOf(f32);
    const matrix_bytes = rows_count * row_bytes;
    return matrix_bytes <= near_bytes_max or (matrix_bytes <= cached_bytes_max and row_bytes > 4 << 10);
}

/// How far ahead of a block its bytes are asked for, in order: far enough for where they come from,
/// and short enough that they are still in the first cache when they are read.
fn aheadBytes(matrix_bytes: usize) usize {
    const is_near = matrix_bytes <= 8 << 20;
    const is_one_stream = matrix_bytes > cached_bytes_max and dots.stream_rows == 1;
    return if (is_near or is_one_stream) 8 << 10 else 16 << 10;
}

/// What a level offers of this family.
pub const Table = extern struct {
    top_k_f32: *const @TypeOf(topK),
    top_k_many_f32: *const @TypeOf(topKEach),
    similarity_f32: *const @TypeOf(similarity),
    normalize_f32: *const @TypeOf(normalize),
};

pub const table: Table = .{
    .top_k_f32 = topK,
    .top_k_many_f32 = topKEach,
    .similarity_f32 = similarity,
    .normalize_f32 = normalize,
};

/// Writes the best rows by `dot(query, row) * inv_norms[row]`, best first; returns how many, or
/// `cancelled`.
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
    flag: cancel.Flag,
) callconv(.c) i64 {
    const scan: Scan = .init(query, dimensions, rows, rows_count, inv_norms);
    if (capacity <= Few.capacity_max) {
        var few: Few = .{ .capacity = capacity };
        if (!scan.offerAll(rows_count, mask, flag, &few)) return status.cancelled;
        return @intCast(few.finish(out_scores, out_rows));
    }
    var best: Best = .{ .scores = out_scores, .rows = out_rows, .capacity = capacity };
    if (!scan.offerAll(rows_count, mask, flag, &best)) return status.cancelled;
    best.sort();
    return @intCast(best.len);
}

/// Writes for each query what `topK` writes, `capacity` places a query; returns how many places of
/// each are filled, the same for all, or `cancelled`.
fn topKEach(
    queries: [*]const f32,
    queries_count: usize,
    dimensions: usize,
    rows: [*]const f32,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: [*]f32,
    out_rows: [*]u32,
    capacity: usize,
    flag: cancel.Flag,
) callconv(.c) i64 {
    if (queries_count == 1) { // A tile for several would compute in vain.
        return topK(queries, dimensions, rows, rows_count, inv_norms, mask, out_scores, out_rows, capacity, flag);
    }
    var scan: Many = .{
        .queries = queries,
        .queries_count = queries_count,
        .d = dimensions,
        .rows = rows,
        .inv_norms = inv_norms,
        .out_scores = out_scores,
        .out_rows = out_rows,
        .capacity = capacity,
    };
    return if (scan.offerAll(rows_count, mask, flag)) @intCast(scan.finish()) else status.cancelled;
}

/// Writes `dot(query, row) * inv_norms[row]` of every row; returns `ok` or `cancelled`.
fn similarity(
    query: [*]const f32,
    dimensions: usize,
    rows: [*]const f32,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    out_scores: [*]f32,
    flag: cancel.Flag,
) callconv(.c) i32 {
    var all: AllScores = .{ .scores = out_scores };
    const scan: Scan = .init(query, dimensions, rows, rows_count, inv_norms);
    return if (scan.offerAll(rows_count, null, flag, &all)) status.ok else status.cancelled;
}

const AllScores = struct {
    scores: [*]f32,

    inline fn offerRun(self: *AllScores, comptime count: usize, scores: @Vector(count, f32), first: usize) void {
        self.scores[first..][0..count].* = scores;
    }

    inline fn offerRows(
        self: *AllScores,
        comptime count: usize,
        scores: @Vector(count, f32),
        rows: [count]u32,
        used: usize,
    ) void {
        inline for (0..count) |i| {
            if (i < used) self.scores[rows[i]] = scores[i];
        }
    }
};

const Scan = struct {
    query: [*]const f32,
    d: usize,
    rows: [*]const f32,
    inv_norms: ?[*]const f32,
    matrix_bytes: usize,

    fn init(query: [*]const f32, d: usize, rows: [*]const f32, rows_count: usize, inv_norms: ?[*]const f32) Scan {
        return .{
            .query = query,
            .d = d,
            .rows = rows,
            .inv_norms = inv_norms,
            .matrix_bytes = rows_count * d * @sizeOf(f32),
        };
    }

    /// Scores every candidate and hands it to `sink`: `Few`, `Best` or `AllScores`. Returns false
    /// when it was cancelled.
    fn offerAll(self: *const Scan, rows_count: usize, mask: ?[*]const u8, flag: cancel.Flag, sink: anytype) bool {
        const step = cancel.rowsBetweenPolls(self.d * @sizeOf(f32));
        var first: usize = 0;
        while (first < rows_count) : (first += step) {
            if (cancel.isSet(flag)) return false;
            const end = @min(first + step, rows_count);
            if (mask) |bits| self.masked(first, end, bits, sink) else self.run(first, end, sink);
        }
        return true;
    }

    /// Scores the rows from `begin` to `end`.
    fn run(self: *const Scan, begin: usize, end: usize, sink: anytype) void {
        const ahead_bytes = aheadBytes(self.matrix_bytes);
        const row = if (self.matrix_bytes <= near_bytes_max and self.d >= 2 * near_steps * dots.lanes)
            self.blocks(block_rows, .nothing, near_steps, begin, end, 0, sink)
        else if (self.matrix_bytes > cached_bytes_max)
            self.blocks(dots.stream_rows, .run, 1, begin, end, ahead_bytes, sink)
        else if (self.d * @sizeOf(f32) > long_row_bytes)
            self.blocks(2, .run, 1, begin, end, ahead_bytes, sink)
        else
            self.blocks(block_rows, .run, 1, begin, end, ahead_bytes, sink);
        if (row == end) return;
        var block: [block_rows]u32 = undefined;
        for (&block, 0..) |*number, i| number.* = @intCast(@min(row + i, end - 1));
        const scores = self.scored(block, block);
        sink.offerRows(block_rows, scores, block, end - row);
    }

    /// Scores whole blocks, so many rows of each at once; returns the first row that is in none.
    noinline fn blocks(
        self: *const Scan,
        comptime together: usize,
        comptime ahead_kind: std.meta.Tag(dots.Ahead),
        comptime steps: usize,
        begin: usize,
        end: usize,
        ahead_bytes: usize,
        sink: anytype,
    ) usize {
        @setEvalBranchQuota(10_000); // Every fold is unrolled at compile time.
        const query = self.query; // Locals, since the compiler sees `sink` write through pointers.
        const d = self.d;
        const inv_norms = self.inv_norms;
        var start = self.rows + begin * d;
        var row = begin;
        while (row + block_rows <= end) : (row += block_rows) {
            var sums: [block_rows]dots.Vector = undefined;
            inline for (0..block_rows / together) |part| {
                const later = @intFromPtr(start) +% ahead_bytes;
                const ahead: dots.Ahead = if (ahead_kind == .run) .{ .run = later } else .nothing;
                var starts: [together]dots.Pointer = undefined;
                inline for (0..together) |i| {
                    starts[i] = start;
                    start += d;
                }
                sums[part * together ..][0..together].* =
                    dots.partialSums(1, together, ahead_kind, steps, d, .{query}, starts, ahead);
            }
            var scores = dots.folded(block_rows, sums);
            if (inv_norms) |inv| scores *= inv[row..][0..block_rows].*;
            sink.offerRun(block_rows, scores, row);
        }
        return row;
    }

    /// Scores the rows whose bits are set; whole words of set bits as `run` does.
    fn masked(self: *const Scan, begin: usize, end: usize, mask: [*]const u8, sink: anytype) void {
        var candidates: Candidates = .{};
        var first = begin;
        while (first < end) : (first += 64) {
            const word = maskWord(mask, first, end);
            if (word == std.math.maxInt(u64)) {
                self.take(&candidates, 1, sink);
                self.run(first, first + 64, sink);
            } else {
                candidates.add(word, first);
                self.take(&candidates, 2 * block_rows, sink);
            }
        }
        self.take(&candidates, 1, sink);
    }

    /// Scores candidates, a block at a time, while `at_least` are left.
    fn take(self: *const Scan, candidates: *Candidates, at_least: usize, sink: anytype) void {
        var left = candidates.slice();
        while (left.len >= at_least) {
            const count = @min(left.len, block_rows);
            var block: [block_rows]u32 = undefined;
            var next: [block_rows]u32 = undefined;
            for (&block, &next, 0..) |*number, *later, i| {
                number.* = left[@min(i, count - 1)];
                later.* = left[@min(i + block_rows, left.len - 1)];
            }
            sink.offerRows(block_rows, self.scored(block, next), block, count);
            left = left[count..];
        }
        candidates.keep(left.len);
    }

    noinline fn scored(self: *const Scan, block: [block_rows]u32, next: [block_rows]u32) Block {
        var starts: [block_rows]dots.Pointer = undefined;
        var later: [block_rows]usize = undefined;
        inline for (0..block_rows) |i| {
            starts[i] = self.rows + @as(usize, block[i]) * self.d;
            later[i] = @intFromPtr(self.rows + @as(usize, next[i]) * self.d);
        }
        var scores: Block = dots.tile(1, block_rows, .rows, self.d, .{self.query}, starts, .{ .rows = &later })[0];
        if (self.inv_norms) |inv| {
            inline for (0..block_rows) |i| scores[i] *= inv[block[i]];
        }
        return scores;
    }
};

const norm_min: f64 = 0x1p-100;
const norm_max: f64 = std.math.floatMax(f32);
const norm_lanes = 16;

/// One over each row's Euclidean norm, summed in float64; 0 below `norm_min`, NaN above `norm_max`.
fn normalize(rows: [*]const f32, rows_count: usize, d: usize, out_inv_norms: [*]f32) callconv(.c) void {
    for (0..rows_count) |row| {
        const norm = @sqrt(sumOfSquares(rows[row * d ..][0..d]));
        out_inv_norms[row] = if (!(norm <= norm_max))
            std.math.nan(f32)
        else if (norm < norm_min) 0 else @floatCast(1.0 / norm);
    }
}

fn sumOfSquares(row: []const f32) f64 {
    const Wide = @Vector(norm_lanes, f64);
    var sums: Wide = @splat(0);
    var i: usize = 0;
    while (i + norm_lanes <= row.len) : (i += norm_lanes) {
        const x: @Vector(norm_lanes, f32) = row[i..][0..norm_lanes].*;
        const wide: Wide = @floatCast(x);
        sums += wide * wide;
    }
    var total: f64 = 0;
    inline for (0..norm_lanes) |lane| total += sums[lane];
    while (i < row.len) : (i += 1) total += @as(f64, row[i]) * row[i];
    return total;
}
