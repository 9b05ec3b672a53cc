"""The meaning of the search by sketches: plain loops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.codes.reference import ReferenceCodes
from engram.kernels.nearest.arguments import check_top_k_sketched
from engram.kernels.nearest.protocol import Nearest, first_of, groups_of
from engram.kernels.sketches.reference import ReferenceSketches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.nearest.protocol import SketchedRows

_CODES = ReferenceCodes()
_SKETCHES = ReferenceSketches()


class ReferenceNearest:
    """One row after the other."""

    def top_k_sketched(
        self,
        query: F32,
        parts: Sequence[SketchedRows],
        k: int,
        *,
        sure: int,
        known: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> Nearest:
        """See `NearestKernels.top_k_sketched`."""
        check_top_k_sketched(query, parts, k, sure, known)
        bounds: list[float] = []
        places: list[tuple[SketchedRows, int]] = []
        for part in parts:
            own = _SKETCHES.bound_sketches(part.sketches, cancel=cancel).tolist()
            has_row = [row < len(part.rows) for row in range(len(own))]
            pairs = zip(own, has_row, strict=True)
            bounds += [x if is_row and not math.isnan(x) else -math.inf for x, is_row in pairs]
            places += [(part, row) for row in range(len(own))]
        scored: dict[int, float] = {}
        for place in _first(bounds, groups_of(len(bounds), sure), first_of(sure)):
            scored[place] = _score(query, *places[place])
        others = [] if known is None else known.tolist()
        ranked = sorted((_rank(x) for x in (*scored.values(), *others)), reverse=True)
        floor = ranked[sure - 1] if len(ranked) >= sure else -math.inf
        for place, bound in enumerate(bounds):
            if bound > floor and place not in scored:
                scored[place] = _score(query, *places[place])
        best = sorted(scored, key=lambda place: _order(scored[place], place))[:k]
        numbers = [places[place][0].sketches.first + places[place][1] for place in best]
        scores = [scored[place] for place in best]
        return Nearest(np.array(scores, np.float32), np.array(numbers, np.uint32), len(scored))


def _first(bounds: list[float], groups: int, count: int) -> list[int]:
    """Return where the highest bounds of the best groups stand."""
    highest = []
    rounds = len(bounds) // groups
    for group in range(groups):
        places = range(group, rounds * groups, groups)
        best = max(places, key=lambda place: (bounds[place], -place), default=None)
        if best is not None and bounds[best] > -math.inf:
            highest.append((-bounds[best], group, best))
    return [place for _, _, place in sorted(highest)[:count]]


def _score(query: F32, part: SketchedRows, row: int) -> float:
    chosen = np.array([row], np.uint32)
    scores, _ = _CODES.rerank_f32(query, part.rows, chosen, 1, inv_norms=part.inv_norms)
    return float(scores[0])


def _rank(score: float) -> float:
    return -math.inf if math.isnan(score) else score


def _order(score: float, place: int) -> tuple[bool, float, int]:
    """Return what sorts scores best first, NaN last, equal ones by place."""
    return (math.isnan(score), 0.0 if math.isnan(score) else -score, place)
