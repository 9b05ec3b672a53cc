"""The vector kernels in numpy: always there, bounded in memory, exact in its ranking.

BLAS sums a row in an order that depends on where in the matrix the row stands, so two equal rows
may differ in the last bit and a tie would fall by chance. So a block's BLAS scores only choose who
may be among the best; those few are scored again in float64, one by one, and ranked by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.vectors.arguments import check_rows, check_top_k
from engram.kernels.vectors.protocol import ROW_NORM_MAX, ROW_NORM_MIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag

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
        n, d = rows.shape
        scan = _Scan(query, rows, inv_norms, k)
        step = max(8, _BLOCK_BYTES // (4 * d) // 8 * 8)  # whole bytes of the mask
        with np.errstate(all="ignore"):
            for start in range(0, n, step):
                if cancel is not None:
                    cancel.check()
                stop = min(n, start + step)
                if mask is None:
                    scan.visit(start, stop, None)
                    continue
                bits = np.unpackbits(
                    mask[start // 8 : (stop + 7) // 8], count=stop - start, bitorder="little"
                )
                scan.visit(start, stop, np.flatnonzero(bits))
        return scan.scores, scan.rows.astype(np.uint32)

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


class _Scan:
    """The best k rows of the blocks visited so far."""

    def __init__(self, query: F32, rows: F32, inv_norms: F32 | None, k: int) -> None:
        self._query, self._matrix, self._inv_norms, self._k = query, rows, inv_norms, k
        self._wide_query = query.astype(np.float64)
        self._query_norm = float(np.sqrt((self._wide_query * self._wide_query).sum()))
        self._query_sum = float(np.abs(self._wide_query).sum())
        self.scores: F32 = np.empty(0, np.float32)
        self.rows: NDArray[np.int64] = np.empty(0, np.int64)

    def visit(self, start: int, stop: int, candidates: NDArray[np.int64] | None) -> None:
        """Rank rows start to stop, or of them only `candidates` (counted from start)."""
        if candidates is not None and len(candidates) == 0:
            return
        block = self._matrix[start:stop]
        scales = None if self._inv_norms is None else self._inv_norms[start:stop]
        if candidates is None:
            numbers = np.arange(start, stop)
            rough = block @ self._query
        else:
            numbers = candidates + start
            if len(candidates) >= _DENSE_SHARE_MIN * len(block):
                rough = (block @ self._query)[candidates]
            else:
                block = block[candidates]
                rough = block @ self._query
            scales = None if scales is None else scales[candidates]
        if scales is not None:
            rough *= scales
        # `not below` rather than `above`: a NaN, in a score or in the bound, keeps its row.
        hopeful = numbers[~(rough < self._cut(rough) - self._doubt(block))]
        self._merge(hopeful)

    def _cut(self, rough: F32) -> float:
        """Return a score that k rows seen so far reach; minus infinity when fewer were seen."""
        cuts = [-np.inf]
        if len(rough) > self._k:
            # NaN sorts last, so a partition of the negated scores keeps it out of the best k.
            cuts.append(-float(np.partition(-rough, self._k - 1)[self._k - 1]))
        if len(self.scores) == self._k and not np.isnan(self.scores[-1]):
            cuts.append(float(self.scores[-1]))
        return float(np.nanmax(cuts))

    def _doubt(self, block: F32) -> float:
        """Return twice what a BLAS score may differ from the exact one; NaN when unknown."""
        d: int = block.shape[1]
        if self._inv_norms is not None:
            return 2 * d * _EPS * self._query_norm
        largest = max(float(block.max()), -float(block.min()))
        return 2 * d * _EPS * self._query_sum * largest

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
