//! The boundary of the search that bounds all rows by their sketches and scores few of them exactly.

const std = @import("std");
const arena = @import("../arena.zig");
const Best = @import("../best.zig").Best;
const isa = @import("../isa.zig");
const Kernels = @import("../kernels.zig").Kernels;
const Rows = @import("../rerank.zig").Rows;
const sketches = @import("../sketches.zig");
const status = @import("../status.zig");
const boundary = @import("sketches.zig");

/// What is scored of a part: rows from its first on, fewer or more of them than it has sketches of.
pub const ScoredRows = extern struct {
    rows: ?[*]const f32,
    inv_norms: ?[*]const f32,
    rows_count: usize,
};

/// The arguments of `engram_top_k_sketched` in one block. `scratch` has a float32 for each row of all parts
/// and two for each group; `known` may be null when there are none of them.
pub const SketchedCall = extern struct {
    query: ?[*]const f32,
    dimensions: usize,
    bits: usize,
    parts: ?[*]const boundary.SketchPart,
    rows: ?[*]const ScoredRows,
    parts_count: usize,
    known: ?[*]const f32,
    known_count: usize,
    sure: usize,
    first_count: usize,
    groups: usize,
    scratch: ?[*]f32,
    scratch_count: usize,
    out_scores: ?[*]f32,
    out_rows: ?[*]u32,
    capacity: usize,
    out_scored: ?[*]i64,
    cancel: ?[*]const u32,
};

/// Rows written down at once before they are scored.
const at_once = 512;

/// Writes the best rows of all parts by their exact scores, best first, and how many were scored; returns
/// how many there are. Parts come in ascending order of their rows' numbers. Takes five bytes a bit and
/// eight a row of `sure` and `first_count` from the arena.
export fn engram_top_k_sketched(call: ?*const SketchedCall) i64 {
    const it = call orelse return status.invalid_argument;
    if (it.parts_count == 0) return 0;
    if (it.capacity == 0 or it.dimensions == 0 or it.sure == 0) return status.invalid_argument;
    if (it.bits == 0 or it.bits > sketches.bits_max or it.bits % sketches.word_bits != 0) return status.invalid_argument;
    var search: Search = .{
        .it = it,
        .kernels = isa.kernels(),
        .parts = (it.parts orelse return status.invalid_argument)[0..it.parts_count],
        .rows = it.rows orelse return status.invalid_argument,
        .query = it.query orelse return status.invalid_argument,
        .bounds = it.scratch orelse return status.invalid_argument,
        .best = .{
            .scores = it.out_scores orelse return status.invalid_argument,
            .rows = it.out_rows orelse return status.invalid_argument,
            .capacity = it.capacity,
        },
    };
    const scored = it.out_scored orelse return status.invalid_argument;
    if (it.known_count > 0 and it.known == null) return status.invalid_argument;
    for (search.parts, 0..) |part, number| {
        if (part.rows_count == 0) continue;
        const of = search.rows[number];
        if (of.rows == null or of.inv_norms == null) return status.invalid_argument;
        search.rows_count += part.rows_count;
    }
    scored[0] = 0;
    if (search.rows_count == 0) return 0;
    if (search.rows_count > 0xffff_ffff or it.groups == 0 or it.groups > search.rows_count) return status.invalid_argument;
    if (it.scratch_count < search.rows_count + 2 * it.groups or it.first_count == 0) return status.invalid_argument;
    var scratch = arena.begin();
    defer scratch.end();
    const result = search.run(&scratch);
    if (result != status.ok) return result;
    search.best.sort();
    scored[0] = @intCast(search.scored_count);
    return @intCast(search.best.len);
}

