//! Scratch memory of the kernels: one bump arena a thread, emptied in O(1) when a call ends.
//!
//!     var scratch = arena.begin();
//!     defer scratch.end();
//!     const sums = scratch.take(f32, n) orelse return status.out_of_space;
//!
//! Rule 1: only abi/*.zig takes; kernels get what was taken as arguments.
//! Rule 2: a take is 64-byte aligned and not zeroed, and is gone after `end`.
//! Rule 3: a take that does not fit is never silent: it is null, comes from the heap and is counted,
//!         or ends the process, as `configure` said.
//! Rule 4: scopes nest like a stack: an inner `end` gives back what was taken since its `begin`.
//!
//! A thread's memory is obtained at its first take and freed when the thread ends. Each thread has a
//! record in a list that only grows; a dead thread's record serves a later thread. The owner alone
//! writes its counters, so counting costs no locked instruction. After a fork the child knows the
//! records of threads it does not have; it only keeps their memory reserved.

const std = @import("std");
const platform = @import("arena_platform.zig");

pub const alignment = 64;

/// What happens to a take that does not fit. The numbers are part of the ABI.
pub const Overflow = enum(u32) { fail = 0, fallback = 1, panic = 2 };

pub const size_default: usize = 1 << 20;

var size_wanted: usize = size_default;
var overflow_wanted: u32 = @intFromEnum(Overflow.fail);
/// Raised whenever threads are to give their memory back at their next `begin`.
var generation: u32 = 0;

var first_record: ?*Record = null;
var created_count: u64 = 0;
var freed_count: u64 = 0;
/// The highest mark of threads that have ended.
var ended_high_water: u64 = 0;

threadlocal var mine: ?*Record = null;
/// The take that failed last on this thread.
threadlocal var refused: Refusal = none;
const none: Refusal = .{ .needed_bytes = 0, .size_bytes = 0 };

/// A take that failed: the bytes its scope would have held, and those the arena has. A size of zero
/// says that the operating system gave no memory.
pub const Refusal = struct { needed_bytes: usize, size_bytes: usize };

/// What a call may take from; made by `begin`, not to be copied.
pub const Scratch = struct {
    record: ?*Record,
    used_bytes: usize,
    spills: ?*Spill,

    /// Returns `count` elements, or null when they do not fit and the policy is to fail.
    pub inline fn take(self: *Scratch, comptime T: type, count: usize) ?[]align(alignment) T {
        comptime std.debug.assert(@alignOf(T) <= alignment);
        const bytes, const is_over = @mulWithOverflow(count, @sizeOf(T));
        const record = self.record orelse {
            refuse(bytes, 0);
            return null;
        };
        const start = record.take(if (is_over == 0) bytes else std.math.maxInt(usize)) orelse return null;
        return @as([*]align(alignment) T, @ptrCast(start))[0..count];
    }

    /// Bytes that certainly fit into the next take.
    pub inline fn room(self: *const Scratch) usize {
        const record = self.record orelse return 0;
        if (record.memory != null) return record.size_bytes - record.used_bytes;
        return @atomicLoad(usize, &size_wanted, .monotonic);
    }

    /// Gives back all that was taken since `begin`.
    pub inline fn end(self: *Scratch) void {
        const record = self.record orelse return;
        if (record.spills != self.spills) record.freeSpills(self.spills);
        record.used_bytes = self.used_bytes;
        record.depth -= 1;
        if (record.depth > 0) return;
        add(&record.resets, 1);
        @atomicStore(u32, &record.is_held, 0, .release);
    }
};

/// Opens a scope on this thread's arena; a size that was configured meanwhile holds from here on.
pub inline fn begin() Scratch {
    const record = mine orelse adopt() orelse return .{ .record = null, .used_bytes = 0, .spills = null };
    if (record.depth == 0) {
        record.hold();
        if (record.generation != @atomicLoad(u32, &generation, .acquire)) record.free();
    }
    record.depth += 1;
    return .{ .record = record, .used_bytes = record.used_bytes, .spills = record.spills };
}

