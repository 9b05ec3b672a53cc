//! Writes to files and makes that durable, one job after another, on the thread that serves them.
//!
//! A job is told by one count of the eventfd `wake`, its end by one of `done`. Between the two the
//! thread needs nothing of whoever gave the job, so an interpreter's lock is not waited for.
//!
//! Rule 1: once `done` is told nothing of the job is touched any more, nor any of its files.
//! Rule 2: short writes go on; what failed is told as the system named it and nothing more is tried.

const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;

pub const is_supported = builtin.os.tag == .linux;

/// IOV_MAX of Linux.
const buffers_per_call_max = 1024;
const rwf_dsync = 2;

/// One buffer: the `iovec` of the system.
pub const Buffer = extern struct { start: [*]const u8, len: usize };

/// What to write, and how to make it durable: by a flag of the write, or by a sync after it.
pub const Job = struct {
    buffers: []const Buffer,
    offset: u64,
    file: i32,
    is_dsync: bool,
};

/// Returns 0, or the number of the system's error.
pub fn write(job: Job) u32 {
    var left = job.buffers;
    var offset = job.offset;
    const flags: usize = if (job.is_dsync) rwf_dsync else 0;
    while (left.len > 0) {
        const count = @min(left.len, buffers_per_call_max);
        var written = switch (some(job.file, left[0..count], offset, flags)) {
            .written => |bytes| bytes,
            .failed => |errno| return errno,
        };
        offset += written;
        while (left.len > 0 and written >= left[0].len) {
            written -= left[0].len;
            left = left[1..];
        }
        if (written == 0) continue;
        var rest = Buffer{ .start = left[0].start + written, .len = left[0].len - written };
        while (rest.len > 0) {
            const more = switch (some(job.file, @as(*const [1]Buffer, &rest), offset, flags)) {
                .written => |bytes| bytes,
                .failed => |errno| return errno,
            };
            offset += more;
            rest = .{ .start = rest.start + more, .len = rest.len - more };
        }
        left = left[1..];
    }
    return if (job.is_dsync) 0 else sync(job.file);
}

/// As `write` with a sync, past the system's cache: `file` is open for that, and all goes out of
/// `staging`, which begins where a page does. Offset and length are whole pages.
pub fn writePast(job: Job, staging: []u8) u32 {
    var offset = job.offset;
    var filled: usize = 0;
    for (job.buffers) |buffer| {
        var left = buffer.start[0..buffer.len];
        while (left.len > 0) {
            const taken = @min(left.len, staging.len - filled);
            @memcpy(staging[filled..][0..taken], left[0..taken]);
            left = left[taken..];
            filled += taken;
            if (filled < staging.len) continue;
            const failure = whole(job.file, staging, offset);
            if (failure != 0) return failure;
            offset += filled;
            filled = 0;
        }
    }
    const failure = if (filled > 0) whole(job.file, staging[0..filled], offset) else 0;
    return if (failure != 0) failure else sync(job.file);
}

fn whole(file: i32, bytes: []const u8, from: u64) u32 {
    var left = Buffer{ .start = bytes.ptr, .len = bytes.len };
    var offset = from;
    while (left.len > 0) {
        switch (some(file, @as(*const [1]Buffer, &left), offset, 0)) {
            .written => |count| {
                left = .{ .start = left.start + count, .len = left.len - count };
                offset += count;
            },
            .failed => |errno| return errno,
        }
    }
    return 0;
}

fn sync(file: i32) u32 {
    while (true) {
        switch (linux.errno(linux.syscall1(.fdatasync, handle(file)))) {
            .INTR => continue,
            else => |errno| return @intFromEnum(errno),
        }
    }
}

const Some = union(enum) { written: usize, failed: u32 };

fn some(file: i32, buffers: []const Buffer, offset: u64, flags: usize) Some {
    while (true) {
        const result = linux.syscall6(
            .pwritev2,
            handle(file),
            @intFromPtr(buffers.ptr),
            buffers.len,
            @as(usize, @truncate(offset)),
            0,
            flags,
        );
        switch (linux.errno(result)) {
            .SUCCESS => {
                if (result == 0) return .{ .failed = @intFromEnum(linux.E.IO) };
                return .{ .written = result };
            },
            .INTR => continue,
            else => |errno| return .{ .failed = @intFromEnum(errno) },
        }
    }
}

/// Writes a note of few bytes at the start of a file, durable whenever the system sees fit; returns
/// 0 or the number of the system's error.
pub fn note(file: i32, bytes: []const u8) u32 {
    if (bytes.len == 0) return 0;
    const buffer = [1]Buffer{.{ .start = bytes.ptr, .len = bytes.len }};
    return switch (some(file, &buffer, 0, 0)) {
        .written => |written| if (written == bytes.len) 0 else @intFromEnum(linux.E.IO),
        .failed => |errno| errno,
    };
}

/// Waits for a count of an eventfd and takes it (all of them, unless it counts one by one).
pub fn awaitCount(event: i32) bool {
    var count: u64 = 0;
    while (true) {
        const result = linux.syscall3(.read, handle(event), @intFromPtr(&count), @sizeOf(u64));
        switch (linux.errno(result)) {
            .SUCCESS => return true,
            .INTR => continue,
            else => return false,
        }
    }
}

/// Adds one to an eventfd.
pub fn tell(event: i32) void {
    const one: u64 = 1;
    while (linux.errno(linux.syscall3(.write, handle(event), @intFromPtr(&one), @sizeOf(u64))) == .INTR) {}
}

fn handle(file: i32) usize {
    return @bitCast(@as(isize, file));
}
