//! Rows of two bits a dimension, and the estimate of their cosine with a query of int8 codes.
//!
//! Every row is estimated from its signs. Only a row whose estimate and a margin together come above
//! the worst one held is estimated once more, from both bits, and offered with that. Products are exact
//! integers and each step to the estimate is one operation of float32, so every level gives the same bits.

const std = @import("std");
const builtin = @import("builtin");
const Best = @import("best.zig").Best;
const cancel = @import("cancel.zig");
const lane_sums = @import("lane_sums.zig");
const status = @import("status.zig");
const visit = @import("visit.zig");

/// Planes are whole words.
pub const word_bits = 64;

/// 3 * 127 * 2^15 is exact as a float32.
pub const bits_max = 1 << 15;

/// What a level offers of this family.
pub const Table = extern struct {
    scan_sketches: *const @TypeOf(scan),
};

pub const table: Table = .{ .scan_sketches = scan };

/// The sketches of one segment, and the query as it looks from its centre.
pub const Part = extern struct {
    codes: [*]const i8,
    scale: f32,
    bias: f32,
    margin: f32,
    first: u32,
    signs: [*]const u8,
    magnitudes: [*]const u8,
    /// Slopes by signs, offsets, slopes by both bits: `rows_count` each.
    factors: [*]const f32,
    mask: ?[*]const u8,
    rows_count: usize,
};

/// Offers the rows of a part, which have higher numbers than those seen before.
fn scan(part: *const Part, bits: usize, best: *Best, flag: cancel.Flag) callconv(.c) i32 {
    const scorer: Scorer = .{
        .part = part,
        .words = bits / word_bits,
        .sum = sumOf(part.codes[0..bits]),
        .best = best,
    };
    const is_whole = visit.offerAll(&scorer, .{
        .rows_count = part.rows_count,
        .row_bytes = bits / 8,
        .mask = part.mask,
        .flag = flag,
    }, &scorer);
    return if (is_whole) status.ok else status.cancelled;
}

fn sumOf(codes: []const i8) i32 {
    var sum: i32 = 0;
    for (codes) |code| sum += code;
    return sum;
}

const block_rows = visit.block_rows;
const Scores = visit.Scores;
const Integers = @Vector(block_rows, i32);
const Pointer = [*]const u8;

