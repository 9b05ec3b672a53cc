//! One instruction level's kernels. Compiled once a level; the level's name ends the table's symbol.

const builtin = @import("builtin");
const Kernels = @import("kernels.zig").Kernels;

pub const panic = @import("panic.zig").handler;

const name = switch (builtin.cpu.arch) {
    .x86_64 => if (builtin.cpu.has(.x86, .avx512f))
        "avx512"
    else if (builtin.cpu.has(.x86, .avx2)) "avx2" else "baseline",
    .aarch64 => "neon",
    else => "baseline",
};

const kernels: Kernels = .{
    .forgetting = @import("forgetting.zig").table,
    .fusion = @import("fusion.zig").table,
    .similarity = @import("similarity.zig").table,
    .spread = @import("spread.zig").table,
    .half = @import("half.zig").table,
    .int8 = @import("int8.zig").table,
    .bits = @import("bits.zig").table,
    .nearest = @import("nearest.zig").table,
    .rerank = @import("rerank.zig").table,
    .words = @import("words.zig").table,
    .sketches = @import("sketches.zig").table,
    .trails = @import("trails.zig").table,
};

comptime {
    @export(&kernels, .{ .name = "engram_kernels_" ++ name, .visibility = .hidden });
}
