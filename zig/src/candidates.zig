//! Row numbers out of a bitmap, in ascending order, a few words ahead of their use.

const std = @import("std");
const maskWord = @import("visit.zig").maskWord;

pub const Candidates = struct {
    rows: [capacity]u32 = undefined,
    len: usize = 0,

    /// Who consumes leaves fewer than a word's rows, before the next word is added.
    const capacity = 128;

    pub fn slice(self: *const Candidates) []const u32 {
        return self.rows[0..self.len];
    }

    /// Appends the rows whose bits are set; bit 0 is row `first`.
    pub fn add(self: *Candidates, bits: u64, first: usize) void {
        var word = bits;
        while (word != 0) : (word &= word - 1) {
            self.rows[self.len] = @intCast(first + @ctz(word));
            self.len += 1;
        }
    }

    /// Forgets all but the last `count` rows.
    pub fn keep(self: *Candidates, count: usize) void {
        const skipped = self.len - count;
        for (0..count) |i| self.rows[i] = self.rows[skipped + i];
        self.len = count;
    }

    /// What `visit.maskWord` returns where every row is a candidate.
    pub fn allWord(first: usize, rows_count: usize) u64 {
        const left = rows_count - first;
        return if (left >= 64) std.math.maxInt(u64) else (@as(u64, 1) << @intCast(left)) - 1;
    }
};

test "rows come in order and bits past the last row are dropped" {
    const mask = [_]u8{ 0b1000_0001, 0xff, 0, 0, 0, 0, 0, 0, 0b1111_0110 };
    var candidates: Candidates = .{};
    candidates.add(maskWord(&mask, 0, 67), 0);
    candidates.keep(3);
    candidates.add(maskWord(&mask, 64, 67), 64);
    try std.testing.expectEqualSlices(u32, &.{ 13, 14, 15, 65, 66 }, candidates.slice());
    try std.testing.expectEqual(@as(u64, 0b111), Candidates.allWord(64, 67));
}