/// A take from the heap; the caller's bytes follow at the next multiple of `alignment`.
const Spill = struct { next: ?*Spill, bytes: usize };

const Record = struct {
    next: ?*Record = null,
    /// The thread it belongs to; 0 when none.
    thread_id: u64 = 0,
    /// 1 while its owner is between `begin` and `end`, or somebody frees its memory.
    is_held: u32 = 0,
    generation: u32 = 0,
    depth: usize = 0,
    memory: ?[*]align(alignment) u8 = null,
    size_bytes: usize = 0,
    used_bytes: usize = 0,
    spilled_bytes: usize = 0,
    spills: ?*Spill = null,
    high_water: u64 = 0,
    // These go on when the record changes hands; `*_base` is what they were at the last reset.
    takes: u64 = 0,
    resets: u64 = 0,
    overflows: u64 = 0,
    fallback_bytes: u64 = 0,
    takes_base: u64 = 0,
    resets_base: u64 = 0,
    overflows_base: u64 = 0,
    fallback_bytes_base: u64 = 0,

    fn hold(self: *Record) void {
        while (@cmpxchgWeak(u32, &self.is_held, 0, 1, .acquire, .monotonic) != null) std.atomic.spinLoopHint();
    }

    inline fn take(self: *Record, bytes: usize) ?[*]align(alignment) u8 {
        const start = self.used_bytes;
        // Nothing at all goes the slow way, too: there may be no memory yet.
        if (bytes -% 1 >= self.size_bytes - start) return self.takeSlowly(bytes);
        // The arena's size is a multiple of the alignment, so this stays within it.
        self.used_bytes = start + std.mem.alignForward(usize, bytes, alignment);
        self.counted(self.used_bytes + self.spilled_bytes);
        return @alignCast(self.memory.? + start);
    }

    inline fn counted(self: *Record, bytes: usize) void {
        add(&self.takes, 1);
        if (bytes > @atomicLoad(u64, &self.high_water, .monotonic)) @atomicStore(u64, &self.high_water, bytes, .monotonic);
    }

    noinline fn takeSlowly(self: *Record, bytes: usize) ?[*]align(alignment) u8 {
        if (bytes == 0) return @ptrFromInt(alignment);
        if (self.memory == null) {
            if (!self.obtain()) {
                refuse(bytes, 0);
                return null;
            }
            if (bytes <= self.size_bytes) return self.take(bytes);
        }
        const held_bytes = self.used_bytes + self.spilled_bytes;
        const needed_bytes = (bytes +| (alignment - 1)) / alignment * alignment +| held_bytes;
        self.counted(needed_bytes);
        add(&self.overflows, 1);
        switch (@as(Overflow, @enumFromInt(@atomicLoad(u32, &overflow_wanted, .monotonic)))) {
            .fail => refuse(needed_bytes, self.size_bytes),
            .fallback => if (self.spill(bytes)) |memory| return memory else refuse(needed_bytes, 0),
            .panic => panic(needed_bytes, self.size_bytes),
        }
        return null;
    }

    fn obtain(self: *Record) bool {
        const size_bytes = @atomicLoad(usize, &size_wanted, .monotonic);
        self.memory = platform.allocate(size_bytes) orelse return false;
        @atomicStore(usize, &self.size_bytes, size_bytes, .monotonic);
        _ = @atomicRmw(u64, &created_count, .Add, 1, .monotonic);
        return true;
    }

    fn spill(self: *Record, bytes: usize) ?[*]align(alignment) u8 {
        const total, const is_over = @addWithOverflow(bytes, alignment);
        if (is_over != 0) return null;
        const memory = platform.allocate(total) orelse return null;
        const header: *Spill = @ptrCast(memory);
        header.* = .{ .next = self.spills, .bytes = bytes };
        self.spills = header;
        self.spilled_bytes += bytes;
        add(&self.fallback_bytes, bytes);
        return @alignCast(memory + alignment);
    }

    noinline fn freeSpills(self: *Record, last: ?*Spill) void {
        while (self.spills != last) {
            const header = self.spills.?;
            self.spills = header.next;
            self.spilled_bytes -= header.bytes;
            platform.release(@ptrCast(@alignCast(header)));
        }
    }

    /// Frees the memory of a record that is held and empty.
    noinline fn free(self: *Record) void {
        self.generation = @atomicLoad(u32, &generation, .acquire);
        const memory = self.memory orelse return;
        self.memory = null;
        @atomicStore(usize, &self.size_bytes, 0, .monotonic);
        platform.release(memory);
        _ = @atomicRmw(u64, &freed_count, .Add, 1, .monotonic);
    }
};

