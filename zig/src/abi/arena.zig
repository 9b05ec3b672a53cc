//! The boundary of the arenas: their size, what happens beyond it, and what was seen.

const arena = @import("../arena.zig");
const status = @import("../status.zig");

pub const arena_overflow_error: u32 = 0;
pub const arena_overflow_fallback: u32 = 1;
pub const arena_overflow_panic: u32 = 2;

/// How many numbers `engram_arena_stats` writes, and how many of them a thread.
pub const arena_stats_count: u32 = 11;
pub const arena_thread_stats_count: u32 = 3;

/// Sets the size of every thread's arena and what happens to what does not fit. Threads at work
/// adopt it at their next call, idle ones give their memory back now.
export fn engram_arena_configure(size_bytes: usize, overflow: u32) i32 {
    if (size_bytes == 0 or size_bytes % arena.alignment != 0) return status.invalid_argument;
    arena.configure(size_bytes, switch (overflow) {
        arena_overflow_error => .fail,
        arena_overflow_fallback => .fallback,
        arena_overflow_panic => .panic,
        else => return status.invalid_argument,
    });
    return status.ok;
}

/// Frees the memory of idle threads now and of those at work when their call has ended.
export fn engram_arena_reset() void {
    arena.reset();
}

/// Starts counts and high-water marks from zero.
export fn engram_arena_reset_metrics() void {
    arena.resetMetrics();
}

/// Frees this thread's arena, as the thread's end does.
export fn engram_arena_deinit_thread() void {
    arena.deinitThread();
}

/// Writes the numbers of `arena.Stats`, and of `arena.ThreadStats` for as many threads as there is
/// room for; returns how many threads there are.
export fn engram_arena_stats(out: ?[*]u64, out_threads: ?[*]u64, capacity: usize) i64 {
    const numbers = out orelse return status.invalid_argument;
    if (out_threads == null and capacity > 0) return status.invalid_argument;
    const threads: [*]arena.ThreadStats = @ptrCast(out_threads orelse numbers);
    const seen = arena.stats(threads[0..capacity]);
    const words: *const [arena_stats_count]u64 = @ptrCast(&seen);
    @memcpy(numbers[0..arena_stats_count], words);
    return @intCast(seen.threads_alive);
}

/// Writes what this thread's last refused take needed, and the size of the arena that refused it
/// (zero when the operating system gave no memory), and forgets it; returns 1 when there was one.
export fn engram_arena_take_refusal(out: ?[*]u64) i32 {
    const numbers = out orelse return status.invalid_argument;
    const refusal = arena.takeRefusal();
    numbers[0] = refusal.needed_bytes;
    numbers[1] = refusal.size_bytes;
    return @intFromBool(refusal.needed_bytes > 0);
}

/// Takes that many bytes of this thread's arena, writes to each page and gives them back: what a
/// kernel that needs them would meet.
export fn engram_arena_probe(bytes: usize) i32 {
    var scratch = arena.begin();
    defer scratch.end();
    const taken = scratch.take(u8, bytes) orelse return status.out_of_space;
    const page_bytes = 4096;
    var at: usize = 0;
    while (at < bytes) : (at += page_bytes) @as(*volatile u8, &taken[at]).* = 0;
    return status.ok;
}
