//! Similarity of one query to rows of float32: the scalar truth, and the same in vectors.
//!
//! Every row is summed in one order whatever its place, the block it is in and the machine: 32
//! partial sums, folded in halves, then what is left over one by one. So equal rows tie exactly, and
//! levels with fused multiply-add agree to the last bit.

const std = @import("std");
const builtin = @import("builtin");
const Best = @import("best.zig").Best;
const cancel = @import("cancel.zig");
const status = @import("status.zig");

const lanes = 32;
const Vector = @Vector(lanes, f32);

const has_fma = switch (builtin.cpu.arch) {
    .x86_64 => builtin.cpu.has(.x86, .fma),
    .aarch64 => true,
    else => false,
};

/// Rows scored together, so that one load of the query serves several: as many as leave their
/// partial sums in registers.
const block_rows: usize = if (builtin.cpu.arch == .x86_64 and builtin.cpu.has(.x86, .avx512f)) 4 else 2;

/// Larger matrices come from DRAM or a shared cache, where one stream of reads is fastest.
const block_bytes_max = 1 << 20;

/// What a level offers of this family.
pub const Table = extern struct {
    top_k_f32: *const @TypeOf(topK),
    normalize_f32: *const @TypeOf(normalize),
};

pub const table: Table = .{ .top_k_f32 = topK, .normalize_f32 = normalize };

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
    var scan: Scan = .{
        .query = query[0..dimensions],
        .rows = rows,
        .inv_norms = inv_norms,
        .best = .{ .scores = out_scores, .rows = out_rows, .capacity = capacity },
    };
    const row_bytes = dimensions * @sizeOf(f32);
    const is_small = rows_count * row_bytes <= block_bytes_max;
    const step = (@max(cancel.poll_bytes / row_bytes, 1) + 63) / 64 * 64; // whole words of the mask
    var first: usize = 0;
    while (first < rows_count) : (first += step) {
        if (cancel.isSet(flag)) return status.cancelled;
        const end = @min(first + step, rows_count);
        if (mask) |bits| {
            scan.masked(first, end, bits);
        } else if (is_small) scan.all(block_rows, first, end) else scan.all(1, first, end);
    }
    scan.best.sort();
    return @intCast(scan.best.len);
}

const Scan = struct {
    query: []const f32,
    rows: [*]const f32,
    inv_norms: ?[*]const f32,
    best: Best,

    fn all(self: *Scan, comptime together: usize, begin: usize, end: usize) void {
        var row = begin;
        while (row + together <= end) : (row += together) {
            var block: [together]u32 = undefined;
            inline for (0..together) |i| block[i] = @intCast(row + i);
            self.score(together, block);
        }
        while (row < end) : (row += 1) self.score(1, .{@intCast(row)});
    }

    fn masked(self: *Scan, begin: usize, end: usize, mask: [*]const u8) void {
        var block: [block_rows]u32 = undefined;
        var filled: usize = 0;
        var first = begin;
        while (first < end) : (first += 64) {
            var word = maskWord(mask, first, end);
            while (word != 0) : (word &= word - 1) {
                block[filled] = @intCast(first + @ctz(word));
                filled += 1;
                if (filled == block_rows) {
                    self.score(block_rows, block);
                    filled = 0;
                }
            }
        }
        for (block[0..filled]) |row| self.score(1, .{row});
    }

    inline fn score(self: *Scan, comptime count: usize, block: [count]u32) void {
        const d = self.query.len;
        var starts: [count][*]const f32 = undefined;
        inline for (0..count) |i| starts[i] = self.rows + @as(usize, block[i]) * d;
        const products = dots(count, self.query, starts);
        inline for (0..count) |i| {
            const scale = if (self.inv_norms) |inv| inv[block[i]] else 1.0;
            self.best.offer(products[i] * scale, block[i]);
        }
    }
};

/// The mask bits of up to 64 rows from `first` (a multiple of 64); bits past the last row are zero.
fn maskWord(mask: [*]const u8, first: usize, rows_count: usize) u64 {
    const left = rows_count - first;
    if (left >= 64) return std.mem.readInt(u64, mask[first / 8 ..][0..8], .little);
    var word: u64 = 0;
    for (0..(left + 7) / 8) |i| word |= @as(u64, mask[first / 8 + i]) << @intCast(8 * i);
    return word & ((@as(u64, 1) << @intCast(left)) - 1);
}

inline fn dots(comptime count: usize, query: []const f32, rows: [count][*]const f32) [count]f32 {
    var sums: [count]Vector = @splat(@splat(0));
    var i: usize = 0;
    while (i + lanes <= query.len) : (i += lanes) {
        const x: Vector = query[i..][0..lanes].*;
        inline for (0..count) |r| sums[r] = addProduct(Vector, x, rows[r][i..][0..lanes].*, sums[r]);
    }
    var totals: [count]f32 = undefined;
    inline for (0..count) |r| totals[r] = fold(lanes, sums[r]);
    while (i < query.len) : (i += 1) {
        inline for (0..count) |r| totals[r] = addProduct(f32, query[i], rows[r][i], totals[r]);
    }
    return totals;
}

/// `@mulAdd` is a call into libm where the machine has no such instruction.
inline fn addProduct(comptime T: type, x: T, y: T, sum: T) T {
    return if (has_fma) @mulAdd(T, x, y, sum) else x * y + sum;
}

inline fn fold(comptime width: usize, values: @Vector(width, f32)) f32 {
    if (width == 1) return values[0];
    const half = width / 2;
    const both: [2]@Vector(half, f32) = @bitCast(values);
    return fold(half, both[0] + both[1]);
}

/// What `dots` means: the same order of sums, one number at a time.
fn dotScalar(query: []const f32, row: [*]const f32) f32 {
    var sums: [lanes]f32 = @splat(0);
    const whole = query.len / lanes * lanes;
    for (0..whole) |i| sums[i % lanes] = addProduct(f32, query[i], row[i], sums[i % lanes]);
    var half: usize = lanes / 2;
    while (half > 0) : (half /= 2) {
        for (0..half) |i| sums[i] += sums[half + i];
    }
    for (whole..query.len) |i| sums[0] = addProduct(f32, query[i], row[i], sums[0]);
    return sums[0];
}

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

test "vectors sum as scalars do, whatever the block" {
    var prng: std.Random.DefaultPrng = .init(1);
    const random = prng.random();
    var storage: [block_rows * 3 * lanes + block_rows]f32 = undefined;
    var query_storage: [3 * lanes + 1]f32 = undefined;
    for (&storage) |*x| x.* = random.floatNorm(f32);
    for (&query_storage) |*x| x.* = random.floatNorm(f32);
    for (1..3 * lanes + 2) |d| {
        const query = query_storage[0..d];
        var starts: [block_rows][*]const f32 = undefined;
        for (0..block_rows) |r| starts[r] = storage[r * d ..].ptr;
        const together = dots(block_rows, query, starts);
        for (0..block_rows) |r| {
            try std.testing.expectEqual(dotScalar(query, starts[r]), together[r]);
            try std.testing.expectEqual(together[r], dots(1, query, .{starts[r]})[0]);
        }
    }
}
