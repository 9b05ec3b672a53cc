//! Values of a few rows from many columns, each in pages far apart in RAM: a record a row.
//!
//! A column at a time: no load waits for another, so the processor waits for all of them at once.

const std = @import("std");

/// Row `number` is value `number % 2^shift` of page `number >> shift`; those from `reach` on are 0. The value of the
/// i-th row asked for goes to byte `offset + i * stride`.
pub const Column = extern struct {
    pages: ?[*]const ?[*]const u8,
    reach: usize,
    item_bytes: usize,
    offset: usize,
    stride: usize,
};

/// Whether a column can be gathered.
pub fn isSound(column: Column) bool {
    if (column.reach > 0 and column.pages == null) return false;
    return switch (column.item_bytes) {
        1, 2, 4, 8 => true,
        else => false,
    };
}

/// Writes the values of all rows; the columns are sound.
pub fn gather(columns: []const Column, shift: u6, rows: []const u32, out: [*]u8) void {
    for (columns) |column| switch (column.item_bytes) {
        1 => gatherOf(u8, column, shift, rows, out),
        2 => gatherOf(u16, column, shift, rows, out),
        4 => gatherOf(u32, column, shift, rows, out),
        else => gatherOf(u64, column, shift, rows, out),
    };
}

fn gatherOf(comptime T: type, column: Column, shift: u6, rows: []const u32, out: [*]u8) void {
    const inside = (@as(usize, 1) << shift) - 1;
    var place = out + column.offset;
    for (rows) |row| {
        const value: T = if (row < column.reach) found: {
            const page: [*]align(1) const T = @ptrCast(column.pages.?[@as(usize, row) >> shift].?);
            break :found page[row & inside];
        } else 0;
        @as(*align(1) T, @ptrCast(place)).* = value;
        place += column.stride;
    }
}

test "values of several pages and sizes stand side by side, 0 where a column does not reach" {
    const first = [_]u64{ 1, 2 };
    const second = [_]u64{ 3, 4 };
    const flags = [_]u8{ 7, 8 };
    const wide = [_]?[*]const u8{ @ptrCast(&first), @ptrCast(&second) };
    const narrow = [_]?[*]const u8{&flags};
    const columns = [_]Column{
        .{ .pages = &wide, .reach = 4, .item_bytes = 8, .offset = 0, .stride = 9 },
        .{ .pages = &narrow, .reach = 2, .item_bytes = 1, .offset = 8, .stride = 9 },
    };
    var out: [27]u8 = undefined;
    gather(&columns, 1, &.{ 3, 1, 4 }, &out);
    try std.testing.expectEqual(4, std.mem.readInt(u64, out[0..8], .little));
    try std.testing.expectEqual(0, out[8]);
    try std.testing.expectEqual(2, std.mem.readInt(u64, out[9..17], .little));
    try std.testing.expectEqual(8, out[17]);
    try std.testing.expectEqual(0, std.mem.readInt(u64, out[18..26], .little));
}
