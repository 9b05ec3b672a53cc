//! The ways along which activation came to a few of the nodes it reached.
//!
//! Every node but a seed knows the edge along which it was first reached most strongly: a tree with the
//! seeds as its roots. A way to a node is one of the edges that lead to it from a reached node, and before
//! that the way of the tree to that node.

const std = @import("std");
const associations = @import("associations.zig");
const status = @import("status.zig");

const Edge = associations.Edge;
const Graph = associations.Graph;

/// What a level offers of this family.
pub const Table = extern struct {
    trails: *const @TypeOf(trails),
};

pub const table: Table = .{ .trails = trails };

/// A last edge of a way: what it may carry, its number and where it begins in the spread.
pub const Last = extern struct { amount: f32, edge: u32, place: u32 };

/// What was reached, who is asked about, and where what is found goes.
pub const Job = extern struct {
    graph: *const Graph,
    rows: [*]const u32,
    activations: [*]const f32,
    parents: [*]const i64,
    reached_count: usize,
    /// Places in the spread, each once.
    listed: [*]const u32,
    listed_count: usize,
    ways_max: usize,
    edges_max: usize,
    /// Places by node: two or more times as many words as were reached, a power of two.
    places: [*]u32,
    places_count: usize,
    /// Listed numbers by node, the same.
    numbers: [*]u32,
    numbers_count: usize,
    /// `ways_max` for each that is listed.
    last: [*]Last,
    out_counts: [*]u32,
    out_lengths: [*]u32,
    out_nodes: [*]u32,
    out_edges: [*]i64,
    out_weights: [*]f32,
    out_kinds: [*]u8,
    out_edges_count: usize,
    /// How many edges all ways have.
    edges_count: usize,
};

const none: u32 = 0xffff_ffff;
const chain_max = 256;

/// Returns how many ways there are, or `invalid_argument` where the columns are of no spread.
fn trails(job: *Job) callconv(.c) i64 {
    const it: Walk = .{ .job = job, .graph = job.graph.* };
    if (!it.isWhole()) return status.invalid_argument;
    it.noteListed();
    it.lookAtEdges();
    return it.write() orelse status.invalid_argument;
}

