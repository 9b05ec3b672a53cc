//! The boundary of the kernels over graphs of associations.

const std = @import("std");
const arena = @import("../arena.zig");
const associations = @import("../associations.zig");
const isa = @import("../isa.zig");
const status = @import("../status.zig");
const trails = @import("../trails.zig");

/// The arguments of `engram_spread` in one block, which takes ctypes less time than as many words.
pub const SpreadCall = extern struct {
    graph: ?*const associations.Graph,
    parameters: ?*const associations.Parameters,
    fan_scales: ?[*]const f32,
    seeds: ?[*]const u32,
    activations: ?[*]const f32,
    seeds_count: usize,
    scratch: ?*associations.Scratch,
    cancel: ?[*]const u32,
};

/// The arguments of `engram_spread_collect`.
pub const CollectCall = extern struct {
    scratch: ?*const associations.Scratch,
    out_rows: ?[*]u32,
    out_activations: ?[*]f32,
    out_parents: ?[*]i64,
    out_hops: ?[*]u8,
};

/// Spreads activation from the seeds, leaves what was reached in `scratch` and returns how many
/// nodes. `graph`, `parameters` and `scratch` begin with their size in bytes. The caller has checked
/// the graph; a seed out of its range is `invalid_argument`. `cancel` may be null; else the call ends
/// with `cancelled` soon after its word is not zero any more.
export fn engram_spread(call: ?*const SpreadCall) i64 {
    const it = call orelse return status.invalid_argument;
    const graph = it.graph orelse return status.invalid_argument;
    const parameters = it.parameters orelse return status.invalid_argument;
    const scratch = it.scratch orelse return status.invalid_argument;
    if (!isWhole(graph, parameters, scratch)) return status.invalid_argument;
    if (it.seeds_count == 0) {
        scratch.reached_count = 0;
        scratch.edges_touched = 0;
        scratch.is_partial = 0;
        scratch.levels_count = 0;
        return 0;
    }
    const reachable = @min(graph.nodes_count, it.seeds_count +| parameters.edge_budget);
    if (scratch.nodes_count < graph.nodes_count or scratch.capacity < reachable) return status.invalid_argument;
    if (scratch.capacity > associations.capacity_max) return status.invalid_argument;
    return isa.kernels().spread.spread(
        graph,
        parameters,
        it.fan_scales orelse return status.invalid_argument,
        it.seeds orelse return status.invalid_argument,
        it.activations orelse return status.invalid_argument,
        it.seeds_count,
        scratch,
        it.cancel,
    );
}

/// Writes the columns of what the last `engram_spread` with this `scratch` reached.
export fn engram_spread_collect(call: ?*const CollectCall) i32 {
    const it = call orelse return status.invalid_argument;
    const scratch = it.scratch orelse return status.invalid_argument;
    if (scratch.bytes != @sizeOf(associations.Scratch)) return status.invalid_argument;
    if (scratch.reached_count == 0) return status.ok;
    isa.kernels().spread.collect(
        scratch,
        it.out_rows orelse return status.invalid_argument,
        it.out_activations orelse return status.invalid_argument,
        it.out_parents orelse return status.invalid_argument,
        it.out_hops orelse return status.invalid_argument,
    );
    return status.ok;
}

fn isWhole(
    graph: *const associations.Graph,
    parameters: *const associations.Parameters,
    scratch: *const associations.Scratch,
) bool {
    if (graph.bytes != @sizeOf(associations.Graph)) return false;
    if (parameters.bytes != @sizeOf(associations.Parameters)) return false;
    if (scratch.bytes != @sizeOf(associations.Scratch)) return false;
    const has_edges = graph.offsets != null and graph.edges != null;
    const has_fresh = graph.fresh_bits == null or (graph.fresh_sources != null and
        graph.fresh_sources_count > 0 and graph.fresh_offsets != null and graph.fresh_edges != null and
        (graph.kinds == null) == (graph.fresh_kinds == null));
    const has_parameters = parameters.hop_factors != null and parameters.kind_weights != null and
        parameters.depth < scratch.level_ends.len;
    const has_scratch = scratch.slots != null and scratch.records != null and
        scratch.sources != null and scratch.revisited != null;
    return has_edges and has_fresh and has_parameters and has_scratch;
}

/// The arguments of `engram_trails` in one block. `places` is scratch of `places_count` words, a power of
/// two and at least twice `reached_count`; of ways and their edges there is room for all there can be.
pub const TrailsCall = extern struct {
    graph: ?*const associations.Graph,
    rows: ?[*]const u32,
    activations: ?[*]const f32,
    parents: ?[*]const i64,
    reached_count: usize,
    listed: ?[*]const u32,
    listed_count: usize,
    ways_max: usize,
    edges_max: usize,
    places: ?[*]u32,
    places_count: usize,
    out_counts: ?[*]u32,
    out_lengths: ?[*]u32,
    out_nodes: ?[*]u32,
    out_edges: ?[*]i64,
    out_weights: ?[*]f32,
    out_kinds: ?[*]u8,
    out_edges_count: usize,
    out_total: ?[*]i64,
};

/// Writes the ways to the listed places of a spread and how many edges they have in all; returns how many
/// ways. Takes twelve bytes a way and some sixteen a listed place from the arena.
export fn engram_trails(call: ?*const TrailsCall) i64 {
    const it = call orelse return status.invalid_argument;
    const total = it.out_total orelse return status.invalid_argument;
    total[0] = 0;
    if (it.listed_count == 0 or it.reached_count == 0) return 0;
    const graph = it.graph orelse return status.invalid_argument;
    if (graph.bytes != @sizeOf(associations.Graph) or it.ways_max == 0) return status.invalid_argument;
    if (it.reached_count > 0x7fff_ffff or it.listed_count > it.reached_count) return status.invalid_argument;
    if (!std.math.isPowerOfTwo(it.places_count) or it.places_count < 2 * it.reached_count) return status.invalid_argument;
    var scratch = arena.begin();
    defer scratch.end();
    const numbers_count = std.math.ceilPowerOfTwoAssert(usize, 4 * it.listed_count);
    const numbers = scratch.take(u32, numbers_count) orelse return status.out_of_space;
    const ways = it.listed_count *| it.ways_max;
    const last = scratch.take(trails.Last, ways) orelse return status.out_of_space;
    var job: trails.Job = .{
        .graph = graph,
        .rows = it.rows orelse return status.invalid_argument,
        .activations = it.activations orelse return status.invalid_argument,
        .parents = it.parents orelse return status.invalid_argument,
        .reached_count = it.reached_count,
        .listed = it.listed orelse return status.invalid_argument,
        .listed_count = it.listed_count,
        .ways_max = it.ways_max,
        .edges_max = it.edges_max,
        .places = it.places orelse return status.invalid_argument,
        .places_count = it.places_count,
        .numbers = numbers.ptr,
        .numbers_count = numbers_count,
        .last = last.ptr,
        .out_counts = it.out_counts orelse return status.invalid_argument,
        .out_lengths = it.out_lengths orelse return status.invalid_argument,
        .out_nodes = it.out_nodes orelse return status.invalid_argument,
        .out_edges = it.out_edges orelse return status.invalid_argument,
        .out_weights = it.out_weights orelse return status.invalid_argument,
        .out_kinds = it.out_kinds orelse return status.invalid_argument,
        .out_edges_count = it.out_edges_count,
        .edges_count = 0,
    };
    const count = isa.kernels().trails.trails(&job);
    if (count >= 0) total[0] = @intCast(job.edges_count);
    return count;
}
