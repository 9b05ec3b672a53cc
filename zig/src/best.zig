//! The best rows seen so far: a binary heap in the caller's own output arrays, its worst at the root.
//! Order: higher score first, equal scores by lower row, NaN after every number, then by row.

const std = @import("std");

pub const Best = extern struct {
    scores: [*]f32,
    rows: [*]u32,
    capacity: usize,
    len: usize = 0,

    /// Takes the row unless `capacity` better ones are held. Rows come in ascending order, so a row
    /// that only equals the worst one held is behind it already.
    pub inline fn offer(self: *Best, score: f32, row: u32) void {
        if (self.len == self.capacity) {
            const worst = self.scores[0];
            if (!(score > worst)) {
                if (!(worst != worst and score == score)) return;
            }
            self.replaceWorst(score, row);
        } else self.push(score, row);
    }

    /// The same for a row that may stand before one held.
    pub fn offerInAnyOrder(self: *Best, score: f32, row: u32) void {
        if (self.len < self.capacity) return self.push(score, row);
        if (isWorse(self.scores[0], self.rows[0], score, row)) self.replaceWorst(score, row);
    }

    /// Offers rows from `first` on; most often one comparison turns all of them away.
    pub inline fn offerRun(self: *Best, comptime count: usize, scores: @Vector(count, f32), first: usize) void {
        if (self.mayTake(count, scores)) self.takeRun(count, scores, first);
    }

    noinline fn takeRun(self: *Best, comptime count: usize, scores: @Vector(count, f32), first: usize) void {
        inline for (0..count) |i| self.offer(scores[i], @intCast(first + i));
    }

    /// The same for the first `used` of some rows in ascending order.
    pub inline fn offerRows(
        self: *Best,
        comptime count: usize,
        scores: @Vector(count, f32),
        rows: [count]u32,
        used: usize,
    ) void {
        if (self.mayTake(count, scores)) self.takeRows(count, scores, rows, used);
    }

    noinline fn takeRows(
        self: *Best,
        comptime count: usize,
        scores: @Vector(count, f32),
        rows: [count]u32,
        used: usize,
    ) void {
        inline for (0..count) |i| {
            if (i < used) self.offer(scores[i], rows[i]);
        }
    }

    /// False only when the worst one held is a number that no score is above.
    inline fn mayTake(self: *const Best, comptime count: usize, scores: @Vector(count, f32)) bool {
        if (self.len < self.capacity) return true;
        const worst: @Vector(count, f32) = @splat(self.scores[0]);
        const turned_away = scores <= worst;
        return !@reduce(.And, turned_away);
    }

    /// Turns the heap into a list, best first.
    pub fn sort(self: *Best) void {
        var end = self.len;
        while (end > 1) {
            end -= 1;
            const score = self.scores[0];
            const row = self.rows[0];
            self.sink(self.scores[end], self.rows[end], end);
            self.scores[end] = score;
            self.rows[end] = row;
        }
    }

    noinline fn push(self: *Best, score: f32, row: u32) void {
        var hole = self.len;
        self.len += 1;
        while (hole > 0) {
            const parent = (hole - 1) / 2;
            if (!isWorse(score, row, self.scores[parent], self.rows[parent])) break;
            self.scores[hole] = self.scores[parent];
            self.rows[hole] = self.rows[parent];
            hole = parent;
        }
        self.scores[hole] = score;
        self.rows[hole] = row;
    }

    noinline fn replaceWorst(self: *Best, score: f32, row: u32) void {
        self.sink(score, row, self.len);
    }

    /// Puts an entry in the place of the root of the first `len` entries.
    fn sink(self: *Best, score: f32, row: u32, len: usize) void {
        var hole: usize = 0;
        while (true) {
            var child = 2 * hole + 1;
            if (child >= len) break;
            const other = child + 1;
            if (other < len and isWorse(self.scores[other], self.rows[other], self.scores[child], self.rows[child])) {
                child = other;
            }
            if (!isWorse(self.scores[child], self.rows[child], score, row)) break;
            self.scores[hole] = self.scores[child];
            self.rows[hole] = self.rows[child];
            hole = child;
        }
        self.scores[hole] = score;
        self.rows[hole] = row;
    }
};

fn isWorse(score_a: f32, row_a: u32, score_b: f32, row_b: u32) bool {
    const a_is_nan = score_a != score_a;
    const b_is_nan = score_b != score_b;
    if (a_is_nan != b_is_nan) return a_is_nan;
    if (a_is_nan or score_a == score_b) return row_a > row_b;
    return score_a < score_b;
}

test "best first, ties by row, NaN last" {
    const nan = std.math.nan(f32);
    const input = [_]f32{ 1, nan, 3, 1, -std.math.inf(f32), 3, nan, 2 };
    const order = [_]u32{ 2, 5, 7, 0, 3, 4, 1, 6 };
    for (1..input.len + 1) |capacity| {
        var scores: [input.len]f32 = undefined;
        var rows: [input.len]u32 = undefined;
        var best: Best = .{ .scores = &scores, .rows = &rows, .capacity = capacity };
        for (input, 0..) |score, row| best.offer(score, @intCast(row));
        best.sort();
        try std.testing.expectEqualSlices(u32, order[0..capacity], rows[0..capacity]);
    }
}
