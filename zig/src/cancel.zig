//! The caller's wish to stop: a word of the caller's that another thread may set while a kernel runs.

/// Null when the call cannot be cancelled.
pub const Flag = ?[*]const u32;

/// Kernels poll once per this many bytes read: some 100 us of a scan from DRAM.
pub const poll_bytes = 1 << 20;

/// Whether the caller no longer wants the answer.
pub inline fn isSet(flag: Flag) bool {
    return if (flag) |word| @atomicLoad(u32, &word[0], .monotonic) != 0 else false;
}

/// Rows of so many bytes between two polls, in whole words of a bitmap.
pub inline fn rowsBetweenPolls(row_bytes: usize) usize {
    return (@max(poll_bytes / row_bytes, 1) + 63) / 64 * 64;
}