const Scorer = struct {
    part: *const Part,
    words: usize,
    /// Of all codes: a product with signs is twice the sum of the codes that meet a set bit less this.
    sum: i32,
    best: *Best,

    /// The highest estimate that a run of rows may come to.
    pub inline fn run(self: *const Scorer, first: usize) Scores {
        const bytes = self.words * 8;
        const start = self.part.signs + first * bytes;
        var starts: [block_rows]Pointer = undefined;
        inline for (0..block_rows) |i| starts[i] = start + i * bytes;
        var line: usize = 0;
        while (line < block_rows * bytes) : (line += 64) visit.fetchAhead(@intFromPtr(start) +% line);
        const offsets = self.part.factors + self.part.rows_count;
        return self.bounds(starts, self.part.factors[first..][0..block_rows].*, offsets[first..][0..block_rows].*);
    }

    pub noinline fn some(self: *const Scorer, rows: [block_rows]u32) Scores {
        var starts: [block_rows]Pointer = undefined;
        var slopes: [block_rows]f32 = undefined;
        var offsets: [block_rows]f32 = undefined;
        inline for (0..block_rows) |i| {
            starts[i] = self.part.signs + @as(usize, rows[i]) * self.words * 8;
            slopes[i] = self.part.factors[rows[i]];
            offsets[i] = self.part.factors[self.part.rows_count + rows[i]];
        }
        return self.bounds(starts, slopes, offsets);
    }

    inline fn bounds(self: *const Scorer, starts: [block_rows]Pointer, slopes: Scores, offsets: Scores) Scores {
        const sums = masked(block_rows, self.part.codes, self.words, Signs(block_rows){ .planes = starts });
        const products = sums +% sums -% @as(Integers, @splat(self.sum));
        const scaled = @as(Scores, @floatFromInt(products)) * @as(Scores, @splat(self.part.scale));
        const hopeful = (scaled + @as(Scores, @splat(self.part.margin))) * slopes;
        return hopeful + offsets + @as(Scores, @splat(self.part.bias));
    }

    /// Looks closer at those of a run that may be better than the worst one held.
    pub inline fn offerRun(self: *const Scorer, comptime count: usize, highest: @Vector(count, f32), first: usize) void {
        if (self.mayTake(count, highest)) self.takeRun(count, highest, first);
    }

    noinline fn takeRun(self: *const Scorer, comptime count: usize, highest: @Vector(count, f32), first: usize) void {
        inline for (0..count) |i| self.take(highest[i], @intCast(first + i));
    }

    pub inline fn offerRows(
        self: *const Scorer,
        comptime count: usize,
        highest: @Vector(count, f32),
        rows: [count]u32,
        used: usize,
    ) void {
        if (self.mayTake(count, highest)) self.takeRows(count, highest, rows, used);
    }

    noinline fn takeRows(
        self: *const Scorer,
        comptime count: usize,
        highest: @Vector(count, f32),
        rows: [count]u32,
        used: usize,
    ) void {
        inline for (0..count) |i| {
            if (i < used) self.take(highest[i], rows[i]);
        }
    }

    inline fn mayTake(self: *const Scorer, comptime count: usize, highest: @Vector(count, f32)) bool {
        if (self.best.len < self.best.capacity) return true;
        return @reduce(.Or, highest > @as(@Vector(count, f32), @splat(self.best.scores[0])));
    }

    fn take(self: *const Scorer, highest: f32, row: u32) void {
        const best = self.best;
        if (best.len == best.capacity and !(highest > best.scores[0])) return;
        const score = self.estimate(row);
        // What has no vector is below every number; what is none is never listed either.
        if (score > -std.math.inf(f32)) best.offer(score, self.part.first + row);
    }

    /// The estimate from both bits: of the codes that meet a large rest the product counts three times.
    fn estimate(self: *const Scorer, row: u32) f32 {
        const part = self.part;
        const at = @as(usize, row) * self.words * 8;
        const large: Large = .{ .signs = part.signs + at, .magnitudes = part.magnitudes + at };
        const sums = masked(3, part.codes, self.words, large);
        const product = 2 * sums[0] - self.sum + 2 * (2 * sums[2] - sums[1]);
        const scaled = @as(f32, @floatFromInt(product)) * part.scale;
        const slope = part.factors[2 * part.rows_count + row];
        return scaled * slope + part.factors[part.rows_count + row] + part.bias;
    }
};

fn Signs(comptime count: usize) type {
    return struct {
        planes: [count]Pointer,

        inline fn words(self: @This(), at: usize) [count]u64 {
            var read: [count]u64 = undefined;
            inline for (0..count) |i| read[i] = wordAt(self.planes[i], at);
            return read;
        }
    };
}

/// One row's signs, its large rests, and those of them that are positive.
const Large = struct {
    signs: Pointer,
    magnitudes: Pointer,

    inline fn words(self: Large, at: usize) [3]u64 {
        const signs = wordAt(self.signs, at);
        const magnitudes = wordAt(self.magnitudes, at);
        return .{ signs, magnitudes, signs & magnitudes };
    }
};

inline fn wordAt(plane: Pointer, at: usize) u64 {
    return std.mem.readInt(u64, plane[at * 8 ..][0..8], .little);
}

const Way = enum { vnni, sad, widen };
const is_x86 = builtin.cpu.arch == .x86_64;
const has_avx2 = is_x86 and builtin.cpu.has(.x86, .avx2);
const way: Way = if (!is_x86) .widen else if (builtin.cpu.has(.x86, .avx512vnni)) .vnni else .sad;

