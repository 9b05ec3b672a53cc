"""What its neighbours do to the place of a memory: interference lowers it, priming raises it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.retrieval.diversity import telling
from engram.retrieval.fusion import PARTS, Fused
from engram.retrieval.interference import interference
from engram.retrieval.priming import raised, raises

if TYPE_CHECKING:
    from engram.kernels.arrays import F32
    from engram.retrieval.graph import SpaceGraph
    from engram.retrieval.priming import Primed
    from engram.state.space import View

FINALISTS_PER_RESULT: Final = 2
"""How many of the best are looked at for each result that is wanted: interference takes a tenth of
a score at most, so that what is further behind hardly comes to the front."""

_STRENGTH: Final = PARTS.index("retrievability")


def adjusted(
    view: View,
    graph: SpaceGraph | None,
    fused: Fused,
    primed: Primed | None,
    *,
    fading: float,
    limit: int,
) -> Fused:
    """Return the best `limit` of the finalists, ranked anew where something bears upon them.

    A concept behind a memory that it was formed of is left out: it says nothing new.

    Args:
        view: where the memories and the space's settings are.
        graph: their associations; without, only repetition counts.
        fused: the finalists.
        primed: what the session was recalling.
        fading: how much of the score a wholly faded memory loses, as in `FusionWeights`.
        limit: how many at most.
    """
    settings, scores, parts = view.settings, fused.scores, fused.parts
    left = by = None
    if graph is not None and settings.interference:
        left = interference(view, graph, fused.rows)
        if left is not None:
            before = parts[_STRENGTH]
            parts = parts.copy()
            parts[_STRENGTH] *= left
            scores = scores * (_kept(parts[_STRENGTH], fading) / _kept(before, fading))
    if primed is not None and settings.priming:
        by = raises(primed, view, graph, fused.rows)
        scores = raised(scores, by)
    has_concepts = graph is not None and view.formed_count > 0
    if left is None and by is None and not has_concepts:
        best = slice(limit)
        return Fused(fused.rows[best], scores[best], parts[:, best], fused.places[best])
    order = np.argsort(-scores, kind="stable")
    if graph is not None and has_concepts:
        order = order[telling(view, graph, fused.rows[order])]
    order = order[:limit]
    return Fused(
        fused.rows[order],
        scores[order],
        parts[:, order],
        fused.places[order],
        None if left is None else left[order],
        None if by is None else by[order],
    )


def _kept(strength: F32, fading: float) -> F32:
    """Return float32[n]: the factor that strength is in a score, as the fusion kernel has it."""
    return np.float32(1) - np.float32(fading) * (np.float32(1) - strength)
