//! The boundary of durable writes: a thread of the caller's serves jobs until it is told to end.

const durable = @import("../durable.zig");
const status = @import("../status.zig");

pub const durable_sync: u32 = 0;
pub const durable_dsync: u32 = 1;
pub const durable_close: u32 = 2;

/// The job at hand. `buffers` are pairs of an address and a length. Once they are durable `mark` goes
/// to the start of `mark_file`, without a sync of its own. `failure` and `mark_failure` are 0 or the
/// number of the system's error once `finished` is 1.
pub const DurableJob = extern struct {
    buffers: ?[*]const durable.Buffer,
    mark: ?[*]const u8,
    buffers_count: usize,
    mark_bytes: usize,
    offset: usize,
    file: i32,
    mark_file: i32,
    method: u32,
    failure: u32,
    mark_failure: u32,
    finished: u32,
};

/// Serves job after job on this thread: waits for a count of `wake`, does what `job` holds, tells
/// `done`. Returns when the method is `durable_close`; `unsupported` where there is no eventfd.
export fn engram_durable_serve(job: ?*DurableJob, wake: i32, done: i32) i32 {
    if (!durable.is_supported) return status.unsupported;
    const given = job orelse return status.invalid_argument;
    while (durable.awaitCount(wake)) {
        if (given.method == durable_close) return status.ok;
        const buffers = given.buffers orelse return status.invalid_argument;
        const mark = given.mark orelse return status.invalid_argument;
        given.failure = durable.write(.{
            .buffers = buffers[0..given.buffers_count],
            .offset = given.offset,
            .file = given.file,
            .is_dsync = given.method == durable_dsync,
        });
        if (given.failure == 0) given.mark_failure = durable.note(given.mark_file, mark[0..given.mark_bytes]);
        @atomicStore(u32, &given.finished, 1, .release);
        durable.tell(done);
    }
    return status.invalid_argument;
}
