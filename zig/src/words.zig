//! Okapi BM25 over postings in columns, fused with the k best rows.
//!
//! The parts of a row are added in float64, the heaviest word of the cue first (equal weights in the
//! cue's order), and rounded once: equal texts tie exactly, however their rows were found. The order
//! lets a search leave words out from the light end (MaxScore: Turtle and Flood, "Query evaluation:
//! strategies and optimizations", 1995): once k rows score more than the light words can add up to
//! together, only rows with a heavier word are looked at, and the light words are looked up for those
//! that can still get in. Nothing that could be among the answers is left out, ties included.
//!
//! Heavy words are added up over blocks of rows that stay in the L1 cache, and light ones with them
//! where that costs less than looking up the rows that can still get in; a lone heavy word is scored
//! straight from its postings. Rows out of order or range give a wrong answer, never a write or a
//! read outside the columns.

const std = @import("std");
const Best = @import("best.zig").Best;
const cancel = @import("cancel.zig");
const status = @import("status.zig");

/// Postings of ascending rows: those of `terms[i]` are `offsets[i]` to `offsets[i + 1]`.
pub const Segment = extern struct {
    terms: [*]const u32,
    terms_count: u64,
    offsets: [*]const i64,
    rows: [*]const u32,
    tfs: [*]const u16,
    postings_count: u64,
};

/// The index at one moment. Segments hold ascending, disjoint ranges of rows.
pub const Index = extern struct {
    segments: [*]const Segment,
    segments_count: u64,
    lengths: [*]const u32,
    rows_count: u64,
    /// One byte a row; rows beyond `dead_count` live.
    dead: [*]const u8,
    dead_count: u64,
    /// Postings of dead rows by term; terms beyond `dead_df_count` have none.
    dead_df: [*]const u32,
    dead_df_count: u64,
    texts_count: u64,
    average_length: f64,
    k1: f64,
    b: f64,
};

/// A word of the cue that live rows have.
pub const Word = extern struct {
    weight: f64,
    /// Position among the cue's terms, and so among a segment's spans.
    position: u64,
};

/// Where a word's postings lie in one segment.
pub const Span = extern struct { begin: u64, end: u64 };

/// The postings of a word in the segment at hand.
pub const List = extern struct {
    rows: [*]const u32,
    tfs: [*]const u16,
    next: u64,
    end: u64,
    weight: f64,
    /// What this word and all lighter ones can add to a row, rounding included.
    bound: f64,
    /// Postings a row, of the rows between the first and the last.
    density: f64,
};

/// Rows of the largest block: 16 KiB of sums, half of what the L1 cache has for data at least.
/// Over 100,000 texts searches took up to 1.4 times as long with 4,096 rows, twice with 16,384.
pub const block_rows_max: usize = 2048;
pub const block_rows_min: usize = 64;
/// Rows behind one flag that says whether any of them was touched.
const group_rows = 32;

/// What a level offers of this family.
pub const Table = extern struct {
    weigh: *const @TypeOf(weigh),
    top_k: *const @TypeOf(topK),
    scores: *const @TypeOf(scores),
};

pub const table: Table = .{ .weigh = weigh, .top_k = topK, .scores = scores };

/// Bytes of sums and flags for a block of that many rows.
pub fn blockBytes(rows_count: usize) usize {
    return rows_count * @sizeOf(f64) + rows_count / group_rows;
}

