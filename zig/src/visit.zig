//! The rows a scan visits: all, or those whose bit is set, in ascending order, with a look at the
//! cancel flag between blocks.

const std = @import("std");
const cancel = @import("cancel.zig");

/// Calls `scan.all(first, end)` for blocks of rows, or `scan.one(row)` for each row of the mask.
/// Returns false when the scan was cancelled. The mask's bits past the last row are ignored.
pub inline fn candidates(scan: anytype, rows_count: usize, row_bytes: usize, mask: ?[*]const u8, flag: cancel.Flag) bool {
    const block_rows: usize = @max(cancel.poll_bytes / row_bytes, 1);
    const step = (block_rows + 63) / 64 * 64; // whole words of the mask
    var first: usize = 0;
    while (first < rows_count) : (first += step) {
        if (cancel.isSet(flag)) return false;
        const end = @min(first + step, rows_count);
        if (mask) |bits| {
            var base = first;
            while (base < end) : (base += 64) {
                var word = maskWord(bits, base, end);
                while (word != 0) : (word &= word - 1) scan.one(base + @ctz(word));
            }
        } else scan.all(first, end);
    }
    return true;
}

/// The mask bits of up to 64 rows from `first` (a multiple of 64); bits of `end` and past it are zero.
pub fn maskWord(mask: [*]const u8, first: usize, end: usize) u64 {
    const left = end - first;
    if (left >= 64) return std.mem.readInt(u64, mask[first / 8 ..][0..8], .little);
    var word: u64 = 0;
    for (0..(left + 7) / 8) |i| word |= @as(u64, mask[first / 8 + i]) << @intCast(8 * i);
    return word & ((@as(u64, 1) << @intCast(left)) - 1);
}

const Visited = struct {
    seen: [300]u8 = @splat(0),

    fn all(self: *Visited, first: usize, end: usize) void {
        for (first..end) |row| self.one(row);
    }

    fn one(self: *Visited, row: usize) void {
        self.seen[row] += 1;
    }
};

test "each candidate is visited once, none past the last row" {
    const mask: [38]u8 = @splat(0b1010_0101);
    for (1..300) |rows_count| {
        var every: Visited = .{};
        var some: Visited = .{};
        try std.testing.expect(candidates(&every, rows_count, 1 << 15, null, null));
        try std.testing.expect(candidates(&some, rows_count, 1 << 15, &mask, null));
        for (0..300) |row| {
            const exists = row < rows_count;
            const is_set = (@as(u8, 0b1010_0101) >> @intCast(row % 8)) & 1 == 1;
            try std.testing.expectEqual(@intFromBool(exists), every.seen[row]);
            try std.testing.expectEqual(@intFromBool(exists and is_set), some.seen[row]);
        }
    }
}
