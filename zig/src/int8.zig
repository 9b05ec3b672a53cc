//! Rows of int8 codes with one scale each, and their similarity to a query.
//!
//! A row's scale is its largest magnitude over 127 and a code is `round(x * (127 / largest))`, halves
//! to even, all in float32: no order of summation is involved, so every level gives the same bits.
//! A dot product of codes is exact in int32 up to `dimensions_max`.

const std = @import("std");
const builtin = @import("builtin");
const cancel = @import("cancel.zig");
const lane_sums = @import("lane_sums.zig");
const status = @import("status.zig");
const visit = @import("visit.zig");

/// 127 * 128 * 2^17 is still an int32.
pub const dimensions_max = 1 << 17;

/// Codes read at once at most; a query's codes are followed by zeros up to a multiple of it.
pub const chunk = 64;

/// Rows without an element this large count as zero rows, as in similarity.zig.
const magnitude_min: f32 = 0x1p-100;

/// What a level offers of this family.
pub const Table = extern struct {
    quantize_i8: *const @TypeOf(quantize),
    top_k_i8: *const @TypeOf(topK),
};

pub const table: Table = .{ .quantize_i8 = quantize, .top_k_i8 = topK };

/// Writes each row's codes and scale.
fn quantize(
    rows: [*]const f32,
    rows_count: usize,
    d: usize,
    out_codes: [*]i8,
    out_scales: [*]f32,
    flag: cancel.Flag,
) callconv(.c) i32 {
    const step = @max(cancel.poll_bytes / (d * @sizeOf(f32)), 1);
    for (0..rows_count) |row| {
        if (row % step == 0 and cancel.isSet(flag)) return status.cancelled;
        out_scales[row] = quantizeRow(rows[row * d ..][0..d], out_codes[row * d ..][0..d]);
    }
    return status.ok;
}

const wide_lanes = 32;
const Magnitudes = @Vector(wide_lanes, u32);

/// A row that holds NaN or infinity has zero codes and the scale NaN.
fn quantizeRow(row: []const f32, codes: []i8) f32 {
    const largest: f32 = @bitCast(largestMagnitude(row));
    if (!(largest < std.math.inf(f32)) or largest < magnitude_min) {
        @memset(codes, 0);
        return if (largest < std.math.inf(f32)) 0 else std.math.nan(f32);
    }
    const factor = 127.0 / largest;
    var i: usize = 0;
    while (i + wide_lanes <= row.len) : (i += wide_lanes) {
        codes[i..][0..wide_lanes].* = encode(wide_lanes, row[i..][0..wide_lanes].*, factor);
    }
    while (i < row.len) : (i += 1) codes[i] = encode(1, .{row[i]}, factor)[0];
    return largest / 127.0;
}

/// Floats without their sign order as integers do, with infinity and then NaN last.
fn largestMagnitude(row: []const f32) u32 {
    var largest: Magnitudes = @splat(0);
    var i: usize = 0;
    while (i + wide_lanes <= row.len) : (i += wide_lanes) {
        const values: @Vector(wide_lanes, f32) = row[i..][0..wide_lanes].*;
        largest = @max(largest, magnitudes(wide_lanes, values));
    }
    var most = @reduce(.Max, largest);
    while (i < row.len) : (i += 1) most = @max(most, magnitudes(1, .{row[i]})[0]);
    return most;
}

inline fn magnitudes(comptime width: usize, values: @Vector(width, f32)) @Vector(width, u32) {
    return @as(@Vector(width, u32), @bitCast(values)) & @as(@Vector(width, u32), @splat(0x7fff_ffff));
}

/// Adding 1.5 * 2^23 leaves no bit below one, rounded to even by the machine; the low byte of the
/// sum is the code in two's complement.
inline fn encode(comptime width: usize, values: @Vector(width, f32), factor: f32) @Vector(width, i8) {
    const Floats = @Vector(width, f32);
    const scaled = values * @as(Floats, @splat(factor));
    const sum = scaled + @as(Floats, @splat(0x1.8p23));
    const bits: @Vector(width, u32) = @bitCast(sum);
    return @bitCast(@as(@Vector(width, u8), @truncate(bits)));
}

/// Writes the best rows by `dot(codes of query, row) * scales[row] * scale of query`, each product
/// in float64, rounded once; best first; returns how many, or `cancelled`. `query_codes` is scratch for
/// `dimensions` rounded up to whole chunks.
fn topK(
    query: [*]const f32,
    dimensions: usize,
    rows: [*]const i8,
    rows_count: usize,
    scales: [*]const f32,
    mask: ?[*]const u8,
    query_codes: [*]i8,
    out_scores: [*]f32,
    out_rows: [*]u32,
    capacity: usize,
    flag: cancel.Flag,
) callconv(.c) i64 {
    const padded = (dimensions + chunk - 1) / chunk * chunk;
    const query_scale = quantizeRow(query[0..dimensions], query_codes[0..dimensions]);
    @memset(query_codes[dimensions..padded], 0);
    const scorer: Scorer = .{
        .query = query_codes,
        .start = startOf(query_codes[0..dimensions]),
        .query_scale = query_scale,
        .d = dimensions,
        .rows = rows,
        .readable_end = @intFromPtr(rows) + rows_count * dimensions,
        .scales = scales,
    };
    return visit.topK(&scorer, .{
        .rows_count = rows_count,
        .row_bytes = dimensions,
        .mask = mask,
        .out_scores = out_scores,
        .out_rows = out_rows,
        .capacity = capacity,
        .flag = flag,
    });
}

