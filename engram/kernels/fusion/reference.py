"""The meaning of score fusion: plain loops in float64, rounded once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.fusion.arguments import check_score_fuse

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U32


class ReferenceFusion:
    """Scores one candidate after the other."""

    def score_fuse(self, parts: F32, weights: F32, floors: F32, k: int) -> tuple[U32, F32]:
        """See `FusionKernels.score_fuse`."""
        check_score_fuse(parts, weights, floors, k)
        rows: list[list[float]] = parts.tolist()
        shares_count = len(floors)
        for p, floor in enumerate(floors.tolist()):
            rows[p] = _shares(rows[p], floor)
        weight_of: list[float] = weights.tolist()
        total = sum(weight_of[:shares_count])
        total = total if total > 0 else 1.0
        ranked: list[tuple[float, int]] = []
        for candidate in range(parts.shape[1]):
            score = 0.0
            for p in range(shares_count):
                score += rows[p][candidate] * (weight_of[p] / total)
            for p in range(shares_count, len(rows)):
                score *= 1 - weight_of[p] * (1 - rows[p][candidate])
            with np.errstate(over="ignore"):
                score = float(np.float32(score))
            if score > 0:
                ranked.append((-score, candidate))
        ranked.sort()
        best = ranked[:k]
        order = np.array([candidate for _, candidate in best], np.uint32)
        return order, np.array([-negated for negated, _ in best], np.float32)


def _shares(values: list[float], floor: float) -> list[float]:
    if math.isnan(floor):
        floor, scale = 0.0, 1.0
    else:
        best = max((x for x in values if not math.isnan(x)), default=floor)
        scale = 1 / (best - floor) if best > floor else 0.0
    shares = ((x - floor) * scale for x in values)
    return [min(1.0, x) if x > 0 else 0.0 for x in shares]
