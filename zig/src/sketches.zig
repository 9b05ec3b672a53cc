//! Rows of two bits a dimension, and the estimate of their cosine with a query of int8 codes.
//! `bounds` stops at what the signs alone say of each row; `scan` goes on from there:
//!
//! Every row is estimated from its signs, with coarse codes: 64 rows at once, whose signs stand side by
//! side, look up what four of their bits are worth. Only a row whose estimate and a margin together come
//! above the worst one held is estimated once more, from both bits and all of the codes, and offered with
//! that. Sums are exact integers and each step from them to an estimate is one operation of float32, so
//! every level gives the same bits.

const std = @import("std");
const builtin = @import("builtin");
const Best = @import("best.zig").Best;
const cancel = @import("cancel.zig");
const Candidates = @import("candidates.zig").Candidates;
const lane_sums = @import("lane_sums.zig");
const status = @import("status.zig");
const visit = @import("visit.zig");

/// Rows whose signs stand side by side: the first byte of each, then the second.
pub const block_rows = 64;

/// Planes are whole words.
pub const word_bits = 64;

/// A sum of lookups, 60 at most for each four bits, fits 16 bits.
pub const bits_max = 1 << 12;

/// Bytes of the tables for so many bits: 16 for each four of them.
pub fn tablesBytes(bits: usize) usize {
    return bits / 4 * entries;
}

const entries = 16;

/// Four coarse codes add up to at most 60, and so do two lookups of a byte, twice, to 240.
const coarse_max = 15;
const code_max = 127;

/// What a level offers of this family.
pub const Table = extern struct {
    scan_sketches: *const @TypeOf(scan),
    bound_sketches: *const @TypeOf(bounds),
};

pub const table: Table = .{ .scan_sketches = scan, .bound_sketches = bounds };

/// The sketches of one segment, and the query as it looks from its centre.
pub const Part = extern struct {
    codes: [*]const i8,
    /// Scratch of `tablesBytes`.
    tables: [*]u8,
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
    var scanner: Scanner = .{
        .part = part,
        .row_bytes = bits / 8,
        .sum = sumOf(part.codes[0..bits]),
        .scale = boundScale(part, makeTables(part.codes[0..bits], part.tables)),
        .best = best,
    };
    const step = cancel.rowsBetweenPolls(scanner.row_bytes);
    var first: usize = 0;
    while (first < part.rows_count) : (first += block_rows) {
        if (first % step == 0 and cancel.isSet(flag)) return status.cancelled;
        scanner.visitBlock(first);
    }
    scanner.takeWaiting();
    return status.ok;
}

/// Writes the highest estimate each row may come to by its signs; -inf where the mask leaves it out.
fn bounds(part: *const Part, bits: usize, out: [*]f32, flag: cancel.Flag) callconv(.c) i32 {
    const row_bytes = bits / 8;
    const scale = boundScale(part, makeTables(part.codes[0..bits], part.tables));
    const step = cancel.rowsBetweenPolls(row_bytes);
    var first: usize = 0;
    while (first < part.rows_count) : (first += block_rows) {
        if (first % step == 0 and cancel.isSet(flag)) return status.cancelled;
        var sums: [block_rows]u16 = undefined;
        lookUp(part.signs + first * row_bytes, row_bytes, part.tables, &sums);
        const factors = factorsOf(part, first);
        var found: Bounds = undefined;
        inline for (0..block_rows / width) |i| {
            found[i * width ..][0..width].* = boundOf(scale, &sums, &factors, i * width);
        }
        if (part.mask) |mask| {
            const chosen = visit.maskWord(mask, first, part.rows_count);
            for (&found, 0..) |*bound, i| {
                if (chosen >> @intCast(i) & 1 == 0) bound.* = -std.math.inf(f32);
            }
        }
        const used = @min(block_rows, part.rows_count - first);
        if (used == block_rows) out[first..][0..block_rows].* = found else @memcpy(out[first..][0..used], found[0..used]);
    }
    return status.ok;
}

const width = 16;
const Floats = @Vector(width, f32);

/// What turns a sum of lookups into a bound, the same for all rows of a part.
const BoundScale = struct { taken_off: i32, coarse: f32, margin: f32, bias: f32 };

fn boundScale(part: *const Part, taken_off: i32) BoundScale {
    const coarse = part.scale * (@as(f32, code_max) / coarse_max);
    return .{ .taken_off = taken_off, .coarse = coarse, .margin = part.margin, .bias = part.bias };
}

/// Slopes by signs and offsets of a block of rows, zeros past the last row.
const Factors = struct { slopes: [block_rows]f32, offsets: [block_rows]f32 };

