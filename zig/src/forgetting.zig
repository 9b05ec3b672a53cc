//! What time leaves of a memory, for columns of memories.
//!
//! Every curve ends in `exp2` of an exponent that falls as time grows, and each step before it keeps
//! that order, so retrievability never rises with time. A value is computed alike wherever in the
//! column it stands.

const std = @import("std");
const cancel = @import("cancel.zig");
const exponential = @import("exponential.zig");
const status = @import("status.zig");

const lanes = 16;
const Singles = @Vector(lanes, f32);
const Doubles = @Vector(lanes, f64);
const Times = @Vector(lanes, i64);

/// Values computed between two looks at the flag: at most 1 MiB read.
const block = cancel.poll_bytes / 16;

const log2_of_e: f32 = std.math.log2e;
const log2_of_nine_tenths: f32 = -0.15200309344504995;
const log10_of_2: f64 = 0.301029995663981195;

/// What a level offers of this family.
pub const Table = extern struct {
    decay: *const @TypeOf(decay),
    exponential: *const @TypeOf(exponentialCurve),
    power: *const @TypeOf(powerCurve),
    two_component: *const @TypeOf(twoComponentCurve),
    savings: *const @TypeOf(savingsCurve),
    fsrs: *const @TypeOf(fsrsCurve),
};

pub const table: Table = .{
    .decay = decay,
    .exponential = exponentialCurve,
    .power = powerCurve,
    .two_component = twoComponentCurve,
    .savings = savingsCurve,
    .fsrs = fsrsCurve,
};

/// e^(elapsed * rate).
fn decay(
    elapsed: [*]const f32,
    rates: [*]const f32,
    n: usize,
    out: [*]f32,
    flag: cancel.Flag,
) callconv(.c) i32 {
    return fill(atRate, {}, elapsed, rates, n, out, flag);
}

inline fn atRate(_: void, elapsed: Singles, rates: Singles) Singles {
    return faded(elapsed * rates * splat(log2_of_e), elapsed, rates);
}

/// 2^exponent, at most 1. An exponent without a value (zero times infinity, infinity over infinity)
/// counts as zero, unless there was a NaN in what it came from.
inline fn faded(exponents: Singles, first: Singles, second: Singles) Singles {
    if (@reduce(.Or, exponents != exponents)) {
        @branchHint(.unlikely);
        const known = @select(f32, first == first, second, first);
        const settled = @select(f32, known == known, splat(0), known);
        return exponential.exp2(lanes, atMost(@select(f32, exponents == exponents, exponents, settled), 0));
    }
    return exponential.exp2Known(lanes, @min(exponents, splat(0)));
}

/// 0.9^(elapsed / stability).
fn exponentialCurve(
    elapsed_days: [*]const f32,
    stability_days: [*]const f32,
    n: usize,
    out: [*]f32,
    flag: cancel.Flag,
) callconv(.c) i32 {
    return fill(atStability, {}, elapsed_days, stability_days, n, out, flag);
}

inline fn atStability(_: void, elapsed: Singles, stability: Singles) Singles {
    const bounded = atLeast(stability, std.math.floatMin(f32));
    return faded(elapsed * splat(log2_of_nine_tenths) / bounded, elapsed, stability);
}

/// (1 + elapsed)^-beta.
fn powerCurve(
    elapsed_hours: [*]const f32,
    n: usize,
    beta: f64,
    out: [*]f32,
    flag: cancel.Flag,
) callconv(.c) i32 {
    return fill(byPower, beta, elapsed_hours, {}, n, out, flag);
}

inline fn byPower(beta: f64, elapsed: Singles, _: void) Singles {
    return powerOf(widen(atLeast(elapsed, 0)) + wide(1), beta);
}

/// u^-beta for u >= 1.
inline fn powerOf(u: Doubles, beta: f64) Singles {
    const exponents = exponential.log2(lanes, u) * wide(-beta);
    return exponential.exp2(lanes, @floatCast(exponents));
}

const TwoRates = struct { fast: f32, slow: f32 };

/// share e^(-elapsed / fast) + (1 - share) e^(-elapsed / slow).
fn twoComponentCurve(
    elapsed_hours: [*]const f32,
    fast_shares: [*]const f32,
    n: usize,
    fast_hours: f64,
    slow_hours: f64,
    out: [*]f32,
    flag: cancel.Flag,
) callconv(.c) i32 {
    const rates: TwoRates = .{
        .fast = @floatCast(-std.math.log2e / fast_hours),
        .slow = @floatCast(-std.math.log2e / slow_hours),
    };
    return fill(byTwoComponents, rates, elapsed_hours, fast_shares, n, out, flag);
}

