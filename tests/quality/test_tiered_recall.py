"""How many of the ten nearest rows a search of sealed segments finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.kernels.zig_backend import ZigBackend
from engram.retrieval import tiered, vectors
from engram.state.moves import Move
from engram.state.space import SpaceState, View
from engram.testing.filling import batch_of, fill
from engram.testing.sealed import sealed_in_memory

if TYPE_CHECKING:
    from engram.kernels.arrays import F32

_ROWS, _DIMENSIONS, _K = 20_000, 128, 10
_QUERIES = 50


def _unit(rows: F32) -> F32:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _rows(kind: str, random: np.random.Generator) -> F32:
    """Return unit rows: of no order, in clusters, or like those of many embedders."""
    noise = _unit(random.standard_normal((_ROWS, _DIMENSIONS), np.float32))
    if kind == "random":
        return noise
    if kind == "clustered":
        centres = _unit(random.standard_normal((_ROWS // 100, _DIMENSIONS), np.float32))
        return _unit(centres[random.integers(0, len(centres), _ROWS)] + np.float32(0.6) * noise)
    # One direction common to all, and few that differ much: mean cosine 0.8.
    spread = np.asarray(np.arange(1, _DIMENSIONS + 1) ** -0.5, np.float32)
    return _unit(np.float32(2) * noise[:1] + _unit(noise * spread))


def _sealed(rows: F32) -> View:
    state, batch = SpaceState(), batch_of(len(rows), _DIMENSIONS, text_bytes=16)
    batch.vectors = rows.tobytes()
    fill(state, batch)
    for first in range(0, len(rows), 8000):
        chosen = range(first, min(first + 8000, len(rows)))
        landing = sealed_in_memory(state.view(), chosen, 1 + first)
        assert Move(state.view(), [landing]).swap(state)
    return state.view()


@pytest.mark.parametrize("kind", ["random", "clustered", "common direction"])
def test_nearly_all_of_the_nearest_are_found(kind: str) -> None:
    random = np.random.default_rng(51)
    rows = _rows(kind, random)
    view, kernels, found = _sealed(rows), ZigBackend(), 0
    near = rows[random.integers(0, _ROWS, _QUERIES)]
    noise = _unit(random.standard_normal((_QUERIES, _DIMENSIONS), np.float32))
    for query in _unit(near + np.float32(0.3) * noise):
        nearest = np.argpartition(rows @ query, -_K)[-_K:]
        wanted = tiered.Search(kernels, query, _K, None, lambda _stage: None)
        found += len(np.intersect1d(nearest, vectors.top_k(wanted, view, None)[1]))
    assert found / (_K * _QUERIES) >= 0.99
