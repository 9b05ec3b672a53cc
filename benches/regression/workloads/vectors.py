"""Workloads over rows of float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from benches.regression.corpus import unit_rows
from benches.regression.workloads.workload import Call, Workload

_FLOAT_BYTES = 4


def _top_k(n: int, d: int, k: int = 10, *, every: int = 1) -> Callable[[], Call]:
    """Prepare a scan of unit rows, of which each `every`-th is a candidate."""

    def prepare() -> Call:
        rows = unit_rows(n, d)
        inv_norms = np.ones(n, np.float32)
        mask = np.packbits(np.arange(n) % every == 0, bitorder="little") if every > 1 else None
        return lambda kernels: kernels.top_k_f32(rows[3], rows, k, inv_norms=inv_norms, mask=mask)

    return prepare


def _top_k_many(n: int, d: int, queries: int) -> Callable[[], Call]:
    def prepare() -> Call:
        rows = unit_rows(n, d)
        return lambda kernels: kernels.top_k_many_f32(rows[:queries], rows, 10)

    return prepare


def _similarity(n: int, d: int) -> Callable[[], Call]:
    def prepare() -> Call:
        rows, out = unit_rows(n, d), np.empty(n, np.float32)
        return lambda kernels: kernels.similarity_f32(rows[3], rows, out=out)

    return prepare


def _similarity_at(n: int, d: int, count: int) -> Callable[[], Call]:
    """Prepare the scores of some of the rows of two pages, in no order."""

    def prepare() -> Call:
        rows, inv_norms, half = unit_rows(n, d), np.ones(n, np.float32), n // 2
        pages = [(rows[:half], inv_norms[:half]), (rows[half:], inv_norms[half:])]
        numbers = np.random.default_rng(5).integers(0, n, count).astype(np.uint32)
        return lambda kernels: kernels.similarity_at_f32(rows[3], pages, half, numbers)

    return prepare


def _normalize(n: int, d: int) -> Callable[[], Call]:
    def prepare() -> Call:
        rows = unit_rows(n, d)
        return lambda kernels: kernels.normalize_f32(rows)

    return prepare


def _scan(n: int, d: int, *, judged: bool = True) -> Workload:
    cost = (n * d * _FLOAT_BYTES, 2 * n * d)
    return Workload(f"top_k_f32.{n}x{d}", _top_k(n, d), *cost, judged=judged)


WORKLOADS: Final = (
    _scan(500, 384),
    _scan(250, 768),
    Workload("top_k_f32.250x768.k100", _top_k(250, 768, 100), 250 * 768 * 4, 2 * 250 * 768),
    Workload("top_k_f32.700x384.third", _top_k(700, 384, every=3), 233 * 384 * 4, 2 * 233 * 384),
    Workload("top_k_many_f32.8x500x384", _top_k_many(500, 384, 8), 500 * 384 * 4, 16 * 500 * 384),
    Workload("similarity_f32.500x384", _similarity(500, 384), 500 * 384 * 4, 2 * 500 * 384),
    Workload(
        "similarity_at_f32.100of500x384", _similarity_at(500, 384, 100), 100 * 384 * 4, 200 * 384
    ),
    Workload("normalize_f32.500x384", _normalize(500, 384), 500 * 384 * 4, 2 * 500 * 384),
    _scan(10_000, 384, judged=False),
    _scan(100_000, 384, judged=False),
)