/// Finds the postings of each term in each segment (`spans`: segments x terms) and what a word is
/// worth: repeats * ln(1 + (N - df + 0.5) / (df + 0.5)) * (k1 + 1). Writes the words that live rows
/// have, heaviest first, and returns how many.
fn weigh(
    index: *const Index,
    terms: [*]const u32,
    repeats: [*]const u32,
    terms_count: usize,
    spans: [*]Span,
    words: [*]Word,
) callconv(.c) usize {
    var count: usize = 0;
    const texts: f64 = @floatFromInt(index.texts_count);
    for (0..terms_count) |position| {
        var df: u64 = 0;
        for (0..index.segments_count) |s| {
            const span = find(&index.segments[s], terms[position]);
            spans[s * terms_count + position] = span;
            df += span.end - span.begin;
        }
        if (terms[position] < index.dead_df_count) df -|= index.dead_df[terms[position]];
        if (df == 0) continue;
        const carriers: f64 = @floatFromInt(df);
        const idf = std.math.log1p((texts - carriers + 0.5) / (carriers + 0.5));
        const asked: f64 = @floatFromInt(repeats[position]);
        const weight = asked * idf * (index.k1 + 1);
        if (!(weight > 0)) continue; // more rows than there are texts: not an index
        words[count] = .{ .weight = weight, .position = position };
        count += 1;
    }
    std.sort.block(Word, words[0..count], {}, isHeavier); // stable
    return count;
}

fn isHeavier(_: void, a: Word, b: Word) bool {
    return a.weight > b.weight;
}

fn find(segment: *const Segment, term: u32) Span {
    // Ids are given in order and ascend here, so none stands behind the place of its number.
    var low: usize = 0;
    var high: usize = @min(segment.terms_count, @as(usize, term) + 1);
    if (high == 0) return .{ .begin = 0, .end = 0 };
    if (segment.terms[high - 1] == term) low = high - 1;
    while (high - low > 1) {
        const middle = (low + high) / 2;
        if (segment.terms[middle] <= term) low = middle else high = middle;
    }
    if (segment.terms[low] != term) return .{ .begin = 0, .end = 0 };
    const begin: u64 = @bitCast(segment.offsets[low]);
    const end: u64 = @bitCast(segment.offsets[low + 1]);
    if (begin > end or end > segment.postings_count) return .{ .begin = 0, .end = 0 };
    return .{ .begin = begin, .end = end };
}

/// What a posting adds to its row, before the weight: tf / (tf + k1 * (1 - b + b * length / average)).
const Saturation = struct {
    lengths: [*]const u32,
    last_row: u32,
    by_length: f64,
    constant: f64,

    fn of(index: *const Index) Saturation {
        return .{
            .lengths = index.lengths,
            .last_row = @intCast(index.rows_count - 1),
            .by_length = index.k1 * index.b / index.average_length,
            .constant = index.k1 * (1 - index.b),
        };
    }

    inline fn part(self: *const Saturation, comptime T: type, length: T, tf: T) T {
        return tf / ((length * splat(T, self.by_length) + splat(T, self.constant)) + tf);
    }

    inline fn one(self: *const Saturation, row: u32, tf: u16) f64 {
        const length: f64 = @floatFromInt(self.lengths[@min(row, self.last_row)]);
        return self.part(f64, length, @floatFromInt(tf));
    }
};

inline fn splat(comptime T: type, value: f64) T {
    return if (T == f64) value else @splat(value);
}

const lanes = 8;
const Wide = @Vector(lanes, f64);
/// Postings scored together.
const chunk_count = 64;

const Chunk = struct {
    lengths: [chunk_count]u32 align(64) = @splat(0),
    tfs: [chunk_count]u16 align(64) = @splat(1),
    parts: [chunk_count]f64 align(64) = undefined,

    /// Scores `count` postings.
    inline fn score(
        self: *Chunk,
        saturation: *const Saturation,
        rows: [*]const u32,
        tfs: [*]const u16,
        count: usize,
        weight: f64,
    ) void {
        const lengths = saturation.lengths;
        const last_row = saturation.last_row;
        if (count == chunk_count) {
            for (0..chunk_count) |i| self.lengths[i] = lengths[@min(rows[i], last_row)];
            self.multiply(saturation, tfs, chunk_count, weight);
        } else {
            for (0..count) |i| {
                self.lengths[i] = lengths[@min(rows[i], last_row)];
                self.tfs[i] = tfs[i];
            }
            self.multiply(saturation, &self.tfs, (count + lanes - 1) / lanes * lanes, weight);
        }
    }

    inline fn multiply(
        self: *Chunk,
        saturation: *const Saturation,
        tfs: [*]const u16,
        count: usize,
        weight: f64,
    ) void {
        const weights: Wide = @splat(weight);
        var i: usize = 0;
        while (i < count) : (i += lanes) {
            const counts: @Vector(lanes, u16) = tfs[i..][0..lanes].*;
            const narrow: @Vector(lanes, i32) = counts;
            const lengths: @Vector(lanes, u32) = self.lengths[i..][0..lanes].*;
            const tf: Wide = @floatFromInt(narrow);
            self.parts[i..][0..lanes].* = saturation.part(Wide, @floatFromInt(lengths), tf) * weights;
        }
    }
};

