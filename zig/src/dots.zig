//! Dot products of float32, several rows and several queries at once, and the scalar truth beside.
//!
//! Every pair is summed in one order whatever its place, the block it is in and the machine: 16
//! partial sums, one a lane, over whole vectors; then what is left over as the last 16 elements with
//! those already counted set to zero; then the partial sums folded in halves. So equal rows tie
//! exactly, and levels with fused multiply-add agree to the last bit.

const std = @import("std");
const builtin = @import("builtin");

pub const lanes = 16;
pub const Vector = @Vector(lanes, f32);
pub const Pointer = [*]const f32;

const is_x86 = builtin.cpu.arch == .x86_64;
const has_avx2 = is_x86 and builtin.cpu.has(.x86, .avx2);
const has_avx512 = is_x86 and builtin.cpu.has(.x86, .avx512f);
const has_fma = switch (builtin.cpu.arch) {
    .x86_64 => builtin.cpu.has(.x86, .fma),
    .aarch64 => true,
    else => false,
};

/// Rows scored together, so that one load of the query serves several: as many as leave their
/// partial sums in registers.
pub const block_rows: usize = if (is_x86 and !has_avx2) 2 else 4;

/// Queries and rows of one tile of a scan for many queries, by the same rule.
pub const tile_queries: usize = if (has_avx512) 4 else if (is_x86 and !has_avx2) 1 else 2;
pub const tile_rows: usize = if (has_avx512) 4 else 2;

/// Rows read at once from DRAM: one stream is fastest, but for 512-bit vectors, where the sums of one
/// row alone come too slowly.
pub const stream_rows: usize = if (has_avx512) 4 else 1;

/// What a tile asks the caches for while it computes.
pub const Ahead = union(enum) {
    nothing,
    /// As many bytes as the tile reads, in order, from this address on.
    run: usize,
    /// A row from each address on.
    rows: []const usize,
};

/// Returns the dot products of each query with each row, query by query.
pub inline fn tile(
    comptime queries_count: usize,
    comptime rows_count: usize,
    comptime ahead_kind: std.meta.Tag(Ahead),
    d: usize,
    queries: [queries_count]Pointer,
    rows: [rows_count]Pointer,
    ahead: Ahead,
) [queries_count]@Vector(rows_count, f32) {
    const sums = partialSums(queries_count, rows_count, ahead_kind, 1, d, queries, rows, ahead);
    var totals: [queries_count]@Vector(rows_count, f32) = undefined;
    inline for (0..queries_count) |q| totals[q] = folded(rows_count, sums[q * rows_count ..][0..rows_count].*);
    return totals;
}

/// Returns what `folded` makes a dot product of, for each query and row. `steps` vectors of each are
/// taken at once while there are as many.
pub inline fn partialSums(
    comptime queries_count: usize,
    comptime rows_count: usize,
    comptime ahead_kind: std.meta.Tag(Ahead),
    comptime steps: usize,
    d: usize,
    queries: [queries_count]Pointer,
    rows: [rows_count]Pointer,
    ahead: Ahead,
) [queries_count * rows_count]Vector {
    if (d < lanes) return shortSums(queries_count, rows_count, d, &queries, &rows);
    var sums: [queries_count * rows_count]Vector = @splat(@splat(0));
    var i: usize = 0;
    if (steps > 1) {
        while (i + steps * lanes <= d) : (i += steps * lanes) {
            inline for (0..steps) |step| {
                addStep(queries_count, rows_count, ahead_kind, i + step * lanes, queries, rows, ahead, &sums);
            }
        }
    }
    while (i + lanes <= d) : (i += lanes) {
        addStep(queries_count, rows_count, ahead_kind, i, queries, rows, ahead, &sums);
    }
    if (i < d) {
        var x: [queries_count]Vector = undefined;
        var y: [rows_count]Vector = undefined;
        inline for (0..queries_count) |q| x[q] = rest(queries[q], i, d);
        inline for (0..rows_count) |r| y[r] = rest(rows[r], i, d);
        addProducts(queries_count, rows_count, &sums, x, y);
    }
    return sums;
}

