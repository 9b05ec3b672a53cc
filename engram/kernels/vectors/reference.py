"""The meaning of the vector kernels: plain loops in float64, no case left out."""

from __future__ import annotations

import math
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

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.vectors.protocol import Page


class ReferenceVectors:
    """Computes in Python floats and rounds each result once to float32."""

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
        return _top_k(query, rows, k, inv_norms, mask, cancel)

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
        found = [_top_k(query, rows, k, inv_norms, mask, cancel) for query in queries]
        scores, numbers = zip(*found, strict=True)
        return np.stack(scores), np.stack(numbers)

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
        scores = np.empty(len(rows), np.float32) if out is None else out
        query_values = query.tolist()
        for row in range(len(rows)):
            if cancel is not None:
                cancel.check()
            scores[row] = _score(query_values, rows, row, inv_norms)
        return scores

    def similarity_at_f32(
        self, query: F32, pages: Sequence[Page], page_rows: int, numbers: U32
    ) -> F32:
        """See `VectorKernels.similarity_at_f32`."""
        check_similarity_at(query, pages, page_rows, numbers)
        refuse_numbers(pages, numbers)
        query_values, scores = query.tolist(), []
        for number in numbers.tolist():
            rows, inv_norms = pages[number // page_rows]
            scores.append(_score(query_values, rows, number % page_rows, inv_norms))
        return np.array(scores, np.float32)

    def normalize_f32(self, rows: F32) -> F32:
        """See `VectorKernels.normalize_f32`."""
        check_rows(rows)
        return np.array([_inverse_norm(row.tolist()) for row in rows], np.float32)


def _top_k(
    query: F32,
    rows: F32,
    k: int,
    inv_norms: F32 | None,
    mask: U8 | None,
    cancel: CancelFlag | None,
) -> tuple[F32, U32]:
    query_values = query.tolist()
    ranked: list[tuple[bool, float, int]] = []
    for row in range(len(rows)):
        if cancel is not None:
            cancel.check()
        if mask is not None and not (int(mask[row // 8]) >> (row % 8)) & 1:
            continue
        score = _score(query_values, rows, row, inv_norms)
        is_nan = math.isnan(score)
        ranked.append((is_nan, 0.0 if is_nan else -score, row))
    ranked.sort()
    best = ranked[:k]
    scores = [math.nan if is_nan else -negated for is_nan, negated, _ in best]
    numbers = [row for _, _, row in best]
    return np.array(scores, np.float32), np.array(numbers, np.uint32)


def _score(query_values: list[float], rows: F32, row: int, inv_norms: F32 | None) -> float:
    score = 0.0
    for x, y in zip(query_values, rows[row].tolist(), strict=True):
        score += x * y
    if inv_norms is not None:
        score *= float(inv_norms[row])
    return _to_float32(score)


def _inverse_norm(row: list[float]) -> float:
    sum_of_squares = 0.0
    for x in row:
        sum_of_squares += x * x
    norm = math.sqrt(sum_of_squares)
    if not norm <= ROW_NORM_MAX:
        return math.nan
    return 0.0 if norm < ROW_NORM_MIN else 1.0 / norm


def _to_float32(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))
