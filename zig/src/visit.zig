//! The walk of a scan over its rows: blocks of neighbours, or of those whose bit is set, in ascending
//! order, with a look at the cancel flag now and then.

const std = @import("std");
const Best = @import("best.zig").Best;
const Candidates = @import("candidates.zig").Candidates;
const Few = @import("few.zig").Few;
const cancel = @import("cancel.zig");
const status = @import("status.zig");

/// Rows scored together, so that one load of the query serves several.
pub const block_rows = 4;
pub const Scores = @Vector(block_rows, f32);
pub const Numbers = [block_rows]u32;

/// How far ahead of a block its bytes are asked for, in order, as in similarity.zig.
const ahead_bytes = 8 << 10;

/// Asks the caches for what is read after `address`. A hint: past the end of the rows it does no harm.
pub inline fn fetchAhead(address: usize) void {
    @prefetch(@as(*allowzero const u8, @ptrFromInt(address +% ahead_bytes)), .{ .rw = .read, .locality = 3 });
}

/// The rows of a scan and the places for the best of them.
pub const Job = struct {
    rows_count: usize,
    row_bytes: usize,
    mask: ?[*]const u8,
    out_scores: [*]f32,
    out_rows: [*]u32,
    capacity: usize,
    flag: cancel.Flag,
};

/// Writes the best candidates, best first; returns how many, or `cancelled`. The mask's bits past the
/// last row are ignored.
///
/// `scorer.run(first)` returns the scores of a block of rows from `first` on, `scorer.some(numbers)`
/// those of any rows in ascending order.
pub inline fn topK(scorer: anytype, job: Job) i64 {
    if (job.capacity <= Few.capacity_max) {
        var few: Few = .{ .capacity = job.capacity };
        if (!offerAll(scorer, job, &few)) return status.cancelled;
        return @intCast(few.finish(job.out_scores, job.out_rows));
    }
    var best: Best = .{ .scores = job.out_scores, .rows = job.out_rows, .capacity = job.capacity };
    if (!offerAll(scorer, job, &best)) return status.cancelled;
    best.sort();
    return @intCast(best.len);
}

fn offerAll(scorer: anytype, job: Job, sink: anytype) bool {
    const step = cancel.rowsBetweenPolls(job.row_bytes);
    var first: usize = 0;
    while (first < job.rows_count) : (first += step) {
        if (cancel.isSet(job.flag)) return false;
        const end = @min(first + step, job.rows_count);
        if (job.mask) |bits| offerMasked(scorer, first, end, bits, sink) else offerRun(scorer, first, end, sink);
    }
    return true;
}

fn offerRun(scorer: anytype, begin: usize, end: usize, sink: anytype) void {
    var row = begin;
    while (row + block_rows <= end) : (row += block_rows) sink.offerRun(block_rows, scorer.run(row), row);
    if (row == end) return;
    var numbers: Numbers = undefined;
    for (&numbers, 0..) |*number, i| number.* = @intCast(@min(row + i, end - 1));
    sink.offerRows(block_rows, scorer.some(numbers), numbers, end - row);
}

/// Scores the rows whose bits are set; whole words of set bits as without a mask.
fn offerMasked(scorer: anytype, begin: usize, end: usize, mask: [*]const u8, sink: anytype) void {
    var candidates: Candidates = .{};
    var first = begin;
    while (first < end) : (first += 64) {
        const word = maskWord(mask, first, end);
        if (word == std.math.maxInt(u64)) {
            take(scorer, &candidates, 1, sink);
            offerRun(scorer, first, first + 64, sink);
        } else {
            candidates.add(word, first);
            take(scorer, &candidates, block_rows, sink);
        }
    }
    take(scorer, &candidates, 1, sink);
}

/// Scores candidates, a block at a time, while `at_least` are left.
fn take(scorer: anytype, candidates: *Candidates, at_least: usize, sink: anytype) void {
    var left = candidates.slice();
    while (left.len >= at_least) {
        const count = @min(left.len, block_rows);
        var numbers: Numbers = undefined;
        for (&numbers, 0..) |*number, i| number.* = left[@min(i, count - 1)];
        sink.offerRows(block_rows, scorer.some(numbers), numbers, count);
        left = left[count..];
    }
    candidates.keep(left.len);
}

/// The mask bits of up to 64 rows from `first` (a multiple of 64); bits of `end` and past it are zero.
pub fn maskWord(mask: [*]const u8, first: usize, end: usize) u64 {
    const left = end - first;
    if (left >= 64) return std.mem.readInt(u64, mask[first / 8 ..][0..8], .little);
    var word: u64 = 0;
    for (0..(left + 7) / 8) |i| word |= @as(u64, mask[first / 8 + i]) << @intCast(8 * i);
    return word & ((@as(u64, 1) << @intCast(left)) - 1);
}

const Ascending = struct {
    pub fn run(_: *const Ascending, first: usize) @Vector(4, f32) {
        const row: u32 = @intCast(first);
        return (Ascending{}).some(.{ row, row + 1, row + 2, row + 3 });
    }

    pub fn some(_: *const Ascending, rows: [4]u32) @Vector(4, f32) {
        return @floatFromInt(@as(@Vector(4, u32), rows));
    }
};

test "each candidate is offered once, none past the last row" {
    var mask: [38]u8 = @splat(0b1010_0101);
    @memset(mask[8..24], 0xff);
    var scores: [300]f32 = undefined;
    var rows: [300]u32 = undefined;
    for (1..301) |rows_count| {
        for ([_]?[*]const u8{ null, &mask }) |bits| {
            const count = topK(&Ascending{}, .{
                .rows_count = rows_count,
                .row_bytes = 1 << 15,
                .mask = bits,
                .out_scores = &scores,
                .out_rows = &rows,
                .capacity = 300,
                .flag = null,
            });
            var meant = rows_count;
            for (rows[0..@intCast(count)]) |row| {
                meant -= 1;
                while (bits != null and (mask[meant / 8] >> @intCast(meant % 8)) & 1 == 0) meant -= 1;
                try std.testing.expectEqual(meant, row);
            }
            try std.testing.expectEqual(0, meant); // row 0 is a candidate either way
        }
    }
}
