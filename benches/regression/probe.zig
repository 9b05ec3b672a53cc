//! What every exported function of a probed library does first and last; benches/regression/probe.py
//! copies this file beside abi.zig and writes the calls. No part of the library that is shipped.
//!
//! Under callgrind only what runs between `enter` and `leave` is collected: one call of the library,
//! with what it calls, and nothing of ctypes or Python. Elsewhere the requests do nothing. Calls come from one thread.

const builtin = @import("builtin");

/// Loops `enter` burns: how a proof makes every kernel slower by as much as it likes.
var loops_to_burn: usize = 0;

/// An exported function may call another; only the outer one is a call of the library.
var depth: usize = 0;

pub inline fn enter() void {
    if (depth == 0) {
        request(toggle_collect, 0);
        var left = @as(*volatile usize, &loops_to_burn).*;
        while (left != 0) : (left -= 1) asm volatile ("");
    }
    depth += 1;
}

pub inline fn leave() void {
    depth -= 1;
    if (depth == 0) request(toggle_collect, 0);
}

export fn engram_probe_burn(loops: usize) void {
    loops_to_burn = loops;
}

/// Starts instrumenting: what came before ran several times as fast.
export fn engram_probe_start() void {
    request(start_instrumentation, 0);
}

/// Ends instrumenting: what prepares the next operation runs several times as fast.
export fn engram_probe_stop() void {
    request(stop_instrumentation, 0);
}

/// Writes what was collected into a file that names it, and begins again at zero.
export fn engram_probe_dump(name: ?[*:0]const u8) void {
    request(dump_stats_at, @intFromPtr(name));
}

// Numbers of valgrind/callgrind.h; the four rotations and the exchange are valgrind's mark of a
// client request on x86-64 (valgrind.h), and leave every register as it was.
const tool_base = 'C' << 24 | 'T' << 16;
const toggle_collect = tool_base + 2;
const dump_stats_at = tool_base + 3;
const start_instrumentation = tool_base + 4;
const stop_instrumentation = tool_base + 5;

inline fn request(number: usize, argument: usize) void {
    if (builtin.cpu.arch != .x86_64) return;
    const arguments = [6]usize{ number, argument, 0, 0, 0, 0 };
    _ = asm volatile (
        \\ rolq $3, %%rdi
        \\ rolq $13, %%rdi
        \\ rolq $61, %%rdi
        \\ rolq $51, %%rdi
        \\ xchgq %%rbx, %%rbx
        : [_] "={rdx}" (-> usize),
        : [_] "{rax}" (&arguments),
          [_] "{rdx}" (@as(usize, 0)),
        : .{ .memory = true, .cc = true });
}