const block_rows = visit.block_rows;
const Scores = visit.Scores;
const Pointer = [*]const i8;

const Scorer = struct {
    query: Pointer,
    start: Sums,
    query_scale: f64,
    d: usize,
    rows: Pointer,
    readable_end: usize,
    scales: [*]const f32,

    pub inline fn run(self: *const Scorer, first: usize) Scores {
        const start = self.rows + first * self.d;
        var starts: [block_rows]Pointer = undefined;
        inline for (0..block_rows) |i| starts[i] = start + i * self.d;
        const products = self.tile(starts, @intFromPtr(start));
        return self.scaled(products, self.scales[first..][0..block_rows].*);
    }

    pub noinline fn some(self: *const Scorer, rows: [block_rows]u32) Scores {
        var starts: [block_rows]Pointer = undefined;
        var scales: [block_rows]f32 = undefined;
        inline for (0..block_rows) |i| {
            starts[i] = self.rows + @as(usize, rows[i]) * self.d;
            scales[i] = self.scales[rows[i]];
        }
        return self.scaled(self.tile(starts, null), scales);
    }

    inline fn scaled(
        self: *const Scorer,
        products: @Vector(block_rows, i32),
        scales: [block_rows]f32,
    ) Scores {
        const Wide = @Vector(block_rows, f64);
        const factors: Wide = @floatCast(@as(Scores, scales));
        return @floatCast(@as(Wide, @floatFromInt(products)) * factors * @as(Wide, @splat(self.query_scale)));
    }

    /// The exact dot products of rows in ascending order. What is left over of a row after whole chunks is
    /// read with the codes behind it, which meet the zeros behind the query's; only where the matrix
    /// ends is it copied. Asks the caches for what follows `start` in order.
    inline fn tile(self: *const Scorer, rows: [block_rows]Pointer, start: ?usize) @Vector(block_rows, i32) {
        const whole = self.d / chunk * chunk;
        var sums: [block_rows]Sums = @splat(self.start);
        var i: usize = 0;
        while (i < whole) : (i += chunk) {
            if (start) |address| {
                inline for (0..block_rows) |r| visit.fetchAhead(address +% i * block_rows +% r * chunk);
            }
            inline for (0..block_rows) |r| sums[r] = addProducts(sums[r], self.query + i, rows[r] + i);
        }
        if (whole < self.d) {
            const last = self.query + whole;
            if (@intFromPtr(rows[block_rows - 1]) + whole + chunk <= self.readable_end) {
                inline for (0..block_rows) |r| sums[r] = addProducts(sums[r], last, rows[r] + whole);
            } else {
                inline for (0..block_rows) |r| sums[r] = addLast(sums[r], last, rows[r][whole..self.d]);
            }
        }
        return lane_sums.addFour(@typeInfo(Sums).vector.len, sums);
    }
};

noinline fn addLast(sums: Sums, query: [*]const i8, codes: []const i8) Sums {
    var copy: [chunk]i8 = @splat(0);
    @memcpy(copy[0..codes.len], codes);
    return addProducts(sums, query, &copy);
}

const Way = enum { vnni, avx2, sse2, sdot, neon };

const way: Way = switch (builtin.cpu.arch) {
    .x86_64 => if (builtin.cpu.has(.x86, .avx512vnni))
        .vnni
    else if (builtin.cpu.has(.x86, .avx2)) .avx2 else .sse2,
    .aarch64 => if (builtin.cpu.has(.aarch64, .dotprod)) .sdot else .neon,
    else => @compileError("no kernels for this architecture"),
};

const Sums = switch (way) {
    .vnni => @Vector(16, i32),
    .avx2 => @Vector(8, i32),
    .sse2, .sdot, .neon => @Vector(4, i32),
};

/// VNNI multiplies unsigned by signed bytes: 128 is added to a row's codes, and what that adds to the
/// product, the same for every row, is taken off beforehand.
fn startOf(query: []const i8) Sums {
    var start: Sums = @splat(0);
    if (way == .vnni) {
        var sum: i32 = 0;
        for (query) |code| sum += code;
        start[0] = -128 * sum;
    }
    return start;
}

/// Adds the products of one chunk; which lane gets which differs by machine, their sum does not.
inline fn addProducts(sums: Sums, query: [*]const i8, row: [*]const i8) Sums {
    return switch (way) {
        .vnni => addVnni(sums, query[0..64].*, row[0..64].*),
        .avx2 => addAvx2(addAvx2(sums, query[0..32].*, row[0..32].*), query[32..64].*, row[32..64].*),
        .sse2 => addQuarters(addSse2, sums, query, row),
        .sdot => addQuarters(addSdot, sums, query, row),
        .neon => addQuarters(addNeon, sums, query, row),
    };
}