inline fn factorsOf(part: *const Part, first: usize) Factors {
    const offsets = part.factors + part.rows_count;
    if (first + block_rows <= part.rows_count) {
        return .{ .slopes = part.factors[first..][0..block_rows].*, .offsets = offsets[first..][0..block_rows].* };
    }
    const rows_count = part.rows_count - first;
    var found: Factors = .{ .slopes = @splat(0), .offsets = @splat(0) };
    @memcpy(found.slopes[0..rows_count], part.factors[first..part.rows_count]);
    @memcpy(found.offsets[0..rows_count], offsets[first..part.rows_count]);
    return found;
}

/// The bounds of `width` rows of a block from `of` on.
inline fn boundOf(scale: BoundScale, sums: *const [block_rows]u16, factors: *const Factors, comptime of: usize) Floats {
    const found: @Vector(width, u16) = sums[of..][0..width].*;
    const wide: @Vector(width, i32) = found;
    const product = wide + wide - @as(@Vector(width, i32), @splat(scale.taken_off));
    const scaled = @as(Floats, @floatFromInt(product)) * @as(Floats, @splat(scale.coarse));
    const slope: Floats = factors.slopes[of..][0..width].*;
    const offset: Floats = factors.offsets[of..][0..width].*;
    return (scaled + @as(Floats, @splat(scale.margin))) * slope + offset + @as(Floats, @splat(scale.bias));
}

fn sumOf(codes: []const i8) i32 {
    var sum: i32 = 0;
    for (codes) |code| sum += code;
    return sum;
}

/// Writes for each four codes what any four bits are worth, and returns what a sum of lookups is more
/// than the product of twice the coarse codes with signs, halved: lookups count from the least.
fn makeTables(codes: []const i8, tables: [*]u8) i32 {
    var taken_off: i32 = 0;
    var at: usize = 0;
    while (at < codes.len) : (at += 4) {
        const worth = tables[at / 4 * entries ..][0..entries];
        var sums: [entries]i32 = @splat(0);
        var least: i32 = 0;
        var sum: i32 = 0;
        inline for (0..4) |i| {
            const coarse = coarseOf(codes[at + i]);
            inline for (0..1 << i) |entry| sums[entry + (1 << i)] = sums[entry] + coarse;
            least += @min(coarse, 0);
            sum += coarse;
        }
        for (worth, sums) |*out, one| out.* = @intCast(one - least);
        taken_off += sum - 2 * least;
    }
    return taken_off;
}

/// The code in steps of 127 / 15, to nearest; no code stands half-way.
fn coarseOf(code: i8) i32 {
    const size: i32 = @intCast(@abs(@as(i32, code)));
    const steps = @divTrunc(2 * coarse_max * size + code_max, 2 * code_max);
    return if (code < 0) -steps else steps;
}

const Bounds = [block_rows]f32;

