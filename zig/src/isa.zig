//! Which instruction level runs: what the machine has and the operating system saves, or what was
//! selected. One word of process-wide state; the levels' kernels are linked in as objects.

const builtin = @import("builtin");
const Kernels = @import("kernels.zig").Kernels;

/// The numbers are part of the ABI (`isa_*` in abi.zig).
pub const Level = enum(u32) { baseline = 0, avx2 = 1, avx512 = 2, neon = 3 };

const undetected: u32 = 0xffff_ffff;
var level_in_use: u32 = undetected;
var is_selected: bool = false;

/// From here on scans wait for memory and 256-bit vectors were 8 to 20 % faster than 512-bit ones.
/// Both levels sum in one order, so a row's score does not depend on the choice.
const narrow_bytes_min = 1 << 20;

pub fn current() Level {
    const stored = @atomicLoad(u32, &level_in_use, .monotonic);
    if (stored != undetected) return @enumFromInt(stored);
    const best = detect();
    @atomicStore(u32, &level_in_use, @intFromEnum(best), .monotonic);
    return best;
}

pub fn select(level: Level) bool {
    if (!isSupported(level)) return false;
    @atomicStore(bool, &is_selected, true, .monotonic);
    @atomicStore(u32, &level_in_use, @intFromEnum(level), .monotonic);
    return true;
}

/// Goes back to the best level the machine has.
pub fn selectBest() void {
    @atomicStore(bool, &is_selected, false, .monotonic);
    @atomicStore(u32, &level_in_use, undetected, .monotonic);
}

pub inline fn kernels() *const Kernels {
    const level = current();
    switch (builtin.cpu.arch) {
        .x86_64 => return switch (level) {
            .avx512 => linked("avx512"),
            .avx2 => linked("avx2"),
            else => linked("baseline"),
        },
        .aarch64 => return linked("neon"),
        else => @compileError("no kernels for this architecture"),
    }
}

/// The level for a scan of that many bytes; a level that was selected is kept.
pub inline fn kernelsForScan(bytes: usize) *const Kernels {
    if (builtin.cpu.arch == .x86_64 and bytes > narrow_bytes_min and current() == .avx512) {
        if (!@atomicLoad(bool, &is_selected, .monotonic)) return linked("avx2");
    }
    return kernels();
}

inline fn linked(comptime name: []const u8) *const Kernels {
    return @extern(*const Kernels, .{ .name = "engram_kernels_" ++ name, .visibility = .hidden });
}

pub fn isSupported(level: Level) bool {
    if (builtin.cpu.arch == .aarch64) return level == .neon;
    return switch (level) {
        .neon => false,
        .baseline => true,
        .avx2, .avx512 => @intFromEnum(level) <= @intFromEnum(detect()),
    };
}

fn detect() Level {
    return if (builtin.cpu.arch == .aarch64) .neon else detectX86();
}

const Leaf = struct { eax: u32, ebx: u32, ecx: u32, edx: u32 };

/// Intel SDM vol. 2A, CPUID: leaf 1 ECX, leaf 7 EBX and ECX; vol. 1, 13.3: XCR0.
fn detectX86() Level {
    if (cpuid(0, 0).eax < 7) return .baseline;
    const basic = cpuid(1, 0);
    const osxsave = bit(27);
    const fma_avx_f16c_movbe = bit(12) | bit(28) | bit(29) | bit(22);
    if (!hasAll(basic.ecx, osxsave | fma_avx_f16c_movbe)) return .baseline;
    const saved = xcr0();
    const extended = cpuid(7, 0);
    const xmm_ymm = bit(1) | bit(2);
    const bmi1_avx2_bmi2 = bit(3) | bit(5) | bit(8);
    const lzcnt = cpuid(0x8000_0001, 0).ecx & bit(5) != 0;
    if (!hasAll(saved, xmm_ymm) or !hasAll(extended.ebx, bmi1_avx2_bmi2) or !lzcnt) return .baseline;
    const opmask_zmm = bit(5) | bit(6) | bit(7);
    const f_dq_cd_bw_vl = bit(16) | bit(17) | bit(28) | bit(30) | bit(31);
    const vnni = bit(11);
    if (!hasAll(saved, opmask_zmm) or !hasAll(extended.ebx, f_dq_cd_bw_vl)) return .avx2;
    return if (hasAll(extended.ecx, vnni)) .avx512 else .avx2;
}

inline fn bit(comptime position: u5) u32 {
    return @as(u32, 1) << position;
}

inline fn hasAll(value: u32, bits: u32) bool {
    return value & bits == bits;
}

fn cpuid(leaf: u32, subleaf: u32) Leaf {
    var eax: u32 = undefined;
    var ebx: u32 = undefined;
    var ecx: u32 = undefined;
    var edx: u32 = undefined;
    asm volatile ("cpuid"
        : [_] "={eax}" (eax),
          [_] "={ebx}" (ebx),
          [_] "={ecx}" (ecx),
          [_] "={edx}" (edx),
        : [_] "{eax}" (leaf),
          [_] "{ecx}" (subleaf),
    );
    return .{ .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx };
}

fn xcr0() u32 {
    return asm volatile (
        \\ xorl %%ecx, %%ecx
        \\ xgetbv
        : [_] "={eax}" (-> u32),
        :
        : .{ .edx = true, .ecx = true });
}