inline fn addStep(
    comptime queries_count: usize,
    comptime rows_count: usize,
    comptime ahead_kind: std.meta.Tag(Ahead),
    i: usize,
    queries: [queries_count]Pointer,
    rows: [rows_count]Pointer,
    ahead: Ahead,
    sums: *[queries_count * rows_count]Vector,
) void {
    inline for (0..rows_count) |r| {
        switch (ahead_kind) {
            .nothing => {},
            .run => fetch(ahead.run +% i * @sizeOf(f32) * rows_count +% r * @sizeOf(Vector)),
            .rows => fetch(ahead.rows[r] +% i * @sizeOf(f32)),
        }
    }
    const x = atEach(queries_count, queries, i);
    addProducts(queries_count, rows_count, sums, x, atEach(rows_count, rows, i));
}

inline fn atEach(comptime count: usize, starts: [count]Pointer, i: usize) [count]Vector {
    var values: [count]Vector = undefined;
    inline for (0..count) |n| values[n] = starts[n][i..][0..lanes].*;
    return values;
}

inline fn addProducts(
    comptime queries_count: usize,
    comptime rows_count: usize,
    sums: *[queries_count * rows_count]Vector,
    x: [queries_count]Vector,
    y: [rows_count]Vector,
) void {
    inline for (0..queries_count) |q| {
        inline for (0..rows_count) |r| {
            const sum = &sums[q * rows_count + r];
            sum.* = addProduct(Vector, x[q], y[r], sum.*);
        }
    }
}

/// The same of vectors shorter than `lanes`, out of line: most are longer.
noinline fn shortSums(
    comptime queries_count: usize,
    comptime rows_count: usize,
    d: usize,
    queries: *const [queries_count]Pointer,
    rows: *const [rows_count]Pointer,
) [queries_count * rows_count]Vector {
    var x: [queries_count]Vector = undefined;
    var y: [rows_count]Vector = undefined;
    for (&x, queries) |*vector, start| vector.* = shortVector(start, d);
    for (&y, rows) |*vector, start| vector.* = shortVector(start, d);
    var sums: [queries_count * rows_count]Vector = @splat(@splat(0));
    addProducts(queries_count, rows_count, &sums, x, y);
    return sums;
}

inline fn shortVector(start: Pointer, d: usize) Vector {
    var values: [lanes]f32 = @splat(0);
    for (0..d) |i| values[i] = start[i];
    return values;
}

/// The elements from `done` on, fewer than `lanes`, as the end of a vector of zeros.
inline fn rest(start: Pointer, done: usize, d: usize) Vector {
    const places: @Vector(lanes, u32) = std.simd.iota(u32, lanes);
    const counted: @Vector(lanes, u32) = @splat(@intCast(lanes - (d - done)));
    const last: Vector = start[d - lanes ..][0..lanes].*;
    return @select(f32, places >= counted, last, @as(Vector, @splat(0)));
}

/// A hint: an address past the end of the rows does no harm.
inline fn fetch(address: usize) void {
    @prefetch(@as(*allowzero const u8, @ptrFromInt(address)), .{ .rw = .read, .locality = 3 });
}

/// `@mulAdd` is a call into libm where the machine has no such instruction.
pub inline fn addProduct(comptime T: type, x: T, y: T, sum: T) T {
    return if (has_fma) @mulAdd(T, x, y, sum) else x * y + sum;
}

/// Folds each vector in halves.
pub inline fn folded(comptime count: usize, sums: [count]Vector) @Vector(count, f32) {
    if (count == 4) return foldFour(sums);
    var totals: @Vector(count, f32) = undefined;
    inline for (0..count) |n| totals[n] = fold(lanes, sums[n]);
    return totals;
}

