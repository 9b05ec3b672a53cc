//! Similarity of a float32 query to rows of 16-bit floats: IEEE binary16, and bfloat16, which is the
//! upper half of a float32. Every element is widened exactly to float32.
//!
//! Every row is summed in the order of dots.zig. So equal rows tie exactly, and levels with fused
//! multiply-add agree to the last bit.

const std = @import("std");
const builtin = @import("builtin");
const cancel = @import("cancel.zig");
const dots = @import("dots.zig");
const status = @import("status.zig");
const visit = @import("visit.zig");

const lanes = dots.lanes;
const Vector = dots.Vector;
const Pointer = [*]const u16;

const block_rows = visit.block_rows;
const Scores = visit.Scores;
const line_bytes = 64;

/// Without it the compiler widens binary16 by a call for each element.
const has_binary16 = switch (builtin.cpu.arch) {
    .x86_64 => builtin.cpu.has(.x86, .f16c),
    .aarch64 => true,
    else => false,
};

pub const Format = enum { f16, bf16 };

/// What a level offers of this family.
pub const Table = extern struct {
    top_k_f16: *const @TypeOf(topK(.f16)),
    top_k_bf16: *const @TypeOf(topK(.bf16)),
    to_bf16: *const @TypeOf(toBf16),
};

pub const table: Table = .{
    .top_k_f16 = topK(.f16),
    .top_k_bf16 = topK(.bf16),
    .to_bf16 = toBf16,
};

const TopK = fn (
    query: [*]const f32,
    dimensions: usize,
    rows: [*]const u16,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: [*]f32,
    out_rows: [*]u32,
    capacity: usize,
    flag: cancel.Flag,
) callconv(.c) i64;

fn topK(comptime format: Format) TopK {
    return struct {
        fn run(
            query: [*]const f32,
            dimensions: usize,
            rows: [*]const u16,
            rows_count: usize,
            inv_norms: ?[*]const f32,
            mask: ?[*]const u8,
            out_scores: [*]f32,
            out_rows: [*]u32,
            capacity: usize,
            flag: cancel.Flag,
        ) callconv(.c) i64 {
            const scorer: Scorer(format) = .{
                .query = query,
                .d = dimensions,
                .rows = rows,
                .inv_norms = inv_norms,
            };
            return visit.topK(&scorer, .{
                .rows_count = rows_count,
                .row_bytes = dimensions * @sizeOf(u16),
                .mask = mask,
                .out_scores = out_scores,
                .out_rows = out_rows,
                .capacity = capacity,
                .flag = flag,
            });
        }
    }.run;
}

fn Scorer(comptime format: Format) type {
    return struct {
        query: [*]const f32,
        d: usize,
        rows: [*]const u16,
        inv_norms: ?[*]const f32,

        pub inline fn run(self: *const @This(), first: usize) Scores {
            const start = self.rows + first * self.d;
            var starts: [block_rows]Pointer = undefined;
            inline for (0..block_rows) |i| starts[i] = start + i * self.d;
            const scores = tile(format, self.d, self.query, starts, @intFromPtr(start));
            return if (self.inv_norms) |inv| scores * @as(Scores, inv[first..][0..block_rows].*) else scores;
        }

        pub noinline fn some(self: *const @This(), rows: [block_rows]u32) Scores {
            var starts: [block_rows]Pointer = undefined;
            inline for (0..block_rows) |i| starts[i] = self.rows + @as(usize, rows[i]) * self.d;
            var scores = tile(format, self.d, self.query, starts, null);
            if (self.inv_norms) |inv| {
                inline for (0..block_rows) |i| scores[i] *= inv[rows[i]];
            }
            return scores;
        }
    };
}

/// Returns the dot products of the query with each row; asks the caches for what follows `start` in
/// order.
inline fn tile(
    comptime format: Format,
    d: usize,
    query: [*]const f32,
    rows: [block_rows]Pointer,
    start: ?usize,
) Scores {
    var sums: [block_rows]Vector = @splat(@splat(0));
    var i: usize = 0;
    while (i + lanes <= d) : (i += lanes) {
        if (start) |address| {
            const step_bytes = block_rows * lanes * @sizeOf(u16);
            inline for (0..step_bytes / line_bytes) |line| {
                visit.fetchAhead(address +% i * block_rows * @sizeOf(u16) +% line * line_bytes);
            }
        }
        const x: Vector = query[i..][0..lanes].*;
        inline for (0..block_rows) |r| {
            sums[r] = dots.addProduct(Vector, x, widen(format, lanes, rows[r][i..][0..lanes].*), sums[r]);
        }
    }
    if (i < d) {
        const x: Vector = rest(f32, query, i, d);
        inline for (0..block_rows) |r| {
            sums[r] = dots.addProduct(Vector, x, widen(format, lanes, rest(u16, rows[r], i, d)), sums[r]);
        }
    }
    return dots.foldFour(sums);
}

