//! Similarity of a float32 query to rows of 16-bit floats: IEEE binary16, and bfloat16, which is the
//! upper half of a float32. Every element is widened exactly to float32.
//!
//! Every row is summed in one order whatever its place and the machine: 32 partial sums, folded in
//! halves, then what is left over one by one. So equal rows tie exactly, and levels with fused
//! multiply-add agree to the last bit.

const std = @import("std");
const builtin = @import("builtin");
const Best = @import("best.zig").Best;
const cancel = @import("cancel.zig");
const visit = @import("visit.zig");
const status = @import("status.zig");

const lanes = 32;

const has_fma = switch (builtin.cpu.arch) {
    .x86_64 => builtin.cpu.has(.x86, .fma),
    .aarch64 => true,
    else => false,
};

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
            var scan: Scan(format) = .{
                .query = query[0..dimensions],
                .rows = rows,
                .inv_norms = inv_norms,
                .best = .{ .scores = out_scores, .rows = out_rows, .capacity = capacity },
            };
            const row_bytes = dimensions * @sizeOf(u16);
            if (!visit.candidates(&scan, rows_count, row_bytes, mask, flag)) return status.cancelled;
            scan.best.sort();
            return @intCast(scan.best.len);
        }
    }.run;
}

fn Scan(comptime format: Format) type {
    return struct {
        query: []const f32,
        rows: [*]const u16,
        inv_norms: ?[*]const f32,
        best: Best,

        pub inline fn all(self: *@This(), first: usize, end: usize) void {
            for (first..end) |row| self.one(row);
        }

        pub inline fn one(self: *@This(), row: usize) void {
            const product = dot(format, self.query, self.rows + row * self.query.len);
            const scale = if (self.inv_norms) |inv| inv[row] else 1.0;
            self.best.offer(product * scale, @intCast(row));
        }
    };
}

inline fn dot(comptime format: Format, query: []const f32, row: [*]const u16) f32 {
    var sums: @Vector(lanes, f32) = @splat(0);
    var i: usize = 0;
    while (i + lanes <= query.len) : (i += lanes) {
        const x: @Vector(lanes, f32) = query[i..][0..lanes].*;
        sums = addProduct(@Vector(lanes, f32), x, widen(format, lanes, row[i..][0..lanes].*), sums);
    }
    var total = fold(lanes, sums);
    while (i < query.len) : (i += 1) {
        total = addProduct(f32, query[i], widen(format, 1, .{row[i]})[0], total);
    }
    return total;
}

inline fn widen(comptime format: Format, comptime width: usize, bits: @Vector(width, u16)) @Vector(width, f32) {
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

/// Rounds each element to the nearest bfloat16, halves to the even one; a NaN becomes a quiet NaN
/// with the same sign and upper bits.
fn toBf16(values: [*]const f32, count: usize, out: [*]u16, flag: cancel.Flag) callconv(.c) i32 {
    const step = cancel.poll_bytes / @sizeOf(f32);
    var first: usize = 0;
    while (first < count) : (first += step) {
        if (cancel.isSet(flag)) return status.cancelled;
        const end = @min(first + step, count);
        var i = first;
        while (i + lanes <= end) : (i += lanes) out[i..][0..lanes].* = narrow(lanes, values[i..][0..lanes].*);
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
