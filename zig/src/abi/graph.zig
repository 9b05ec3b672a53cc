//! The boundary of the kernels over graphs of associations.

const associations = @import("../associations.zig");
const isa = @import("../isa.zig");
const status = @import("../status.zig");

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