comptime {
    std.debug.assert(@sizeOf(Spill) <= alignment);
}

inline fn add(counter: *u64, more: u64) void {
    @atomicStore(u64, counter, counter.* +% more, .monotonic); // its owner alone writes it
}

fn refuse(needed_bytes: usize, size_bytes: usize) void {
    refused = .{ .needed_bytes = needed_bytes, .size_bytes = size_bytes };
}

/// Returns the take that failed last on this thread, and forgets it; all zeros when there is none.
pub fn takeRefusal() Refusal {
    defer refused = none;
    return refused;
}

/// The size to set: the next power of two, since a call may take more after the take that failed.
fn sizeToSet(needed_bytes: usize) usize {
    return std.math.ceilPowerOfTwo(usize, needed_bytes) catch std.math.maxInt(usize);
}

noinline fn panic(needed_bytes: usize, size_bytes: usize) noreturn {
    var line: [256]u8 = undefined;
    const text = std.fmt.bufPrint(
        &line,
        "engram: a kernel needs {d} bytes of scratch memory but its thread's arena has {d}; " ++
            "set ENGRAM_ARENA_SIZE={d} or ENGRAM_ARENA_OVERFLOW=fallback\n",
        .{ needed_bytes, size_bytes, sizeToSet(needed_bytes) },
    ) catch "engram: a kernel needs more scratch memory than its thread's arena has\n";
    platform.abortWith(text);
}

/// Gives this thread a record: one that a dead thread left, or a new one.
noinline fn adopt() ?*Record {
    const thread_id = platform.threadId();
    const record = claim(thread_id) orelse enlist(thread_id) orelse return null;
    if (!platform.atThreadEnd(record, release)) {
        leave(record);
        return null;
    }
    mine = record;
    return record;
}

fn claim(thread_id: u64) ?*Record {
    var next = @atomicLoad(?*Record, &first_record, .acquire);
    while (next) |record| : (next = record.next) {
        if (@cmpxchgStrong(u64, &record.thread_id, 0, thread_id, .acquire, .monotonic) == null) return record;
    }
    return null;
}

fn enlist(thread_id: u64) ?*Record {
    const memory = platform.allocate(@sizeOf(Record)) orelse return null;
    const record: *Record = @ptrCast(memory);
    record.* = .{ .thread_id = thread_id, .generation = @atomicLoad(u32, &generation, .acquire) };
    var head = @atomicLoad(?*Record, &first_record, .monotonic);
    while (true) {
        record.next = head;
        head = @cmpxchgWeak(?*Record, &first_record, head, record, .release, .monotonic) orelse return record;
    }
}

/// Frees the arena of a thread that ends.
fn release(value: ?*anyopaque) callconv(platform.thread_end_convention) void {
    const record: *Record = @ptrCast(@alignCast(value orelse return));
    record.hold();
    record.free();
    @atomicStore(u32, &record.is_held, 0, .release);
    mine = null;
    leave(record);
}

fn leave(record: *Record) void {
    _ = @atomicRmw(u64, &ended_high_water, .Max, record.high_water, .monotonic);
    @atomicStore(u64, &record.high_water, 0, .monotonic);
    @atomicStore(u64, &record.thread_id, 0, .release);
}

