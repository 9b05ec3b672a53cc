"""What the fusion kernel promises.

Rule 1: a score lies within 1e-6 of the reference, relative to the largest possible one.
Rule 2: best first; equal scores by position. Equal columns of parts get equal scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U32

PARTS_MAX: Final = 16
"""Parts in one call: Zig keeps what it knows of each on its stack."""


class FusionKernels(Protocol):
    """Fuses parts of scores and selects."""

    def score_fuse(self, parts: F32, weights: F32, floors: F32, k: int) -> tuple[U32, F32]:
        """Return the best `min(k, m)` of n candidates as (positions, scores).

        The first s parts share the score: each is put on a scale where its floor is 0 and the best
        candidate's value 1, clipped to [0, 1], and they are averaged by weight (a convex
        combination; Bruch, Gai and Ingber 2023). Each further part x, a share in [0, 1], scales the
        average by 1 - w (1 - x): at x = 0 it takes the share w of the score away, at 1 nothing.

        m counts the candidates whose score is above zero; the others are never returned, nor is one
        with NaN as a factor. NaN in a share counts as its floor.

        Args:
            parts: float32[p, n], 1 <= p <= `PARTS_MAX`, n < 2**32.
            weights: float32[p], none below zero; of factors none above 1.
            floors: float32[s], s <= p: where the scale of each share begins. NaN leaves a share as
                it is, clipped. A share whose best value is not above its floor counts as 0.
            k: how many at most, 1 or more.

        Returns:
            uint32[m] positions, best first, and float32[m] scores; both new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
        """