/// Bytes handled at once.
const chunk = switch (way) {
    .vnni => 64,
    .sad => if (has_avx2) 32 else 16,
    .widen => 16,
};
const sums_width = if (way == .widen) 4 else chunk / 4;
const Sums = @Vector(sums_width, i32);
const Mask = @Int(.unsigned, chunk);

/// The sums of the codes that meet the set bits of each plane.
inline fn masked(comptime count: usize, codes: [*]const i8, words_count: usize, planes: anytype) @Vector(count, i32) {
    var sums: [4]Sums = @splat(@splat(0));
    var bits: [4]i32 = @splat(0);
    for (0..words_count) |at| {
        const words = planes.words(at);
        inline for (0..64 / chunk) |part| {
            const query: @Vector(chunk, i8) = codes[at * 64 + part * chunk ..][0..chunk].*;
            inline for (0..count) |i| {
                sums[i] = add(sums[i], query, @truncate(words[i] >> (part * chunk)));
            }
        }
        if (way == .sad) {
            inline for (0..count) |i| bits[i] += @popCount(words[i]);
        }
    }
    const totals: [4]i32 = lane_sums.addFour(sums_width, sums) -% @as(@Vector(4, i32), bits) * @as(@Vector(4, i32), @splat(128));
    return totals[0..count].*;
}

/// Adds the codes that meet a set bit; which lane gets which differs by machine, their sum does not.
inline fn add(sums: Sums, query: @Vector(chunk, i8), mask: Mask) Sums {
    const is_set: @Vector(chunk, bool) = @bitCast(mask);
    const none: @Vector(chunk, u8) = @splat(0);
    switch (way) {
        .vnni => {
            const chosen = @select(i8, is_set, query, @as(@Vector(chunk, i8), @splat(0)));
            const ones: @Vector(chunk, u8) = @splat(1);
            return asm ("vpdpbusd %[chosen], %[ones], %[sums]"
                : [sums] "=v" (-> Sums),
                : [chosen] "v" (chosen),
                  [ones] "v" (ones),
                  [_] "0" (sums),
            );
        },
        // Bytes are added without their signs: 128 more each, which is taken off at the end.
        .sad => {
            const biased = @as(@Vector(chunk, u8), @bitCast(query)) ^ @as(@Vector(chunk, u8), @splat(0x80));
            const chosen = @select(u8, is_set, biased, none);
            if (!has_avx2) {
                return sums +% asm ("psadbw %[none], %[out]"
                    : [out] "=x" (-> Sums),
                    : [none] "x" (none),
                      [_] "0" (chosen),
                );
            }
            return sums +% asm ("vpsadbw %[none], %[chosen], %[out]"
                : [out] "=v" (-> Sums),
                : [none] "v" (none),
                  [chosen] "v" (chosen),
            );
        },
        .widen => {
            const chosen = @select(i8, is_set, query, @as(@Vector(chunk, i8), @splat(0)));
            return sums +% lane_sums.addHalves(chunk, @as(@Vector(chunk, i32), chosen));
        },
    }
}

test "masked sums count each code that meets a set bit" {
    var prng: std.Random.DefaultPrng = .init(5);
    const random = prng.random();
    var codes: [448]i8 = undefined;
    var planes: [4][56]u8 = undefined;
    for ([_]usize{ 1, 2, 3, 6, 7 }) |words_count| {
        for (&codes) |*code| code.* = random.intRangeAtMost(i8, -127, 127);
        for (&planes) |*plane| random.bytes(plane);
        @memset(&planes[3], 0xff);
        const starts: [4]Pointer = .{ &planes[0], &planes[1], &planes[2], &planes[3] };
        const own: [4]i32 = masked(4, &codes, words_count, Signs(4){ .planes = starts });
        for (own, planes) |sum, plane| {
            var meant: i32 = 0;
            for (codes[0 .. words_count * 64], 0..) |code, i| {
                if ((plane[i / 8] >> @intCast(i % 8)) & 1 == 1) meant += code;
            }
            try std.testing.expectEqual(meant, sum);
        }
    }
}