/// Sets the size of every arena, a multiple of `alignment`, and what happens to a take that does not
/// fit. An idle thread gives its memory back at once, one at work at its next `begin`.
pub fn configure(size_bytes: usize, overflow: Overflow) void {
    @atomicStore(u32, &overflow_wanted, @intFromEnum(overflow), .monotonic);
    if (@atomicRmw(usize, &size_wanted, .Xchg, size_bytes, .monotonic) != size_bytes) reset();
}

/// Frees the memory of idle threads now and of those at work at their next `begin`.
pub fn reset() void {
    _ = @atomicRmw(u32, &generation, .Add, 1, .acq_rel);
    var next = @atomicLoad(?*Record, &first_record, .acquire);
    while (next) |record| : (next = record.next) {
        if (@cmpxchgStrong(u32, &record.is_held, 0, 1, .acquire, .monotonic) != null) continue;
        record.free();
        @atomicStore(u32, &record.is_held, 0, .release);
    }
}

/// Frees the arena of this thread and forgets the thread.
pub fn deinitThread() void {
    const record = mine orelse return;
    if (record.depth > 0) return;
    _ = platform.atThreadEnd(null, release);
    release(record);
}

pub const Stats = extern struct {
    size_bytes: u64,
    overflow: u64,
    threads_alive: u64,
    arenas_created: u64,
    arenas_freed: u64,
    reserved_bytes: u64,
    high_water_bytes: u64,
    takes: u64,
    resets: u64,
    overflows: u64,
    fallback_bytes: u64,
};

pub const ThreadStats = extern struct { thread_id: u64, reserved_bytes: u64, high_water_bytes: u64 };

/// Sums up all threads, those that ended included; lists the living ones as far as `threads` goes.
/// Threads go on meanwhile: each number is right, but not all of one instant.
pub fn stats(threads: []ThreadStats) Stats {
    var sum: Stats = .{
        .size_bytes = @atomicLoad(usize, &size_wanted, .monotonic),
        .overflow = @atomicLoad(u32, &overflow_wanted, .monotonic),
        .threads_alive = 0,
        .arenas_created = @atomicLoad(u64, &created_count, .monotonic),
        .arenas_freed = @atomicLoad(u64, &freed_count, .monotonic),
        .reserved_bytes = 0,
        .high_water_bytes = @atomicLoad(u64, &ended_high_water, .monotonic),
        .takes = 0,
        .resets = 0,
        .overflows = 0,
        .fallback_bytes = 0,
    };
    var next = @atomicLoad(?*Record, &first_record, .acquire);
    while (next) |record| : (next = record.next) {
        inline for (.{ "takes", "resets", "overflows", "fallback_bytes" }) |name| {
            @field(sum, name) += @atomicLoad(u64, &@field(record, name), .monotonic) -%
                @atomicLoad(u64, &@field(record, name ++ "_base"), .monotonic);
        }
        const thread: ThreadStats = .{
            .thread_id = @atomicLoad(u64, &record.thread_id, .acquire),
            .reserved_bytes = @atomicLoad(usize, &record.size_bytes, .monotonic),
            .high_water_bytes = @atomicLoad(u64, &record.high_water, .monotonic),
        };
        if (thread.thread_id == 0) continue;
        if (sum.threads_alive < threads.len) threads[sum.threads_alive] = thread;
        sum.threads_alive += 1;
        sum.reserved_bytes += thread.reserved_bytes;
        sum.high_water_bytes = @max(sum.high_water_bytes, thread.high_water_bytes);
    }
    return sum;
}

/// Counts and marks start from zero again; arenas and the counts of arenas stay.
pub fn resetMetrics() void {
    @atomicStore(u64, &ended_high_water, 0, .monotonic);
    var next = @atomicLoad(?*Record, &first_record, .acquire);
    while (next) |record| : (next = record.next) {
        inline for (.{ "takes", "resets", "overflows", "fallback_bytes" }) |name| {
            const now = @atomicLoad(u64, &@field(record, name), .monotonic);
            @atomicStore(u64, &@field(record, name ++ "_base"), now, .monotonic);
        }
        @atomicStore(u64, &record.high_water, 0, .monotonic);
    }
}