const Walk = struct {
    job: *Job,
    graph: Graph,

    /// Whether every place, node and edge is there, so that nothing is read beyond the graph.
    fn isWhole(self: Walk) bool {
        const job = self.job;
        const all: i64 = @intCast(self.graph.edges_count + self.freshCount());
        for (job.rows[0..job.reached_count], job.parents[0..job.reached_count]) |row, parent| {
            if (row >= self.graph.nodes_count or parent >= all) return false;
        }
        for (job.listed[0..job.listed_count]) |place| {
            if (place >= job.reached_count) return false;
        }
        return true;
    }

    fn freshCount(self: Walk) usize {
        if (self.graph.fresh_bits == null) return 0;
        return @intCast(self.graph.fresh_offsets.?[self.graph.fresh_sources_count]);
    }

    fn noteListed(self: Walk) void {
        const job = self.job;
        @memset(job.numbers[0..job.numbers_count], none);
        @memset(job.out_counts[0..job.listed_count], 0);
        for (job.listed[0..job.listed_count], 0..) |place, number| {
            self.note(job.numbers, job.numbers_count, job.rows[place], @intCast(number));
        }
    }

    fn note(self: Walk, slots: [*]u32, slots_count: usize, row: u32, value: u32) void {
        _ = self;
        var at = slotOf(row, slots_count);
        while (slots[at] != none) at = (at + 1) & (slots_count - 1);
        slots[at] = value;
    }

    /// Returns which of those listed a node is.
    inline fn numberOf(self: Walk, row: u32) ?u32 {
        const job = self.job;
        var at = slotOf(row, job.numbers_count);
        while (true) : (at = (at + 1) & (job.numbers_count - 1)) {
            const number = job.numbers[at];
            if (number == none) return null;
            if (job.rows[job.listed[number]] == row) return number;
        }
    }

    /// Looks through the edges of what was reached, nearest first, and all that are fresh.
    fn lookAtEdges(self: Walk) void {
        const job = self.job;
        const offsets = self.graph.offsets.?;
        var left = job.edges_max;
        for (job.rows[0..job.reached_count], 0..) |row, place| {
            const begin: usize = @intCast(offsets[row]);
            const end: usize = @intCast(offsets[row + 1]);
            if (end - begin > left) break;
            left -= end - begin;
            self.lookAt(place, self.graph.edges.?[begin..end], begin);
        }
        const bits = self.graph.fresh_bits orelse return;
        for (job.rows[0..job.reached_count], 0..) |row, place| {
            if ((bits[row / 8] >> @intCast(row % 8)) & 1 == 0) continue;
            const at = lastAtMost(u32, self.graph.fresh_sources.?[0..self.graph.fresh_sources_count], row);
            const begin: usize = @intCast(self.graph.fresh_offsets.?[at]);
            const end: usize = @intCast(self.graph.fresh_offsets.?[at + 1]);
            self.lookAt(place, self.graph.fresh_edges.?[begin..end], self.graph.edges_count + begin);
        }
    }

    fn lookAt(self: Walk, place: usize, edges: []const Edge, first: usize) void {
        for (edges, first..) |edge, number| {
            const listed = self.numberOf(edge.target) orelse continue;
            const amount = self.job.activations[place] * edge.weight;
            self.hold(listed, .{ .amount = amount, .edge = @intCast(number), .place = @intCast(place) });
        }
    }

    /// Holds the best edges to each that is listed, best first.
    fn hold(self: Walk, number: u32, last: Last) void {
        const most = self.job.ways_max;
        const held = self.job.last[number * most ..][0..most];
        var at: usize = self.job.out_counts[number];
        if (at == most) {
            if (!isBetter(last, held[at - 1])) return;
            at -= 1;
        } else self.job.out_counts[number] += 1;
        while (at > 0 and isBetter(last, held[at - 1])) : (at -= 1) held[at] = held[at - 1];
        held[at] = last;
    }

    /// Writes the ways, those to each that is listed side by side; null where there is no tree.
    fn write(self: Walk) ?i64 {
        const job = self.job;
        @memset(job.places[0..job.places_count], none);
        for (job.rows[0..job.reached_count], 0..) |row, place| {
            self.note(job.places, job.places_count, row, @intCast(place));
        }
        var ways: usize = 0;
        var edges: usize = 0;
        for (job.listed[0..job.listed_count], 0..) |listed, number| {
            const held = job.last[number * job.ways_max ..][0..job.out_counts[number]];
            job.out_counts[number] = 0;
            for (held) |last| {
                const length = self.writeOne(listed, last, edges, edges + ways) orelse return null;
                if (length == 0) continue;
                job.out_counts[number] += 1;
                job.out_lengths[ways] = @intCast(length);
                ways += 1;
                edges += length;
            }
        }
        job.edges_count = edges;
        return @intCast(ways);
    }

    /// Writes one way and returns its length, 0 where it has been at the listed node before.
    fn writeOne(self: Walk, listed: u32, last: Last, edges: usize, nodes: usize) ?usize {
        const job = self.job;
        var chain: [chain_max]u32 = undefined; // edges, from the listed node back to the seed
        chain[0] = last.edge;
        var length: usize = 1;
        var place: usize = last.place;
        if (place == listed) return 0;
        while (job.parents[place] >= 0) {
            const edge: u32 = @intCast(job.parents[place]);
            const before = self.placeOf(self.sourceOf(edge)) orelse return null;
            // What was reached was reached from what had been before: this ends.
            if (before >= place or length == chain_max) return null;
            place = before;
            if (place == listed) return 0;
            chain[length] = edge;
            length += 1;
        }
        if (edges + length > job.out_edges_count) return null;
        job.out_nodes[nodes] = job.rows[place];
        for (0..length) |i| {
            const number = chain[length - 1 - i];
            const is_fresh = number >= self.graph.edges_count;
            const at = if (is_fresh) number - self.graph.edges_count else number;
            const edge = if (is_fresh) self.graph.fresh_edges.?[at] else self.graph.edges.?[at];
            const kinds = if (is_fresh) self.graph.fresh_kinds else self.graph.kinds;
            job.out_edges[edges + i] = number;
            job.out_nodes[nodes + 1 + i] = edge.target;
            job.out_weights[edges + i] = edge.weight;
            job.out_kinds[edges + i] = if (kinds) |of| of[at] else 0;
        }
        return length;
    }

    fn placeOf(self: Walk, row: u32) ?usize {
        const job = self.job;
        var at = slotOf(row, job.places_count);
        while (true) : (at = (at + 1) & (job.places_count - 1)) {
            const place = job.places[at];
            if (place == none) return null;
            if (job.rows[place] == row) return place;
        }
    }

    fn sourceOf(self: Walk, edge: u32) u32 {
        const graph = self.graph;
        if (edge < graph.edges_count) {
            return @intCast(lastAtMost(i64, graph.offsets.?[0..graph.nodes_count], edge));
        }
        const offsets = graph.fresh_offsets.?[0..graph.fresh_sources_count];
        return graph.fresh_sources.?[lastAtMost(i64, offsets, @intCast(edge - graph.edges_count))];
    }
};

fn isBetter(a: Last, b: Last) bool {
    return if (a.amount == b.amount) a.edge < b.edge else a.amount > b.amount;
}

/// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, 6.4).
inline fn slotOf(row: u32, slots_count: usize) usize {
    const mixed = row *% 0x9e37_79b1;
    return @as(usize, mixed ^ (mixed >> 15)) & (slots_count - 1);
}

/// Returns the last place of ascending values whose value is at most `wanted`; the first where none is.
fn lastAtMost(comptime T: type, values: []const T, wanted: T) usize {
    var low: usize = 0;
    var high = values.len;
    while (high - low > 1) {
        const middle = (low + high) / 2;
        if (values[middle] <= wanted) low = middle else high = middle;
    }
    return low;
}

test "the last of equal values that are not above what is wanted" {
    const values = [_]i64{ 0, 0, 2, 2, 5 };
    try std.testing.expectEqual(1, lastAtMost(i64, &values, 1));
    try std.testing.expectEqual(3, lastAtMost(i64, &values, 4));
    try std.testing.expectEqual(4, lastAtMost(i64, &values, 9));
}
