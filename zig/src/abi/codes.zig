//! The boundary of the kernels over compressed rows: 16-bit floats, int8 codes and bits.

const arena = @import("../arena.zig");
const bits = @import("../bits.zig");
const int8 = @import("../int8.zig");
const isa = @import("../isa.zig");
const status = @import("../status.zig");

const rows_max = 0xffff_ffff;

/// As `engram_top_k_f32_call`, over rows of IEEE binary16.
export fn engram_top_k_f16(
    query: ?[*]const f32,
    dimensions: usize,
    rows: ?[*]const u16,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
) i64 {
    if (rows_count == 0) return 0;
    if (rows_count > rows_max or dimensions == 0 or capacity == 0) return status.invalid_argument;
    return isa.kernels().half.top_k_f16(
        query orelse return status.invalid_argument,
        dimensions,
        rows orelse return status.invalid_argument,
        rows_count,
        inv_norms,
        mask,
        out_scores orelse return status.invalid_argument,
        out_rows orelse return status.invalid_argument,
        capacity,
        cancel,
    );
}

/// As `engram_top_k_f32_call`, over rows of bfloat16.
export fn engram_top_k_bf16(
    query: ?[*]const f32,
    dimensions: usize,
    rows: ?[*]const u16,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
) i64 {
    if (rows_count == 0) return 0;
    if (rows_count > rows_max or dimensions == 0 or capacity == 0) return status.invalid_argument;
    return isa.kernels().half.top_k_bf16(
        query orelse return status.invalid_argument,
        dimensions,
        rows orelse return status.invalid_argument,
        rows_count,
        inv_norms,
        mask,
        out_scores orelse return status.invalid_argument,
        out_rows orelse return status.invalid_argument,
        capacity,
        cancel,
    );
}

/// Rounds `count` elements to bfloat16.
export fn engram_to_bf16(
    values: ?[*]const f32,
    count: usize,
    out: ?[*]u16,
    cancel: ?[*]const u32,
) i32 {
    if (count == 0) return status.ok;
    return isa.kernels().half.to_bf16(
        values orelse return status.invalid_argument,
        count,
        out orelse return status.invalid_argument,
        cancel,
    );
}

/// Writes `dimensions` codes and one scale for each row.
export fn engram_quantize_i8(
    rows: ?[*]const f32,
    rows_count: usize,
    dimensions: usize,
    out_codes: ?[*]i8,
    out_scales: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (rows_count == 0) return status.ok;
    if (dimensions == 0) return status.invalid_argument;
    return isa.kernels().int8.quantize_i8(
        rows orelse return status.invalid_argument,
        rows_count,
        dimensions,
        out_codes orelse return status.invalid_argument,
        out_scales orelse return status.invalid_argument,
        cancel,
    );
}

/// Writes the best rows of codes, best first, and returns how many there are. Takes `dimensions` bytes
/// from the arena, rounded up to whole chunks.
export fn engram_top_k_i8(
    query: ?[*]const f32,
    dimensions: usize,
    codes: ?[*]const i8,
    rows_count: usize,
    scales: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
) i64 {
    if (rows_count == 0) return 0;
    if (rows_count > rows_max or capacity == 0) return status.invalid_argument;
    if (dimensions == 0 or dimensions > int8.dimensions_max) return status.invalid_argument;
    var scratch = arena.begin();
    defer scratch.end();
    const padded = (dimensions + int8.chunk - 1) / int8.chunk * int8.chunk;
    const query_codes = scratch.take(i8, padded) orelse return status.out_of_space;
    return isa.kernels().int8.top_k_i8(
        query orelse return status.invalid_argument,
        dimensions,
        codes orelse return status.invalid_argument,
        rows_count,
        scales orelse return status.invalid_argument,
        mask,
        query_codes.ptr,
        out_scores orelse return status.invalid_argument,
        out_rows orelse return status.invalid_argument,
        capacity,
        cancel,
    );
}

/// Writes `dimensions` bits for each row, rounded up to whole bytes.
export fn engram_quantize_bits(
    rows: ?[*]const f32,
    rows_count: usize,
    dimensions: usize,
    out_bits: ?[*]u8,
    cancel: ?[*]const u32,
) i32 {
    if (rows_count == 0) return status.ok;
    if (dimensions == 0) return status.invalid_argument;
    return isa.kernels().bits.quantize_bits(
        rows orelse return status.invalid_argument,
        rows_count,
        dimensions,
        out_bits orelse return status.invalid_argument,
        cancel,
    );
}

/// Writes the rows with the smallest Hamming distance, nearest first, and returns how many there are.
export fn engram_bit_top_k(
    query_bits: ?[*]const u8,
    row_bytes: usize,
    codes: ?[*]const u8,
    rows_count: usize,
    mask: ?[*]const u8,
    out_distances: ?[*]u32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
) i64 {
    if (rows_count == 0) return 0;
    if (rows_count > rows_max or capacity == 0) return status.invalid_argument;
    if (row_bytes == 0 or row_bytes > bits.row_bytes_max) return status.invalid_argument;
    return isa.kernels().bits.bit_top_k(
        query_bits orelse return status.invalid_argument,
        row_bytes,
        codes orelse return status.invalid_argument,
        rows_count,
        mask,
        out_distances orelse return status.invalid_argument,
        out_rows orelse return status.invalid_argument,
        capacity,
        cancel,
    );
}

/// Writes the best of `candidates_count` rows, best first, and returns how many there are;
/// `invalid_argument` when a candidate is no row.
export fn engram_rerank_f32(
    query: ?[*]const f32,
    dimensions: usize,
    rows: ?[*]const f32,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    candidates: ?[*]const u32,
    candidates_count: usize,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    cancel: ?[*]const u32,
) i64 {
    if (candidates_count == 0) return 0;
    if (dimensions == 0 or capacity == 0) return status.invalid_argument;
    const numbers = candidates orelse return status.invalid_argument;
    var last: u32 = 0;
    for (numbers[0..candidates_count]) |row| last = @max(last, row);
    if (last >= rows_count) return status.invalid_argument;
    return isa.kernels().rerank.rerank_f32(
        query orelse return status.invalid_argument,
        dimensions,
        rows orelse return status.invalid_argument,
        inv_norms,
        numbers,
        candidates_count,
        out_scores orelse return status.invalid_argument,
        out_rows orelse return status.invalid_argument,
        capacity,
        cancel,
    );
}