const Scanner = struct {
    part: *const Part,
    row_bytes: usize,
    /// Of all codes: a product with signs is twice the sum of the codes that meet a set bit less this.
    sum: i32,
    scale: BoundScale,
    best: *Best,
    /// Rows of the block before, whose second bits are on their way from memory.
    waiting: u64 = 0,
    waiting_first: usize = 0,
    highest: Bounds = undefined,

    fn visitBlock(self: *Scanner, first: usize) void {
        const part = self.part;
        var hopeful = if (part.mask) |mask|
            visit.maskWord(mask, first, part.rows_count)
        else
            Candidates.allWord(first, part.rows_count);
        if (hopeful == 0) return;
        var sums: [block_rows]u16 = undefined;
        lookUp(part.signs + first * self.row_bytes, self.row_bytes, part.tables, &sums);
        var highest: Bounds = undefined;
        hopeful &= self.above(&sums, &factorsOf(part, first), &highest);
        if (self.waiting != 0) self.takeWaiting();
        if (hopeful != 0) self.wait(hopeful, first, &highest);
    }

    /// Writes the highest estimates that rows may come to; returns a bit for each that is hopeful.
    inline fn above(
        self: *const Scanner,
        sums: *const [block_rows]u16,
        factors: *const Factors,
        highest: *Bounds,
    ) u64 {
        const is_open = self.best.len < self.best.capacity;
        const worst: Floats = @splat(if (is_open) 0 else self.best.scores[0]);
        var hopeful: u64 = 0;
        inline for (0..block_rows / width) |i| {
            const of = i * width;
            const bound = boundOf(self.scale, sums, factors, of);
            highest[of..][0..width].* = bound;
            const bits: @Int(.unsigned, width) = @bitCast(bound > worst);
            hopeful |= @as(u64, bits) << of;
        }
        return if (is_open) std.math.maxInt(u64) else hopeful;
    }

    /// Asks for the second bits of rows, and comes back to them after the next block.
    noinline fn wait(self: *Scanner, hopeful: u64, first: usize, highest: *const Bounds) void {
        self.waiting = hopeful;
        self.waiting_first = first;
        self.highest = highest.*;
        var left = hopeful;
        while (left != 0) : (left &= left - 1) {
            const start = self.part.magnitudes + (first + @ctz(left)) * self.row_bytes;
            var line: usize = 0;
            while (line < self.row_bytes) : (line += 64) @prefetch(start + line, .{});
            @prefetch(start + self.row_bytes - 1, .{});
        }
    }

    noinline fn takeWaiting(self: *Scanner) void {
        var left = self.waiting;
        self.waiting = 0;
        while (left != 0) : (left &= left - 1) {
            const i = @ctz(left);
            self.take(self.highest[i], self.waiting_first + i);
        }
    }

    fn take(self: *const Scanner, bound: f32, row: usize) void {
        const best = self.best;
        if (best.len == best.capacity and !(bound > best.scores[0])) return;
        const score = self.estimate(row);
        // What has no vector is below every number; what is none is never listed either.
        if (score > -std.math.inf(f32)) best.offer(score, self.part.first + @as(u32, @intCast(row)));
    }

    /// The estimate from both bits: of the codes that meet a large rest the product counts three times.
    fn estimate(self: *const Scanner, row: usize) f32 {
        const part = self.part;
        const block = part.signs + row / block_rows * block_rows * self.row_bytes + row % block_rows;
        var signs: [bits_max / 8]u8 = undefined;
        for (signs[0..self.row_bytes], 0..) |*byte, at| byte.* = block[at * block_rows];
        const sums = maskedSums(part.codes, self.row_bytes / 8, &signs, part.magnitudes + row * self.row_bytes);
        const product = 2 * sums[0] - self.sum + 2 * (2 * sums[2] - sums[1]);
        const scaled = @as(f32, @floatFromInt(product)) * part.scale;
        const slope = part.factors[2 * part.rows_count + row];
        return scaled * slope + part.factors[part.rows_count + row] + part.bias;
    }
};

const is_x86 = builtin.cpu.arch == .x86_64;
const has_avx2 = is_x86 and builtin.cpu.has(.x86, .avx2);
const has_avx512 = is_x86 and builtin.cpu.has(.x86, .avx512vnni) and builtin.cpu.has(.x86, .avx512bw);

/// Bytes looked up at once; 1 where the machine has no instruction for it.
const lookups = if (has_avx512) 64 else if (has_avx2) 32 else if (is_x86) 1 else 16;

/// Writes the sum of the lookups of each row of a block.
inline fn lookUp(block: [*]const u8, row_bytes: usize, tables: [*]const u8, sums: *[block_rows]u16) void {
    if (lookups == 1) return lookUpEach(block, row_bytes, tables, sums);
    const Words = @Vector(lookups / 2, u16);
    inline for (0..block_rows / lookups) |share| {
        var even: Words = @splat(0);
        var odd: Words = @splat(0);
        var at: usize = 0;
        while (at < row_bytes) : (at += 2) {
            if (share == 0) {
                inline for (0..2) |i| visit.fetchAhead(@intFromPtr(block + (at + i) * block_rows));
            }
            const start = block + at * block_rows + share * lookups;
            const both: Words = @bitCast(worthOf(start, tables + at * 2 * entries) +%
                worthOf(start + block_rows, tables + (at + 1) * 2 * entries));
            even +%= both & @as(Words, @splat(0xff));
            odd +%= both >> @splat(8);
        }
        sums[share * lookups ..][0..lookups].* = std.simd.interlace(.{ even, odd });
    }
}

/// What one byte of each row is worth.
inline fn worthOf(bytes: [*]const u8, tables: [*]const u8) @Vector(lookups, u8) {
    const Bytes = @Vector(lookups, u8);
    const each: Bytes = bytes[0..lookups].*;
    const low = each & @as(Bytes, @splat(15));
    const high = each >> @splat(4);
    return lookUpBytes(tables[0..entries].*, low) +% lookUpBytes(tables[entries .. 2 * entries].*, high);
}

inline fn lookUpBytes(entry: @Vector(entries, u8), places: @Vector(lookups, u8)) @Vector(lookups, u8) {
    if (!is_x86) {
        return asm ("tbl %[out].16b, {%[entry].16b}, %[places].16b"
            : [out] "=w" (-> @Vector(lookups, u8)),
            : [entry] "w" (entry),
              [places] "w" (places),
        );
    }
    comptime var repeated: [lookups]i32 = undefined;
    inline for (&repeated, 0..) |*place, i| place.* = i % entries;
    const everywhere = @shuffle(u8, entry, undefined, repeated);
    return asm ("vpshufb %[places], %[entry], %[out]"
        : [out] "=v" (-> @Vector(lookups, u8)),
        : [places] "v" (places),
          [entry] "v" (everywhere),
    );
}