pub inline fn fold(comptime width: usize, values: @Vector(width, f32)) f32 {
    if (width == 1) return values[0];
    return fold(width / 2, halved(width, values));
}

inline fn halved(comptime width: usize, values: @Vector(width, f32)) @Vector(width / 2, f32) {
    return half(width, 0, values) + half(width, width / 2, values);
}

/// A shuffle: through an array the compiler took each lane apart.
inline fn half(comptime width: usize, comptime first: i32, values: @Vector(width, f32)) @Vector(width / 2, f32) {
    comptime var places: [width / 2]i32 = undefined;
    inline for (&places, 0..) |*place, i| place.* = first + i;
    return @shuffle(f32, values, undefined, places);
}

/// Folds four vectors as `fold` does each; the last two steps are shared.
pub inline fn foldFour(sums: [4]Vector) @Vector(4, f32) {
    var quarters: [4]@Vector(4, f32) = undefined;
    inline for (0..4) |n| quarters[n] = halved(8, halved(16, sums[n]));
    const two = foldPair(quarters[0], quarters[1]);
    const more = foldPair(quarters[2], quarters[3]);
    return @shuffle(f32, two, more, [4]i32{ 0, 1, ~@as(i32, 0), ~@as(i32, 1) }) +
        @shuffle(f32, two, more, [4]i32{ 2, 3, ~@as(i32, 2), ~@as(i32, 3) });
}

inline fn foldPair(a: @Vector(4, f32), b: @Vector(4, f32)) @Vector(4, f32) {
    return @shuffle(f32, a, b, [4]i32{ 0, ~@as(i32, 0), 1, ~@as(i32, 1) }) +
        @shuffle(f32, a, b, [4]i32{ 2, ~@as(i32, 2), 3, ~@as(i32, 3) });
}

/// What `tile` means: the same order of sums, one number at a time.
fn dotScalar(query: []const f32, row: Pointer) f32 {
    const d = query.len;
    var sums: [lanes]f32 = @splat(0);
    const whole = d / lanes * lanes;
    for (0..whole) |i| sums[i % lanes] = addProduct(f32, query[i], row[i], sums[i % lanes]);
    const first_lane = if (d < lanes) 0 else lanes - (d - whole);
    for (whole..d) |i| {
        const sum = &sums[first_lane + i - whole];
        sum.* = addProduct(f32, query[i], row[i], sum.*);
    }
    var count: usize = lanes / 2;
    while (count > 0) : (count /= 2) {
        for (0..count) |i| sums[i] += sums[count + i];
    }
    return sums[0];
}

test "tiles of every shape sum as scalars do" {
    var prng: std.Random.DefaultPrng = .init(1);
    const random = prng.random();
    var row_storage: [4 * (4 * lanes + 1)]f32 = undefined;
    var query_storage: [4 * (4 * lanes + 1)]f32 = undefined;
    for (&row_storage) |*x| x.* = random.floatNorm(f32);
    for (&query_storage) |*x| x.* = random.floatNorm(f32);
    for (1..4 * lanes + 2) |d| {
        @setEvalBranchQuota(10_000);
        inline for (.{ .{ 1, 4 }, .{ 4, 4 }, .{ 2, 2 }, .{ 1, 2 }, .{ 1, 1 } }) |shape| {
            var queries: [shape[0]]Pointer = undefined;
            var rows: [shape[1]]Pointer = undefined;
            for (&queries, 0..) |*query, n| query.* = query_storage[n * d ..].ptr;
            for (&rows, 0..) |*row, n| row.* = row_storage[n * d ..].ptr;
            const own = tile(shape[0], shape[1], .nothing, d, queries, rows, .nothing);
            for (queries, 0..) |query, q| {
                const totals: [shape[1]]f32 = own[q];
                for (rows, totals) |row, total| {
                    try std.testing.expectEqual(dotScalar(query[0..d], row), total);
                }
            }
        }
    }
}
