//! Several parts of a candidate's score become one, and the best candidates are kept.
//!
//! Summed and multiplied in float64, part after part, and rounded once, so that a score does not
//! depend on where among the candidates it stands.

const std = @import("std");
const Best = @import("best.zig").Best;

const lanes = 8;
const Doubles = @Vector(lanes, f64);
const Singles = @Vector(lanes, f32);

/// How many parts there may be; part of the ABI (`fusion_parts_max` in abi/fusion.zig).
pub const parts_max = 16;

/// What a level offers of this family.
pub const Table = extern struct {
    score_fuse: *const @TypeOf(scoreFuse),
};

pub const table: Table = .{ .score_fuse = scoreFuse };

/// Writes the best candidates and their scores, best first; returns how many have one above zero.
/// The first `shares_count` rows of `parts` share the score by `weights`, the others scale it.
fn scoreFuse(
    parts: [*]const f32,
    parts_count: usize,
    shares_count: usize,
    n: usize,
    weights: [*]const f32,
    floors: [*]const f32,
    out_scores: [*]f32,
    out_order: [*]u32,
    capacity: usize,
) callconv(.c) i64 {
    var terms: [parts_max]Term = undefined;
    var total: f64 = 0;
    for (0..shares_count) |p| total += weights[p];
    for (0..shares_count) |p| {
        const weight = weights[p] / (if (total > 0) total else 1);
        terms[p] = .share(parts[p * n ..][0..n], floors[p], weight);
    }
    for (shares_count..parts_count) |p| terms[p] = .{ .floor = 0, .scale = 0, .weight = weights[p] };

    var best: Best = .{ .scores = out_scores, .rows = out_order, .capacity = capacity };
    var i: usize = 0;
    while (i < n) : (i += lanes) {
        const count = @min(lanes, n - i);
        var sum: Doubles = @splat(0);
        for (terms[0..shares_count], 0..) |term, p| {
            sum += term.shared(load(parts + p * n + i, count)) * splat(term.weight);
        }
        for (terms[shares_count..parts_count], shares_count..) |term, p| {
            sum *= splat(1) - splat(term.weight) * (splat(1) - load(parts + p * n + i, count));
        }
        const scores: [lanes]f32 = @as(Singles, @floatCast(sum));
        for (scores[0..count], i..) |score, candidate| {
            if (score > 0) best.offer(score, @intCast(candidate));
        }
    }
    best.sort();
    return @intCast(best.len);
}

/// How one part enters the score: (x - floor) * scale within [0, 1], times the weight.
const Term = struct {
    floor: f64,
    scale: f64,
    weight: f64,

    /// Without a floor (NaN) the part is as it is; else its best becomes 1 and the floor 0.
    fn share(values: []const f32, floor: f32, weight: f64) Term {
        if (floor != floor) return .{ .floor = 0, .scale = 1, .weight = weight };
        const best = greatest(values);
        const scale = if (best > floor) 1 / (@as(f64, best) - floor) else 0;
        return .{ .floor = floor, .scale = scale, .weight = weight };
    }

    inline fn shared(self: Term, x: Doubles) Doubles {
        const scaled = (x - splat(self.floor)) * splat(self.scale);
        const above = @select(f64, scaled > splat(0), scaled, splat(0)); // a NaN becomes 0
        return @select(f64, above < splat(1), above, splat(1));
    }
};

/// The greatest number; minus infinity when there is none but NaN.
fn greatest(values: []const f32) f32 {
    var most: Singles = @splat(-std.math.inf(f32));
    var i: usize = 0;
    while (i + lanes <= values.len) : (i += lanes) {
        const x: Singles = values[i..][0..lanes].*;
        most = @select(f32, x > most, x, most);
    }
    var result: f32 = -std.math.inf(f32);
    for (@as([lanes]f32, most)) |x| result = @max(result, x);
    for (values[i..]) |x| {
        if (x > result) result = x;
    }
    return result;
}

inline fn load(values: [*]const f32, count: usize) Doubles {
    if (count == lanes) return @floatCast(@as(Singles, values[0..lanes].*));
    var padded: [lanes]f32 = @splat(0);
    for (0..count) |j| padded[j] = values[j];
    return @floatCast(@as(Singles, padded));
}

inline fn splat(x: f64) Doubles {
    return @splat(x);
}

test "the best of two shares and a factor" {
    const parts = [_]f32{ 0.2, 0.6, 0.4, 8, 0, 4, 1, 1, 0 };
    const weights = [_]f32{ 1, 1, 0.5 };
    const floors = [_]f32{ 0.2, 0 };
    var scores: [3]f32 = undefined;
    var order: [3]u32 = undefined;
    const found = scoreFuse(&parts, 3, 2, 3, &weights, &floors, &scores, &order, 3);
    try std.testing.expectEqual(3, found);
    try std.testing.expectEqualSlices(u32, &.{ 0, 1, 2 }, &order);
    try std.testing.expectEqualSlices(f32, &.{ 0.5, 0.5, 0.25 }, &scores);
}