/// Writes the best rows by score, best first; returns how many, or `cancelled`.
fn topK(
    index: *const Index,
    terms_count: usize,
    spans: [*]const Span,
    words: [*]const Word,
    words_count: usize,
    lists: [*]List,
    block: [*]align(64) u8,
    block_rows: usize,
    mask: ?[*]const u8,
    mask_bytes: usize,
    out_scores: [*]f32,
    out_rows: [*]u32,
    capacity: usize,
    flag: cancel.Flag,
) callconv(.c) i64 {
    var search: Search = .{
        .index = index,
        .saturation = .of(index),
        .mask = mask,
        .mask_bytes = mask_bytes,
        .sums = @ptrCast(block),
        .flags = block + block_rows * @sizeOf(f64),
        .block_rows = block_rows,
        .best = .{ .scores = out_scores, .rows = out_rows, .capacity = capacity },
        .flag = flag,
    };
    @memset(block[0..blockBytes(block_rows)], 0);
    search.raiseFloor(terms_count, spans, words[0..words_count]);
    for (0..index.segments_count) |s| {
        if (cancel.isSet(flag)) return status.cancelled;
        search.enter(&index.segments[s], spans + s * terms_count, words[0..words_count], lists);
        if (search.run()) return status.cancelled;
    }
    search.best.sort();
    return @intCast(search.best.len);
}

