//! The boundary of the forgetting curves: columns of n values in, n values of retrievability out.
//!
//! `out` may be the float32 column itself. Below AVX2 every function here answers `unsupported`:
//! on a machine with AVX-512 numpy, which brings its own vectors, decayed 10,000 values three times
//! as fast as these curves in 128-bit ones.

const array = @import("../array.zig");
const isa = @import("../isa.zig");
const status = @import("../status.zig");

const Array = array.Array;
const Forgetting = @import("../forgetting.zig").Table;

fn kernels() ?*const Forgetting {
    return if (isa.current() == .baseline) null else &isa.kernels().forgetting;
}

/// Says which Python objects are `ndarray`, `float32` and `int64`; before, every array is refused.
export fn engram_learn_arrays(kind: usize, float32: usize, int64: usize) void {
    array.learn(kind, float32, int64);
}

/// Writes e^(elapsed * rate) for numpy arrays; `invalid_argument` unless all are plain columns of
/// float32 of one length.
export fn engram_decay_arrays(
    elapsed: ?*const Array,
    rates: ?*const Array,
    out: ?*const Array,
    cancel: ?[*]const u32,
) i32 {
    const times = array.column(f32, elapsed) orelse return status.invalid_argument;
    const by = array.column(f32, rates) orelse return status.invalid_argument;
    const to = array.target(f32, out) orelse return status.invalid_argument;
    if (times.len != by.len or times.len != to.len) return status.invalid_argument;
    return engram_decay(times.ptr, by.ptr, to.len, to.ptr, cancel);
}

/// Writes 0.9^(elapsed / stability) for numpy arrays, as `engram_decay_arrays`.
export fn engram_retrievability_exponential_arrays(
    elapsed_days: ?*const Array,
    stability_days: ?*const Array,
    out: ?*const Array,
    cancel: ?[*]const u32,
) i32 {
    const times = array.column(f32, elapsed_days) orelse return status.invalid_argument;
    const by = array.column(f32, stability_days) orelse return status.invalid_argument;
    const to = array.target(f32, out) orelse return status.invalid_argument;
    if (times.len != by.len or times.len != to.len) return status.invalid_argument;
    return engram_retrievability_exponential(times.ptr, by.ptr, to.len, to.ptr, cancel);
}

/// Writes the FSRS curve for numpy arrays, as `engram_decay_arrays`.
export fn engram_retrievability_fsrs_arrays(
    now: i64,
    reviewed_at: ?*const Array,
    stability_days: ?*const Array,
    growth_per_ns: f64,
    exponent: f64,
    out: ?*const Array,
    cancel: ?[*]const u32,
) i32 {
    const times = array.column(i64, reviewed_at) orelse return status.invalid_argument;
    const by = array.column(f32, stability_days) orelse return status.invalid_argument;
    const to = array.target(f32, out) orelse return status.invalid_argument;
    if (times.len != by.len or times.len != to.len) return status.invalid_argument;
    const n = to.len;
    return engram_retrievability_fsrs(now, times.ptr, by.ptr, n, growth_per_ns, exponent, to.ptr, cancel);
}

/// Writes e^(elapsed * rate).
export fn engram_decay(
    elapsed: ?[*]const f32,
    rates: ?[*]const f32,
    n: usize,
    out: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (n == 0) return status.ok;
    return (kernels() orelse return status.unsupported).decay(
        elapsed orelse return status.invalid_argument,
        rates orelse return status.invalid_argument,
        n,
        out orelse return status.invalid_argument,
        cancel,
    );
}

/// Writes 0.9^(elapsed / stability).
export fn engram_retrievability_exponential(
    elapsed_days: ?[*]const f32,
    stability_days: ?[*]const f32,
    n: usize,
    out: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (n == 0) return status.ok;
    return (kernels() orelse return status.unsupported).exponential(
        elapsed_days orelse return status.invalid_argument,
        stability_days orelse return status.invalid_argument,
        n,
        out orelse return status.invalid_argument,
        cancel,
    );
}

/// Writes (1 + elapsed)^-beta.
export fn engram_retrievability_power(
    elapsed_hours: ?[*]const f32,
    n: usize,
    beta: f64,
    out: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (n == 0) return status.ok;
    if (!(beta > 0)) return status.invalid_argument;
    return (kernels() orelse return status.unsupported).power(
        elapsed_hours orelse return status.invalid_argument,
        n,
        beta,
        out orelse return status.invalid_argument,
        cancel,
    );
}

/// Writes share e^(-elapsed / fast) + (1 - share) e^(-elapsed / slow).
export fn engram_retrievability_two_component(
    elapsed_hours: ?[*]const f32,
    fast_shares: ?[*]const f32,
    n: usize,
    fast_hours: f64,
    slow_hours: f64,
    out: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (n == 0) return status.ok;
    if (!(fast_hours > 0 and slow_hours > 0)) return status.invalid_argument;
    return (kernels() orelse return status.unsupported).two_component(
        elapsed_hours orelse return status.invalid_argument,
        fast_shares orelse return status.invalid_argument,
        n,
        fast_hours,
        slow_hours,
        out orelse return status.invalid_argument,
        cancel,
    );
}

/// Writes 1.84 / ((log10 m)^1.25 + 1.84), m = max(1, minutes).
export fn engram_retrievability_savings(
    elapsed_minutes: ?[*]const f32,
    n: usize,
    out: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (n == 0) return status.ok;
    return (kernels() orelse return status.unsupported).savings(
        elapsed_minutes orelse return status.invalid_argument,
        n,
        out orelse return status.invalid_argument,
        cancel,
    );
}

/// Writes (1 + growth * max(0, now - reviewed_at) / stability)^-exponent.
export fn engram_retrievability_fsrs(
    now: i64,
    reviewed_at: ?[*]const i64,
    stability_days: ?[*]const f32,
    n: usize,
    growth_per_ns: f64,
    exponent: f64,
    out: ?[*]f32,
    cancel: ?[*]const u32,
) i32 {
    if (n == 0) return status.ok;
    if (!(growth_per_ns > 0 and exponent > 0)) return status.invalid_argument;
    return (kernels() orelse return status.unsupported).fsrs(
        now,
        reviewed_at orelse return status.invalid_argument,
        stability_days orelse return status.invalid_argument,
        n,
        growth_per_ns,
        exponent,
        out orelse return status.invalid_argument,
        cancel,
    );
}
