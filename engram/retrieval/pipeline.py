"""The path of one recall: filter, candidates by vector and by words, strength now, fusion.

Runs whole in one worker thread over an immutable view: no lock, no disk, no clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.kernels.cancel import CancelFlag
from engram.kernels.protocol import KernelBackend
from engram.model.cue import Filters
from engram.retrieval import vectors
from engram.retrieval.filters import RowMasks, row_masks
from engram.retrieval.fusion import FusionWeights, fuse, normalise
from engram.retrieval.word_view import WordView
from engram.state.columns import RowSet
from engram.state.forgetting import retrievability
from engram.state.space import View

# Candidates of a lone source: four times what is asked for, so that a fading or doubted memory can
# make room for the next. Where two sources are fused, enough that a memory both like in the middle
# of their lists is still seen.
CANDIDATES_MIN: Final = 100
CANDIDATES_PER_RESULT: Final = 4


class Cue(NamedTuple):
    """What is searched for, ready: `vector` is a float32[d] of length 1."""

    text: str | None
    vector: NDArray[np.float32] | None
    filters: Filters
    limit: int
    explain: bool = False


class Hit(NamedTuple):
    """One recalled row with its fused score and parts."""

    row: int
    score: float
    parts: dict[str, float]
    matched_terms: tuple[str, ...]


class Found(NamedTuple):
    """What the pipeline found, best first, and how long each stage took in microseconds."""

    hits: list[Hit]
    candidates: int
    timings_us: dict[str, float]


class _Stages:
    """Measures the stages with the monotonic clock it is handed."""

    def __init__(self, monotonic: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._last = monotonic()
        self.timings_us: dict[str, float] = {}

    def done(self, stage: str) -> None:
        now = self._monotonic()
        self.timings_us[stage] = (now - self._last) / 1_000
        self._last = now


def search(
    view: View,
    cue: Cue,
    kernels: KernelBackend,
    words_at: Callable[[View], WordView],
    *,
    now: int,
    monotonic: Callable[[], int],
    weights: FusionWeights | None = None,
    cancel: CancelFlag | None = None,
) -> Found:
    """Return what `cue` recalls from `view` at wall time `now` (nanoseconds).

    KernelCancelled when `cancel` was set before the search ended.
    """
    stages = _Stages(monotonic)
    masks = row_masks(view, cue.filters)
    stages.done("filter")
    k = CANDIDATES_PER_RESULT * cue.limit
    if cue.text:
        k = max(CANDIDATES_MIN, k)
    by_vector = by_words = (np.zeros(0, np.float32), np.zeros(0, np.uint32))
    words = lexical = None
    if cue.vector is not None and masks.candidates:
        by_vector = vectors.top_k(kernels, view, cue.vector, k, masks.vectors, cancel)
        stages.done("vectors")
    if cancel is not None:
        cancel.check()
    if cue.text and masks.candidates:
        words = words_at(view)
        asked = words.asked(cue.text)
        by_words = words.top_k(kernels, asked, k, _words_mask(masks, words))
        lexical = partial(words.scores, kernels, asked)
        stages.done("words")
    hits = _fuse(view, cue, words, lexical, by_vector, by_words, now, weights or FusionWeights())
    stages.done("fuse")
    return Found(hits, masks.candidates, stages.timings_us)


def _similarity(
    view: View, cue: Cue, cosine: NDArray[np.float32], *, alone: bool
) -> NDArray[np.float32]:
    """Return cosines as shares in [0, 1]: as they are, or comparable with scores of words."""
    if alone or cue.vector is None:
        return np.minimum(np.fmax(cosine, np.float32(0)), np.float32(1))
    return normalise(cosine, vectors.unrelated_cosine(view, cue.vector))


def _words_mask(masks: RowMasks, words: WordView) -> NDArray[np.uint8] | None:
    """Return the mask for the word index, which may have come further than the view."""
    if masks.words is not None or words.row_count == masks.rows:
        return masks.words
    return np.packbits(np.ones(masks.rows, bool), bitorder="little")


def _fuse(
    view: View,
    cue: Cue,
    words: WordView | None,
    lexical_of: Callable[[NDArray[np.uint32]], NDArray[np.float32]] | None,
    by_vector: tuple[NDArray[np.float32], NDArray[np.uint32]],
    by_words: tuple[NDArray[np.float32], NDArray[np.uint32]],
    now: int,
    weights: FusionWeights,
) -> list[Hit]:
    if lexical_of is None:
        cosine, rows = by_vector
        lexical = np.zeros(len(rows), np.float32)
    else:
        rows = np.union1d(by_vector[1], by_words[1])
        lexical = lexical_of(rows)
        cosine = np.zeros(len(rows), np.float32)
        if cue.vector is not None:
            cosine = vectors.cosines(view, cue.vector, rows)
    if not len(rows):
        return []
    chosen, columns = RowSet(rows), view.columns
    strength = retrievability(
        now, chosen.take(columns["reviewed_at"]), chosen.take(columns["stability_days"])
    )
    confidence = chosen.take(columns["confidence"])
    similar = _similarity(view, cue, cosine, alone=words is None)
    shared = lexical
    if words is None:
        weights = weights._replace(similarity=1.0, lexical=0.0)
    else:
        shared = normalise(lexical, 0.0)
    fused = fuse(similar, shared, strength, confidence, cue.limit, weights)
    hits = []
    for position, score in zip(fused.order.tolist(), fused.scores.tolist(), strict=True):
        row = int(rows[position])
        parts = {
            "similarity": float(cosine[position]),
            "lexical": float(lexical[position]),
            "retrievability": float(strength[position]),
            "confidence": float(confidence[position]),
        }
        matched: tuple[str, ...] = ()
        if words is not None and cue.explain:
            matched = tuple(words.matched_terms(cue.text or "", row))
        hits.append(Hit(row, score, parts, matched))
    return hits
