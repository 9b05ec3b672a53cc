"""What a search promises that bounds all rows by their sketches and scores few of them.

With the bounds of `bound_sketches`, one part after the other, where NaN is -inf and so is what has
no row:

Rule 1: row i of all n is of group i % g; those beyond the last whole round are of none. Of each of
        the `first_of(sure)` groups with the highest bounds, equal ones by number, the row with the
        highest bound is scored, of equal ones the first. -inf is never scored.
Rule 2: the floor is the `sure`-th best of these scores and the known ones, NaN below all numbers;
        -inf while there are fewer. Every other row whose bound is above the floor is scored.
Rule 3: a score is that of `rerank_f32`; it may differ between backends as that does, and so may,
        by rounding of the floor alone, a row behind the first `sure`.
Rule 4: best first; equal scores by lower number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from engram.kernels.sketches.protocol import SketchPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32, U32
    from engram.kernels.cancel import CancelFlag

GROUP_ROWS: Final = 128
"""Rows of a group, where there are enough groups for those that are scored first."""

FIRST_MIN: Final = 64
"""Rows that are scored first, at least: enough that ten of them are near."""


class SketchedRows(NamedTuple):
    """The sketches of n rows, and the rows: float32[m, d] with inverse norms float32[m].

    Rows without a sketch are not searched, nor are sketches without a row.
    """

    sketches: SketchPart
    rows: F32
    inv_norms: F32


class Nearest(NamedTuple):
    """The best rows, best first: float32[m] scores and uint32[m] numbers; how many were scored."""

    scores: F32
    numbers: U32
    scored_count: int


def first_of(sure: int) -> int:
    """Return how many rows are scored first, so that the best `sure` of them are near."""
    return max(FIRST_MIN, 2 * sure)


def groups_of(rows_count: int, sure: int) -> int:
    """Return how many groups so many rows lie around in."""
    return max(1, min(rows_count // 4, max(4 * first_of(sure), rows_count // GROUP_ROWS)))


class NearestKernels(Protocol):
    """Kernels that search rows by their sketches."""

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
        """Return the best `k` rows by `dot(query, row) * inv_norm`, as far as bounds tell.

        Args:
            query: float32[d].
            parts: what is searched, of one d, in ascending order of their numbers.
            k: how many at most, 1 or more.
            sure: how many of the best should not be missed, 1 to `k`.
            known: float32[m] scores of other rows.
            cancel: stops the search when it is set.

        Returns:
            The rows by their numbers, `first` of their part and on; new arrays.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the search ended.
            ArenaExhausted: the Zig backend's arena has no five bytes a bit for the query and eight
                for each of `sure` and of the first.
        """
