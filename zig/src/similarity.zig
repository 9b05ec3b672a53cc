//! Similarity of queries to rows of float32: the best rows of a scan, all scores, norms.

const std = @import("std");
const dots = @import("dots.zig");
const Best = @import("best.zig").Best;
const Candidates = @import("candidates.zig").Candidates;
const cancel = @import("cancel.zig");
const status = @import("status.zig");
const topKMany = @import("similarity_many.zig").topKMany;

const block_rows = dots.block_rows;
const Block = @Vector(block_rows, f32);

/// How far ahead of a block its reads are asked for, at least: some 100 ns at the speed of DRAM.
const ahead_bytes_min = 12 << 10;

/// Blocks beyond this would push their own rows out of the first cache.
const ahead_bytes_max = 32 << 10;

/// What a level offers of this family.
pub const Table = extern struct {
    top_k_f32: *const @TypeOf(topK),
    top_k_many_f32: *const @TypeOf(topKMany),
    similarity_f32: *const @TypeOf(similarity),
    normalize_f32: *const @TypeOf(normalize),
};

pub const table: Table = .{
    .top_k_f32 = topK,
    .top_k_many_f32 = topKMany,
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
    var best: Best = .{ .scores = out_scores, .rows = out_rows, .capacity = capacity };
    const scan: Scan = .{ .query = query, .d = dimensions, .rows = rows, .inv_norms = inv_norms };
    const step = cancel.rowsBetweenPolls(dimensions * @sizeOf(f32));
    var first: usize = 0;
    while (first < rows_count) : (first += step) {
        if (cancel.isSet(flag)) return status.cancelled;
        const end = @min(first + step, rows_count);
        if (mask) |bits| {
            scan.masked(first, end, bits, &best);
        } else scan.run(first, end, &best);
    }
    best.sort();
    return @intCast(best.len);
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
    const scan: Scan = .{ .query = query, .d = dimensions, .rows = rows, .inv_norms = inv_norms };
    const step = cancel.rowsBetweenPolls(dimensions * @sizeOf(f32));
    var first: usize = 0;
    while (first < rows_count) : (first += step) {
        if (cancel.isSet(flag)) return status.cancelled;
        scan.run(first, @min(first + step, rows_count), &all);
    }
    return status.ok;
}

const AllScores = struct {
    scores: [*]f32,

    inline fn offerRun(self: *AllScores, comptime count: usize, scores: @Vector(count, f32), first: usize) void {
        self.scores[first..][0..count].* = scores;
    }
};

const Scan = struct {
    query: [*]const f32,
    d: usize,
    rows: [*]const f32,
    inv_norms: ?[*]const f32,

    /// Scores the rows from `begin` to `end` and hands them to `sink`, a `Best` or `AllScores`.
    fn run(self: *const Scan, begin: usize, end: usize, sink: anytype) void {
        const block_bytes = block_rows * self.d * @sizeOf(f32);
        const row = if (block_bytes <= ahead_bytes_max)
            self.blocks(.run, begin, end, @max(block_bytes, ahead_bytes_min), sink)
        else
            self.blocks(.rows, begin, end, ahead_bytes_min / block_rows, sink);
        if (row == end) return;
        var block: [block_rows]u32 = undefined;
        for (&block, 0..) |*number, i| number.* = @intCast(@min(row + i, end - 1));
        const scores: [block_rows]f32 = self.scored(block, block);
        for (row..end, 0..) |number, i| sink.offerRun(1, .{scores[i]}, number);
    }

    /// Scores whole blocks; returns the first row that is in none.
    inline fn blocks(
        self: *const Scan,
        comptime ahead_kind: std.meta.Tag(dots.Ahead),
        begin: usize,
        end: usize,
        distance: usize,
        sink: anytype,
    ) usize {
        const query = self.query; // Locals, since the compiler sees `sink` write through pointers.
        const d = self.d;
        const inv_norms = self.inv_norms;
        var start = self.rows + begin * d;
        var row = begin;
        while (row + block_rows <= end) : (row += block_rows) {
            var starts: [block_rows]dots.Pointer = undefined;
            var next: [block_rows]usize = undefined;
            inline for (0..block_rows) |i| {
                starts[i] = start;
                next[i] = @intFromPtr(start) +% distance;
                start += d;
            }
            const ahead: dots.Ahead = if (ahead_kind == .run) .{ .run = next[0] } else .{ .rows = &next };
            var scores: Block = dots.tile(1, block_rows, ahead_kind, d, .{query}, starts, ahead);
            if (inv_norms) |inv| scores *= @as(Block, inv[row..][0..block_rows].*);
            sink.offerRun(block_rows, scores, row);
        }
        return row;
    }

    /// Scores the rows whose bits are set; whole words of set bits as `run` does.
    fn masked(self: *const Scan, begin: usize, end: usize, mask: [*]const u8, best: *Best) void {
        var candidates: Candidates = .{};
        var first = begin;
        while (first < end) : (first += 64) {
            const word = Candidates.maskWord(mask, first, end);
            if (word == std.math.maxInt(u64)) {
                self.take(&candidates, 1, best);
                self.run(first, first + 64, best);
            } else {
                candidates.add(word, first);
                self.take(&candidates, 2 * block_rows, best);
            }
        }
        self.take(&candidates, 1, best);
    }

    /// Scores candidates, a block at a time, while `at_least` are left.
    fn take(self: *const Scan, candidates: *Candidates, at_least: usize, best: *Best) void {
        var left = candidates.slice();
        while (left.len >= at_least) {
            const count = @min(left.len, block_rows);
            var block: [block_rows]u32 = undefined;
            var next: [block_rows]u32 = undefined;
            for (&block, &next, 0..) |*number, *later, i| {
                number.* = left[@min(i, count - 1)];
                later.* = left[@min(i + block_rows, left.len - 1)];
            }
            best.offerRows(block_rows, self.scored(block, next), block, count);
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
        var scores: Block = dots.tile(1, block_rows, .rows, self.d, .{self.query}, starts, .{ .rows = &later });
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
