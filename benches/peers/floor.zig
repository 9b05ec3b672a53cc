//! The floor of a scan: the fastest pure read of the same bytes, to hold a kernel's time against.
//!
//! Compiled once per instruction level, with that level's `-mcpu`; the floor is the best time of all
//! variants at all levels. Every byte goes through a register, and nothing is done with it but an OR
//! that keeps the compiler from leaving the read out.

const builtin = @import("builtin");

/// Bytes one load takes: the widest register of the level.
const width = if (builtin.cpu.arch == .x86_64 and builtin.cpu.has(.x86, .avx512f))
    64
else if (builtin.cpu.arch == .x86_64 and builtin.cpu.has(.x86, .avx2)) 32 else 16;
const Vector = @Vector(width / 4, u32);
const line_bytes = 64;

const Read = *const fn ([*]const u8, usize) u32;

/// Loads in flight, and how many bytes ahead of them a line is asked for (0: left to the hardware).
const variants = [_]Read{
    read(4, 0), read(8, 0), read(16, 0), read(4, 1 << 10), read(8, 1 << 10), read(8, 4 << 10),
};

/// Returns how many variants there are.
export fn floor_variants() usize {
    return variants.len;
}

/// Reads `bytes_count` bytes (up to the last whole 1 KiB) by one variant; the result means nothing.
export fn floor_read(bytes: [*]const u8, bytes_count: usize, variant: usize) u32 {
    return variants[variant](bytes, bytes_count);
}

fn read(comptime loads: usize, comptime ahead_bytes: usize) Read {
    return struct {
        fn all(bytes: [*]const u8, bytes_count: usize) u32 {
            var sums: [loads]Vector = @splat(@splat(0));
            // From a line's start on, so that no load straddles two lines.
            var i: usize = (line_bytes - @intFromPtr(bytes) % line_bytes) % line_bytes;
            while (i + loads * width <= bytes_count) : (i += loads * width) {
                inline for (0..loads) |n| {
                    const start = bytes + i + n * width;
                    if (ahead_bytes > 0 and n * width % line_bytes == 0) {
                        @prefetch(@as(*const u8, @ptrFromInt(@intFromPtr(start) +% ahead_bytes)), .{});
                    }
                    sums[n] |= @as(*align(width) const Vector, @ptrCast(@alignCast(start))).*;
                }
            }
            var total = sums[0];
            inline for (1..loads) |n| total |= sums[n];
            return @reduce(.Or, total);
        }
    }.all;
}
