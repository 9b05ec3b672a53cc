//! The C ABI. `build_kernels.py` reads the constants and `export fn`s here and writes the Python
//! bindings from them, so this file is the only declaration of the boundary.
//!
//! Every function checks its arguments, then calls the level in use; none allocates, starts a thread
//! or panics. Callers own all memory. A count is returned as such, a failure as a negative status.

const isa = @import("isa.zig");

/// Raised by one whenever a signature or a meaning here changes; Python refuses any other.
pub const abi_version: u32 = 1;

pub const status_ok: i32 = 0;
pub const status_invalid_argument: i32 = -1;
pub const status_out_of_space: i32 = -2;
pub const status_unsupported: i32 = -3;
pub const status_cancelled: i32 = -4;

pub const isa_baseline: u32 = 0;
pub const isa_avx2: u32 = 1;
pub const isa_avx512: u32 = 2;
pub const isa_neon: u32 = 3;

/// Returns `abi_version`.
export fn engram_abi_version() u32 {
    return abi_version;
}

/// Returns the level in use.
export fn engram_isa_level() u32 {
    return @intFromEnum(isa.current());
}

/// Returns 1 when this machine and library can run the level, else 0.
export fn engram_isa_supported(level: u32) u32 {
    if (level > isa_neon) return 0;
    return @intFromBool(isa.isSupported(@enumFromInt(level)));
}

/// Uses another level in the whole process; `unsupported` when this machine or library lacks it.
export fn engram_select_isa(level: u32) i32 {
    const wanted: isa.Level = switch (level) {
        isa_baseline => .baseline,
        isa_avx2 => .avx2,
        isa_avx512 => .avx512,
        isa_neon => .neon,
        else => return status_invalid_argument,
    };
    return if (isa.select(wanted)) status_ok else status_unsupported;
}

/// Writes the best `capacity` rows, best first, and returns how many there are. `inv_norms` and
/// `mask` may be null; otherwise they hold `rows_count` elements and that many bits.
export fn engram_top_k_f32(
    query: ?[*]const f32,
    dimensions: usize,
    rows: ?[*]const f32,
    rows_count: usize,
    inv_norms: ?[*]const f32,
    mask: ?[*]const u8,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
) i64 {
    if (rows_count == 0) return 0;
    if (rows_count > 0xffff_ffff or dimensions == 0 or capacity == 0) return status_invalid_argument;
    return @intCast(isa.kernelsForScan(rows_count * dimensions * @sizeOf(f32)).top_k_f32(
        query orelse return status_invalid_argument,
        dimensions,
        rows orelse return status_invalid_argument,
        rows_count,
        inv_norms,
        mask,
        out_scores orelse return status_invalid_argument,
        out_rows orelse return status_invalid_argument,
        capacity,
    ));
}

/// Writes one over the norm of each row.
export fn engram_normalize_f32(
    rows: ?[*]const f32,
    rows_count: usize,
    dimensions: usize,
    out_inv_norms: ?[*]f32,
) i32 {
    if (rows_count == 0) return status_ok;
    isa.kernels().normalize_f32(
        rows orelse return status_invalid_argument,
        rows_count,
        dimensions,
        out_inv_norms orelse return status_invalid_argument,
    );
    return status_ok;
}