inline fn byTwoComponents(rates: TwoRates, elapsed: Singles, fast_shares: Singles) Singles {
    const hours = atLeast(elapsed, 0);
    const share = atMost(atLeast(fast_shares, 0), 1);
    const fast = exponential.exp2(lanes, hours * splat(rates.fast));
    const slow = exponential.exp2(lanes, hours * splat(rates.slow));
    return atMost(exponential.addProduct(Singles, share, fast, (splat(1) - share) * slow), 1);
}

const savings_scale: f32 = 1.84;

/// 1.84 / ((log10 m)^1.25 + 1.84), m = max(1, minutes).
fn savingsCurve(
    elapsed_minutes: [*]const f32,
    n: usize,
    out: [*]f32,
    flag: cancel.Flag,
) callconv(.c) i32 {
    return fill(bySavings, {}, elapsed_minutes, {}, n, out, flag);
}

inline fn bySavings(_: void, elapsed: Singles, _: void) Singles {
    const digits = exponential.log2(lanes, widen(atLeast(elapsed, 1))) * wide(log10_of_2);
    const x: Singles = @floatCast(digits);
    return splat(savings_scale) / (x * @sqrt(@sqrt(x)) + splat(savings_scale));
}

const Fsrs = struct { now: i64, growth_per_ns: f64, exponent: f64 };

/// (1 + growth * elapsed / stability)^-exponent.
fn fsrsCurve(
    now: i64,
    reviewed_at: [*]const i64,
    stability_days: [*]const f32,
    n: usize,
    growth_per_ns: f64,
    exponent: f64,
    out: [*]f32,
    flag: cancel.Flag,
) callconv(.c) i32 {
    const parameters: Fsrs = .{ .now = now, .growth_per_ns = growth_per_ns, .exponent = exponent };
    return fill(byFsrs, parameters, reviewed_at, stability_days, n, out, flag);
}

inline fn byFsrs(parameters: Fsrs, reviewed_at: Times, stability: Singles) Singles {
    const now: Times = @splat(parameters.now);
    // Two times may lie further apart than an i64 reaches; where the first is later, a u64 holds it.
    const apart: @Vector(lanes, u64) = @bitCast(now -% reviewed_at);
    const elapsed = @select(u64, reviewed_at < now, apart, @as(@Vector(lanes, u64), @splat(0)));
    const nanoseconds: Doubles = @floatFromInt(elapsed);
    const growth = nanoseconds * wide(parameters.growth_per_ns);
    const bounded = widen(atLeast(stability, std.math.floatMin(f32)));
    return powerOf(growth / bounded + wide(1), parameters.exponent);
}

/// Computes `out` from one or two columns, a vector at a time; the last ones are padded with zeros.
inline fn fill(
    comptime curve: anytype,
    parameters: anytype,
    first: anytype,
    second: anytype,
    n: usize,
    out: [*]f32,
    flag: cancel.Flag,
) i32 {
    var i: usize = 0;
    while (i + lanes <= n) {
        if (cancel.isSet(flag)) return status.cancelled;
        const end = @min(n, i + block);
        while (i + lanes <= end) : (i += lanes) {
            out[i..][0..lanes].* = curve(parameters, load(first, i), load(second, i));
        }
    }
    if (i == n) return status.ok;
    if (cancel.isSet(flag)) return status.cancelled;
    const values: [lanes]f32 = curve(parameters, loadLast(first, i, n), loadLast(second, i, n));
    for (i..n) |j| out[j] = values[j - i];
    return status.ok;
}

/// A vector of a column's elements; nothing for the column that is not there.
fn Loaded(comptime Column: type) type {
    return if (Column == void) void else @Vector(lanes, std.meta.Child(Column));
}

inline fn load(column: anytype, i: usize) Loaded(@TypeOf(column)) {
    if (@TypeOf(column) == void) return {};
    return column[i..][0..lanes].*;
}

inline fn loadLast(column: anytype, i: usize, n: usize) Loaded(@TypeOf(column)) {
    if (@TypeOf(column) == void) return {};
    var padded: [lanes]std.meta.Child(@TypeOf(column)) = @splat(0);
    for (i..n) |j| padded[j - i] = column[j];
    return padded;
}

/// Keeps NaN, as `@max` would not.
inline fn atLeast(x: Singles, least: f32) Singles {
    return @select(f32, x < splat(least), splat(least), x);
}

/// Keeps NaN, as `@min` would not.
inline fn atMost(x: Singles, most: f32) Singles {
    return @select(f32, x > splat(most), splat(most), x);
}

inline fn splat(x: f32) Singles {
    return @splat(x);
}

inline fn wide(x: f64) Doubles {
    return @splat(x);
}

inline fn widen(x: Singles) Doubles {
    return @floatCast(x);
}
