"""The meaning of the kernels over compressed rows: plain loops, no case left out."""

from __future__ import annotations

import math
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.kernels.arrays import F16, F32, I8, U8, U16, U32
    from engram.kernels.cancel import CancelFlag

_HALF = 0x8000
"""What lies half way between two bfloat16, in the bits that are dropped."""


class ReferenceCodes:
    """Computes in Python numbers, rounded to float32 where the protocol says so."""

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
        scored = []
        for row in _candidates(len(rows), mask, cancel):
            score = _dot(query.tolist(), rows[row].tolist())
            scored.append((row, score if inv_norms is None else score * float(inv_norms[row])))
        return _best(scored, k)

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
        scored = []
        for row in _candidates(len(rows), mask, cancel):
            wide = (rows[row].astype(np.uint32) << 16).view(np.float32)
            score = _dot(query.tolist(), wide.tolist())
            scored.append((row, score if inv_norms is None else score * float(inv_norms[row])))
        return _best(scored, k)

    def to_bf16(self, rows: F32, *, cancel: CancelFlag | None = None) -> U16:
        """See `CodeKernels.to_bf16`."""
        check_float_rows(rows)
        halves = np.empty(rows.shape, np.uint16)
        for row in _candidates(len(rows), None, cancel):
            halves[row] = [_upper_half(bits) for bits in rows[row].view(np.uint32).tolist()]
        return halves

    def quantize_i8(self, rows: F32, *, cancel: CancelFlag | None = None) -> tuple[I8, F32]:
        """See `CodeKernels.quantize_i8`."""
        check_float_rows(rows)
        codes = np.zeros(rows.shape, np.int8)
        scales = np.zeros(len(rows), np.float32)
        for row in _candidates(len(rows), None, cancel):
            codes[row], scales[row] = _quantized(rows[row].tolist())
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
        query_codes, query_scale = _quantized(query.tolist())
        scored = []
        for row in _candidates(len(codes), mask, cancel):
            product = sum(x * y for x, y in zip(query_codes, codes[row].tolist(), strict=True))
            scored.append((row, float(product) * float(scales[row]) * query_scale))
        return _best(scored, k)

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
        scored = []
        for row in candidates.tolist():
            if cancel is not None:
                cancel.check()
            score = _dot(query.tolist(), rows[row].tolist())
            scored.append((row, score if inv_norms is None else score * float(inv_norms[row])))
        return _best(scored, k)

    def quantize_bits(self, rows: F32, *, cancel: CancelFlag | None = None) -> U8:
        """See `CodeKernels.quantize_bits`."""
        check_float_rows(rows)
        n, d = rows.shape
        bits = np.zeros((n, (d + 7) // 8), np.uint8)
        for row in _candidates(n, None, cancel):
            for i, x in enumerate(rows[row].tolist()):
                if x > 0:
                    bits[row, i // 8] |= 1 << (i % 8)
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
        found = []
        for row in _candidates(len(codes), mask, cancel):
            pairs = zip(query_bits.tolist(), codes[row].tolist(), strict=True)
            found.append((sum((x ^ y).bit_count() for x, y in pairs), row))
        nearest = sorted(found)[:k]
        distances = np.array([distance for distance, _ in nearest], np.uint32)
        return distances, np.array([row for _, row in nearest], np.uint32)


def _candidates(count: int, mask: U8 | None, cancel: CancelFlag | None) -> Iterator[int]:
    for row in range(count):
        if cancel is not None:
            cancel.check()
        if mask is None or (int(mask[row // 8]) >> (row % 8)) & 1:
            yield row


def _dot(query: list[float], row: list[float]) -> float:
    total = 0.0
    for x, y in zip(query, row, strict=True):
        total += x * y
    return total


def _best(scored: list[tuple[int, float]], k: int) -> tuple[F32, U32]:
    """Return the best k of (row, score), each score rounded before it is compared."""
    ranked = []
    for row, score in scored:
        rounded = _to_float32(score)
        is_nan = math.isnan(rounded)
        ranked.append((is_nan, 0.0 if is_nan else -rounded, row))
    best = sorted(ranked)[:k]
    scores = [math.nan if is_nan else -negated for is_nan, negated, _ in best]
    return np.array(scores, np.float32), np.array([row for _, _, row in best], np.uint32)


def _upper_half(bits: int) -> int:
    if bits & 0x7FFF_FFFF > F32_INFINITY_BITS:
        return bits >> 16 | BF16_QUIET_BIT
    upper, lower = bits >> 16, bits & 0xFFFF
    return upper + (lower > _HALF or (lower == _HALF and upper % 2 == 1))


def _quantized(row: list[float]) -> tuple[list[int], float]:
    """Return codes and scale; Python's `round` takes halves to even, as the protocol does."""
    if not all(math.isfinite(x) for x in row):
        return [0] * len(row), math.nan
    largest = max(abs(x) for x in row)
    if largest < MAGNITUDE_MIN:
        return [0] * len(row), 0.0
    # A quotient of two float32 rounded to float64 and then to float32 is rounded as if once, as
    # 53 >= 2 * 24 + 2 bits (Figueroa 1995, "When is double rounding innocuous?").
    factor = _to_float32(CODE_MAX / largest)
    return [round(_to_float32(x * factor)) for x in row], _to_float32(largest / CODE_MAX)


def _to_float32(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))
