//! The boundary of records: values of a few rows from many columns.

const records = @import("../records.zig");
const status = @import("../status.zig");

/// A column in pages of 2^shift values of 1, 2, 4 or 8 bytes, and where they go: as `Column` of records.zig.
pub const GatheredColumn = extern struct {
    pages: ?[*]const ?[*]const u8,
    reach: usize,
    item_bytes: usize,
    offset: usize,
    stride: usize,
};

/// The arguments of `engram_gather_records` in one block.
pub const GatherCall = extern struct {
    columns: ?[*]const GatheredColumn,
    columns_count: usize,
    shift: u32,
    rows: ?[*]const u32,
    rows_count: usize,
    out: ?[*]u8,
};

/// Writes of each row its value in every column, 0 where a column does not reach. Each column has as many pages
/// as its reach takes.
export fn engram_gather_records(call: ?*const GatherCall) i32 {
    const it = call orelse return status.invalid_argument;
    if (it.rows_count == 0 or it.columns_count == 0) return status.ok;
    if (it.shift > 31) return status.invalid_argument;
    const given: [*]const records.Column = @ptrCast(it.columns orelse return status.invalid_argument);
    const columns = given[0..it.columns_count];
    for (columns) |column| if (!records.isSound(column)) return status.invalid_argument;
    const rows = it.rows orelse return status.invalid_argument;
    records.gather(columns, @intCast(it.shift), rows[0..it.rows_count], it.out orelse return status.invalid_argument);
    return status.ok;
}
