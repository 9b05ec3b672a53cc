//! Spreading activation over associations in compressed sparse rows, level by level.
//!
//! What is passed on is first gathered, branch-free, into a short list of contributions that reach
//! the threshold, and then added to the nodes it goes to: so neither loop has a branch that depends
//! on a weight, and the lines the second loop needs are on their way while the first one runs.
//!
//! Each node has one word, the position of its record; a record has four words. A word is believed
//! only if the record it points to was written in this call and names the node (the sparse set of
//! Briggs and Torczon, 1993), so nothing is cleared, neither after a call nor after one that was
//! cancelled, and one scratch serves graphs of any size in turn.

const std = @import("std");
const cancel = @import("cancel.zig");
const status = @import("status.zig");

pub const Edge = extern struct { target: u32, weight: f32 };

/// Edges of some nodes; the layouts here are those of engram/kernels/graph/layout.py.
pub const Graph = extern struct {
    bytes: usize,
    nodes_count: usize,
    edges_count: usize,
    offsets: ?[*]const i64,
    edges: ?[*]const Edge,
    kinds: ?[*]const u8,
    /// Fresh edges: none when `fresh_bits` is null; else a bit a node and the sorted nodes.
    fresh_bits: ?[*]const u8,
    fresh_sources: ?[*]const u32,
    fresh_sources_count: usize,
    fresh_offsets: ?[*]const i64,
    fresh_edges: ?[*]const Edge,
    fresh_kinds: ?[*]const u8,
};

pub const Parameters = extern struct {
    bytes: usize,
    edge_budget: usize,
    hop_factors: ?[*]const f32,
    kind_weights: ?[*]const f32,
    depth: u32,
    threshold: f32,
    cycle_damping: f32,
    kind_weight_max: f32,
    /// Not 0: every kind weighs `kind_weight_max`, and kinds need not be read.
    is_uniform: u32,
};

/// A node that was reached. Until its first level ends, `value` is the strongest contribution of
/// that level; from then on it is the node's activation.
const Record = extern struct { row: u32, sum: f32, value: f32, parent: u32 };

/// A node that passes on, and what it passes on before its fan divides it.
const Source = extern struct { row: u32, passing: f32 };

const Contribution = extern struct { target: u32, amount: f32, edge: u32 };

pub const Scratch = extern struct {
    bytes: usize,
    nodes_count: usize,
    /// Nodes that can be reached; the three arrays hold one more.
    capacity: usize,
    slots: ?[*]u32,
    records: ?[*]Record,
    sources: ?[*]Source,
    revisited: ?[*]u32,
    reached_count: usize,
    edges_touched: usize,
    is_partial: u32,
    levels_count: u32,
    level_ends: [256]u32,
};

/// The parent of a seed.
const no_edge: u32 = 0xffff_ffff;

/// Larger graphs do not stay in a core's second-level cache, and what they need is asked for early.
const near_bytes_max = 1 << 20;

const waiting_max = 256;
const waiting_enough = 96;
const sources_ahead = 8;

/// What a level offers of this family.
pub const Table = extern struct {
    spread: *const @TypeOf(spread),
    collect: *const @TypeOf(collect),
};

pub const table: Table = .{ .spread = spread, .collect = collect };

/// Leaves what was reached in `scratch` and returns how many nodes, or `cancelled`, or
/// `invalid_argument` for a seed out of its range.
fn spread(
    graph: *const Graph,
    parameters: *const Parameters,
    fan_scales: [*]const f32,
    seeds: [*]const u32,
    activations: [*]const f32,
    seeds_count: usize,
    scratch: *Scratch,
    flag: cancel.Flag,
) callconv(.c) i64 {
    var run: Run = .{
        .graph = graph,
        .parameters = parameters,
        .fan_scales = fan_scales,
        .scratch = scratch,
        .slots = scratch.slots.?,
        .records = scratch.records.?,
        .revisited = scratch.revisited.?,
        .edges_left = parameters.edge_budget,
    };
    scratch.is_partial = 0;
    if (!run.plant(seeds[0..seeds_count], activations[0..seeds_count])) return status.invalid_argument;
    const is_far = graph.nodes_count * @sizeOf(u32) + graph.edges_count * @sizeOf(Edge) > near_bytes_max;
    const has_kinds = graph.kinds != null and parameters.is_uniform == 0;
    const done = if (is_far)
        (if (has_kinds) run.levels(true, true, flag) else run.levels(true, false, flag))
    else
        (if (has_kinds) run.levels(false, true, flag) else run.levels(false, false, flag));
    if (!done) return status.cancelled;
    scratch.reached_count = run.reached;
    scratch.edges_touched = parameters.edge_budget - run.edges_left;
    return @intCast(run.reached);
}