const Search = struct {
    index: *const Index,
    saturation: Saturation,
    mask: ?[*]const u8,
    mask_bytes: usize,
    sums: [*]f64,
    flags: [*]u8,
    block_rows: usize,
    best: Best,
    /// A score below that of every row that gets in.
    floor: f64 = 0,
    flag: cancel.Flag,
    chunk: Chunk = .{},
    lists: []List = &.{},
    /// Lists of which a row must have one to get in.
    heavy_count: usize = 0,
    /// Lists whose parts are in the sums at hand; those behind are looked up.
    summed_count: usize = 0,
    /// What the lists that are not summed can add.
    light_bound: f64 = 0,
    /// The share of the rows of heavy lists that could still get in, lately.
    hopeful_share: f64 = 1,

    /// Makes the lists of a segment, heaviest first, with what they can add at most.
    fn enter(
        self: *Search,
        segment: *const Segment,
        spans: [*]const Span,
        words: []const Word,
        lists: [*]List,
    ) void {
        var count: usize = 0;
        for (words) |word| {
            const span = spans[word.position];
            if (span.begin == span.end) continue;
            lists[count] = .{
                .rows = segment.rows,
                .tfs = segment.tfs,
                .next = span.begin,
                .end = span.end,
                .weight = word.weight,
                .bound = word.weight * self.highestPart(segment.tfs[span.begin..span.end]),
                .density = density(segment.rows, span),
            };
            count += 1;
        }
        self.lists = lists[0..count];
        var total: f64 = 0;
        for (self.lists) |list| total += list.bound;
        // Sums and bounds are rounded once an addition: half an ulp of at most the total each time.
        const terms: f64 = @floatFromInt(count + 4);
        var bound = total * terms * 0x1p-51;
        var i = count;
        while (i > 0) {
            i -= 1;
            bound += lists[i].bound;
            lists[i].bound = bound;
        }
        self.heavy_count = count;
        self.lighten();
    }

    fn density(rows: [*]const u32, span: Span) f64 {
        const postings: f64 = @floatFromInt(span.end - span.begin);
        const range: f64 = @floatFromInt(rows[span.end - 1] -% rows[span.begin]);
        return postings / (range + 1);
    }

    /// The highest part any posting of a list can have: that of its highest tf in an empty text.
    fn highestPart(self: *const Search, tfs: []const u16) f64 {
        if (tfs.len > looked_at_max) return 1;
        const Tfs = @Vector(32, u16);
        var highest_lanes: Tfs = @splat(1);
        var i: usize = 0;
        while (i + 32 <= tfs.len) : (i += 32) highest_lanes = @max(highest_lanes, @as(Tfs, tfs[i..][0..32].*));
        var highest = @reduce(.Max, highest_lanes);
        for (tfs[i..]) |tf| highest = @max(highest, tf);
        return self.saturation.part(f64, 0, @floatFromInt(highest));
    }

    /// The score a row must exceed to get in.
    inline fn worst(self: *const Search) f64 {
        return if (self.best.len == self.best.capacity) self.best.scores[0] else self.floor;
    }

    /// Finds a score that as many rows as are asked for have by one word alone, the heaviest with so
    /// many postings, so that no row below it is looked up; not where that word is much of the work.
    fn raiseFloor(self: *Search, terms_count: usize, spans: [*]const Span, words: []const Word) void {
        var postings_count: usize = 0;
        var chosen: ?Word = null;
        var chosen_count: usize = 0;
        for (words) |word| {
            var count: usize = 0;
            for (0..self.index.segments_count) |s| {
                const span = spans[s * terms_count + word.position];
                count += span.end - span.begin;
            }
            postings_count += count;
            if (chosen != null or count < self.best.capacity) continue;
            chosen = word;
            chosen_count = count;
        }
        const word = chosen orelse return;
        if (chosen_count * floor_share > postings_count or chosen_count > poll_postings) return;
        for (self.index.segments[0..self.index.segments_count], 0..) |*segment, s| {
            const span = spans[s * terms_count + word.position];
            var at = span.begin;
            while (at < span.end) {
                const count = @min(chunk_count, span.end - at);
                self.chunk.score(&self.saturation, segment.rows + at, segment.tfs + at, count, word.weight);
                for (segment.rows[at..][0..count], self.chunk.parts[0..count]) |row, part| {
                    if (part > self.worst() and self.isAllowed(row)) self.best.offer(@floatCast(part), row);
                }
                at += count;
            }
        }
        if (self.best.len == self.best.capacity) {
            // Rows of this very score may get in, and theirs may have been rounded up.
            self.floor = @as(f64, self.best.scores[0]) * (1 - 0x1p-23);
        }
        self.best.len = 0;
    }

    /// Turns heavy lists into light ones as far as the worst score allows.
    inline fn lighten(self: *Search) void {
        const limit = self.worst();
        var count = self.heavy_count;
        while (count > 0 and self.lists[count - 1].bound <= limit) count -= 1;
        self.heavy_count = count;
        self.setSummed(count);
    }

    inline fn setSummed(self: *Search, count: usize) void {
        self.summed_count = count;
        self.light_bound = if (count < self.lists.len) self.lists[count].bound else 0;
    }

    /// Visits the rows of the segment; true when cancelled.
    fn run(self: *Search) bool {
        var work: usize = 0;
        while (self.heavy_count > 0) {
            work += if (self.isLone()) self.stream() else self.addBlock();
            if (work == 0) return false;
            if (work >= poll_postings) {
                if (cancel.isSet(self.flag)) return true;
                work = 1;
            }
            self.lighten();
        }
        return false;
    }

    /// Whether one list is heavy and looking up all of its rows costs less than adding up the next.
    inline fn isLone(self: *const Search) bool {
        if (self.heavy_count > 1) return false;
        if (self.lists.len == 1) return true;
        return self.lists[0].density * self.hopeful_share * lookup_postings <= self.lists[1].density;
    }

    /// Scores the next postings of the lone heavy list; returns how many.
    fn stream(self: *Search) usize {
        const list = &self.lists[0];
        const count = @min(chunk_count, list.end - list.next);
        const rows = list.rows + list.next;
        if (count == 0) {
            self.heavy_count = 0;
            return 0;
        }
        self.chunk.score(&self.saturation, rows, list.tfs + list.next, count, list.weight);
        list.next += count;
        var limit: Wide = @splat(self.worst() - self.light_bound);
        var hopeful: usize = 0;
        var i: usize = 0;
        while (i < count) : (i += lanes) {
            const parts: Wide = self.chunk.parts[i..][0..lanes].*;
            var over: u8 = @bitCast(parts > limit);
            if (over == 0) continue;
            hopeful += @popCount(over);
            while (over != 0) : (over &= over - 1) {
                const at = i + @ctz(over);
                if (at < count) self.consider(rows[at], self.chunk.parts[at]);
            }
            limit = @splat(self.worst() - self.light_bound);
        }
        self.learn(hopeful, count);
        return count;
    }

    /// Adds up the heavy lists over the next block of rows and looks through it; returns how many
    /// postings there were.
    fn addBlock(self: *Search) usize {
        var first: usize = std.math.maxInt(usize);
        for (self.lists[0..self.heavy_count]) |list| {
            if (list.next < list.end) first = @min(first, list.rows[list.next]);
        }
        if (first == std.math.maxInt(usize)) {
            self.heavy_count = 0;
            return 0;
        }
        var added: usize = 0;
        for (self.lists[0..self.heavy_count]) |*list| added += self.add(list, first);
        const heavy_added = added;
        var hopeful: ?usize = null;
        for (self.lists[self.heavy_count..], self.heavy_count + 1..) |*list, summed_count| {
            // A light list is added up as well where that costs less than looking up the rows that
            // can still get in.
            const postings = list.density * @as(f64, @floatFromInt(self.block_rows));
            if (isCheap(added, postings)) break;
            const rows_count = self.countAbove(self.worst() - list.bound);
            hopeful = hopeful orelse rows_count;
            if (isCheap(rows_count, postings)) break;
            _ = seek(list, @intCast(first));
            added += self.add(list, first);
            self.setSummed(summed_count);
        }
        const considered = self.sweep(@intCast(first));
        self.learn(hopeful orelse considered, heavy_added);
        return added;
    }

    inline fn isCheap(rows_count: usize, postings: f64) bool {
        return @as(f64, @floatFromInt(rows_count)) * lookup_postings <= postings;
    }

    inline fn learn(self: *Search, hopeful: usize, rows_count: usize) void {
        const share = @as(f64, @floatFromInt(hopeful)) / @as(f64, @floatFromInt(rows_count));
        self.hopeful_share = (self.hopeful_share + share) / 2;
    }

    fn add(self: *Search, list: *List, first: usize) usize {
        const begin = list.next;
        const end = first + self.block_rows;
        const within: u32 = @intCast(self.block_rows - 1);
        const base: u32 = @intCast(first);
        const sums = self.sums;
        const flags = self.flags;
        while (list.next < list.end) {
            const rows = list.rows + list.next;
            var count = @min(chunk_count, list.end - list.next);
            if (rows[count - 1] >= end) {
                count = 0;
                while (rows[count] < end) count += 1;
                if (count == 0) break;
            }
            self.chunk.score(&self.saturation, rows, list.tfs + list.next, count, list.weight);
            for (rows[0..count], self.chunk.parts[0..count]) |row, part| {
                const at = (row -% base) & within;
                sums[at] += part;
                flags[at / group_rows] = 1;
            }
            list.next += count;
            if (count < chunk_count) break;
        }
        return list.next - begin;
    }

    fn countAbove(self: *const Search, limit: f64) usize {
        var count: @Vector(lanes, i64) = @splat(0);
        const limits: Wide = @splat(limit);
        var i: usize = 0;
        while (i < self.block_rows) : (i += lanes) {
            const values: Wide = self.sums[i..][0..lanes].*;
            count += @intFromBool(values > limits);
        }
        return @intCast(@reduce(.Add, count));
    }

    /// Takes from a block the rows that can get in, in order, and leaves it zeroed; returns how many
    /// were looked at.
    fn sweep(self: *Search, base: u32) usize {
        var considered: usize = 0;
        const groups = self.block_rows / group_rows;
        var limit: Wide = @splat(self.worst() - self.light_bound);
        for (0..groups) |group| {
            if (self.flags[group] == 0) continue;
            self.flags[group] = 0;
            const sums = self.sums + group * group_rows;
            inline for (0..group_rows / lanes) |part| {
                const values: Wide = sums[part * lanes ..][0..lanes].*;
                var over: u8 = @bitCast(values > limit);
                considered += @popCount(over);
                while (over != 0) : (over &= over - 1) {
                    const at = part * lanes + @ctz(over);
                    const row = base +% @as(u32, @intCast(group * group_rows + at));
                    self.consider(row, sums[at]);
                    if (over & (over - 1) == 0) limit = @splat(self.worst() - self.light_bound);
                }
            }
            @memset(sums[0..group_rows], 0);
        }
        return considered;
    }

    /// Completes the sum of a row that has a heavy word, while it can get in.
    noinline fn consider(self: *Search, row: u32, heavy_sum: f64) void {
        const limit = self.worst();
        if (heavy_sum + self.light_bound <= limit or !self.isAllowed(row)) return;
        var sum = heavy_sum;
        for (self.lists[self.summed_count..]) |*list| {
            if (sum + list.bound <= limit) return;
            const at = seek(list, row);
            if (at < list.end and list.rows[at] == row) {
                sum += self.saturation.one(row, list.tfs[at]) * list.weight;
            }
        }
        const rounded: f32 = @floatCast(sum);
        if (rounded > 0) self.best.offer(rounded, row);
    }

    inline fn isAllowed(self: *const Search, row: u32) bool {
        if (row >= self.index.rows_count) return false;
        if (row < self.index.dead_count and self.index.dead[row] != 0) return false;
        const mask = self.mask orelse return true;
        return row / 8 < self.mask_bytes and mask[row / 8] >> @intCast(row % 8) & 1 != 0;
    }
};

