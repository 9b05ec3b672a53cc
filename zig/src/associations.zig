//! What spreading works on: a graph of associations, parameters, scratch memory and its records. The
//! layouts are those of engram/kernels/graph/layout.py.

pub const Edge = extern struct { target: u32, weight: f32 };

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

/// A node that was reached. `best` holds, until its first level ends, the strongest contribution of
/// that level, from then on the node's activation with the sign bit set: as an integer that is more
/// than any contribution. Its upper half is the edge along which that contribution came.
pub const Record = extern struct {
    row: u32,
    sum: f32,
    best: u64,

    pub inline fn activation(self: *const Record) f32 {
        return @bitCast(@as(u32, @truncate(self.best)) & ~sign);
    }

    pub inline fn parent(self: *const Record) u32 {
        return @truncate(self.best >> 32);
    }

    pub inline fn settle(self: *Record, value: f32) void {
        self.sum = 0;
        self.best = bestOf(self.parent(), sign | @as(u32, @bitCast(value)));
    }
};

pub inline fn bestOf(edge: u32, bits: u32) u64 {
    return @as(u64, edge) << 32 | bits;
}

const sign: u32 = 0x8000_0000;

/// A node that passes on, and what it passes on before its fan divides it.
pub const Source = extern struct { row: u32, passing: f32 };

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
    /// The number of the last call.
    call: u32,
    level_ends: [256]u32,
};

/// A position leaves a bit of a node's word for the number of the call.
pub const capacity_max = (1 << 31) - 1;

/// The parent of a seed.
pub const no_edge: u32 = 0xffff_ffff;

/// The edges of the columns, or the fresh ones.
pub const Links = struct {
    edges: [*]const Edge,
    kinds: ?[*]const u8,
    count: usize,
    kind_weights: [*]const f32,
    threshold: f32,
    first_number: u32,

    pub inline fn numberOf(self: Links, edge: usize) u32 {
        return self.first_number + @as(u32, @intCast(edge));
    }

    /// Asks for the first lines of a node's edges.
    pub inline fn ask(self: Links, comptime has_kinds: bool, offsets: *const [2]i64) void {
        const begin: usize = @intCast(offsets[0]);
        const bytes = (@as(usize, @intCast(offsets[1])) - begin) * @sizeOf(Edge);
        const first: [*]const u8 = @ptrCast(self.edges + begin);
        const last = @min(bytes -| 1, 128);
        @prefetch(first, .{});
        @prefetch(first + @min(64, last), .{});
        @prefetch(first + last, .{});
        if (has_kinds) @prefetch(self.kinds.? + begin, .{});
    }
};
