//! Vectors of words whose lanes are chosen by a mask: what AVX-512 does in one instruction, AVX2 by a
//! table of permutations.

const std = @import("std");
const builtin = @import("builtin");

const is_x86 = builtin.cpu.arch == .x86_64;
const has_compress = is_x86 and builtin.cpu.has(.x86, .avx512vl);

/// Lanes that can be chosen at once; 1 where that has to be done one by one.
pub const widest = if (has_compress) 16 else if (is_x86 and builtin.cpu.has(.x86, .avx2)) 8 else 1;

/// For `@shuffle` of two vectors: every other word of both, from the first or the second on.
pub fn everyOther(comptime count: usize, comptime first: comptime_int) @Vector(count, i32) {
    var places: @Vector(count, i32) = undefined;
    for (0..count) |lane| {
        const place = 2 * @as(i32, lane) + first;
        places[lane] = if (place < count) place else ~(place - @as(i32, count));
    }
    return places;
}

/// Moves the lanes of the mask to the front, in their order; the others are not defined.
pub inline fn compress(
    comptime count: usize,
    values: @Vector(count, u32),
    mask: @Int(.unsigned, count),
) @Vector(count, u32) {
    if (has_compress) return asm ("vpcompressd %[values], %[out]{%[mask]}{z}"
        : [out] "=v" (-> @Vector(count, u32)),
        : [values] "v" (values),
          [mask] "^Yk" (mask),
    );
    comptime std.debug.assert(count == 8);
    const order: @Vector(8, u32) = @as(@Vector(8, u8), orders[mask]);
    return asm ("vpermd %[values], %[order], %[out]"
        : [out] "=x" (-> @Vector(8, u32)),
        : [values] "x" (values),
          [order] "x" (order),
    );
}

/// The places of the bits set in each byte.
const orders: [256][8]u8 = lists: {
    @setEvalBranchQuota(10_000);
    var lists: [256][8]u8 = @splat(@splat(0));
    for (&lists, 0..) |*list, mask| {
        var count: usize = 0;
        for (0..8) |lane| {
            if (mask >> lane & 1 == 0) continue;
            list[count] = lane;
            count += 1;
        }
    }
    break :lists lists;
};

test "every mask moves its lanes to the front" {
    inline for (.{ 8, 16 }) |count| {
        if (count > widest) continue;
        const values = std.simd.iota(u32, count) + @as(@Vector(count, u32), @splat(100));
        for (0..@as(usize, 1) << count) |bits| {
            const moved: [count]u32 = compress(count, values, @intCast(bits));
            var place: usize = 0;
            for (0..count) |lane| {
                if (bits >> @intCast(lane) & 1 == 0) continue;
                try std.testing.expectEqual(100 + lane, moved[place]);
                place += 1;
            }
        }
    }
}

test "words of pairs come apart" {
    const low: @Vector(8, u32) = .{ 0, 10, 1, 11, 2, 12, 3, 13 };
    const high: @Vector(8, u32) = .{ 4, 14, 5, 15, 6, 16, 7, 17 };
    const first: [8]u32 = @shuffle(u32, low, high, everyOther(8, 0));
    const second: [8]u32 = @shuffle(u32, low, high, everyOther(8, 1));
    try std.testing.expectEqual([8]u32{ 0, 1, 2, 3, 4, 5, 6, 7 }, first);
    try std.testing.expectEqual([8]u32{ 10, 11, 12, 13, 14, 15, 16, 17 }, second);
}
