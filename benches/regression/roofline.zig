//! What this machine can do at most: reading as fast as it goes, multiplying and adding as fast as it
//! goes. Built for the CPU at hand by benches/regression/roofline.py; no part of the library.

const lanes = 16;
const Ints = @Vector(lanes, u32);
const Floats = @Vector(lanes, f32);

/// Reads `count` vectors of 64 bytes `rounds` times, eight at once, and returns a digest of them.
export fn roofline_read(from: [*]const Ints, count: usize, rounds: usize) u32 {
    var sums: [8]Ints = @splat(@as(Ints, @splat(0)));
    for (0..rounds) |_| {
        var at: usize = 0;
        while (at + 8 <= count) : (at += 8) {
            inline for (0..8) |lane| sums[lane] |= from[at + lane];
        }
        // Another round reads again, whatever the optimiser knows.
        asm volatile ("" ::: .{ .memory = true });
    }
    var all = sums[0];
    inline for (1..8) |lane| all |= sums[lane];
    return @reduce(.Or, all);
}

/// Carries out `rounds` times 16 vector multiply-adds that do not wait for each other.
export fn roofline_multiply_add(rounds: usize) f32 {
    var sums: [16]Floats = @splat(@as(Floats, @splat(1)));
    var factor: Floats = @splat(0.999);
    asm volatile (""
        : [_] "+m" (factor),
    );
    for (0..rounds) |_| {
        inline for (0..16) |lane| sums[lane] = @mulAdd(Floats, sums[lane], factor, factor);
    }
    var all = sums[0];
    inline for (1..16) |lane| all += sums[lane];
    return @reduce(.Add, all);
}
