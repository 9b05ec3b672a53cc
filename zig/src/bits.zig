//! Rows of one bit a dimension, and their Hamming distance to a query's bits.

const std = @import("std");
const Best = @import("best.zig").Best;
const cancel = @import("cancel.zig");
const visit = @import("visit.zig");
const status = @import("status.zig");

/// A distance of so many bytes is exact as a float32, which is what the heap compares.
pub const row_bytes_max = 1 << 21;

/// What a level offers of this family.
pub const Table = extern struct {
    quantize_bits: *const @TypeOf(quantize),
    bit_top_k: *const @TypeOf(topK),
};

pub const table: Table = .{ .quantize_bits = quantize, .bit_top_k = topK };

const lanes = 64;

/// Writes a bit for each element, 1 when it is greater than zero, the first element lowest; a row's bits
/// fill whole bytes, the last with zeros.
fn quantize(rows: [*]const f32, rows_count: usize, d: usize, out_bits: [*]u8, flag: cancel.Flag) callconv(.c) i32 {
    const step = @max(cancel.poll_bytes / (d * @sizeOf(f32)), 1);
    const row_bytes = (d + 7) / 8;
    for (0..rows_count) |row| {
        if (row % step == 0 and cancel.isSet(flag)) return status.cancelled;
        quantizeRow(rows[row * d ..][0..d], out_bits + row * row_bytes);
    }
    return status.ok;
}

fn quantizeRow(row: []const f32, bits: [*]u8) void {
    var i: usize = 0;
    while (i + lanes <= row.len) : (i += lanes) {
        std.mem.writeInt(u64, bits[i / 8 ..][0..8], areSet(lanes, row[i..][0..lanes].*), .little);
    }
    while (i + 8 <= row.len) : (i += 8) bits[i / 8] = areSet(8, row[i..][0..8].*);
    if (i == row.len) return;
    var last: u8 = 0;
    for (row[i..], 0..) |x, bit| last |= @as(u8, @intFromBool(x > 0)) << @intCast(bit);
    bits[i / 8] = last;
}

inline fn areSet(comptime width: usize, values: @Vector(width, f32)) @Int(.unsigned, width) {
    return @bitCast(values > @as(@Vector(width, f32), @splat(0)));
}

/// Writes the nearest rows, nearest first; returns how many, or `cancelled`.
fn topK(
    query: [*]const u8,
    row_bytes: usize,
    rows: [*]const u8,
    rows_count: usize,
    mask: ?[*]const u8,
    out_distances: [*]u32,
    out_rows: [*]u32,
    capacity: usize,
    flag: cancel.Flag,
) callconv(.c) i64 {
    var scan: Scan = .{
        .query = query,
        .row_bytes = row_bytes,
        .rows = rows,
        // The heap's best is highest: it holds distances negated, in the caller's array.
        .best = .{ .scores = @ptrCast(out_distances), .rows = out_rows, .capacity = capacity },
    };
    if (!visit.candidates(&scan, rows_count, row_bytes, mask, flag)) return status.cancelled;
    scan.best.sort();
    for (scan.best.scores[0..scan.best.len], out_distances) |score, *out| out.* = @intFromFloat(-score);
    return @intCast(scan.best.len);
}

const Scan = struct {
    query: [*]const u8,
    row_bytes: usize,
    rows: [*]const u8,
    best: Best,

    pub inline fn all(self: *Scan, first: usize, end: usize) void {
        for (first..end) |row| self.one(row);
    }

    pub inline fn one(self: *Scan, row: usize) void {
        const count = distance(self.query, self.rows + row * self.row_bytes, self.row_bytes);
        self.best.offer(-@as(f32, @floatFromInt(count)), @intCast(row));
    }
};

inline fn distance(query: [*]const u8, row: [*]const u8, bytes: usize) u32 {
    var count: u32 = 0;
    var i: usize = 0;
    while (i + 8 <= bytes) : (i += 8) count += @popCount(word(query + i) ^ word(row + i));
    if (i == bytes) return count;
    if (bytes >= 8) {
        // The last eight bytes, less those that were counted.
        const last = word(query + bytes - 8) ^ word(row + bytes - 8);
        return count + @popCount(last >> @intCast(8 * (8 - (bytes - i))));
    }
    for (query[0..bytes], row[0..bytes]) |x, y| count += @popCount(x ^ y);
    return count;
}

inline fn word(bytes: [*]const u8) u64 {
    return std.mem.readInt(u64, bytes[0..8], .little);
}

test "distances count each bit once" {
    var prng: std.Random.DefaultPrng = .init(3);
    var query: [201]u8 = undefined;
    var row: [201]u8 = undefined;
    for (1..query.len) |bytes| {
        prng.random().bytes(&query);
        prng.random().bytes(&row);
        var meant: u32 = 0;
        for (query[0..bytes], row[0..bytes]) |x, y| meant += @popCount(x ^ y);
        try std.testing.expectEqual(meant, distance(&query, &row, bytes));
    }
}

test "a bit says whether its element is greater than zero" {
    const values = [_]f32{ 1, -1, 0, -0.0, std.math.nan(f32), std.math.inf(f32), -std.math.inf(f32), 1e-45 };
    var row: [150]f32 = undefined;
    for (&row, 0..) |*x, i| x.* = values[(i * 5 + i / 8) % values.len];
    for (1..row.len) |d| {
        var bits: [19]u8 = @splat(0xff);
        quantizeRow(row[0..d], &bits);
        for (0..(d + 7) / 8 * 8) |i| {
            const meant = i < d and row[i] > 0;
            try std.testing.expectEqual(meant, (bits[i / 8] >> @intCast(i % 8)) & 1 == 1);
        }
    }
}
