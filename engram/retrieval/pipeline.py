"""The path of one recall: candidates, seeds, spreading, strength now, fusion, paths.

Runs over an immutable view, whole or a part at a time, each in whatever thread: no lock, no clock
of its own, and no disk where all bodies are in RAM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from engram.kernels.arrays import F32, U32
from engram.kernels.cancel import CancelFlag
from engram.retrieval import tiered, vectors
from engram.retrieval.asking import SIMILARITY, SPREADING, Cue, Found, Hit, Sources, Spreading
from engram.retrieval.evidence import Asked, Resemblance, judged
from engram.retrieval.filters import RowMasks, is_among, rows_known
from engram.retrieval.fusion import (
    AS_IT_IS,
    PARTS,
    Candidates,
    Fused,
    FusionWeights,
    Scored,
    alone,
    fuse,
    joined,
    resembling,
    with_more,
)
from engram.retrieval.named_times import closeness, named_times
from engram.retrieval.neighbourhood import FINALISTS_PER_RESULT, adjusted
from engram.retrieval.seeding import seeds_of
from engram.retrieval.spreading import Reached, spread_from
from engram.retrieval.word_view import AskedWords, WordView
from engram.state.columns import RowSet
from engram.state.space import View

# Candidates of a lone source: four times what is asked for, so that a fading or doubted memory can
# make room for the next. Where two sources are fused, enough that a memory both like in the middle
# of their lists is still seen.
CANDIDATES_MIN: Final = 100
CANDIDATES_PER_RESULT: Final = 4
_NOTHING: Final = (np.zeros(0, np.float32), np.zeros(0, np.uint32))
_NO_COUNTS: Final = np.zeros(0, np.int64)

ASKING: Final = "asking"
WORDS: Final = "words"
SPREAD: Final = "spread"
FUSE: Final = "fuse"
EVIDENCE: Final = "evidence"
"""What a recall does one after the other, after filters and vectors, if there is something to do:
the cue's words are looked up, then searched for; activation spreads; scores are fused; what
supports the best is judged."""

_BY_ACTIVATION: Final = FusionWeights(0.0, 0.0, speaker=0.0, time=0.0, activation=1.0)


class _Stages:
    """Measures the stages with the monotonic clock it is handed; `tell` hears of each as it ends.

    `timings_us` leaves out the time that belonged to others; what is told has it in.
    """

    def __init__(
        self, monotonic: Callable[[], int], tell: Callable[[str, int], None] | None
    ) -> None:
        self._monotonic, self._tell = monotonic, tell
        self._last = self._began = monotonic()
        self._spent = 0
        self.timings_us: dict[str, float] = {}

    def pause(self) -> None:
        """Let the time until `resume` belong to others."""
        self._spent = self._monotonic() - self._last

    def resume(self) -> None:
        """Go on with the stage that was under way."""
        self._last = self._monotonic() - self._spent

    def done(self, stage: str) -> None:
        now = self._monotonic()
        self.timings_us[stage] = (now - self._last) / 1_000
        if self._tell is not None:
            self._tell(f"stage {stage}", now - self._began)
        self._last = self._began = now


def search(
    view: View, cue: Cue, sources: Sources, *, now: int, cancel: CancelFlag | None = None
) -> Found:
    """Return what `cue` recalls from `view` at wall time `now` (nanoseconds), all at once.

    KernelCancelled when `cancel` was set before the search ended.
    """
    recall = Recall(view, cue, sources, now)
    while recall.step(cancel) is not None:
        pass
    return recall.found


class Recall:
    """One recall on its way through the stages; a method a stage.

    `step` carries it on; `found` is there when it has ended.
    """

    found: Found

    def __init__(self, view: View, cue: Cue, sources: Sources, now: int) -> None:
        self._view, self._cue, self._sources, self._now = view, cue, sources, now
        self._kernels = sources.kernels
        self._cancel: CancelFlag | None = None
        self._stages = _Stages(sources.monotonic, sources.on_stage)
        self._masks = RowMasks(None, None, 0, 0)
        self._named = np.array(cue.rows, np.uint32)
        self._vector = cue.vector
        self._words: WordView | None = None
        self._asked: AskedWords | None = None
        self._dfs = _NO_COUNTS
        self._unrelated: float | None = None
        self._weights = sources.weights
        self._steps = self._staged()

    @property
    def postings_count(self) -> int:
        """How many postings there are of the cue's words; 0 before these are known."""
        return int(self._dfs.sum())

    def step(self, cancel: CancelFlag | None) -> str | None:
        """Carry out the next part and return the name of the one after it; None at the end.

        KernelCancelled when `cancel` was set before the part ended.
        """
        self._cancel = cancel
        self._stages.resume()
        coming = next(self._steps, None)
        self._stages.pause()
        return coming

    def _staged(self) -> Iterator[str]:
        """Do one part after the other, and yield the name of each but the first before it."""
        cue = self._cue
        self._masks = self._sources.masks_of(self._view, cue.filters, self._now, self._cancel)
        self._stages.done("filter")
        by_vector, by_words = self._by_vector(), _NOTHING
        if cue.text and self._masks.candidates:
            yield ASKING
            self._ask(cue.text)
            yield WORDS
            by_words = self._by_words()
        yield SPREAD
        candidates = self._direct(by_vector, by_words)
        direct_count = len(candidates.rows)
        reached = None if cue.mode == SIMILARITY else self._spread(candidates)
        yield FUSE
        if reached is not None:
            candidates = self._associated(candidates, reached)
        hits: list[Hit] = []
        if len(candidates.rows):
            candidates = self._said(candidates)
            fused = self._ranked(candidates, reached)
            self._stages.done("fuse")
            yield EVIDENCE
            hits = self._hits(candidates, fused, reached, direct_count)
        self._stages.done("evidence")
        self.found = self._told(hits, reached)

    def _told(self, hits: list[Hit], reached: Reached | None) -> Found:
        spread = None
        if reached is not None:
            found = reached.spread
            spread = Spreading(
                len(reached.seed_places), len(found.rows), found.edges_touched, found.is_partial
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

    def _by_vector(self) -> Scored:
        cue, sources, view = self._cue, self._sources, self._view
        if self._vector is None and not cue.text and len(self._named):
            self._vector = _mean_of(view, self._named)
        if self._vector is None or not self._masks.candidates:
            return _NOTHING
        k = self._candidates_max()
        wanted = tiered.Search(
            self._kernels,
            self._vector,
            k,
            self._cancel,
            self._stages.done,
            sources.share,
            sketches=sources.sketches_at(view, self._cancel),
            sure=max(cue.limit, k // CANDIDATES_PER_RESULT),
        )
        return vectors.top_k(wanted, view, self._masks.vectors)

    def _candidates_max(self) -> int:
        """Return how many candidates a source gives, at most."""
        k = CANDIDATES_PER_RESULT * self._cue.limit
        if self._cue.text:
            k = max(CANDIDATES_MIN, k)
        return k + len(self._named)

    def _ask(self, text: str) -> None:
        """Look the words of the cue up."""
        words = self._sources.words_at(self._view)
        self._asked = asked = words.asked(text)
        as_of = self._cue.filters.as_of
        if as_of is not None:
            words = words.of(rows_known(self._view, as_of), asked)
        self._words, self._dfs = words, words.columns.dfs(asked.terms)

    def _by_words(self) -> Scored:
        words, asked = self._words, self._asked
        if words is None or asked is None:
            return _NOTHING
        mask = self._masks.of_words(words.row_count)
        found = words.top_k(self._kernels, asked, self._candidates_max(), mask, self._cancel)
        self._stages.done("words")
        return found

    def _direct(self, by_vector: Scored, by_words: Scored) -> Candidates:
        """Return the candidates by vector and by words."""
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
        scores, places = _NOTHING
        if len(candidates.rows):
            count = sources.spreading.seeds_max
            scores, places = resembling(
                self._kernels, candidates, self._weights, self._floors(), count
            )
        weights = sources.spreading
        if self._words is None:  # scores are plain cosines
            floor = max(weights.seed_floor, self._unrelated or 0.0)
            weights = weights._replace(seed_floor=floor)
        seeds = seeds_of(candidates.rows, scores, places, self._named, weights)
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
        direct_count = len(candidates.rows)
        at = reached.find(candidates.rows)
        is_direct = at >= 0
        at = at[is_direct]
        may_join = self._masks.passing(reached.rows)
        may_join[at] = False
        if len(self._named):
            may_join &= ~is_among(reached.rows, self._named)
        more = reached.best(self._sources.spreading.reached_max, may_join)
        candidates = with_more(candidates, reached.rows[more], self._cosines, self._lexical)
        counted = reached.activations if self._cue.mode == SPREADING else reached.received
        activation = np.zeros(len(candidates.rows), np.float32)
        activation[:direct_count][is_direct] = counted[at]
        activation[direct_count:] = counted[more]
        if self._cue.mode == SPREADING or activation.any():
            return candidates._replace(activation=activation)
        return candidates

    def _ranked(self, candidates: Candidates, reached: Reached | None) -> Fused:
        """Return the best candidates, after what their neighbours do to them."""
        # Two at least: how far the best is ahead of the next is part of its relevance.
        view, primed, limit = self._view, self._cue.primed, max(2, self._cue.limit)
        by_activation = self._cue.mode == SPREADING and reached is not None
        weights = _BY_ACTIVATION if by_activation else self._weights
        is_alone = reached is None and primed is None
        count = limit if is_alone else FINALISTS_PER_RESULT * limit
        kernels, floors, now = self._kernels, self._floors(), self._now
        records = kernels.gather_records(self._sources.ranked(view), candidates.rows)
        fused = fuse(
            kernels, view.settings, candidates, records, weights, floors, now=now, limit=count
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
            best = words.best(self._asked, self._dfs)
        resemblance = Resemblance(self._unrelated or 0.0, best)
        asked = Asked(candidates, direct_count, resemblance, self._weights)
        evidence = judged(self._kernels, self._view, fused, reached, asked)
        rows, scores = fused.rows.tolist(), fused.scores.tolist()
        matched: list[tuple[str, ...]] = [()] * len(rows)
        if words is not None and cue.explain:
            matched = [tuple(words.matched_terms(cue.text or "", row)) for row in rows]
        left = [1.0] * len(rows) if fused.left is None else fused.left.tolist()
        raised = [0.0] * len(rows) if fused.raised is None else fused.raised.tolist()
        parts = [dict(zip(PARTS, each, strict=True)) for each in fused.parts.T.tolist()]
        leads = [0.0] * len(rows)
        if rows:
            leads[0] = scores[0] - (scores[1] if len(rows) > 1 else 0.0)
        columns = (rows, scores, parts, matched, evidence, left, raised, leads, range(len(rows)))
        return list(map(Hit, *columns))[: cue.limit]


def _mean_of(view: View, rows: U32) -> F32 | None:
    """Return the direction of some memories' vectors, None where they have none."""
    if not view.dimensions:
        return None
    total = view.norms_of(rows) @ view.vectors_of(rows)
    length = float(np.linalg.norm(total))
    return np.asarray(total / np.float32(length), np.float32) if length > 0 else None
