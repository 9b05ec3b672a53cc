"""The path of one recall: candidates, seeds, spreading, strength now, fusion, paths.

Runs whole in one thread over an immutable view: no lock, no clock of its own, and no disk where all
bodies are in RAM.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.kernels.arrays import F32, U32
from engram.kernels.cancel import CancelFlag
from engram.kernels.protocol import KernelBackend
from engram.model.cue import Filters
from engram.retrieval import tiered, vectors
from engram.retrieval.evidence import Asked, Evidence, Resemblance, judged
from engram.retrieval.filters import RowMasks, is_among, rows_known
from engram.retrieval.fusion import (
    AS_IT_IS,
    PARTS,
    Candidates,
    Fused,
    FusionWeights,
    alone,
    fuse,
    joined,
    resembling,
    with_more,
)
from engram.retrieval.graph import SpaceGraph
from engram.retrieval.named_times import closeness, named_times
from engram.retrieval.neighbourhood import FINALISTS_PER_RESULT, adjusted
from engram.retrieval.priming import Primed
from engram.retrieval.seeding import SpreadingWeights, seeds_of
from engram.retrieval.sketch_index import SketchView
from engram.retrieval.spreading import Reached, spread_from
from engram.retrieval.word_view import AskedWords, WordView
from engram.state.columns import RowSet
from engram.state.space import View

# Candidates of a lone source: four times what is asked for, so that a fading or doubted memory can
# make room for the next. Where two sources are fused, enough that a memory both like in the middle
# of their lists is still seen.
CANDIDATES_MIN: Final = 100
CANDIDATES_PER_RESULT: Final = 4
_WEIGHTS: Final = FusionWeights()
_SPREADING: Final = SpreadingWeights()
_NOTHING: Final = (np.zeros(0, np.float32), np.zeros(0, np.uint32))

SIMILARITY: Final = "similarity"
SPREADING: Final = "spreading"
HYBRID: Final = "hybrid"
MODES: Final = (SIMILARITY, SPREADING, HYBRID)
_BY_ACTIVATION: Final = FusionWeights(0.0, 0.0, speaker=0.0, time=0.0, activation=1.0)


class Cue(NamedTuple):
    """What is searched for, ready: `vector` is a float32[d] of length 1.

    `rows` are the memories the cue consists of, beside or instead of the others. They are not
    listed. Without text and vector, their mean is what candidates are compared with. `primed` is
    what the cue's session was recalling.
    """

    text: str | None
    vector: NDArray[np.float32] | None
    filters: Filters
    limit: int
    explain: bool = False
    mode: str = HYBRID
    rows: tuple[int, ...] = ()
    primed: Primed | None = None


class Hit(NamedTuple):
    """One recalled row with its fused score and parts, and what supports it.

    `left` is what interference has left of its strength, `raised` by how much priming raised it.
    """

    row: int
    score: float
    parts: dict[str, float]
    matched_terms: tuple[str, ...]
    evidence: Evidence
    left: float = 1.0
    raised: float = 0.0


class Spreading(NamedTuple):
    """What spreading came to: seeds, nodes reached, edges read, and whether the budget ended it."""

    seeds_count: int
    reached_count: int
    edges_touched: int
    is_partial: bool


class Found(NamedTuple):
    """What the pipeline found, best first, and how long each stage took in microseconds.

    `unrelated` is the cosine that counts as none, `terms_known` how many of the cue's words some
    text has, `terms_unknown` how many none has.
    """

    hits: list[Hit]
    candidates: int
    timings_us: dict[str, float]
    spreading: Spreading | None = None
    unrelated: float | None = None
    terms_known: int = 0
    terms_unknown: int = 0
    has_vector: bool = False


class Sources(NamedTuple):
    """What a recall reads besides the view, and who computes.

    `masks_of` gives the rows that pass filters (`RowMasker`); `unrelated` says what the cosine of a
    cue with an unrelated row is like in the view. `share` may begin a part of the search in another
    thread (`Readers.share`). `sketches` are of the bodies in RAM; without, all of them are scanned.
    """

    kernels: KernelBackend
    words_at: Callable[[View], WordView]
    graph_at: Callable[[View, int | None], SpaceGraph]
    masks_of: Callable[[View, Filters, int], RowMasks]
    unrelated: Callable[[View, F32], float]
    monotonic: Callable[[], int]
    share: Callable[[tiered.Scan], tiered.Scan] = tiered.alone
    sketches: SketchView | None = None
    weights: FusionWeights = _WEIGHTS
    spreading: SpreadingWeights = _SPREADING


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
    view: View, cue: Cue, sources: Sources, *, now: int, cancel: CancelFlag | None = None
) -> Found:
    """Return what `cue` recalls from `view` at wall time `now` (nanoseconds).

    KernelCancelled when `cancel` was set before the search ended.
    """
    return _Recall(view, cue, sources, now, cancel).run()


class _Recall:
    """One recall on its way through the stages; a method a stage."""

    def __init__(
        self, view: View, cue: Cue, sources: Sources, now: int, cancel: CancelFlag | None
    ) -> None:
        self._view, self._cue, self._sources = view, cue, sources
        self._kernels, self._now, self._cancel = sources.kernels, now, cancel
        self._stages = _Stages(sources.monotonic)
        self._masks = sources.masks_of(view, cue.filters, now)
        self._named = np.array(cue.rows, np.uint32)
        self._vector = cue.vector
        self._words: WordView | None = None
        self._asked: AskedWords | None = None
        self._unrelated: float | None = None
        self._weights = sources.weights
        self._stages.done("filter")

    def run(self) -> Found:
        candidates = self._direct()
        reached = None
        if self._cue.mode != SIMILARITY:
            reached = self._spread(candidates)
        direct_count = len(candidates.rows)
        if reached is not None:
            candidates = self._associated(candidates, reached)
        hits: list[Hit] = []
        if len(candidates.rows):
            candidates = self._said(candidates)
            by_activation = self._cue.mode == SPREADING and reached is not None
            weights = _BY_ACTIVATION if by_activation else self._weights
            fused = self._ranked(candidates, weights, reached)
            self._stages.done("fuse")
            hits = self._hits(candidates, fused, reached, direct_count)
        self._stages.done("evidence")
        spread = None
        if reached is not None:
            found = reached.spread
            spread = Spreading(
                reached.seeds_count, len(found.rows), found.edges_touched, found.is_partial
            )
        asked = self._asked
        return Found(
            hits,
            self._masks.candidates,
            self._stages.timings_us,
            spread,
            self._unrelated,
            0 if asked is None else len(asked.terms),
            0 if asked is None else asked.unknown_count,
            self._vector is not None,
        )

    def _direct(self) -> Candidates:
        """Return the candidates by vector and by words."""
        cue, masks = self._cue, self._masks
        k = CANDIDATES_PER_RESULT * cue.limit
        if cue.text:
            k = max(CANDIDATES_MIN, k)
        k += len(self._named)
        if self._vector is None and not cue.text and len(self._named):
            self._vector = _mean_of(self._view, self._named)
        by_vector = by_words = _NOTHING
        if self._vector is not None and masks.candidates:
            by_vector = self._by_vector(self._vector, k)
        if self._cancel is not None:
            self._cancel.check()
        if cue.text and masks.candidates:
            by_words = self._by_words(cue.text, k)
        if self._words is None:
            candidates = alone(by_vector, are_cosines=True)
            self._weights = self._weights._replace(similarity=1.0, lexical=0.0)
        elif self._vector is None:
            candidates = alone(by_words, are_cosines=False)
            self._weights = self._weights._replace(similarity=0.0, lexical=1.0)
        else:
            candidates = joined(by_vector, by_words, self._cosines, self._lexical)
        if self._vector is not None:
            self._unrelated = self._sources.unrelated(self._view, self._vector)
        return self._without_named(candidates)

    def _by_vector(self, vector: F32, k: int) -> tuple[F32, U32]:
        sources = self._sources
        sure = max(self._cue.limit, k // CANDIDATES_PER_RESULT)
        wanted = tiered.Search(
            self._kernels,
            vector,
            k,
            self._cancel,
            self._stages.done,
            sources.share,
            sketches=sources.sketches,
            sure=sure,
        )
        return vectors.top_k(wanted, self._view, self._masks.vectors)

    def _by_words(self, text: str, k: int) -> tuple[F32, U32]:
        words = self._sources.words_at(self._view)
        self._asked = asked = words.asked(text)
        as_of = self._cue.filters.as_of
        if as_of is not None:
            words = words.of(rows_known(self._view, as_of), asked)
        self._words = words
        mask = self._masks.of_words(words.row_count)
        found = words.top_k(self._kernels, asked, k, mask, self._cancel)
        self._stages.done("words")
        return found

    def _cosines(self, rows: U32) -> F32:
        if self._vector is None:
            return np.zeros(len(rows), np.float32)
        return vectors.cosines(self._kernels, self._view, self._vector, rows)

    def _lexical(self, rows: U32) -> F32:
        if self._words is None or self._asked is None:
            return np.zeros(len(rows), np.float32)
        return self._words.scores(self._kernels, self._asked, rows)

    def _said(self, candidates: Candidates) -> Candidates:
        """Return the candidates with who says them and when, where the cue names that."""
        words, asked = self._words, self._asked
        if words is not None and asked is not None and (said := words.speakers_asked(asked)):
            candidates = candidates._replace(speaker=words.said_by(said, candidates.rows))
        if times := named_times(self._cue.text or ""):
            occurred_at = RowSet(candidates.rows).take(self._view.columns["occurred_at"])
            if (near := closeness(times, occurred_at)).any():
                candidates = candidates._replace(time=near)
        return candidates

    def _without_named(self, candidates: Candidates) -> Candidates:
        if not len(self._named):
            return candidates
        others = ~np.isin(candidates.rows, self._named)
        rows, cosines, lexical = candidates[:3]
        return Candidates(rows[others], cosines[others], lexical[others])

    def _spread(self, candidates: Candidates) -> Reached | None:
        """Let the best candidates, and the memories the cue names, activate what they know."""
        view, sources = self._view, self._sources
        if not view.associations.edge_count or not self._masks.candidates:
            return None
        rows, scores = np.zeros(0, np.uint32), np.zeros(0, np.float32)
        if len(candidates.rows):
            count = sources.spreading.seeds_max
            scores, rows = resembling(
                self._kernels, candidates, self._weights, self._floors(), count
            )
        weights = sources.spreading
        if self._words is None:  # scores are plain cosines
            floor = max(weights.seed_floor, self._unrelated or 0.0)
            weights = weights._replace(seed_floor=floor)
        seeds = seeds_of(rows, scores, self._named, weights)
        if not len(seeds.rows):
            return None
        self._stages.done("seeds")
        graph = sources.graph_at(view, self._cue.filters.as_of)
        reached = spread_from(self._kernels, view, graph, seeds, sources.spreading, self._cancel)
        self._stages.done("spread")
        return reached

    def _associated(self, candidates: Candidates, reached: Reached) -> Candidates:
        """Return the candidates with those that activation alone reached, and what each received.

        In a recall by spreading alone what a seed began with counts as well.
        """
        more = reached.best(
            self._sources.spreading.reached_max, partial(self._may_join, candidates.rows)
        )
        candidates = with_more(candidates, more, self._cosines, self._lexical)
        activations, received = reached.at(candidates.rows)
        if self._cue.mode == SPREADING:
            return candidates._replace(activation=activations)
        return candidates._replace(activation=received) if received.any() else candidates

    def _may_join(self, present: U32, rows: U32) -> NDArray[np.bool_]:
        may = self._masks.passing(rows) & ~is_among(rows, present)
        return may & ~is_among(rows, self._named) if len(self._named) else may

    def _ranked(
        self, candidates: Candidates, weights: FusionWeights, reached: Reached | None
    ) -> Fused:
        """Return the best candidates, after what their neighbours do to them."""
        view, primed, limit = self._view, self._cue.primed, self._cue.limit
        is_alone = reached is None and primed is None
        count = limit if is_alone else FINALISTS_PER_RESULT * limit
        fused = fuse(
            self._kernels, view, candidates, weights, self._floors(), now=self._now, limit=count
        )
        if is_alone:
            return fused
        graph = None if reached is None else reached.graph
        return adjusted(view, graph, fused, primed, fading=weights.fading, limit=limit)

    def _floors(self) -> tuple[float, float]:
        """Return the cosine and the BM25 score that count as none."""
        is_lone = self._words is None or self._unrelated is None
        return (AS_IT_IS if is_lone else self._unrelated or 0.0, 0.0)

    def _hits(
        self, candidates: Candidates, fused: Fused, reached: Reached | None, direct_count: int
    ) -> list[Hit]:
        cue, words, best = self._cue, self._words, 0.0
        if words is not None and self._asked is not None:
            best = words.best(self._asked)
        resemblance = Resemblance(self._unrelated or 0.0, best)
        asked = Asked(candidates, direct_count, self._named, resemblance, self._weights)
        evidence = judged(self._kernels, self._view, fused, reached, asked)
        hits: list[Hit] = []
        ranked = zip(
            fused.rows.tolist(), fused.scores.tolist(), fused.parts.T.tolist(), strict=True
        )
        for (row, score, parts), found in zip(ranked, evidence, strict=True):
            matched: tuple[str, ...] = ()
            if words is not None and cue.explain:
                matched = tuple(words.matched_terms(cue.text or "", row))
            place = len(hits)
            left = 1.0 if fused.left is None else float(fused.left[place])
            raised = 0.0 if fused.raised is None else float(fused.raised[place])
            named = dict(zip(PARTS, parts, strict=True))
            hits.append(Hit(row, score, named, matched, found, left, raised))
        return hits


def _mean_of(view: View, rows: U32) -> F32 | None:
    """Return the direction of some memories' vectors, None where they have none."""
    if not view.dimensions:
        return None
    total = view.norms_of(rows) @ view.vectors_of(rows)
    length = float(np.linalg.norm(total))
    return np.asarray(total / np.float32(length), np.float32) if length > 0 else None
