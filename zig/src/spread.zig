//! Spreading activation over associations in compressed sparse rows, level by level.
//!
//! What is passed on is first listed, without a branch that depends on a weight: the contributions
//! that reach the threshold. Then the listed ones are added to the nodes they go to. Where the graph
//! does not stay near the core, the words the second step needs are on their way during the first.
//!
//! Each node has one word: the position of its record among those reached, under the number of the
//! call that wrote it. A word with another number says nothing, so nothing is cleared after a call,
//! nor after one that was cancelled, and one scratch serves graphs of any size in turn.

const std = @import("std");
const associations = @import("associations.zig");
const cancel = @import("cancel.zig");
const lanes = @import("lanes.zig");
const status = @import("status.zig");
const Graph = associations.Graph;
const Links = associations.Links;
const Parameters = associations.Parameters;
const Record = associations.Record;
const Scratch = associations.Scratch;
const bestOf = associations.bestOf;
const no_edge = associations.no_edge;

/// Larger graphs do not stay in a core's second-level cache, and what they need is asked for early;
/// in smaller ones that would only cost.
const near_bytes_max = 1 << 20;
const sources_ahead = 8;

/// Contributions are added when so many are listed: enough that the first one's words have come.
const waiting_enough = 224;
const waiting_max = 512;

