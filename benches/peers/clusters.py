"""Clustered unit rows, as embeddings are, and how many of the true ten a search finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
_ROWS_PER_CLUSTER: Final = 100
_NOISE: Final = 0.5  # length of the noise beside a centre of length 1
_QUERIES: Final = 100
_K: Final = 10


def clustered_rows(count: int, dimensions: int, seed: int = 3) -> F32:
    """Return float32[count, dimensions]: unit rows around one centre for every hundred of them."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(1, count // _ROWS_PER_CLUSTER), dimensions), np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = random.standard_normal((count, dimensions), np.float32)
    rows *= np.float32(_NOISE) / np.linalg.norm(rows, axis=1, keepdims=True)
    rows += centres[random.integers(0, len(centres), count)]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def near_queries(rows: F32, seed: int = 4) -> F32:
    """Return float32[100, d]: unit queries, each near a row."""
    random = np.random.default_rng(seed)
    queries = rows[random.integers(0, len(rows), _QUERIES)]
    noise = random.standard_normal(queries.shape, np.float32)
    noise *= np.float32(_NOISE) / np.linalg.norm(noise, axis=1, keepdims=True)
    queries = queries + noise
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return np.ascontiguousarray(queries, np.float32)


def recall_at_10(search: Callable[[F32], NDArray[np.integer]], rows: F32, queries: F32) -> float:
    """Return which share of the ten exactly nearest rows `search` lists, over all queries."""
    found = 0
    for query in queries:
        true = np.argpartition(rows @ query, -_K)[-_K:]
        found += len(np.intersect1d(true, np.asarray(search(query))[:_K]))
    return found / (_K * len(queries))