const Quarter = @Vector(16, i8);

inline fn addQuarters(
    comptime add: fn (Sums, Quarter, Quarter) callconv(.@"inline") Sums,
    sums: Sums,
    query: [*]const i8,
    row: [*]const i8,
) Sums {
    var total = sums;
    inline for (.{ 0, 16, 32, 48 }) |i| total = add(total, query[i..][0..16].*, row[i..][0..16].*);
    return total;
}

inline fn addVnni(sums: Sums, query: @Vector(64, i8), row: @Vector(64, i8)) Sums {
    const biased = @as(@Vector(64, u8), @bitCast(row)) ^ @as(@Vector(64, u8), @splat(0x80));
    return asm ("vpdpbusd %[query], %[row], %[sums]"
        : [sums] "=v" (-> Sums),
        : [row] "v" (biased),
          [query] "v" (query),
          [_] "0" (sums),
    );
}

/// Magnitude of the row times the query with the row's sign: a pair of such products fits int16, as a
/// query's codes lie within +-127.
inline fn addAvx2(sums: Sums, query: @Vector(32, i8), row: @Vector(32, i8)) Sums {
    const magnitude: @Vector(32, u8) = @abs(row);
    const signed = asm ("vpsignb %[row], %[query], %[out]"
        : [out] "=x" (-> @Vector(32, i8)),
        : [query] "x" (query),
          [row] "x" (row),
    );
    const pairs = asm ("vpmaddubsw %[signed], %[magnitude], %[out]"
        : [out] "=x" (-> @Vector(16, i16)),
        : [signed] "x" (signed),
          [magnitude] "x" (magnitude),
    );
    const ones: @Vector(16, i16) = @splat(1);
    return sums +% asm ("vpmaddwd %[ones], %[pairs], %[out]"
        : [out] "=x" (-> Sums),
        : [ones] "x" (ones),
          [pairs] "x" (pairs),
    );
}

inline fn addSse2(sums: Sums, query: Quarter, row: Quarter) Sums {
    const x: [2]@Vector(8, i16) = @bitCast(@as(@Vector(16, i16), query));
    const y: [2]@Vector(8, i16) = @bitCast(@as(@Vector(16, i16), row));
    var total = sums;
    inline for (0..2) |i| {
        total +%= asm ("pmaddwd %[y], %[out]"
            : [out] "=x" (-> Sums),
            : [y] "x" (y[i]),
              [_] "0" (x[i]),
        );
    }
    return total;
}

inline fn addSdot(sums: Sums, query: Quarter, row: Quarter) Sums {
    return asm ("sdot %[sums].4s, %[query].16b, %[row].16b"
        : [sums] "=w" (-> Sums),
        : [query] "w" (query),
          [row] "w" (row),
          [_] "0" (sums),
    );
}

/// Two products fit int16, as a query's codes lie within +-127.
inline fn addNeon(sums: Sums, query: Quarter, row: Quarter) Sums {
    var pairs: @Vector(8, i16) = undefined;
    return asm (
        \\ smull %[pairs].8h, %[query].8b, %[row].8b
        \\ smlal2 %[pairs].8h, %[query].16b, %[row].16b
        \\ sadalp %[sums].4s, %[pairs].8h
        : [sums] "=&w" (-> Sums),
          [pairs] "=&w" (pairs),
        : [query] "w" (query),
          [row] "w" (row),
          [_] "0" (sums),
    );
}

test "dot products of codes are exact, wherever the matrix ends" {
    var prng: std.Random.DefaultPrng = .init(2);
    const random = prng.random();
    var query: [5 * chunk]i8 = undefined;
    var rows: [3 * 4 * 4 * chunk + 3]i8 = undefined;
    for (1..4 * chunk + 2) |d| {
        @memset(&query, 0);
        for (query[0..d]) |*x| x.* = random.intRangeAtMost(i8, -127, 127);
        random.bytes(@ptrCast(&rows));
        if (d % 7 == 0) {
            @memset(&rows, -128);
            @memset(query[0..d], 127);
        }
        const count = rows.len / d;
        const scorer: Scorer = .{
            .query = &query,
            .start = startOf(query[0..d]),
            .query_scale = 1,
            .d = d,
            .rows = &rows,
            .readable_end = @intFromPtr(&rows) + count * d,
            .scales = undefined,
        };
        for (0..count / block_rows) |block| {
            var starts: [block_rows]Pointer = undefined;
            for (&starts, 0..) |*start, i| start.* = rows[(block_rows * block + i) * d ..].ptr;
            const own: [block_rows]i32 = scorer.tile(starts, null);
            for (starts, own) |start, product| {
                var meant: i32 = 0;
                for (query[0..d], start[0..d]) |x, y| meant += @as(i32, x) * y;
                try std.testing.expectEqual(meant, product);
            }
        }
    }
}