/// A word is read through for a floor when that is at most this share of the postings: the search of
/// 100,000 texts for 100 by a rare word and others took half as long then. With half of the postings
/// allowed, frequent words took up to 1.5 times as long.
const floor_share = 16;

/// Longer lists are not read through for their highest tf: once caches are cold that costs more than
/// it spares.
const looked_at_max = 4096;

/// Looking up a row is taken to cost as much as adding up that many postings. Over 100,000 texts cues
/// of three and of ten words were fastest at 4 to 8, four frequent words for 100 rows at 12 to 24.
const lookup_postings = 8;

/// Postings between two looks at the cancel flag: some 100 us.
const poll_postings = 1 << 16;

/// Moves a list to its first posting of a row not below `row`.
fn seek(list: *List, row: u32) u64 {
    var low = list.next;
    if (low >= list.end or list.rows[low] >= row) return low;
    var step: u64 = 1;
    while (low + step < list.end and list.rows[low + step] < row) {
        low += step;
        step *= 2;
    }
    var high = @min(low + step, list.end);
    while (high - low > 1) {
        const middle = (low + high) / 2;
        if (list.rows[middle] < row) low = middle else high = middle;
    }
    list.next = high;
    return high;
}

/// Writes the score of each row, 0 without a word of the cue. `sums` holds `rows_count` zeros.
fn scores(
    index: *const Index,
    terms_count: usize,
    spans: [*]const Span,
    words: [*]const Word,
    words_count: usize,
    rows: [*]const u32,
    rows_count: usize,
    out_scores: [*]f32,
) callconv(.c) void {
    const saturation: Saturation = .of(index);
    var begin: usize = 0;
    while (begin < rows_count) : (begin += chunk_count) {
        const count = @min(chunk_count, rows_count - begin);
        const wanted = rows[begin..][0..count];
        var sums: [chunk_count]f64 = @splat(0);
        for (words[0..words_count]) |word| {
            for (0..index.segments_count) |s| {
                const span = spans[s * terms_count + word.position];
                if (span.begin == span.end) continue;
                addParts(&saturation, &index.segments[s], span, word.weight, wanted, &sums);
            }
        }
        for (wanted, out_scores[begin..][0..count], sums[0..count]) |row, *score, sum| {
            const is_dead = row < index.dead_count and index.dead[row] != 0;
            score.* = if (is_dead) 0 else @floatCast(sum);
        }
    }
}