/// The elements from `done` on, fewer than `lanes`, as the end of a vector of zeros, or the start when
/// there are no others.
inline fn rest(comptime T: type, start: [*]const T, done: usize, d: usize) @Vector(lanes, T) {
    if (d < lanes) return shortVector(T, start, d);
    const places: @Vector(lanes, u16) = std.simd.iota(u16, lanes);
    const counted: @Vector(lanes, u16) = @splat(@intCast(lanes - (d - done)));
    const last: @Vector(lanes, T) = start[d - lanes ..][0..lanes].*;
    return @select(T, places >= counted, last, @as(@Vector(lanes, T), @splat(0)));
}

noinline fn shortVector(comptime T: type, start: [*]const T, d: usize) @Vector(lanes, T) {
    var values: [lanes]T = @splat(0);
    for (0..d) |i| values[i] = start[i];
    return values;
}

inline fn widen(
    comptime format: Format,
    comptime width: usize,
    bits: @Vector(width, u16),
) @Vector(width, f32) {
    const Wide = @Vector(width, u32);
    const wide: Wide = bits;
    if (format == .bf16) return @bitCast(wide << @splat(16));
    if (has_binary16) return @as(@Vector(width, f16), @bitCast(bits));
    return widenByIntegers(width, wide);
}

/// The exponent's bias differs by 112, and a multiplication by 2^112 is exact for denormal numbers
/// too; only infinity and NaN, whose exponent stays the largest, are set apart.
inline fn widenByIntegers(comptime width: usize, bits: @Vector(width, u32)) @Vector(width, f32) {
    const Wide = @Vector(width, u32);
    const magnitude = bits & @as(Wide, @splat(0x7fff));
    const small: @Vector(width, f32) = @bitCast(magnitude << @splat(13));
    const scaled: Wide = @bitCast(small * @as(@Vector(width, f32), @splat(0x1p112)));
    const is_special = magnitude >= @as(Wide, @splat(0x7c00));
    const special = @select(u32, is_special, @as(Wide, @splat(0x7f80_0000)), @as(Wide, @splat(0)));
    const sign = (bits & @as(Wide, @splat(0x8000))) << @splat(16);
    return @bitCast(scaled | special | sign);
}

const wide_lanes = 32;

/// Rounds each element to the nearest bfloat16, halves to the even one; a NaN becomes a quiet NaN
/// with the same sign and upper bits.
fn toBf16(values: [*]const f32, count: usize, out: [*]u16, flag: cancel.Flag) callconv(.c) i32 {
    const step = cancel.poll_bytes / @sizeOf(f32);
    var first: usize = 0;
    while (first < count) : (first += step) {
        if (cancel.isSet(flag)) return status.cancelled;
        const end = @min(first + step, count);
        var i = first;
        while (i + wide_lanes <= end) : (i += wide_lanes) {
            out[i..][0..wide_lanes].* = narrow(wide_lanes, values[i..][0..wide_lanes].*);
        }
        while (i < end) : (i += 1) out[i] = narrow(1, .{values[i]})[0];
    }
    return status.ok;
}

inline fn narrow(comptime width: usize, values: @Vector(width, f32)) @Vector(width, u16) {
    const Wide = @Vector(width, u32);
    const bits: Wide = @bitCast(values);
    const upper = bits >> @splat(16);
    const rounded = (bits +% @as(Wide, @splat(0x7fff)) +% (upper & @as(Wide, @splat(1)))) >> @splat(16);
    const is_nan = (bits & @as(Wide, @splat(0x7fff_ffff))) > @as(Wide, @splat(0x7f80_0000));
    return @truncate(@select(u32, is_nan, upper | @as(Wide, @splat(0x40)), rounded));
}

test "binary16 widens by integers as it does by the language" {
    var bits: u32 = 0;
    while (bits < 0x1_0000) : (bits += 1) {
        const meant: f32 = @as(f16, @bitCast(@as(u16, @intCast(bits))));
        const own = widenByIntegers(1, .{bits})[0];
        if (std.math.isNan(meant)) {
            try std.testing.expect(std.math.isNan(own));
        } else try std.testing.expectEqual(@as(u32, @bitCast(meant)), @as(u32, @bitCast(own)));
    }
}

test "bfloat16 survives a round trip, halves round to even" {
    var bits: u32 = 0;
    while (bits < 0x1_0000) : (bits += 1) {
        const value = widen(.bf16, 1, .{@intCast(bits)});
        const quiet: u32 = if (std.math.isNan(value[0])) 0x40 else 0;
        try std.testing.expectEqual(bits | quiet, narrow(1, value)[0]);
    }
    const halves = [_]u32{ 0x3f80_8000, 0x3f81_8000, 0x3f80_8001, 0x3f80_7fff, 0x7f7f_ffff };
    const meant = [_]u16{ 0x3f80, 0x3f82, 0x3f81, 0x3f80, 0x7f80 };
    for (halves, meant) |half, even| {
        try std.testing.expectEqual(even, narrow(1, .{@bitCast(half)})[0]);
    }
}
