"""The vector kernel beside plain numpy, size by size."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from benches.regression.corpus import unit_rows
from benches.regression.figures import Figure
from benches.regression.pairs import paired
from engram.kernels.protocol import KernelBackend
from engram.kernels.selection import select_backend

_K = 10
# Rows, dimensions, calls a timed block: blocks of some 0.4 ms at least.
_SIZES = ((250, 384, 60), (1_000, 768, 10), (10_000, 384, 2), (100_000, 384, 1))


async def measure(directory: Path, *, quick: bool) -> list[Figure]:
    """Return the ratio of the kernel to numpy for each size; `directory` is not needed."""
    _ = directory
    kernels = select_backend("auto")
    return [await _size(kernels, *size, rounds=20 if quick else 150) for size in _SIZES]


async def _size(
    kernels: KernelBackend, n: int, dimensions: int, calls: int, *, rounds: int
) -> Figure:
    rows = unit_rows(n, dimensions)
    inv_norms = kernels.normalize_f32(rows)
    queries = count()

    async def subject() -> int:
        query = rows[next(queries) % n]
        started = perf_counter_ns()
        for _ in range(calls):
            kernels.top_k_f32(query, rows, _K, inv_norms=inv_norms)
        return (perf_counter_ns() - started) // calls

    async def floor() -> int:
        query = rows[next(queries) % n]
        started = perf_counter_ns()
        for _ in range(calls):
            scores = (rows @ query) * inv_norms
            best = np.argpartition(-scores, _K)[:_K]
            best[np.argsort(-scores[best], kind="stable")]
        return (perf_counter_ns() - started) // calls

    pairs = await paired(max(20, rounds // max(1, n // 10_000)), subject, floor)
    return pairs.figure(f"top_k.{n}x{dimensions}", "numpy: product, argpartition, argsort")