test "takes are aligned, fit exactly, and nest" {
    configure(4096, .fail);
    defer deinitThread();
    var scratch = begin();
    try std.testing.expectEqual(@as(usize, 0), scratch.take(u64, 0).?.len);
    const all = scratch.take(u8, 4096).?;
    all[4095] = 1;
    try std.testing.expect(scratch.take(u8, 1) == null);
    try std.testing.expectEqual(Refusal{ .needed_bytes = 4160, .size_bytes = 4096 }, takeRefusal());
    scratch.end();
    var outer = begin();
    defer outer.end();
    const first = outer.take(f32, 3).?;
    var inner = begin();
    const second = inner.take(u16, 1).?;
    try std.testing.expectEqual(@intFromPtr(first.ptr) + 64, @intFromPtr(second.ptr));
    inner.end();
    try std.testing.expectEqual(@intFromPtr(second.ptr), @intFromPtr(outer.take(u64, 1).?.ptr));
    try std.testing.expectEqual(@as(usize, 0), outer.take(u64, 0).?.len);
    try std.testing.expect(outer.take(u64, std.math.maxInt(usize) / 2) == null);
}

test "the heap takes what does not fit, and gets it back" {
    configure(4096, .fallback);
    defer deinitThread();
    var scratch = begin();
    const before = stats(&.{}).fallback_bytes;
    const large = scratch.take(u8, 10_000).?;
    @memset(large, 7);
    var inner = begin();
    @memset(inner.take(u8, 5_000).?, 8);
    inner.end();
    @memset(scratch.take(u8, 4096).?, 9);
    try std.testing.expectEqual(@as(u8, 7), large[9_999]);
    try std.testing.expectEqual(@as(usize, 0), @intFromPtr(large.ptr) % alignment);
    scratch.end();
    const after = stats(&.{});
    try std.testing.expectEqual(before + 15_000, after.fallback_bytes);
    try std.testing.expectEqual(@as(usize, 0), mine.?.spilled_bytes);
}

fn work(barrier: *u32) void {
    var scratch = begin();
    @memset(scratch.take(u8, 1000).?, 1);
    scratch.end();
    _ = @atomicRmw(u32, barrier, .Sub, 1, .acq_rel);
    while (@atomicLoad(u32, barrier, .acquire) > 0) std.atomic.spinLoopHint();
}

test "threads that end free their arenas, and later ones take their records" {
    configure(8192, .fail);
    const before = stats(&.{});
    for (0..3) |_| {
        var threads: [8]std.Thread = undefined;
        var barrier: u32 = threads.len;
        for (&threads) |*thread| thread.* = try std.Thread.spawn(.{}, work, .{&barrier});
        for (threads) |thread| thread.join();
    }
    const after = stats(&.{});
    try std.testing.expectEqual(before.threads_alive, after.threads_alive);
    try std.testing.expectEqual(before.arenas_created + 24, after.arenas_created);
    try std.testing.expectEqual(before.arenas_freed + 24, after.arenas_freed);
    var records: usize = 0;
    var next = first_record;
    while (next) |record| : (next = record.next) records += 1;
    try std.testing.expect(records <= 9);
}

test "another size holds from the next scope on, and idle memory is freed at once" {
    configure(4096, .fail);
    defer deinitThread();
    var scratch = begin();
    _ = scratch.take(u8, 64).?;
    configure(8192, .fail);
    try std.testing.expect(scratch.take(u8, 8192) == null);
    scratch.end();
    scratch = begin();
    try std.testing.expectEqual(@as(usize, 8192), scratch.take(u8, 8192).?.len);
    scratch.end();
    reset();
    try std.testing.expectEqual(@as(u64, 0), stats(&.{}).reserved_bytes);
}
