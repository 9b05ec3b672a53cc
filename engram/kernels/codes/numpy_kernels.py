"""The kernels over compressed rows in numpy: always there, bounded in memory.

16-bit rows are widened a block at a time for the float32 kernel. Products of int8 codes go through
BLAS in float32, where sums of integers below 2**24 are exact in whatever order they are added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.codes.arguments import (
    check_bit_top_k,
    check_candidates,
    check_float_rows,
    check_rerank,
    check_top_k_bf16,
    check_top_k_f16,
    check_top_k_i8,
)
from engram.kernels.codes.protocol import (
    BF16_QUIET_BIT,
    CODE_MAX,
    F32_INFINITY_BITS,
    MAGNITUDE_MIN,
)
from engram.kernels.vectors.numpy_kernels import NumpyVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from numpy.typing import NDArray

    from engram.kernels.arrays import F16, F32, I8, U8, U16, U32
    from engram.kernels.cancel import CancelFlag

_BLOCK_BYTES = 1 << 20
"""Float32 bytes made at once: a widened block is read again while the cache holds it."""

_EXACT_COLUMNS = 2**24 // (128 * CODE_MAX)
"""So many products of codes add up to less than 2**24."""

_VECTORS = NumpyVectors()


class NumpyCodes:
    """Blocks of rows, widened or counted whole."""

    def top_k_f16(
        self,
        query: F32,
        rows: F16,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `CodeKernels.top_k_f16`."""
        check_top_k_f16(query, rows, k, inv_norms, mask)

        def widen(start: int, stop: int) -> F32:
            with np.errstate(invalid="ignore"):  # ARM says so of a signalling NaN; it stays NaN
                return rows[start:stop].astype(np.float32)

        return _top_k_widened(query, rows, widen, k, inv_norms, mask, cancel)

    def top_k_bf16(
        self,
        query: F32,
        rows: U16,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `CodeKernels.top_k_bf16`."""
        check_top_k_bf16(query, rows, k, inv_norms, mask)

        def widen(start: int, stop: int) -> F32:
            wide = rows[start:stop].astype(np.uint32)
            wide <<= 16
            return wide.view(np.float32)

        return _top_k_widened(query, rows, widen, k, inv_norms, mask, cancel)

    def to_bf16(self, rows: F32, *, cancel: CancelFlag | None = None) -> U16:
        """See `CodeKernels.to_bf16`."""
        check_float_rows(rows)
        halves = np.empty(rows.shape, np.uint16)
        for start, stop in _blocks(rows, cancel):
            bits = rows[start:stop].view(np.uint32)
            upper = bits >> 16
            is_nan = (bits & 0x7FFF_FFFF) > F32_INFINITY_BITS
            rounded = (bits + (0x7FFF + (upper & 1))) >> 16
            halves[start:stop] = np.where(is_nan, upper | BF16_QUIET_BIT, rounded)
        return halves

    def quantize_i8(self, rows: F32, *, cancel: CancelFlag | None = None) -> tuple[I8, F32]:
        """See `CodeKernels.quantize_i8`."""
        check_float_rows(rows)
        codes = np.empty(rows.shape, np.int8)
        scales = np.empty(len(rows), np.float32)
        code_max = np.float32(CODE_MAX)
        with np.errstate(all="ignore"):
            for start, stop in _blocks(rows, cancel):
                block = rows[start:stop]
                largest = np.maximum(block.max(axis=1), -block.min(axis=1))
                is_zero = largest < MAGNITUDE_MIN
                is_coded = (largest < np.inf) & ~is_zero
                factors = np.where(is_coded, code_max / largest, np.float32(0))
                scaled = block * factors[:, None]
                np.rint(scaled, out=scaled)
                if not is_coded.all():
                    scaled[~is_coded] = 0
                codes[start:stop] = scaled
                unscaled = np.where(is_zero, np.float32(0), np.float32(np.nan))
                scales[start:stop] = np.where(is_coded, largest / code_max, unscaled)
        return codes, scales

    def top_k_i8(
        self,
        query: F32,
        codes: I8,
        scales: F32,
        k: int,
        *,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `CodeKernels.top_k_i8`."""
        check_top_k_i8(query, codes, scales, k, mask)
        query_codes, query_scales = self.quantize_i8(query[None])
        wide_query = query_codes[0].astype(np.float32)
        query_scale = float(query_scales[0])
        best = _Best(k)
        with np.errstate(all="ignore"):
            for start, stop in _blocks(codes, cancel):
                numbers = _candidates(start, stop, mask)
                block = codes[start:stop] if mask is None else codes[numbers]
                factors = scales[start:stop] if mask is None else scales[numbers]
                scores = _products(block, wide_query) * factors * query_scale
                best.take(scores.astype(np.float32), numbers)
        return best.scores, best.rows.astype(np.uint32)

    def rerank_f32(
        self,
        query: F32,
        rows: F32,
        candidates: U32,
        k: int,
        *,
        inv_norms: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `CodeKernels.rerank_f32`."""
        check_rerank(query, rows, candidates, k, inv_norms)
        check_candidates(candidates, len(rows))
        wide_query = query.astype(np.float64)
        best = _Best(k)
        step = max(1, _BLOCK_BYTES // (8 * rows.shape[1]))
        with np.errstate(all="ignore"):
            for start in range(0, len(candidates), step):
                if cancel is not None:
                    cancel.check()
                numbers = candidates[start : start + step].astype(np.int64)
                exact = (rows[numbers].astype(np.float64) * wide_query).sum(axis=1)
                if inv_norms is not None:
                    exact *= inv_norms[numbers]
                best.take(exact.astype(np.float32), numbers)
        return best.scores, best.rows.astype(np.uint32)

    def quantize_bits(self, rows: F32, *, cancel: CancelFlag | None = None) -> U8:
        """See `CodeKernels.quantize_bits`."""
        check_float_rows(rows)
        n, d = rows.shape
        bits = np.empty((n, (d + 7) // 8), np.uint8)
        with np.errstate(invalid="ignore"):
            for start, stop in _blocks(rows, cancel):
                bits[start:stop] = np.packbits(rows[start:stop] > 0, axis=1, bitorder="little")
        return bits

    def bit_top_k(
        self,
        query_bits: U8,
        codes: U8,
        k: int,
        *,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[U32, U32]:
        """See `CodeKernels.bit_top_k`."""
        check_bit_top_k(query_bits, codes, k, mask)
        best = _Best(k)
        for start, stop in _blocks(codes, cancel):
            numbers = _candidates(start, stop, mask)
            block = codes[start:stop] if mask is None else codes[numbers]
            best.take(-_distances(query_bits, block).astype(np.float32), numbers)
        return (-best.scores).astype(np.uint32), best.rows.astype(np.uint32)


class _Best:
    """The best k of the scores taken so far."""

    def __init__(self, k: int) -> None:
        self._k = k
        self.scores: F32 = np.empty(0, np.float32)
        self.rows: NDArray[np.int64] = np.empty(0, np.int64)

    def take(self, scores: F32, rows: NDArray[np.int64]) -> None:
        """Keep the best of what is held and of these."""
        if len(scores) > self._k:
            # NaN sorts last, so a partition of the negated scores keeps it out of the best k.
            cut = -np.partition(-scores, self._k - 1)[self._k - 1]
            hopeful = np.flatnonzero(~(scores < cut))
            scores, rows = scores[hopeful], rows[hopeful]
        scores = np.concatenate([self.scores, scores])
        rows = np.concatenate([self.rows, rows])
        best = np.lexsort((rows, -scores))[: self._k]
        self.scores, self.rows = scores[best], rows[best]


def _blocks(rows: NDArray[Any], cancel: CancelFlag | None) -> Iterator[tuple[int, int]]:
    """Give the rows of each block, whole bytes of a mask; KernelCancelled when asked to stop."""
    rows_count = len(rows)
    step = max(8, _BLOCK_BYTES // (4 * rows.shape[1]) // 8 * 8)
    for start in range(0, rows_count, step):
        if cancel is not None:
            cancel.check()
        yield start, min(rows_count, start + step)


def _candidates(start: int, stop: int, mask: U8 | None) -> NDArray[np.int64]:
    if mask is None:
        return np.arange(start, stop)
    part = mask[start // 8 : (stop + 7) // 8]
    bits = np.unpackbits(part, count=stop - start, bitorder="little")
    return np.flatnonzero(bits) + start


def _top_k_widened(
    query: F32,
    rows: NDArray[Any],
    widen: Callable[[int, int], F32],
    k: int,
    inv_norms: F32 | None,
    mask: U8 | None,
    cancel: CancelFlag | None,
) -> tuple[F32, U32]:
    best = _Best(k)
    for start, stop in _blocks(rows, cancel):
        scores, numbers = _VECTORS.top_k_f32(
            query,
            widen(start, stop),
            k,
            inv_norms=None if inv_norms is None else inv_norms[start:stop],
            mask=None if mask is None else mask[start // 8 : (stop + 7) // 8],
        )
        best.take(scores, numbers.astype(np.int64) + start)
    return best.scores, best.rows.astype(np.uint32)


def _products(codes: I8, query: F32) -> NDArray[np.float64]:
    """Return float64[n] exact dot products."""
    totals = np.zeros(len(codes))
    for column in range(0, len(query), _EXACT_COLUMNS):
        part = slice(column, column + _EXACT_COLUMNS)
        totals += codes[:, part].astype(np.float32) @ query[part]
    return totals


def _distances(query_bits: U8, codes: U8) -> NDArray[np.uint32]:
    if len(query_bits) % 8 == 0:
        differing = codes.view(np.uint64) ^ query_bits.view(np.uint64)
    else:
        differing = codes ^ query_bits
    counts: NDArray[np.uint32] = np.bitwise_count(differing).sum(axis=1, dtype=np.uint32)
    return counts
