//! The C ABI: this file and abi/*.zig, one kernel family each. `build_kernels.py` reads the constants
//! and `export fn`s in them and writes the Python bindings, so they are the only declaration of the
//! boundary.
//!
//! Every function checks its arguments, then calls the level in use; none starts a thread or
//! panics. Callers own all memory. A count is returned as such, a failure as a negative status.

const isa = @import("isa.zig");
const status = @import("status.zig");

pub const panic = @import("panic.zig").handler;

comptime {
    _ = @import("abi/graph.zig");
    _ = @import("abi/arena.zig");
    _ = @import("abi/durable.zig");
    _ = @import("abi/forgetting.zig");
    _ = @import("abi/fusion.zig");
    _ = @import("abi/similarity.zig");
    _ = @import("abi/codes.zig");
    _ = @import("abi/words.zig");
    _ = @import("abi/sketches.zig");
    _ = @import("abi/nearest.zig");
    _ = @import("abi/records.zig");
}

/// Raised by one whenever a signature or a meaning here changes; Python refuses any other.
pub const abi_version: u32 = 2;

pub const isa_baseline: u32 = 0;
pub const isa_avx2: u32 = 1;
pub const isa_avx512: u32 = 2;
pub const isa_neon: u32 = 3;
/// Selects the best level the machine has.
pub const isa_auto: u32 = 255;

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
    if (level == isa_auto) {
        isa.selectBest();
        return status.ok;
    }
    const wanted: isa.Level = switch (level) {
        isa_baseline => .baseline,
        isa_avx2 => .avx2,
        isa_avx512 => .avx512,
        isa_neon => .neon,
        else => return status.invalid_argument,
    };
    return if (isa.select(wanted)) status.ok else status.unsupported;
}
