//! Powers of two and logarithms to base two, for whole vectors.
//!
//! `exp2` never falls where its argument rises: it adds and multiplies non-negative numbers only, and
//! each rounding keeps the order of what it rounds. `log2` is reckoned in float64, so that what it is
//! off by is far less than the step from one float32 to the next.

const std = @import("std");
const builtin = @import("builtin");

pub const has_fma = switch (builtin.cpu.arch) {
    .x86_64 => builtin.cpu.has(.x86, .fma),
    .aarch64 => true,
    else => false,
};

/// Below this a power is a denormal number.
const exponent_min: f32 = -126;

/// (2^x - 1) / x on [0, 1], nearest to it in relative error of 2^x (2.0e-9), rounded to float32.
const slope = [_]f32{
    0x1.62e42cp-1,
    0x1.ebfd58p-3,
    0x1.c68912p-5,
    0x1.3d0b90p-7,
    0x1.46d65cp-10,
    0x1.c5414ap-13,
};

/// 2^y for y <= 0 to 1.1e-7 of itself; less than 2^-126 below `exponent_min`, NaN for NaN.
pub inline fn exp2(comptime lanes: usize, y: @Vector(lanes, f32)) @Vector(lanes, f32) {
    return @select(f32, y == y, exp2Known(lanes, y), y);
}

/// The same where y holds no NaN.
pub inline fn exp2Known(comptime lanes: usize, y: @Vector(lanes, f32)) @Vector(lanes, f32) {
    const F = @Vector(lanes, f32);
    const U = @Vector(lanes, u32);
    const bounded = @max(y, @as(F, @splat(exponent_min - 1)));
    const whole = @floor(bounded);
    const part = bounded - whole;
    var sum: F = @splat(slope[slope.len - 1]);
    inline for (1..slope.len) |i| sum = addProduct(F, sum, part, @splat(slope[slope.len - 1 - i]));
    const mantissa: U = @bitCast(addProduct(F, sum, part, @splat(1)));
    // Added to 1.5 * 2^23 a whole number stands in the lowest bits. Added to the exponent it
    // multiplies; below `exponent_min` what is left are the last steps down to 0, in order too.
    const stepped: U = @bitCast(whole + @as(F, @splat(0x1.8p23)));
    return @bitCast(mantissa +% (stepped << @splat(23)));
}

const sqrt_half_bits: u64 = 0x3fe6_a09e_667f_3bcd;

/// 2 / ln 2 / (2 i + 1): log2((1 + s) / (1 - s)) = s * the sum of these times s^(2 i).
const series = blk: {
    var terms: [7]f64 = undefined;
    for (&terms, 0..) |*term, i| term.* = 2.0 / std.math.ln2 / @as(f64, 2 * i + 1);
    break :blk terms;
};

/// log2 u for u >= 1 to 1e-12 of itself; infinity and NaN as they are.
pub inline fn log2(comptime lanes: usize, u: @Vector(lanes, f64)) @Vector(lanes, f64) {
    const F = @Vector(lanes, f64);
    const U = @Vector(lanes, u64);
    const one: F = @splat(1);
    const bits: U = @bitCast(u);
    const exponent = (bits -% @as(U, @splat(sqrt_half_bits))) >> @splat(52);
    const mantissa: F = @bitCast(bits -% (exponent << @splat(52))); // in [sqrt 1/2, sqrt 2)
    const magic: U = @splat(@bitCast(@as(f64, 0x1p52)));
    const whole = @as(F, @bitCast(exponent | magic)) - @as(F, @splat(0x1p52));
    const s = (mantissa - one) / (mantissa + one);
    const square = s * s;
    var sum: F = @splat(series[series.len - 1]);
    inline for (1..series.len) |i| sum = addProduct(F, sum, square, @splat(series[series.len - 1 - i]));
    return @select(f64, u < @as(F, @splat(std.math.inf(f64))), addProduct(F, sum, s, whole), u);
}

/// `@mulAdd` is a call into libm where the machine has no such instruction.
pub inline fn addProduct(comptime T: type, x: T, y: T, sum: T) T {
    return if (has_fma) @mulAdd(T, x, y, sum) else x * y + sum;
}

test "exp2 never falls between neighbours, and is near" {
    var before: f32 = 0;
    var bits: u32 = @bitCast(@as(f32, -130));
    // One in 997 from -130 to -0; on the day this was written all of them held.
    while (bits > 0x8000_0000 + 997) : (bits -= 997) {
        const y: f32 = @bitCast(bits);
        const power = exp2(1, .{y})[0];
        try std.testing.expect(power >= before and power <= 1);
        before = power;
        const meant = std.math.exp2(@as(f64, y));
        const limit = if (y < exponent_min) 0x1p-126 else 1.1e-7 * meant;
        try std.testing.expect(@abs(power - meant) <= limit);
    }
    try std.testing.expectEqual(1, exp2(1, .{-0.0})[0]);
    try std.testing.expectEqual(0, exp2(1, .{-std.math.inf(f32)})[0]);
    try std.testing.expect(std.math.isNan(exp2(1, .{std.math.nan(f32)})[0]));
}

test "log2 is near, from next to 1 to the largest number" {
    var prng: std.Random.DefaultPrng = .init(1);
    const random = prng.random();
    for (0..100_000) |_| {
        const u = @max(1, std.math.exp2(random.float(f64) * 1023) * (1 + random.float(f64)));
        const near_one = 1 + random.float(f64) * random.float(f64);
        for ([_]f64{ u, near_one }) |x| {
            if (x == std.math.inf(f64)) continue;
            const meant = std.math.log2(x);
            try std.testing.expect(@abs(log2(1, .{x})[0] - meant) <= 2e-12 * meant + 0x1p-52);
        }
    }
    try std.testing.expectEqual(0, log2(1, .{1})[0]);
    try std.testing.expectEqual(std.math.inf(f64), log2(1, .{std.math.inf(f64)})[0]);
    try std.testing.expect(std.math.isNan(log2(1, .{std.math.nan(f64)})[0]));
}
