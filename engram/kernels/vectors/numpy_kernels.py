"""The vector kernels in numpy: always there, bounded in memory, exact in its ranking.

BLAS sums a row in an order that depends on where in the matrix the row stands, so two equal rows
may differ in the last bit and a tie would fall by chance. So a block's BLAS scores only choose who
may be among the best; those few are scored again in float64, one by one, and ranked by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.vectors.arguments import (
    check_rows,
    check_similarity,
    check_similarity_at,
    check_top_k,
    check_top_k_many,
    refuse_numbers,
)
from engram.kernels.vectors.protocol import ROW_NORM_MAX, ROW_NORM_MIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.vectors.protocol import Page

_BLOCK_BYTES = 4 << 20
"""Rows scored at once; bounds the gathered copy under a mask and the float64 copy of ties."""

_EXACT_BYTES = 1 << 20
"""Float32 bytes widened to float64 at once."""

_DENSE_SHARE_MIN = 0.5
"""From this share of candidates on, scoring every row of a block beats gathering the candidates."""

_EPS = float(np.finfo(np.float32).eps)


class NumpyVectors:
    """Blocked matrix products and partitions; every score is rounded from float64."""

    def top_k_f32(
        self,
        query: F32,
        rows: F32,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `VectorKernels.top_k_f32`."""
        check_top_k(query, rows, k, inv_norms, mask)
        (best,) = _scan(query[None], rows, k, inv_norms, mask, cancel)
        return best.scores, best.rows.astype(np.uint32)

    def top_k_many_f32(
        self,
        queries: F32,
        rows: F32,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `VectorKernels.top_k_many_f32`."""
        check_top_k_many(queries, rows, k, inv_norms, mask)
        if len(queries) == 0:
            return np.empty((0, 0), np.float32), np.empty((0, 0), np.uint32)
        bests = _scan(queries, rows, k, inv_norms, mask, cancel)
        numbers = np.stack([best.rows for best in bests]).astype(np.uint32)
        return np.stack([best.scores for best in bests]), numbers

    def similarity_f32(
        self,
        query: F32,
        rows: F32,
        *,
        inv_norms: F32 | None = None,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `VectorKernels.similarity_f32`."""
        check_similarity(query, rows, inv_norms, out)
        n, d = rows.shape
        scores = np.empty(n, np.float32) if out is None else out
        step = max(1, _BLOCK_BYTES // (4 * d))
        with np.errstate(all="ignore"):
            for start in range(0, n, step):
                if cancel is not None:
                    cancel.check()
                # Row by row, so that equal rows get equal scores: a matrix product does not
                # promise that. It is as fast where the rows come from DRAM.
                block = scores[start : start + step]
                np.vecdot(rows[start : start + step], query, out=block)
                if inv_norms is not None:
                    block *= inv_norms[start : start + step]
        return scores

    def similarity_at_f32(
        self, query: F32, pages: Sequence[Page], page_rows: int, numbers: U32
    ) -> F32:
        """See `VectorKernels.similarity_at_f32`."""
        check_similarity_at(query, pages, page_rows, numbers)
        refuse_numbers(pages, numbers)
        scores, wide_query = np.empty(len(numbers), np.float32), query.astype(np.float64)
        step = max(1, _EXACT_BYTES // (4 * len(query)))
        with np.errstate(all="ignore"):
            for page, (rows, inv_norms) in enumerate(pages):
                inside = np.flatnonzero(numbers // page_rows == page)
                for start in range(0, len(inside), step):
                    places = inside[start : start + step]
                    chosen = numbers[places] % page_rows
                    exact = (rows[chosen].astype(np.float64) * wide_query).sum(axis=1)
                    scores[places] = exact * inv_norms[chosen]
        return scores

    def normalize_f32(self, rows: F32) -> F32:
        """See `VectorKernels.normalize_f32`."""
        check_rows(rows)
        n, d = rows.shape
        inv_norms = np.empty(n, np.float32)
        step = max(1, _EXACT_BYTES // (4 * max(1, d)))
        with np.errstate(all="ignore"):
            for start in range(0, n, step):
                wide = rows[start : start + step].astype(np.float64)
                norms = np.sqrt((wide * wide).sum(axis=1))
                inverse = np.where(norms < ROW_NORM_MIN, 0.0, 1.0 / norms)
                inv_norms[start : start + step] = np.where(norms <= ROW_NORM_MAX, inverse, np.nan)
        return inv_norms


def _scan(
    queries: F32,
    rows: F32,
    k: int,
    inv_norms: F32 | None,
    mask: U8 | None,
    cancel: CancelFlag | None,
) -> list[_Best]:
    n, d = rows.shape
    bests = [_Best(query, rows, inv_norms, k) for query in queries]
    step = max(8, _BLOCK_BYTES // (4 * max(d, len(queries))) // 8 * 8)  # whole bytes of the mask
    with np.errstate(all="ignore"):
        for start in range(0, n, step):
            if cancel is not None:
                cancel.check()
            stop = min(n, start + step)
            if mask is None:
                numbers = np.arange(start, stop)
            else:
                part = mask[start // 8 : (stop + 7) // 8]
                bits = np.unpackbits(part, count=stop - start, bitorder="little")
                numbers = np.flatnonzero(bits) + start
            if len(numbers):
                _visit(bests, queries, rows[start:stop], numbers, start, inv_norms)
    return bests


def _visit(
    bests: list[_Best],
    queries: F32,
    block: F32,
    numbers: NDArray[np.int64],
    start: int,
    inv_norms: F32 | None,
) -> None:
    """Offer each query the rows `numbers` of a block that begins with row `start`."""
    if len(numbers) < _DENSE_SHARE_MIN * len(block):
        block = block[numbers - start]
        rough = queries @ block.T
    elif len(numbers) < len(block):
        rough = (queries @ block.T)[:, numbers - start]
    else:
        rough = queries @ block.T
    if inv_norms is None:
        largest = max(float(block.max()), -float(block.min()))
    else:
        largest = 1.0  # a row times its inverse norm is as long as that
        rough *= inv_norms[numbers]
    for best, scores in zip(bests, rough, strict=True):
        best.offer(numbers, scores, largest)


class _Best:
    """The best k rows of the blocks one query has seen so far."""

    def __init__(self, query: F32, rows: F32, inv_norms: F32 | None, k: int) -> None:
        self._matrix, self._inv_norms, self._k = rows, inv_norms, k
        self._wide_query = query.astype(np.float64)
        size = self._wide_query if inv_norms is None else self._wide_query**2
        total = float(np.abs(size).sum())
        self._query_size = total if inv_norms is None else total**0.5
        self.scores: F32 = np.empty(0, np.float32)
        self.rows: NDArray[np.int64] = np.empty(0, np.int64)

    def offer(self, numbers: NDArray[np.int64], rough: F32, largest: float) -> None:
        """Rank rows by their BLAS scores; `largest` bounds their elements."""
        # Twice what a BLAS score may differ from the exact one; NaN when unknown.
        doubt = 2 * self._matrix.shape[1] * _EPS * self._query_size * largest
        # `not below` rather than `above`: a NaN, in a score or in the bound, keeps its row.
        self._merge(numbers[~(rough < self._cut(rough) - doubt)])

    def _cut(self, rough: F32) -> float:
        """Return a score that k rows seen so far reach; minus infinity when fewer were seen."""
        cuts = [-np.inf]
        if len(rough) > self._k:
            # NaN sorts last, so a partition of the negated scores keeps it out of the best k.
            cuts.append(-float(np.partition(-rough, self._k - 1)[self._k - 1]))
        if len(self.scores) == self._k and not np.isnan(self.scores[-1]):
            cuts.append(float(self.scores[-1]))
        return float(np.nanmax(cuts))

    def _merge(self, hopeful: NDArray[np.int64]) -> None:
        step = max(self._k, _EXACT_BYTES // (4 * self._matrix.shape[1]), 1)
        for start in range(0, len(hopeful), step):
            numbers = hopeful[start : start + step]
            exact = (self._matrix[numbers].astype(np.float64) * self._wide_query).sum(axis=1)
            if self._inv_norms is not None:
                exact *= self._inv_norms[numbers]
            scores = np.concatenate([self.scores, exact.astype(np.float32)])
            rows = np.concatenate([self.rows, numbers])
            best = np.lexsort((rows, -scores))[: self._k]
            self.scores, self.rows = scores[best], rows[best]
