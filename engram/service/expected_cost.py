"""What a recall is expected to cost, which decides where it runs."""

from __future__ import annotations

from typing import Final

from engram.engine.space_engine import SpaceEngine
from engram.model.conditions import reads_bodies
from engram.retrieval import pipeline
from engram.retrieval.sketch_index import ROWS_MIN
from engram.state.space import View

# What takes less is carried out on the event loop: a hop to a worker thread and back takes 50 to
# 120 us, and rather more where the caches are full of something else.
INLINE_US: Final = 200.0
# Microseconds a row: to scan 384 dimensions of float32, to bound it by its sketch, to score it
# again, to look it up in postings of 40 words, to index it first, and to
# judge it by a filter.
SCAN_US, BOUND_US, SCORE_US = 0.04, 0.0012, 0.065
WORDS_US, INDEX_US, FILTER_US = 0.006, 10.0, 0.02
_DIMENSIONS: Final = 384
# And to spread and find the ways to ten memories, and to score each memory beyond those.
SPREAD_US: Final = 150.0
HIT_US: Final = 12.0
_FEW_HITS: Final = 10


def is_quick(engine: SpaceEngine, view: View, cue: pipeline.Cue) -> bool:
    """Whether a search is expected to take less than a hop to a worker thread costs."""
    if view.sealed or cue.filters.as_of is not None or cue.filters.metadata:
        return False
    if cue.filters.where is not None and reads_bodies(cue.filters.where):
        return False
    expected = 0.0 if cue.filters.empty else view.count * FILTER_US
    if cue.vector is not None:
        behind = engine.sketches.behind(view.hot)
        is_sketched = view.hot.count >= ROWS_MIN
        scanned = behind if is_sketched else view.hot.count
        expected += scanned * SCAN_US + (view.hot.count - scanned) * BOUND_US
        expected += engine.sketches.scored_expected * SCORE_US * is_sketched
        expected *= max(view.dimensions, 64) / _DIMENSIONS
    if cue.text:
        behind = view.count - engine.words.rows_indexed
        expected += view.count * WORDS_US + max(0, behind) * INDEX_US
    if cue.mode != pipeline.SIMILARITY and view.associations.edge_count:
        expected += SPREAD_US
    if cue.limit > _FEW_HITS:
        expected += (cue.limit - _FEW_HITS) * HIT_US
    return expected <= INLINE_US
