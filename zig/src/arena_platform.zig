//! What the arenas need of the operating system: memory, a thread's number, word of its end.

const std = @import("std");
const builtin = @import("builtin");

const is_windows = builtin.os.tag == .windows;
const alignment = 64;

extern "c" fn malloc(bytes: usize) ?*anyopaque;
extern "c" fn free(memory: ?*anyopaque) void;
extern "c" fn abort() noreturn;

/// Returns memory at a multiple of 64, or null. Not `aligned_alloc`: Windows has none.
pub fn allocate(bytes: usize) ?[*]align(alignment) u8 {
    const total, const is_over = @addWithOverflow(bytes, alignment);
    if (is_over != 0) return null;
    const memory: [*]u8 = @ptrCast(malloc(total) orelse return null);
    // malloc aligns to 8 at the least, so there is room for its address in front.
    const start = std.mem.alignForward(usize, @intFromPtr(memory) + @sizeOf(usize), alignment);
    const aligned: [*]align(alignment) u8 = @ptrFromInt(start);
    const behind: *usize = @ptrFromInt(start - @sizeOf(usize));
    behind.* = @intFromPtr(memory);
    return aligned;
}

/// Frees what `allocate` returned.
pub fn release(memory: [*]align(alignment) u8) void {
    const behind: *const usize = @ptrFromInt(@intFromPtr(memory) - @sizeOf(usize));
    free(@ptrFromInt(behind.*));
}

const windows = struct {
    extern "kernel32" fn GetCurrentThreadId() callconv(.winapi) u32;
    extern "kernel32" fn FlsAlloc(callback: *const ThreadEnd) callconv(.winapi) u32;
    extern "kernel32" fn FlsFree(index: u32) callconv(.winapi) i32;
    extern "kernel32" fn FlsSetValue(index: u32, value: ?*anyopaque) callconv(.winapi) i32;
    extern "c" fn _write(file: c_int, bytes: [*]const u8, count: c_uint) c_int;
};

const posix = struct {
    const Key = if (builtin.os.tag.isDarwin()) c_ulong else c_uint;
    extern "c" fn pthread_key_create(key: *Key, destructor: *const ThreadEnd) c_int;
    extern "c" fn pthread_key_delete(key: Key) c_int;
    extern "c" fn pthread_setspecific(key: Key, value: ?*anyopaque) c_int;
    extern "c" fn pthread_threadid_np(thread: ?*anyopaque, id: *u64) c_int;
    extern "c" fn write(file: c_int, bytes: [*]const u8, count: usize) isize;
};

pub const thread_end_convention: std.builtin.CallingConvention = if (is_windows) .winapi else .c;
pub const ThreadEnd = fn (?*anyopaque) callconv(thread_end_convention) void;

/// The number Python's `threading.get_native_id` gives; never 0.
pub fn threadId() u64 {
    if (is_windows) return windows.GetCurrentThreadId();
    if (builtin.os.tag == .linux) return @intCast(std.os.linux.gettid());
    var id: u64 = 0;
    _ = posix.pthread_threadid_np(null, &id);
    return id;
}

/// The key of the value that a thread's end hands to the destructor, plus one; 0 before there is one.
var end_key: u64 = 0;

/// Has `call` called with `value` when this thread ends, or with nothing when that is null; false
/// when the system has no key left for it.
pub fn atThreadEnd(value: ?*anyopaque, call: *const ThreadEnd) bool {
    const key = endKey(call) orelse return false;
    if (is_windows) return windows.FlsSetValue(@intCast(key), value) != 0;
    return posix.pthread_setspecific(@intCast(key), value) == 0;
}

fn endKey(call: *const ThreadEnd) ?u64 {
    const known = @atomicLoad(u64, &end_key, .acquire);
    if (known != 0) return known - 1;
    const made = createKey(call) orelse return null;
    const winner = @cmpxchgStrong(u64, &end_key, 0, made + 1, .acq_rel, .acquire) orelse return made;
    if (is_windows) _ = windows.FlsFree(@intCast(made)) else _ = posix.pthread_key_delete(@intCast(made));
    return winner - 1;
}

fn createKey(call: *const ThreadEnd) ?u64 {
    if (is_windows) {
        const index = windows.FlsAlloc(call);
        return if (index == std.math.maxInt(u32)) null else index;
    }
    var key: posix.Key = 0;
    return if (posix.pthread_key_create(&key, call) == 0) key else null;
}

/// Writes to the standard error and ends the process.
pub fn abortWith(text: []const u8) noreturn {
    if (is_windows) {
        _ = windows._write(2, text.ptr, @intCast(text.len));
    } else _ = posix.write(2, text.ptr, text.len);
    abort();
}