const Search = struct {
    it: *const SketchedCall,
    kernels: *const Kernels,
    parts: []const boundary.SketchPart,
    rows: [*]const ScoredRows,
    query: [*]const f32,
    /// Of all rows, one part after the other.
    bounds: [*]f32,
    best: Best,
    rows_count: usize = 0,
    scored_count: usize = 0,

    fn run(self: *Search, scratch: *arena.Scratch) i32 {
        const bits = self.it.bits;
        const room = scratch.take(u8, bits + sketches.tablesBytes(bits)) orelse return status.out_of_space;
        var begin: usize = 0;
        for (self.parts, self.rows) |*part, of| {
            if (part.rows_count == 0) continue;
            const scan = boundary.scanned(part, bits, room, self.kernels) orelse return status.invalid_argument;
            const result = self.kernels.sketches.bound_sketches(&scan, bits, self.bounds + begin, self.it.cancel);
            if (result != status.ok) return result;
            const scored = @min(of.rows_count, part.rows_count);
            @memset(self.bounds[begin + scored .. begin + part.rows_count], -std.math.inf(f32));
            begin += part.rows_count;
        }
        const result = self.scoreFirst(scratch);
        if (result != status.ok) return result;
        const floor = self.floorOf(scratch) orelse return status.out_of_space;
        return self.scoreAbove(floor);
    }

    /// Scores the best rows of the best groups.
    fn scoreFirst(self: *Search, scratch: *arena.Scratch) i32 {
        const count = @min(self.it.first_count, self.it.groups);
        const scores = scratch.take(f32, count) orelse return status.out_of_space;
        const places = scratch.take(u32, count) orelse return status.out_of_space;
        var first: Best = .{ .scores = scores.ptr, .rows = places.ptr, .capacity = count };
        const highest = self.bounds + self.rows_count;
        const rounds: [*]u32 = @ptrCast(highest + self.it.groups);
        self.kernels.nearest.first_of_groups(self.bounds, self.rows_count, self.it.groups, highest, rounds, &first);
        const chosen = places[0..first.len];
        std.mem.sortUnstable(u32, chosen, {}, std.sort.asc(u32));
        for (chosen) |place| self.bounds[place] = -std.math.inf(f32); // these are scored
        var begin: usize = 0;
        var at: usize = 0;
        for (self.parts, 0..) |part, number| {
            const start = at;
            while (at < chosen.len and chosen[at] < begin + part.rows_count) : (at += 1) {
                chosen[at] -= @intCast(begin);
            }
            const result = self.offer(number, chosen[start..at]);
            if (result != status.ok) return result;
            begin += part.rows_count;
        }
        return status.ok;
    }

    /// Returns the `sure`-th best score that is known, -inf while there are fewer; null without room.
    fn floorOf(self: *Search, scratch: *arena.Scratch) ?f32 {
        const sure = self.it.sure;
        const scores = scratch.take(f32, sure) orelse return null;
        const rows = scratch.take(u32, sure) orelse return null;
        var known: Best = .{ .scores = scores.ptr, .rows = rows.ptr, .capacity = sure };
        for (self.best.scores[0..self.best.len]) |score| known.offer(score, 0);
        if (self.it.known) |given| {
            for (given[0..self.it.known_count]) |score| known.offer(score, 0);
        }
        const worst = known.scores[0];
        return if (known.len < sure or worst != worst) -std.math.inf(f32) else worst;
    }

    /// Scores every row whose bound is above the floor.
    fn scoreAbove(self: *Search, floor: f32) i32 {
        var numbers: [at_once]u32 = undefined;
        var begin: usize = 0;
        for (self.parts, 0..) |part, number| {
            var start: usize = 0;
            while (start < part.rows_count) {
                const bounds = self.bounds + begin;
                const count = self.kernels.nearest.above(bounds, part.rows_count, floor, &start, &numbers, at_once);
                const result = self.offer(number, numbers[0..count]);
                if (result != status.ok) return result;
            }
            begin += part.rows_count;
        }
        return status.ok;
    }

    fn offer(self: *Search, number: usize, candidates: []const u32) i32 {
        if (candidates.len == 0) return status.ok;
        self.scored_count += candidates.len;
        const of: Rows = .{
            .query = self.query,
            .dimensions = self.it.dimensions,
            .rows = self.rows[number].rows.?,
            .inv_norms = self.rows[number].inv_norms,
            .first = self.parts[number].first,
        };
        const count = candidates.len;
        return self.kernels.rerank.offer_exact(&of, candidates.ptr, count, &self.best, self.it.cancel);
    }
};
