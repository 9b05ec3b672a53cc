//! Rows of one bit a dimension, and their Hamming distance to a query's bits.

const std = @import("std");
const builtin = @import("builtin");
const cancel = @import("cancel.zig");
const lane_sums = @import("lane_sums.zig");
const status = @import("status.zig");
const visit = @import("visit.zig");

/// A distance of so many bytes is exact as a float32, which is what the heap compares.
pub const row_bytes_max = 1 << 21;

/// What a level offers of this family.
pub const Table = extern struct {
    quantize_bits: *const @TypeOf(quantize),
    bit_top_k: *const @TypeOf(topK),
};

pub const table: Table = .{ .quantize_bits = quantize, .bit_top_k = topK };

/// Writes a bit for each element, 1 when it is greater than zero, the first element lowest; a row's bits
/// fill whole bytes, the last with zeros.
fn quantize(
    rows: [*]const f32,
    rows_count: usize,
    d: usize,
    out_bits: [*]u8,
    flag: cancel.Flag,
) callconv(.c) i32 {
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
    while (i + 64 <= row.len) : (i += 64) {
        std.mem.writeInt(u64, bits[i / 8 ..][0..8], areSet(64, row[i..][0..64].*), .little);
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
    const scorer: Scorer = .{
        .query = query,
        .d = row_bytes,
        .rows = rows,
        .readable_end = @intFromPtr(rows) + rows_count * row_bytes,
        .rest = restOf(query, row_bytes),
    };
    // Best is what scores highest: distances are negated meanwhile, in the caller's own array.
    const scores: [*]f32 = @ptrCast(out_distances);
    const count = visit.topK(&scorer, .{
        .rows_count = rows_count,
        .row_bytes = row_bytes,
        .mask = mask,
        .out_scores = scores,
        .out_rows = out_rows,
        .capacity = capacity,
        .flag = flag,
    });
    if (count < 0) return count;
    for (scores[0..@intCast(count)], out_distances) |score, *out| out.* = @intFromFloat(-score);
    return count;
}

const block_rows = visit.block_rows;
const Pointer = [*]const u8;
const Scores = visit.Scores;
const Distances = @Vector(block_rows, i32);

/// Bytes compared at once: the widest register.
const chunk = if (is_x86 and builtin.cpu.has(.x86, .avx512bw))
    64
else if (has_avx2) 32 else 16;
const is_x86 = builtin.cpu.arch == .x86_64;
const has_avx2 = is_x86 and builtin.cpu.has(.x86, .avx2);
const Chunk = @Vector(chunk, u8);

/// A byte holds the counts of so many bytes, and of one more after them.
const run_chunks = 30;

/// The query's bytes after its whole chunks, and which bytes of a chunk they are.
const Rest = struct { query: Chunk, is_counted: Chunk };

fn restOf(query: Pointer, row_bytes: usize) Rest {
    const whole = row_bytes / chunk * chunk;
    var bytes: [chunk]u8 = @splat(0);
    var is_counted: [chunk]u8 = @splat(0);
    for (whole..row_bytes, 0..) |at, i| {
        bytes[i] = query[at];
        is_counted[i] = 0xff;
    }
    return .{ .query = bytes, .is_counted = is_counted };
}

const Scorer = struct {
    query: Pointer,
    d: usize,
    rows: Pointer,
    readable_end: usize,
    rest: Rest,

    pub inline fn run(self: *const Scorer, first: usize) Scores {
        const start = self.rows + first * self.d;
        var starts: [block_rows]Pointer = undefined;
        inline for (0..block_rows) |i| starts[i] = start + i * self.d;
        var line: usize = 0;
        while (line < block_rows * self.d) : (line += 64) visit.fetchAhead(@intFromPtr(start) +% line);
        return -@as(Scores, @floatFromInt(self.distances(starts)));
    }

    pub noinline fn some(self: *const Scorer, rows: [block_rows]u32) Scores {
        var starts: [block_rows]Pointer = undefined;
        inline for (0..block_rows) |i| starts[i] = self.rows + @as(usize, rows[i]) * self.d;
        return -@as(Scores, @floatFromInt(self.distances(starts)));
    }

    /// Hamming distances of rows in ascending order. What is left over of a row after whole chunks is read
    /// with the bytes behind it; only where the matrix ends is it copied.
    inline fn distances(self: *const Scorer, rows: [block_rows]Pointer) Distances {
        const whole = self.d / chunk * chunk;
        var sums: [block_rows]Sums = @splat(@splat(0));
        var i: usize = 0;
        while (true) {
            var counts: [block_rows]Chunk = @splat(@splat(0));
            const end = @min(i + run_chunks * chunk, whole);
            while (i < end) : (i += chunk) {
                const x: Chunk = self.query[i..][0..chunk].*;
                inline for (0..block_rows) |r| counts[r] += setBits(x ^ @as(Chunk, rows[r][i..][0..chunk].*));
            }
            if (i == whole and whole < self.d) {
                const is_inside = @intFromPtr(rows[block_rows - 1]) + whole + chunk <= self.readable_end;
                inline for (0..block_rows) |r| {
                    const start = rows[r] + whole;
                    const last: Chunk = if (is_inside) start[0..chunk].* else shortChunk(start[0 .. self.d - whole]);
                    counts[r] += setBits((self.rest.query ^ last) & self.rest.is_counted);
                }
            }
            inline for (0..block_rows) |r| sums[r] = addBytes(sums[r], counts[r]);
            if (i == whole) return lane_sums.addFour(sums_width, sums);
        }
    }
};

noinline fn shortChunk(bytes: []const u8) Chunk {
    var copy: [chunk]u8 = @splat(0);
    @memcpy(copy[0..bytes.len], bytes);
    return copy;
}

inline fn setBits(bytes: Chunk) Chunk {
    return @popCount(bytes);
}

const sums_width = chunk / 4;
const Sums = @Vector(sums_width, i32);

/// Adds each lane's share of the bytes.
inline fn addBytes(sums: Sums, bytes: Chunk) Sums {
    const none: Chunk = @splat(0);
    if (!is_x86) return sums +% lane_sums.addHalves(chunk, @as(@Vector(chunk, i32), bytes));
    if (!has_avx2) {
        return sums +% asm ("psadbw %[none], %[out]"
            : [out] "=x" (-> Sums),
            : [none] "x" (none),
              [_] "0" (bytes),
        );
    }
    return sums +% asm ("vpsadbw %[none], %[bytes], %[out]"
        : [out] "=v" (-> Sums),
        : [none] "v" (none),
          [bytes] "v" (bytes),
    );
}

test "distances count each bit once, wherever the matrix ends" {
    var prng: std.Random.DefaultPrng = .init(3);
    const random = prng.random();
    var query: [run_chunks * chunk + chunk + 1]u8 = undefined;
    var storage: [2 * block_rows * query.len]u8 = undefined;
    const sizes = [_]usize{ 1, 7, 8, 15, 16, 17, 31, 33, 63, 65, 96, 100, 129, query.len - 1, query.len };
    for (sizes) |d| {
        random.bytes(&query);
        random.bytes(&storage);
        if (d % 2 == 0) {
            for (&storage, 0..) |*byte, i| byte.* = ~query[i % d];
        }
        const scorer: Scorer = .{
            .query = &query,
            .d = d,
            .rows = &storage,
            .readable_end = @intFromPtr(&storage) + 2 * block_rows * d,
            .rest = restOf(&query, d),
        };
        for (0..2) |block| {
            const own: [block_rows]f32 = scorer.run(block * block_rows);
            for (own, 0..) |score, i| {
                var meant: u32 = 0;
                const row = storage[(block * block_rows + i) * d ..][0..d];
                for (query[0..d], row) |x, y| meant += @popCount(x ^ y);
                try std.testing.expectEqual(-@as(f32, @floatFromInt(meant)), score);
            }
        }
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
