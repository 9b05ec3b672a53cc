//! The boundary of durable writes: a thread of the caller's serves jobs until it is told to end.

const std = @import("std");

const durable = @import("../durable.zig");
const status = @import("../status.zig");

pub const durable_sync: u32 = 0;
pub const durable_dsync: u32 = 1;
pub const durable_close: u32 = 2;
/// Past the system's cache, for which `file` is open; offset and length are whole pages.
pub const durable_past: u32 = 3;

/// Bytes that one such write is put together in, and a larger one part by part.
const staging_bytes = 1 << 20;

/// Where `outcome` has the number of the system's error of the write, and of the mark. Linux hands out
/// none above 4,095.
pub const durable_failure_shift: u32 = 8;
pub const durable_mark_failure_shift: u32 = 20;

/// The job at hand. `buffers` are pairs of an address and a length. Once they are durable `mark` goes
/// to the start of `mark_file`, without a sync of its own. `outcome` is 0 until all that has ended,
/// then 1 with the two numbers of errors, 0 for none. One word tells the end and what came of it, so
/// who reads it needs no order among loads.
pub const DurableJob = extern struct {
    buffers: ?[*]const durable.Buffer,
    mark: ?[*]const u8,
    buffers_count: usize,
    mark_bytes: usize,
    offset: usize,
    file: i32,
    mark_file: i32,
    method: u32,
    outcome: u32,
};

/// Serves job after job on this thread: waits for a count of `wake`, does what `job` holds, tells
/// `done`. Returns when the method is `durable_close`; `unsupported` where there is no eventfd.
export fn engram_write_durably(job: ?*DurableJob, wake: i32, done: i32) i32 {
    if (!durable.is_supported) return status.unsupported;
    const given = job orelse return status.invalid_argument;
    var staging: []u8 = &.{};
    defer std.heap.page_allocator.free(staging);
    while (durable.awaitCount(wake)) {
        if (given.method == durable_close) return status.ok;
        const buffers = given.buffers orelse return status.invalid_argument;
        const mark = given.mark orelse return status.invalid_argument;
        const work = durable.Job{
            .buffers = buffers[0..given.buffers_count],
            .offset = given.offset,
            .file = given.file,
            .is_dsync = given.method == durable_dsync,
        };
        const failure = if (given.method == durable_past) past(work, &staging) else durable.write(work);
        const mark_failure = if (failure == 0) durable.note(given.mark_file, mark[0..given.mark_bytes]) else 0;
        const outcome = 1 | failure << durable_failure_shift | mark_failure << durable_mark_failure_shift;
        @atomicStore(u32, &given.outcome, outcome, .release);
        durable.tell(done);
    }
    return status.invalid_argument;
}

/// Writes past the cache; without memory for that it is refused as a medium would refuse it.
fn past(work: durable.Job, staging: *[]u8) u32 {
    if (staging.len == 0) {
        staging.* = std.heap.page_allocator.alloc(u8, staging_bytes) catch
            return @intFromEnum(std.os.linux.E.INVAL);
    }
    return durable.writePast(work, staging.*);
}
