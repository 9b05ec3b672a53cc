"""The path of one recall: filter, candidates by vector and by words, strength now, fusion.

Runs whole in one worker thread over an immutable view: no lock, no clock of its own, and no disk
where all bodies are in RAM.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.kernels.arrays import F32
from engram.kernels.cancel import CancelFlag
from engram.kernels.protocol import KernelBackend
from engram.model.cue import Filters
from engram.retrieval import tiered, vectors
from engram.retrieval.filters import RowMasks, rows_known
from engram.retrieval.fusion import AS_IT_IS, Fused, FusionWeights, alone, fuse, joined
from engram.retrieval.sketch_index import SketchView
from engram.retrieval.word_view import WordView
from engram.state.space import View

# Candidates of a lone source: four times what is asked for, so that a fading or doubted memory can
# make room for the next. Where two sources are fused, enough that a memory both like in the middle
# of their lists is still seen.
CANDIDATES_MIN: Final = 100
CANDIDATES_PER_RESULT: Final = 4
_WEIGHTS: Final = FusionWeights()
_NOTHING: Final = (np.zeros(0, np.float32), np.zeros(0, np.uint32))


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
    masks_of: Callable[[View, Filters, int], RowMasks],
    unrelated: Callable[[View, F32], float],
    weights: FusionWeights = _WEIGHTS,
    cancel: CancelFlag | None = None,
    share: Callable[[tiered.Scan], tiered.Scan] = tiered.alone,
    sketches: SketchView | None = None,
) -> Found:
    """Return what `cue` recalls from `view` at wall time `now` (nanoseconds).

    `masks_of` gives the rows that pass filters (`RowMasker`); `unrelated` says what the cosine of a
    cue with an unrelated row is like in the view. `share` may begin a part of the search in another
    thread (`Readers.share`). `sketches` are of the bodies in RAM; without, all of them are scanned.
    KernelCancelled when `cancel` was set before the search ended.
    """
    stages = _Stages(monotonic)
    masks = masks_of(view, cue.filters, now)
    stages.done("filter")
    k = CANDIDATES_PER_RESULT * cue.limit
    if cue.text:
        k = max(CANDIDATES_MIN, k)
    by_vector = by_words = _NOTHING
    words = asked = None
    if cue.vector is not None and masks.candidates:
        sure = max(cue.limit, k // CANDIDATES_PER_RESULT)
        wanted = tiered.Search(
            kernels, cue.vector, k, cancel, stages.done, share, sketches=sketches, sure=sure
        )
        by_vector = vectors.top_k(wanted, view, masks.vectors)
    if cancel is not None:
        cancel.check()
    if cue.text and masks.candidates:
        words = words_at(view)
        asked = words.asked(cue.text)
        if cue.filters.as_of is not None:
            words = words.of(rows_known(view, cue.filters.as_of), asked)
        by_words = words.top_k(kernels, asked, k, _words_mask(masks, words), cancel)
        stages.done("words")
    floor = AS_IT_IS
    if words is None or asked is None:
        candidates = alone(by_vector, are_cosines=True)
        weights = weights._replace(similarity=1.0, lexical=0.0)
    elif cue.vector is None:
        candidates = alone(by_words, are_cosines=False)
    else:
        cosines = partial(vectors.cosines, kernels, view, cue.vector)
        lexical = partial(words.scores, kernels, asked)
        candidates = joined(by_vector, by_words, cosines, lexical)
        floor = unrelated(view, cue.vector)
    if words is not None and (speakers := words.speakers(cue.text or "")):
        candidates = candidates._replace(speaker=words.said_by(speakers, candidates.rows))
    hits = []
    if len(candidates.rows):
        fused = fuse(kernels, view, candidates, weights, (floor, 0.0), now=now, limit=cue.limit)
        hits = _hits(cue, words, fused)
    stages.done("fuse")
    return Found(hits, masks.candidates, stages.timings_us)


def _words_mask(masks: RowMasks, words: WordView) -> NDArray[np.uint8] | None:
    """Return the mask for the word index, which may have come further than the view."""
    if masks.words is not None or words.row_count == masks.rows:
        return masks.words
    first = np.full((masks.rows + 7) // 8, 0xFF, np.uint8)
    if masks.rows & 7:
        first[-1] = (1 << (masks.rows & 7)) - 1
    return first


def _hits(cue: Cue, words: WordView | None, fused: Fused) -> list[Hit]:
    hits = []
    ranked = zip(fused.rows.tolist(), fused.scores.tolist(), *fused.parts.tolist(), strict=True)
    for row, score, similarity, lexical, speaker, strength, confidence in ranked:
        matched: tuple[str, ...] = ()
        if words is not None and cue.explain:
            matched = tuple(words.matched_terms(cue.text or "", row))
        parts = {
            "similarity": similarity,
            "lexical": lexical,
            "speaker": speaker,
            "retrievability": strength,
            "confidence": confidence,
        }
        hits.append(Hit(row, score, parts, matched))
    return hits