fn lookUpEach(block: [*]const u8, row_bytes: usize, tables: [*]const u8, sums: *[block_rows]u16) void {
    sums.* = @splat(0);
    for (0..row_bytes) |at| {
        const worth = tables[at * 2 * entries ..][0 .. 2 * entries];
        for (sums, block[at * block_rows ..][0..block_rows]) |*sum, byte| {
            sum.* += @as(u16, worth[byte & 15]) + worth[entries + (byte >> 4)];
        }
    }
}

const Way = enum { vnni, sad, widen };
const way: Way = if (!is_x86) .widen else if (has_avx512) .vnni else .sad;

/// Bytes of a plane handled at once.
const chunk = switch (way) {
    .vnni => 64,
    .sad => if (has_avx2) 32 else 16,
    .widen => 16,
};
const sums_width = if (way == .widen) 4 else chunk / 4;
const Sums = @Vector(sums_width, i32);
const Mask = @Int(.unsigned, chunk);

/// The sums of the codes that meet a sign, a magnitude, and both.
inline fn maskedSums(codes: [*]const i8, words_count: usize, signs: [*]const u8, magnitudes: [*]const u8) [3]i32 {
    var sums: [4]Sums = @splat(@splat(0));
    var bits: [4]i32 = @splat(0);
    for (0..words_count) |at| {
        const sign = std.mem.readInt(u64, signs[at * 8 ..][0..8], .little);
        const magnitude = std.mem.readInt(u64, magnitudes[at * 8 ..][0..8], .little);
        const words = [3]u64{ sign, magnitude, sign & magnitude };
        inline for (0..64 / chunk) |part| {
            const query: @Vector(chunk, i8) = codes[at * 64 + part * chunk ..][0..chunk].*;
            inline for (0..3) |i| sums[i] = add(sums[i], query, @truncate(words[i] >> (part * chunk)));
        }
        if (way == .sad) {
            inline for (0..3) |i| bits[i] += @popCount(words[i]);
        }
    }
    const more = @as(@Vector(4, i32), bits) * @as(@Vector(4, i32), @splat(128));
    const totals: [4]i32 = lane_sums.addFour(sums_width, sums) -% more;
    return totals[0..3].*;
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

test "lookups of a block add up to the products of coarse codes with signs" {
    var prng: std.Random.DefaultPrng = .init(5);
    const random = prng.random();
    var codes: [448]i8 = undefined;
    var block: [56 * block_rows]u8 = undefined;
    var tables: [tablesBytes(448)]u8 = undefined;
    for ([_]usize{ 1, 2, 6, 7 }) |words_count| {
        const bits = words_count * 64;
        for (&codes) |*code| code.* = random.intRangeAtMost(i8, -127, 127);
        random.bytes(&block);
        const taken_off = makeTables(codes[0..bits], &tables);
        var sums: [block_rows]u16 = undefined;
        lookUp(&block, bits / 8, &tables, &sums);
        for (sums, 0..) |sum, row| {
            var meant: i32 = 0;
            for (codes[0..bits], 0..) |code, i| {
                const is_set = (block[i / 8 * block_rows + row] >> @intCast(i % 8)) & 1 == 1;
                meant += if (is_set) coarseOf(code) else -coarseOf(code);
            }
            try std.testing.expectEqual(meant, 2 * @as(i32, sum) - taken_off);
        }
    }
}

test "masked sums count each code that meets set bits" {
    var prng: std.Random.DefaultPrng = .init(6);
    const random = prng.random();
    var codes: [448]i8 = undefined;
    var planes: [2][56]u8 = undefined;
    for ([_]usize{ 1, 2, 3, 6, 7 }) |words_count| {
        for (&codes) |*code| code.* = random.intRangeAtMost(i8, -127, 127);
        for (&planes) |*plane| random.bytes(plane);
        const own = maskedSums(&codes, words_count, &planes[0], &planes[1]);
        var meant: [3]i32 = @splat(0);
        for (codes[0 .. words_count * 64], 0..) |code, i| {
            const sign = (planes[0][i / 8] >> @intCast(i % 8)) & 1 == 1;
            const magnitude = (planes[1][i / 8] >> @intCast(i % 8)) & 1 == 1;
            if (sign) meant[0] += code;
            if (magnitude) meant[1] += code;
            if (sign and magnitude) meant[2] += code;
        }
        try std.testing.expectEqual(meant, own);
    }
}
