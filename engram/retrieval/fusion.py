"""Fusion: several scores of a memory become one, and each stays visible as a part.

Convex combination of normalised scores rather than reciprocal ranks (Bruch, Gai and Ingber, "An
analysis of fusion functions for hybrid retrieval", 2023). On three conversations of LoCoMo
(evidence retrieval, 383 questions, recall_at_10) words alone found 0.646. With the offline embedder
vectors alone found 0.577, the default weights without activation 0.715 and with it 0.787; with
MiniLM vectors alone 0.520 and the default weights 0.838. Shares of similarity from 0.4 to 0.6 lay
within 0.011 of each other.
Retrievability and confidence scale the result: they never lift what neither words nor meaning
support.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.kernels.arrays import F32, U32
from engram.kernels.protocol import KernelBackend
from engram.model.relevance import DOUBT, FADING
from engram.model.space_settings import SpaceSettings
from engram.retrieval.strength import ranking_strength

PARTS: Final = (
    "similarity",
    "lexical",
    "speaker",
    "time",
    "activation",
    "retrievability",
    "confidence",
)
"""The rows of parts, in the order of weights; the first five share the score."""

AS_IT_IS: Final = float("nan")
"""The floor of a share that is already one."""

Scored = tuple[F32, U32]
"""What a source found: scores and rows, best first."""


class FusionWeights(NamedTuple):
    """How much each part counts; the first five share the score as they stand to each other."""

    similarity: float = 0.45
    lexical: float = 0.55
    # Counts only for a cue that names somebody who speaks in the memory space.
    speaker: float = 0.25
    # Counts only for a cue that names a time near which a candidate occurred; 0.3 to 0.5 did
    # equally well on LoCoMo.
    time: float = 0.4
    # What association brings a memory, beside what it has in common with the cue itself. Counts
    # only where activation reached something.
    activation: float = 0.4
    # How much of the score a wholly faded or wholly unbelieved memory loses.
    fading: float = FADING
    doubt: float = DOUBT


class Candidates(NamedTuple):
    """Rows that may be recalled: u32[n], with their cosines and BM25 scores, f32[n] each.

    `speaker` is 1 where somebody whom the cue names says the text; None where it names nobody.
    `time` is 1 where it occurred at a time that the cue names, less near it; None where no
    candidate did. `activation` is what came over associations; None where nothing did.
    """

    rows: U32
    cosines: F32
    lexical: F32
    speaker: F32 | None = None
    time: F32 | None = None
    activation: F32 | None = None


class Fused(NamedTuple):
    """The best candidates, best first: rows u32[m], scores f32[m] and parts f32[7, m].

    `places` i64[m] is where they stand among the candidates. `left` f32[m] is what interference has
    left of their strength, `raised` f32[m] by how much priming raised them; None without any.
    """

    rows: U32
    scores: F32
    parts: NDArray[np.float32]
    places: U32
    left: F32 | None = None
    raised: F32 | None = None


def alone(scored: Scored, *, are_cosines: bool) -> Candidates:
    """Return the candidates of a lone source, in its order."""
    scores, rows = scored
    nothing = np.zeros(len(rows), np.float32)
    return Candidates(rows, scores, nothing) if are_cosines else Candidates(rows, nothing, scores)


def joined(
    by_vector: Scored,
    by_words: Scored,
    cosines_of: Callable[[U32], F32],
    lexical_of: Callable[[U32], F32],
) -> Candidates:
    """Return what either source found, by row; each is asked about what only the other found."""
    rows = np.concatenate((by_vector[1], by_words[1]))
    rows.sort()
    is_first = np.ones(len(rows), bool)
    np.not_equal(rows[1:], rows[:-1], out=is_first[1:])
    rows = rows[is_first]
    return Candidates(
        rows, _completed(rows, by_vector, cosines_of), _completed(rows, by_words, lexical_of)
    )


def with_more(
    candidates: Candidates,
    rows: U32,
    cosines_of: Callable[[U32], F32],
    lexical_of: Callable[[U32], F32],
) -> Candidates:
    """Return the candidates and behind them other rows, which are asked about. Nothing else."""
    if not len(rows):
        return candidates
    return Candidates(
        np.concatenate((candidates.rows, rows)),
        np.concatenate((candidates.cosines, cosines_of(rows))),
        np.concatenate((candidates.lexical, lexical_of(rows))),
    )


def _completed(rows: U32, scored: Scored, score: Callable[[U32], F32]) -> F32:
    scores = np.empty(len(rows), np.float32)
    is_known = np.zeros(len(rows), bool)
    at = rows.searchsorted(scored[1])
    scores[at], is_known[at] = scored[0], True
    unknown = np.flatnonzero(~is_known)
    if len(unknown):
        scores[unknown] = score(rows[unknown])
    return scores


@lru_cache(8)
def _weights(weights: FusionWeights) -> F32:
    return np.array(weights, np.float32)


def resembling(
    kernels: KernelBackend,
    candidates: Candidates,
    weights: FusionWeights,
    floors: tuple[float, float],
    limit: int,
) -> tuple[F32, U32]:
    """Return scores and places of the best `limit` candidates, by what they share with the cue.

    What time has left of them, and how sure they are, does not count as it does for `fuse`; nor who
    says them: what somebody answered is often reached through what another asked.
    """
    shares = np.array((candidates.cosines, candidates.lexical))
    places, scores = kernels.score_fuse(
        shares, _weights(weights)[:2], np.array(floors, np.float32), limit
    )
    return scores, places


def fuse(
    kernels: KernelBackend,
    settings: SpaceSettings,
    candidates: Candidates,
    records: NDArray[Any],
    weights: FusionWeights,
    floors: tuple[float, float],
    *,
    now: int,
    limit: int,
) -> Fused:
    """Return the best `limit` candidates by fused score at wall time `now`, ties as they come.

    Args:
        kernels: the backend that computes.
        settings: say how the space forgets.
        candidates: what is ranked.
        records: what `RecordColumns.ranked` holds of each.
        weights: the share of each part.
        floors: the cosine and the BM25 score that count as none; `AS_IT_IS` for shares in [0, 1].
        now: nanoseconds since the epoch.
        limit: how many at most.
    """
    parts = np.empty((len(PARTS), len(records)), np.float32)
    parts[0], parts[1] = candidates.cosines, candidates.lexical
    counting = list(weights)
    for row, share in enumerate(candidates[3:], start=2):
        if share is None:
            parts[row] = counting[row] = 0.0
        else:
            parts[row] = share
    ranking_strength(kernels, settings, records, now, parts[5])
    parts[6] = records["confidence"]
    order, scores = kernels.score_fuse(
        parts,
        np.array(counting, np.float32),
        np.array((*floors, AS_IT_IS, AS_IT_IS, 0.0), np.float32),
        limit,
    )
    return Fused(candidates.rows[order], scores, parts[:, order], order)
