//! What a safe build does on undefined behaviour: say which, and end the process. The handler of the
//! standard library walks the stack with a debugger's worth of code; a build took minutes' patience.

const std = @import("std");

extern "c" fn write(file: c_int, bytes: [*]const u8, count: usize) isize;
extern "c" fn abort() noreturn;

/// A root file's `pub const panic`. A fast build has no checks and so nothing that calls it.
pub const handler = std.debug.FullPanic(stop);

fn stop(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    for ([_][]const u8{ "engram kernels: ", message, "\n" }) |part| _ = write(2, part.ptr, part.len);
    abort();
}
