//! The boundary of the estimates from sketches.

const arena = @import("../arena.zig");
const Best = @import("../best.zig").Best;
const isa = @import("../isa.zig");
const Kernels = @import("../kernels.zig").Kernels;
const sketches = @import("../sketches.zig");
const status = @import("../status.zig");

/// The sketches of one segment and what the query looks like from its centre.
pub const SketchPart = extern struct {
    query: ?[*]const f32,
    signs: ?[*]const u8,
    magnitudes: ?[*]const u8,
    factors: ?[*]const f32,
    mask: ?[*]const u8,
    rows_count: usize,
    first: u32,
    bias: f32,
    margin: f32,
    reserved: u32,
};

/// Writes the best rows of all parts by their estimates, best first, and returns how many there are.
/// Parts come in ascending order of their rows' numbers. Takes five bytes a bit from the arena.
export fn engram_top_k_sketches(
    parts: ?[*]const SketchPart,
    parts_count: usize,
    bits: usize,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
) i64 {
    if (parts_count == 0) return 0;
    if (capacity == 0 or bits == 0 or bits > sketches.bits_max) return status.invalid_argument;
    if (bits % sketches.word_bits != 0) return status.invalid_argument;
    const given = parts orelse return status.invalid_argument;
    var best: Best = .{
        .scores = out_scores orelse return status.invalid_argument,
        .rows = out_rows orelse return status.invalid_argument,
        .capacity = capacity,
    };
    var scratch = arena.begin();
    defer scratch.end();
    const room = scratch.take(u8, bits + sketches.tablesBytes(bits)) orelse return status.out_of_space;
    const kernels = isa.kernels();
    for (given[0..parts_count]) |*part| {
        if (part.rows_count == 0) continue;
        const scan = scanned(part, bits, room, kernels) orelse return status.invalid_argument;
        const result = kernels.sketches.scan_sketches(&scan, bits, &best, cancel);
        if (result != status.ok) return result;
    }
    best.sort();
    return @intCast(best.len);
}

/// Writes for each row of a part the highest estimate it may come to by its signs, -inf for one that is
/// no candidate. Takes five bytes a bit from the arena.
export fn engram_bound_sketches(
    given: ?*const SketchPart,
    bits: usize,
    out_bounds: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (bits == 0 or bits > sketches.bits_max or bits % sketches.word_bits != 0) return status.invalid_argument;
    const part = given orelse return status.invalid_argument;
    if (part.rows_count == 0) return status.ok;
    const out = out_bounds orelse return status.invalid_argument;
    var scratch = arena.begin();
    defer scratch.end();
    const room = scratch.take(u8, bits + sketches.tablesBytes(bits)) orelse return status.out_of_space;
    const kernels = isa.kernels();
    const scan = scanned(part, bits, room, kernels) orelse return status.invalid_argument;
    return kernels.sketches.bound_sketches(&scan, bits, out, cancel);
}

/// Returns a part with its query in int8 codes, which take the first bytes of `room`; null for a null.
pub fn scanned(part: *const SketchPart, bits: usize, room: []u8, kernels: *const Kernels) ?sketches.Part {
    const codes: [*]i8 = @ptrCast(room.ptr);
    var scale: [1]f32 = undefined;
    _ = kernels.int8.quantize_i8(part.query orelse return null, 1, bits, codes, &scale, null);
    return .{
        .codes = codes,
        .tables = room.ptr + bits,
        .scale = scale[0],
        .bias = part.bias,
        .margin = part.margin,
        .first = part.first,
        .signs = part.signs orelse return null,
        .magnitudes = part.magnitudes orelse return null,
        .factors = part.factors orelse return null,
        .mask = part.mask,
        .rows_count = part.rows_count,
    };
}
