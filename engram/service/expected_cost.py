"""What a recall is expected to cost, which decides where it runs."""

from __future__ import annotations

import math
from typing import Final

from engram.engine.space_engine import SpaceEngine
from engram.engine.words import Words
from engram.model.conditions import reads_bodies
from engram.retrieval.asking import SIMILARITY, Cue
from engram.retrieval.graph import GraphIndex
from engram.retrieval.pipeline import EVIDENCE, SPREAD, WORDS
from engram.retrieval.sketch_index import ROWS_MIN
from engram.state.space import View

# What takes less is carried out on the event loop: a hop to a worker thread and back takes 50 to
# 120 us, and rather more where the caches are full of something else. So is a longer search whose
# parts each take less, with a pause for others between them: threads that take the interpreter's
# lock in turns, on another core each time, lose more than they gain.
INLINE_US: Final = 200.0
# Microseconds a row: to scan 384 dimensions of float32, to bound it by its sketch, to score it
# again, to look it up in postings of 40 words, to index it first, and to
# judge it by a filter.
SCAN_US, BOUND_US, SCORE_US = 0.04, 0.0012, 0.065
WORDS_US, INDEX_US, FILTER_US = 0.006, 10.0, 0.02
_DIMENSIONS: Final = 384
# To look the words of a cue up, and for each posting of theirs; for each association that is read;
# and for a part of a search that does neither.
ASK_US, POSTING_US, EDGE_US, PART_US = 20.0, 0.003, 0.01, 100.0
# And to spread and find the ways to ten memories, and to score each memory beyond those.
SPREAD_US: Final = 150.0
HIT_US: Final = 12.0
_FEW_HITS: Final = 10


def is_quick(engine: SpaceEngine, view: View, cue: Cue) -> bool:
    """Whether a search is expected to take less than a hop to a worker thread costs."""
    if must_be_whole(view, cue):
        return False
    expected = vectors_us(engine, view, cue)
    if cue.text:
        behind = view.count - engine.words.rows_indexed
        expected += view.count * WORDS_US + max(0, behind) * INDEX_US
    if cue.mode != SIMILARITY and view.associations.edge_count:
        expected += SPREAD_US
    if cue.limit > _FEW_HITS:
        expected += (cue.limit - _FEW_HITS) * HIT_US
    return expected <= INLINE_US


def must_be_whole(view: View, cue: Cue) -> bool:
    """Whether a search may read from the disk, or asks of a time that is looked up throughout."""
    if view.sealed or cue.filters.as_of is not None or cue.filters.metadata:
        return True
    return cue.filters.where is not None and reads_bodies(cue.filters.where)


def vectors_us(engine: SpaceEngine, view: View, cue: Cue) -> float:
    """Return what filters and the search by vector are expected to take."""
    expected = 0.0 if cue.filters.empty else view.count * FILTER_US
    if cue.vector is not None:
        behind = engine.sketches.behind(view.hot)
        is_sketched = view.hot.count >= ROWS_MIN
        scanned = behind if is_sketched else view.hot.count
        expected += scanned * SCAN_US + (view.hot.count - scanned) * BOUND_US
        expected += engine.sketches.scored_expected * SCORE_US * is_sketched
        expected *= max(view.dimensions, 64) / _DIMENSIONS
    return expected


def words_us(words: Words, view: View) -> float:
    """Return what looking words up is expected to take, with the texts to be indexed before."""
    if words.is_due(view):
        return math.inf
    return ASK_US + max(0, view.count - words.rows_indexed) * INDEX_US


def part_us(graph: GraphIndex, view: View, cue: Cue, part: str, postings_count: int) -> float:
    """Return what a part of a search that comes after these is expected to take.

    `postings_count` is how many there are of the cue's words.
    """
    if part == WORDS:
        return ASK_US + postings_count * POSTING_US
    if part == SPREAD and cue.mode != SIMILARITY and view.associations.edge_count:
        if graph.is_due(view):
            return math.inf
        return SPREAD_US + graph.edges_expected * EDGE_US
    more = max(0, cue.limit - _FEW_HITS) * HIT_US
    if part == EVIDENCE and cue.explain:
        more += cue.limit * HIT_US
    return PART_US + more
