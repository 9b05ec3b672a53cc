//! Sums across the lanes of integer vectors, four vectors at a time.

const std = @import("std");

/// Returns the sum of each vector's lanes; additions wrap. `width` is a multiple of four.
pub inline fn addFour(comptime width: usize, vectors: [4]@Vector(width, i32)) @Vector(4, i32) {
    // Groups of four lanes are transposed side by side, so that all but the last steps work on whole
    // vectors: first (a0+a2, b0+b2, a1+a3, b1+b3) in each group, then (a, b, c, d).
    const ab = interleave(width, .{ 0, 1 }, vectors[0..2].*) +% interleave(width, .{ 2, 3 }, vectors[0..2].*);
    const cd = interleave(width, .{ 0, 1 }, vectors[2..4].*) +% interleave(width, .{ 2, 3 }, vectors[2..4].*);
    return addHalves(width, join(width, 0, ab, cd) +% join(width, 2, ab, cd));
}

/// In each group of four lanes: two lanes of each vector, in turns.
inline fn interleave(
    comptime width: usize,
    comptime lanes: [2]i32,
    pair: [2]@Vector(width, i32),
) @Vector(width, i32) {
    comptime var places: [width]i32 = undefined;
    inline for (0..width / 4) |group| {
        inline for (0..2) |i| {
            places[4 * group + 2 * i] = 4 * group + lanes[i];
            places[4 * group + 2 * i + 1] = ~@as(i32, 4 * group + lanes[i]);
        }
    }
    return @shuffle(i32, pair[0], pair[1], places);
}

/// In each group of four lanes: two neighbours of `a`, then of `b`.
inline fn join(
    comptime width: usize,
    comptime lane: i32,
    a: @Vector(width, i32),
    b: @Vector(width, i32),
) @Vector(width, i32) {
    comptime var places: [width]i32 = undefined;
    inline for (0..width / 4) |group| {
        inline for (0..2) |i| {
            places[4 * group + i] = 4 * group + lane + i;
            places[4 * group + 2 + i] = ~@as(i32, 4 * group + lane + i);
        }
    }
    return @shuffle(i32, a, b, places);
}

/// Adds upper halves to lower ones until four lanes are left.
pub inline fn addHalves(comptime width: usize, vector: @Vector(width, i32)) @Vector(4, i32) {
    if (width == 4) return vector;
    comptime var lower: [width / 2]i32 = undefined;
    comptime var upper: [width / 2]i32 = undefined;
    inline for (0..width / 2) |i| {
        lower[i] = i;
        upper[i] = i + width / 2;
    }
    const halves = @shuffle(i32, vector, undefined, lower) +% @shuffle(i32, vector, undefined, upper);
    return addHalves(width / 2, halves);
}

test "lanes add up" {
    inline for (.{ 4, 8, 16 }) |width| {
        var vectors: [4]@Vector(width, i32) = undefined;
        var meant: @Vector(4, i32) = @splat(0);
        inline for (0..4) |v| {
            inline for (0..width) |lane| {
                vectors[v][lane] = 1 << (7 * v + lane / 4 + lane % 4);
                meant[v] += 1 << (7 * v + lane / 4 + lane % 4);
            }
        }
        try std.testing.expectEqual(meant, addFour(width, vectors));
    }
}
