//! The header of a numpy array, read in place: type, length and address without a call back.
//!
//! Its layout is numpy's C API (`PyArrayObject_fields` in numpy/ndarraytypes.h), which every compiled
//! extension reads by fixed offsets; `learn` is called only where Python's own object header is the
//! usual one of two words. What is not exactly as expected is left to the checks in Python.

/// The fields up to the flags.
pub const Array = extern struct {
    references: usize,
    kind: usize,
    data: [*]u8,
    axes_count: c_int,
    lengths: [*]const isize,
    strides: [*]const isize,
    base: usize,
    element: usize,
    flags: c_int,
};

const contiguous_aligned = 0x0001 | 0x0100;
const writeable = 0x0400;

var array_kind: usize = 0;
var float32: usize = 0;
var int64: usize = 0;

/// Takes the identities of Python's objects for `ndarray`, `float32` and `int64`.
pub fn learn(kind: usize, float32_element: usize, int64_element: usize) void {
    @atomicStore(usize, &float32, float32_element, .monotonic);
    @atomicStore(usize, &int64, int64_element, .monotonic);
    @atomicStore(usize, &array_kind, kind, .release);
}

/// The values of a plain column, null for anything else.
pub inline fn column(comptime T: type, object: ?*const Array) ?[]const T {
    return values(T, object, contiguous_aligned);
}

/// The same to write to.
pub inline fn target(comptime T: type, object: ?*const Array) ?[]T {
    return values(T, object, contiguous_aligned | writeable);
}

inline fn values(comptime T: type, object: ?*const Array, flags: c_int) ?[]T {
    const array = object orelse return null;
    const kind = @atomicLoad(usize, &array_kind, .acquire);
    if (kind == 0 or array.kind != kind) return null; // first: another object may end here
    const element = @atomicLoad(usize, if (T == f32) &float32 else &int64, .monotonic);
    if (array.element != element or array.axes_count != 1 or array.flags & flags != flags) return null;
    const data: [*]T = @ptrCast(@alignCast(array.data));
    return data[0..@intCast(array.lengths[0])];
}
