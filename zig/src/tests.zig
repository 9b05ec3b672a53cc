//! Every file's tests in one program: `python -m ziglang test zig/src/tests.zig -lc`.

test {
    _ = @import("arena.zig");
    _ = @import("best.zig");
    _ = @import("bits.zig");
    _ = @import("candidates.zig");
    _ = @import("dots.zig");
    _ = @import("exponential.zig");
    _ = @import("few.zig");
    _ = @import("fusion.zig");
    _ = @import("half.zig");
    _ = @import("int8.zig");
    _ = @import("lane_sums.zig");
    _ = @import("lanes.zig");
    _ = @import("nearest.zig");
    _ = @import("records.zig");
    _ = @import("rerank.zig");
    _ = @import("sketches.zig");
    _ = @import("trails.zig");
    _ = @import("visit.zig");
    _ = @import("words.zig");
}
