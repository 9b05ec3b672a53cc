//! How a call ended. A count is returned as such; these are the failures, and success without a count.

pub const ok: i32 = 0;
pub const invalid_argument: i32 = -1;
pub const out_of_space: i32 = -2;
pub const unsupported: i32 = -3;
pub const cancelled: i32 = -4;