fn addParts(
    saturation: *const Saturation,
    segment: *const Segment,
    span: Span,
    weight: f64,
    wanted: []const u32,
    sums: *[chunk_count]f64,
) void {
    const first = segment.rows[span.begin];
    const last = segment.rows[span.end - 1];
    var list: List = .{
        .rows = segment.rows,
        .tfs = segment.tfs,
        .next = span.begin,
        .end = span.end,
        .weight = weight,
        .bound = 0,
        .density = 0,
    };
    var before: u32 = 0;
    for (wanted, 0..) |row, i| {
        if (row < first or row > last) continue;
        if (row < before) list.next = span.begin;
        before = row;
        const at = seek(&list, row);
        if (at < list.end and list.rows[at] == row) sums[i] += saturation.one(row, list.tfs[at]) * weight;
    }
}

test "a term is found where it stands, and nowhere else" {
    const terms = [_]u32{ 0, 1, 3, 7, 40 };
    const offsets = [_]i64{ 0, 2, 3, 3, 9, 10 };
    const rows: [10]u32 = @splat(0);
    const tfs: [10]u16 = @splat(1);
    const segment: Segment = .{
        .terms = &terms,
        .terms_count = terms.len,
        .offsets = &offsets,
        .rows = &rows,
        .tfs = &tfs,
        .postings_count = rows.len,
    };
    for (terms, 0..) |term, i| {
        const span = find(&segment, term);
        try std.testing.expectEqual(@as(u64, @intCast(offsets[i])), span.begin);
        try std.testing.expectEqual(@as(u64, @intCast(offsets[i + 1])), span.end);
    }
    for ([_]u32{ 2, 4, 39, 41, 0xffff_ffff }) |term| {
        const span = find(&segment, term);
        try std.testing.expectEqual(span.begin, span.end);
    }
}

