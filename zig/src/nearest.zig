//! Which of many rows are scored exactly, told by the most that each may come to.
//!
//! Rows lie around in groups: row i is of group i % groups, so that what was stored together falls to
//! different ones. The best of the best groups are scored first; what they come to is the least that
//! any other row has to promise.

const std = @import("std");
const Best = @import("best.zig").Best;
const lanes = @import("lanes.zig");

const width = lanes.widest;
const Floats = @Vector(width, f32);
const Words = @Vector(width, u32);

/// What a level offers of this family.
pub const Table = extern struct {
    first_of_groups: *const @TypeOf(firstOfGroups),
    above: *const @TypeOf(above),
};

pub const table: Table = .{ .first_of_groups = firstOfGroups, .above = above };

/// Leaves in `best` the groups whose highest bounds are the best, and where each of those stands, in any
/// order. Rows beyond the last whole round of groups, and bounds of -inf or NaN, stand back.
/// `highest` and `rounds` are scratch of a place for each group.
fn firstOfGroups(
    bounds: [*]const f32,
    rows_count: usize,
    groups: usize,
    highest: [*]f32,
    rounds: [*]u32,
    best: *Best,
) callconv(.c) void {
    @memset(highest[0..groups], -std.math.inf(f32));
    @memset(rounds[0..groups], 0);
    for (0..rows_count / groups) |round| {
        const of = bounds + round * groups;
        var group: usize = 0;
        while (group + width <= groups) : (group += width) {
            const bound: Floats = of[group..][0..width].*;
            const held: Floats = highest[group..][0..width].*;
            const is_higher = bound > held;
            const before: Words = rounds[group..][0..width].*;
            highest[group..][0..width].* = @select(f32, is_higher, bound, held);
            rounds[group..][0..width].* = @select(u32, is_higher, @as(Words, @splat(@intCast(round))), before);
        }
        while (group < groups) : (group += 1) {
            if (of[group] > highest[group]) {
                highest[group] = of[group];
                rounds[group] = @intCast(round);
            }
        }
    }
    for (highest[0..groups], 0..) |bound, group| {
        if (bound > -std.math.inf(f32)) best.offer(bound, @intCast(group));
    }
    for (best.rows[0..best.len]) |*place| place.* += rounds[place.*] * @as(u32, @intCast(groups));
}

/// Writes from `start` on where bounds are above the floor, until all are seen or `capacity` are written;
/// returns how many and moves `start` behind the last one seen.
fn above(
    bounds: [*]const f32,
    rows_count: usize,
    floor: f32,
    start: *usize,
    out: [*]u32,
    capacity: usize,
) callconv(.c) usize {
    const Bits = @Int(.unsigned, width);
    var count: usize = 0;
    var at = start.*;
    while (at + width <= rows_count and count + width <= capacity) : (at += width) {
        const bound: Floats = bounds[at..][0..width].*;
        var left: Bits = @bitCast(bound > @as(Floats, @splat(floor)));
        while (left != 0) : (left &= left - 1) {
            out[count] = @intCast(at + @ctz(left));
            count += 1;
        }
    }
    while (at < rows_count and at + width > rows_count and count < capacity) : (at += 1) {
        if (bounds[at] > floor) {
            out[count] = @intCast(at);
            count += 1;
        }
    }
    start.* = at;
    return count;
}

test "the best of the best groups, and what is above a floor" {
    const inf = std.math.inf(f32);
    // Two groups of three, and one more row.
    const bounds = [_]f32{ 1, -inf, 3, std.math.nan(f32), 3, -inf, 9 };
    var highest: [2]f32 = undefined;
    var rounds: [2]u32 = undefined;
    var scores: [2]f32 = undefined;
    var rows: [2]u32 = undefined;
    var best: Best = .{ .scores = &scores, .rows = &rows, .capacity = 2 };
    firstOfGroups(&bounds, bounds.len, 2, &highest, &rounds, &best);
    try std.testing.expectEqual(1, best.len);
    try std.testing.expectEqual(2, rows[0]);

    var many: [100]f32 = @splat(0);
    for ([_]usize{ 0, 15, 16, 17, 63, 98, 99 }) |i| many[i] = 1;
    var out: [32]u32 = undefined;
    var found: [16]u32 = undefined;
    var total: usize = 0;
    var start: usize = 0;
    while (start < many.len) {
        const count = above(&many, many.len, 0.5, &start, &out, 32);
        @memcpy(found[total..][0..count], out[0..count]);
        total += count;
    }
    try std.testing.expectEqualSlices(u32, &.{ 0, 15, 16, 17, 63, 98, 99 }, found[0..total]);
}