/// Words past the list that a vector may write.
const slack = lanes.widest;

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
    const position_bits: u5 = @intCast(32 - @clz(@as(u32, @intCast(scratch.capacity))));
    scratch.call += 1;
    if (scratch.call >> @intCast(32 - @as(u6, position_bits)) != 0) {
        @memset(scratch.slots.?[0..scratch.nodes_count], 0);
        scratch.call = 1;
    }
    var run: Run = .{
        .key = scratch.call << position_bits,
        .position_max = (@as(u32, 1) << position_bits) - 1,
        .graph = graph,
        .parameters = parameters,
        .scratch = scratch,
        .fan_scales = fan_scales,
        .slots = scratch.slots.?,
        .records = scratch.records.?,
        .revisited = scratch.revisited.?,
        .edges_left = parameters.edge_budget,
    };
    scratch.is_partial = 0;
    if (!run.plant(seeds[0..seeds_count], activations[0..seeds_count])) return status.invalid_argument;
    const bytes = graph.nodes_count * @sizeOf(u32) + graph.edges_count * @sizeOf(associations.Edge);
    const is_far = bytes > near_bytes_max;
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
            out_activations[position] = record.activation();
            out_parents[position] = if (record.parent() == no_edge) -1 else record.parent();
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
    /// A slot of this call is `key` and a position up to `position_max`.
    key: u32,
    position_max: u32,
    edges_left: usize,
    reached: usize = 0,
    /// Where the nodes first reached on this level begin.
    level_begin: usize = 0,
    revisited_count: usize = 0,
    /// Contributions listed and not added yet: to whom, how much, along which edge.
    waiting_count: usize = 0,
    targets: [waiting_max + slack]u32 = undefined,
    amounts: [waiting_max + slack]f32 = undefined,
    numbers: [waiting_max + slack]u32 = undefined,

    /// Level 0: the seeds in their order, of the same node the larger.
    fn plant(self: *Run, seeds: []const u32, activations: []const f32) bool {
        for (seeds, activations) |row, activation| {
            if (row >= self.graph.nodes_count or !(activation > 0 and activation <= 1)) return false;
            const position = self.slots[row] -% self.key;
            if (position <= self.position_max) {
                self.records[position].sum = @max(self.records[position].sum, activation);
                continue;
            }
            self.records[self.reached] = .{ .row = row, .sum = activation, .best = bestOf(no_edge, 0) };
            self.slots[row] = self.key + @as(u32, @intCast(self.reached));
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
            const sources_count = self.apply(hop_factor);
            self.scratch.levels_count = level + 1;
            if (sources_count == 0) return true;
            if (!self.expand(is_far, has_kinds, sources_count, flag, &is_spent)) return false;
            self.scratch.is_partial = @intFromBool(is_spent);
        }
    }

    /// Ends a level: adds what each node received to its activation and lists the nodes that pass
    /// something on, first those new on this level, then those met again. Returns how many.
    fn apply(self: *Run, hop_factor: f32) usize {
        const sources = self.scratch.sources.?;
        const threshold = self.parameters.threshold;
        const kind_weight_max = self.parameters.kind_weight_max;
        var count: usize = 0;
        for (self.records[self.level_begin..self.reached]) |*record| {
            const applied = @min(record.sum, 1);
            record.settle(applied);
            const passing = applied * hop_factor;
            sources[count] = .{ .row = record.row, .passing = passing };
            count += @intFromBool(passing * kind_weight_max >= threshold);
        }
        const cycle_damping = self.parameters.cycle_damping;
        for (self.revisited[0..self.revisited_count]) |position| {
            const record = &self.records[position];
            const before = record.activation();
            const room = 1 - before;
            const damped = record.sum * cycle_damping;
            const applied = if (damped < room) damped else room;
            record.settle(@min(before + applied, 1));
            const passing = applied * hop_factor;
            sources[count] = .{ .row = record.row, .passing = passing };
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
        const graph = self.graph.*;
        const offsets = graph.offsets.?;
        const fan_scales = self.fan_scales;
        const kind_weight_max = self.parameters.kind_weight_max;
        const links: Links = .{
            .edges = graph.edges.?,
            .kinds = graph.kinds,
            .count = graph.edges_count,
            .kind_weights = self.parameters.kind_weights.?,
            .threshold = self.parameters.threshold,
            .first_number = 0,
        };
        const sources = self.scratch.sources.?[0..sources_count];
        for (sources, 0..) |source, i| {
            if (cancel.isSet(flag)) return false;
            if (is_far) {
                @prefetch(&offsets[sources[@min(i + 3 * sources_ahead, sources_count - 1)].row], .{});
                const next = sources[@min(i + sources_ahead, sources_count - 1)].row;
                links.ask(has_kinds, offsets[next..][0..2]);
            }
            const begin: usize = @intCast(offsets[source.row]);
            const end: usize = @intCast(offsets[source.row + 1]);
            const fresh = if (graph.fresh_bits) |bits| self.freshOffsets(bits, source.row) else null;
            const fan = end - begin + (if (fresh) |range| @as(usize, @intCast(range[1] - range[0])) else 0);
            const passing = source.passing * fan_scales[fan];
            if (!(passing * kind_weight_max >= links.threshold)) continue;
            if (fan > self.edges_left) {
                is_spent.* = true;
                break;
            }
            self.edges_left -= fan;
            if (!self.list(is_far, has_kinds, links, begin, end, passing, flag)) return false;
            const range = fresh orelse continue;
            const late: Links = .{
                .edges = graph.fresh_edges.?,
                .kinds = graph.fresh_kinds,
                .count = @intCast(graph.fresh_offsets.?[graph.fresh_sources_count]),
                .kind_weights = links.kind_weights,
                .threshold = links.threshold,
                .first_number = @intCast(graph.edges_count),
            };
            const first: usize = @intCast(range[0]);
            const last: usize = @intCast(range[1]);
            if (!self.list(is_far, has_kinds, late, first, last, passing, flag)) return false;
        }
        self.add();
        return true;
    }

    /// Where the fresh edges of a node begin and end; null without any.
    fn freshOffsets(self: *const Run, bits: [*]const u8, row: u32) ?[*]const i64 {
        if ((bits[row / 8] >> @intCast(row % 8)) & 1 == 0) return null;
        const sources = self.graph.fresh_sources.?;
        var low: usize = 0;
        var high = self.graph.fresh_sources_count - 1;
        while (low < high) {
            const middle = (low + high) / 2;
            if (sources[middle] < row) low = middle + 1 else high = middle;
        }
        return self.graph.fresh_offsets.? + low;
    }

    /// Lists the contributions along edges `begin` to `end` that reach the threshold; false when
    /// cancelled.
    inline fn list(
        self: *Run,
        comptime is_far: bool,
        comptime has_kinds: bool,
        links: Links,
        begin: usize,
        end: usize,
        passing: f32,
        flag: cancel.Flag,
    ) bool {
        // A vector of a far graph ends where the edges end and may begin before them, for a line
        // past them was not asked for; near, none is far away and vectors are as wide as can be.
        const step = if (is_far) @min(lanes.widest, 8) else lanes.widest;
        var edge = begin;
        while (edge < end) {
            const before = self.waiting_count;
            const stop = @min(end, edge + (waiting_max - before));
            const last = if (is_far) stop else edge + (stop - edge + step - 1) / step * step;
            var count = before;
            if (step > 1 and stop >= step and last <= links.count) {
                while (edge < stop) : (edge += step) {
                    const first = if (is_far) @min(edge, stop - step) else edge;
                    const span: Span = .{ .first = first, .skipped = edge - first, .left = stop - first };
                    count = self.listMany(step, has_kinds, links, span, passing, count);
                }
                edge = stop;
            } else while (edge < stop) : (edge += 1) {
                const link = links.edges[edge];
                const kind_weight = links.kind_weights[if (has_kinds) links.kinds.?[edge] else 0];
                const amount = passing * link.weight * kind_weight;
                self.targets[count] = link.target;
                self.amounts[count] = amount;
                self.numbers[count] = links.numberOf(edge);
                count += @intFromBool(amount >= links.threshold);
            }
            if (is_far) {
                for (self.targets[before..count]) |target| @prefetch(&self.slots[target], .{ .rw = .write });
            }
            self.waiting_count = count;
            if (count >= waiting_enough) {
                self.add();
                if (cancel.isSet(flag)) return false;
            }
        }
        return true;
    }

    /// Edges that begin at `first`, without those skipped, `left` in all.
    const Span = struct { first: usize, skipped: usize, left: usize };

    /// The same for the edges of a vector; returns how many are listed then.
    inline fn listMany(
        self: *Run,
        comptime step: usize,
        comptime has_kinds: bool,
        links: Links,
        span: Span,
        passing: f32,
        count: usize,
    ) usize {
        const Words = @Vector(step, u32);
        const Floats = @Vector(step, f32);
        const Bits = @Int(.unsigned, step);
        const words: [*]const u32 = @ptrCast(links.edges + span.first);
        const low: Words = words[0..step].*;
        const high: Words = words[step .. 2 * step].*;
        const targets = @shuffle(u32, low, high, lanes.everyOther(step, 0));
        const weights: Floats = @bitCast(@shuffle(u32, low, high, lanes.everyOther(step, 1)));
        var kind_weights: Floats = @splat(links.kind_weights[0]);
        if (has_kinds) {
            const kinds = links.kinds.? + span.first;
            inline for (0..step) |lane| {
                kind_weights[lane] = links.kind_weights[kinds[@min(lane, span.left - 1)]];
            }
        }
        const amounts = @as(Floats, @splat(passing)) * weights * kind_weights;
        const is_enough: Bits = @bitCast(amounts >= @as(Floats, @splat(links.threshold)));
        const is_begun = ~@as(Bits, 0) << @intCast(span.skipped);
        const is_left = if (span.left >= step) ~@as(Bits, 0) else ~(~@as(Bits, 0) << @intCast(span.left));
        const mask = is_enough & is_begun & is_left;
        const numbers = @as(Words, @splat(links.numberOf(span.first))) +% std.simd.iota(u32, step);
        self.targets[count..][0..step].* = lanes.compress(step, targets, mask);
        self.amounts[count..][0..step].* = @bitCast(lanes.compress(step, @bitCast(amounts), mask));
        self.numbers[count..][0..step].* = lanes.compress(step, numbers, mask);
        return count + @popCount(mask);
    }

    /// Adds the listed contributions, in their order, to the nodes they go to.
    fn add(self: *Run) void {
        const slots = self.slots;
        const records = self.records;
        const revisited = self.revisited;
        const key = self.key;
        const position_max = self.position_max;
        const count = self.waiting_count;
        var reached = self.reached;
        var revisited_count = self.revisited_count;
        const amounts = self.amounts[0..count];
        for (self.targets[0..count], amounts, self.numbers[0..count]) |target, amount, number| {
            const position = slots[target] -% key;
            const best = bestOf(number, @bitCast(amount));
            if (position <= position_max) {
                const record = &records[position];
                const sum = record.sum;
                const old = record.best;
                record.sum = sum + amount;
                record.best = if (@as(u32, @truncate(best)) > @as(u32, @truncate(old))) best else old;
                revisited[revisited_count] = position;
                // A node new on this level has a sum from the beginning.
                revisited_count += @intFromBool(@as(u32, @bitCast(sum)) == 0);
            } else {
                records[reached] = .{ .row = target, .sum = amount, .best = best };
                slots[target] = key + @as(u32, @intCast(reached));
                reached += 1;
            }
        }
        self.reached = reached;
        self.revisited_count = revisited_count;
        self.waiting_count = 0;
    }
};
