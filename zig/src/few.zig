//! The best rows seen so far when they are few: a sorted list in registers, without a branch.
//!
//! The order is that of best.zig. A heap does less work a row, but each of its branches falls by
//! chance: for a handful of rows its wrong guesses took longer than moving the whole list.

const std = @import("std");

pub const Few = struct {
    capacity: usize,
    len: usize = 0,
    /// Best first; places not taken hold NaN, and what is beyond `capacity` means nothing.
    scores: Scores = @splat(nan),
    rows: Rows = @splat(0),
    /// The score in the last place: NaN while it is not taken.
    worst: f32 = nan,

    pub const capacity_max = 16;
    const Scores = @Vector(capacity_max, f32);
    const Rows = @Vector(capacity_max, u32);
    const Places = @Vector(capacity_max, bool);
    const nan = std.math.nan(f32);

    /// Offers rows from `first` on, in ascending order from call to call; most often one comparison
    /// turns all of them away.
    pub inline fn offerRun(self: *Few, comptime count: usize, scores: @Vector(count, f32), first: usize) void {
        const hopeful = self.notTurnedAway(count, scores);
        if (hopeful != 0) self.takeRun(count, scores, first, hopeful);
    }

    noinline fn takeRun(
        self: *Few,
        comptime count: usize,
        scores: @Vector(count, f32),
        first: usize,
        hopeful: @Int(.unsigned, count),
    ) void {
        const each: [count]f32 = scores;
        var left = hopeful;
        while (left != 0) : (left &= left - 1) {
            const i = @ctz(left);
            self.take(each[i], @intCast(first + i));
        }
    }

    /// The same for the first `used` of some rows.
    pub inline fn offerRows(
        self: *Few,
        comptime count: usize,
        scores: @Vector(count, f32),
        rows: [count]u32,
        used: usize,
    ) void {
        const each: [count]f32 = scores;
        var left = self.notTurnedAway(count, scores);
        while (left != 0) : (left &= left - 1) {
            const i = @ctz(left);
            if (i < used) self.take(each[i], rows[i]);
        }
    }

    /// A bit for each score that the worst one held does not beat or equal.
    inline fn notTurnedAway(
        self: *const Few,
        comptime count: usize,
        scores: @Vector(count, f32),
    ) @Int(.unsigned, count) {
        return ~@as(
            @Int(.unsigned, count),
            @bitCast(scores <= @as(@Vector(count, f32), @splat(self.worst))),
        );
    }

    /// Writes the list out; returns how many rows there are.
    pub fn finish(self: *const Few, out_scores: [*]f32, out_rows: [*]u32) usize {
        const scores: [capacity_max]f32 = self.scores;
        const rows: [capacity_max]u32 = self.rows;
        @memcpy(out_scores[0..self.len], scores[0..self.len]);
        @memcpy(out_rows[0..self.len], rows[0..self.len]);
        return self.len;
    }

    inline fn take(self: *Few, score: f32, row: u32) void {
        if (score != score) return self.takeNan(row);
        // A row no better than any held changes nothing: the list may have got better since.
        // Those it is better than, NaN too, move down a place; an equal one stands before it.
        const behind = ~(@as(Scores, @splat(score)) <= self.scores);
        const moved = shifted(bool, behind, false);
        self.scores = placed(f32, self.scores, behind, moved, score);
        self.rows = placed(u32, self.rows, behind, moved, row);
        self.len = @min(self.len + 1, self.capacity);
        const scores: [capacity_max]f32 = self.scores;
        self.worst = scores[self.capacity - 1];
    }

    noinline fn takeNan(self: *Few, row: u32) void {
        if (self.len == self.capacity) return;
        var rows: [capacity_max]u32 = self.rows;
        rows[self.len] = row;
        self.rows = rows;
        self.len += 1;
    }
};

inline fn placed(
    comptime T: type,
    old: @Vector(16, T),
    behind: Few.Places,
    moved: Few.Places,
    new: T,
) @Vector(16, T) {
    const own = @select(T, behind, @as(@Vector(16, T), @splat(new)), old);
    return @select(T, moved, shifted(T, old, new), own);
}

/// Each element a place further; `first` in front.
inline fn shifted(comptime T: type, values: @Vector(16, T), first: T) @Vector(16, T) {
    const places = [16]i32{ -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
    return @shuffle(T, values, @as(@Vector(1, T), @splat(first)), places);
}

test "best first, ties by row, NaN last" {
    const nan = std.math.nan(f32);
    const input = [_]f32{ 1, nan, 3, 1, -std.math.inf(f32), 3, nan, 2 };
    const order = [_]u32{ 2, 5, 7, 0, 3, 4, 1, 6 };
    for (1..input.len + 1) |capacity| {
        var scores: [input.len]f32 = undefined;
        var rows: [input.len]u32 = undefined;
        var few: Few = .{ .capacity = capacity };
        few.offerRun(4, input[0..4].*, 0);
        few.offerRun(4, input[4..8].*, 4);
        try std.testing.expectEqual(capacity, few.finish(&scores, &rows));
        try std.testing.expectEqualSlices(u32, order[0..capacity], rows[0..capacity]);
    }
}