/// Copies what `spread` left in `scratch` into columns of `reached_count` elements.
fn collect(
    scratch: *const Scratch,
    out_rows: [*]u32,
    out_activations: [*]f32,
    out_parents: [*]i64,
    out_hops: [*]u8,
) callconv(.c) void {
    const records = scratch.records.?;
    var position: usize = 0;
    for (scratch.level_ends[0..scratch.levels_count], 0..) |end, hops| {
        @memset(out_hops[position..end], @intCast(hops));
        while (position < end) : (position += 1) {
            const record = records[position];
            out_rows[position] = record.row;
            out_activations[position] = record.value;
            out_parents[position] = if (record.parent == no_edge) -1 else record.parent;
        }
    }
}

const Run = struct {
    graph: *const Graph,
    parameters: *const Parameters,
    fan_scales: [*]const f32,
    scratch: *Scratch,
    slots: [*]u32,
    records: [*]Record,
    revisited: [*]u32,
    edges_left: usize,
    reached: usize = 0,
    /// Where the nodes first reached on this level begin.
    level_begin: usize = 0,
    revisited_count: usize = 0,
    waiting_count: usize = 0,
    waiting: [waiting_max]Contribution = undefined,

    /// Level 0: the seeds in their order, of the same node the larger.
    fn plant(self: *Run, seeds: []const u32, activations: []const f32) bool {
        for (seeds, activations) |row, activation| {
            if (row >= self.graph.nodes_count or !(activation > 0 and activation <= 1)) return false;
            const position = self.slots[row];
            if (position < self.reached and self.records[position].row == row) {
                self.records[position].sum = @max(self.records[position].sum, activation);
                continue;
            }
            self.records[self.reached] = .{ .row = row, .sum = activation, .value = 0, .parent = no_edge };
            self.slots[row] = @intCast(self.reached);
            self.reached += 1;
        }
        return true;
    }

    fn levels(self: *Run, comptime is_far: bool, comptime has_kinds: bool, flag: cancel.Flag) bool {
        const depth = self.parameters.depth;
        var level: u32 = 0;
        var is_spent = false;
        while (true) : (level += 1) {
            self.scratch.level_ends[level] = @intCast(self.reached);
            const hop_factor = if (level < depth and !is_spent) self.parameters.hop_factors.?[level] else 0;
            const sources_count = self.apply(is_far, hop_factor);
            self.scratch.levels_count = level + 1;
            if (sources_count == 0) return true;
            if (!self.expand(is_far, has_kinds, sources_count, flag, &is_spent)) return false;
            self.scratch.is_partial = @intFromBool(is_spent);
        }
    }

    /// Ends a level: adds what each node received to its activation and lists the nodes that pass
    /// something on, first those new on this level, then those met again. Returns how many.
    fn apply(self: *Run, comptime is_far: bool, hop_factor: f32) usize {
        const sources = self.scratch.sources.?;
        const threshold = self.parameters.threshold;
        const kind_weight_max = self.parameters.kind_weight_max;
        const offsets = self.graph.offsets.?;
        var count: usize = 0;
        for (self.records[self.level_begin..self.reached]) |*record| {
            const applied = @min(record.sum, 1);
            record.value = applied;
            record.sum = 0;
            const passing = applied * hop_factor;
            sources[count] = .{ .row = record.row, .passing = passing };
            if (is_far) @prefetch(&offsets[record.row], .{});
            count += @intFromBool(passing * kind_weight_max >= threshold);
        }
        for (self.revisited[0..self.revisited_count]) |position| {
            const record = &self.records[position];
            const applied = @min(record.sum * self.parameters.cycle_damping, 1 - record.value);
            record.value = @min(record.value + applied, 1);
            record.sum = 0;
            const passing = applied * hop_factor;
            sources[count] = .{ .row = record.row, .passing = passing };
            if (is_far) @prefetch(&offsets[record.row], .{});
            count += @intFromBool(passing * kind_weight_max >= threshold);
        }
        self.level_begin = self.reached;
        self.revisited_count = 0;
        return count;
    }

    /// Passes on what the sources have; false when cancelled.
    fn expand(
        self: *Run,
        comptime is_far: bool,
        comptime has_kinds: bool,
        sources_count: usize,
        flag: cancel.Flag,
        is_spent: *bool,
    ) bool {
        const graph = self.graph;
        const offsets = graph.offsets.?;
        const sources = self.scratch.sources.?[0..sources_count];
        for (sources, 0..) |source, i| {
            if (cancel.isSet(flag)) return false;
            if (is_far and i + sources_ahead < sources_count) {
                const begin: usize = @intCast(offsets[sources[i + sources_ahead].row]);
                const first: [*]const u8 = @ptrCast(graph.edges.? + begin);
                @prefetch(first, .{});
                @prefetch(first + 64, .{});
                if (has_kinds) @prefetch(graph.kinds.? + begin, .{});
            }
            const begin: usize = @intCast(offsets[source.row]);
            const end: usize = @intCast(offsets[source.row + 1]);
            const fresh = self.freshEdges(source.row);
            const fan = end - begin + fresh.end - fresh.begin;
            const passing = source.passing * self.fan_scales[fan];
            if (!(passing * self.parameters.kind_weight_max >= self.parameters.threshold)) continue;
            if (fan > self.edges_left) {
                is_spent.* = true;
                break;
            }
            self.edges_left -= fan;
            if (!self.gather(is_far, has_kinds, graph.edges.?, graph.kinds, begin, end, 0, passing, flag)) return false;
            if (fresh.end == 0) continue;
            if (!self.gather(is_far, has_kinds, graph.fresh_edges.?, graph.fresh_kinds, fresh.begin, fresh.end, graph.edges_count, passing, flag)) return false;
        }
        self.add();
        return true;
    }

    const Range = struct { begin: usize, end: usize };

    fn freshEdges(self: *const Run, row: u32) Range {
        const bits = self.graph.fresh_bits orelse return .{ .begin = 0, .end = 0 };
        if ((bits[row / 8] >> @intCast(row % 8)) & 1 == 0) return .{ .begin = 0, .end = 0 };
        const sources = self.graph.fresh_sources.?;
        var low: usize = 0;
        var high = self.graph.fresh_sources_count - 1;
        while (low < high) {
            const middle = (low + high) / 2;
            if (sources[middle] < row) low = middle + 1 else high = middle;
        }
        const offsets = self.graph.fresh_offsets.?;
        return .{ .begin = @intCast(offsets[low]), .end = @intCast(offsets[low + 1]) };
    }

    /// Lists the contributions along edges `begin` to `end` that reach the threshold.
    inline fn gather(
        self: *Run,
        comptime is_far: bool,
        comptime has_kinds: bool,
        edges: [*]const Edge,
        kinds: ?[*]const u8,
        begin: usize,
        end: usize,
        number_of_first: usize,
        passing: f32,
        flag: cancel.Flag,
    ) bool {
        const threshold = self.parameters.threshold;
        const kind_weights = self.parameters.kind_weights.?;
        const kind_weight = kind_weights[0];
        var edge = begin;
        while (edge < end) {
            const stop = @min(end, edge + (waiting_max - self.waiting_count));
            var count = self.waiting_count;
            while (edge < stop) : (edge += 1) {
                const link = edges[edge];
                const weight = if (has_kinds) kind_weights[kinds.?[edge]] else kind_weight;
                const amount = passing * link.weight * weight;
                self.waiting[count] = .{
                    .target = link.target,
                    .amount = amount,
                    .edge = @truncate(number_of_first + edge),
                };
                count += @intFromBool(amount >= threshold);
            }
            if (is_far) {
                for (self.waiting[self.waiting_count..count]) |one| @prefetch(&self.slots[one.target], .{ .rw = .write });
            }
            self.waiting_count = count;
            if (count >= waiting_enough) {
                self.add();
                if (cancel.isSet(flag)) return false;
            }
        }
        return true;
    }

    /// Adds the listed contributions, in their order, to the nodes they go to.
    fn add(self: *Run) void {
        const slots = self.slots;
        const records = self.records;
        const level_begin = self.level_begin;
        var reached = self.reached;
        var revisited_count = self.revisited_count;
        for (self.waiting[0..self.waiting_count]) |one| {
            const slot = slots[one.target];
            const held = records[slot];
            const is_held = (held.row == one.target) and (slot < reached);
            const position: usize = if (is_held) slot else reached;
            const sum = if (is_held) held.sum else 0;
            const value = if (is_held) held.value else 0;
            const is_old = position < level_begin;
            const is_stronger = one.amount > value and !is_old;
            records[position] = .{
                .row = one.target,
                .sum = sum + one.amount,
                .value = if (is_stronger) one.amount else value,
                .parent = if (is_stronger) one.edge else held.parent,
            };
            slots[one.target] = @intCast(position);
            self.revisited[revisited_count] = @intCast(position);
            revisited_count += @intFromBool(is_old and sum == 0);
            reached += @intFromBool(!is_held);
        }
        self.reached = reached;
        self.revisited_count = revisited_count;
        self.waiting_count = 0;
    }
};