test "seeking forward finds every row, and the end" {
    var rows: [200]u32 = undefined;
    for (&rows, 0..) |*row, i| row.* = @intCast(3 * i + 1);
    const tfs: [200]u16 = @splat(1);
    for (0..rows.len) |begin| {
        for (0..620) |row| {
            var list: List = .{
                .rows = &rows,
                .tfs = &tfs,
                .next = begin,
                .end = rows.len,
                .weight = 1,
                .bound = 0,
                .density = 0,
            };
            const expected = @max(begin, @min(rows.len, (row + 1) / 3));
            try std.testing.expectEqual(expected, seek(&list, @intCast(row)));
        }
    }
}

test "a whole chunk is scored as its postings one by one" {
    var lengths: [100]u32 = undefined;
    for (&lengths, 0..) |*length, i| length.* = @intCast(i * i % 97);
    const saturation: Saturation = .{ .lengths = &lengths, .last_row = 99, .by_length = 0.01, .constant = 0.54 };
    var rows: [chunk_count]u32 = undefined;
    var tfs: [chunk_count]u16 = undefined;
    for (&rows, &tfs, 0..) |*row, *tf, i| {
        row.* = @intCast(i + 40); // the last ones lie past the last row
        tf.* = @intCast(1 + i * 1000);
    }
    var chunk: Chunk = .{};
    for (1..chunk_count + 1) |count| {
        chunk.score(&saturation, &rows, &tfs, count, 3.5);
        for (0..count) |i| try std.testing.expectEqual(saturation.one(rows[i], tfs[i]) * 3.5, chunk.parts[i]);
    }
}
