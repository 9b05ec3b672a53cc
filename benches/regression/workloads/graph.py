"""Workloads over graphs of associations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from benches.regression.workloads.workload import Call, Workload
from engram.kernels.graph.association_graph import EDGE, AssociationGraph, FreshEdges
from engram.kernels.graph.parameters import SpreadParameters
from engram.kernels.reference import ReferenceBackend

_EDGES_EACH = 10
_SEEDS = 5
EDGES_TOUCHED: Final = (497, 5_435)
"""By the two workloads."""


def graph(nodes: int, *, fresh_sources: int = 0) -> AssociationGraph:
    """Return a graph with ten edges a node on average, and some nodes with fresh edges too."""
    draw = np.random.default_rng(7)
    sources = np.sort(draw.integers(0, nodes, nodes * _EDGES_EACH))
    offsets = np.searchsorted(sources, np.arange(nodes + 1)).astype(np.int64)
    if not fresh_sources:
        return AssociationGraph(offsets, _edges(draw, nodes, nodes * _EDGES_EACH))
    fresh = FreshEdges(
        np.sort(draw.choice(nodes, fresh_sources, replace=False)).astype(np.uint32),
        np.arange(fresh_sources + 1, dtype=np.int64) * 2,
        _edges(draw, nodes, fresh_sources * 2),
    )
    return AssociationGraph(offsets, _edges(draw, nodes, nodes * _EDGES_EACH), fresh=fresh)


def _edges(draw: np.random.Generator, nodes: int, count: int) -> np.ndarray:
    edges = np.empty(count, EDGE)
    edges["target"] = draw.integers(0, nodes, count)
    edges["weight"] = draw.uniform(0.5, 1, count)
    return edges


def _spread(nodes: int, threshold: float = 0.01, fresh_sources: int = 0) -> Callable[[], Call]:
    def prepare() -> Call:
        associations = graph(nodes, fresh_sources=fresh_sources)
        seeds = np.random.default_rng(8).choice(nodes, _SEEDS, replace=False).astype(np.uint32)
        activations = np.linspace(1, 0.6, _SEEDS, dtype=np.float32)
        parameters = SpreadParameters(threshold=threshold)
        return lambda kernels: kernels.spread(associations, seeds, activations, parameters)

    return prepare


def _trails() -> Call:
    associations = graph(1_000)
    seeds = np.random.default_rng(8).choice(1_000, _SEEDS, replace=False).astype(np.uint32)
    reached = ReferenceBackend().spread(associations, seeds, np.full(_SEEDS, 0.5, np.float32))
    listed = np.arange(0, len(reached.rows), len(reached.rows) // 10, dtype=np.uint32)[:10]
    return lambda kernels: kernels.trails(
        associations, reached, listed, ways_max=8, edges_max=20_000
    )


# What a call reads depends on how far activation gets; the bytes are those of the edges it touches.
WORKLOADS: Final = (
    Workload("spread.1000x10", _spread(1_000), EDGES_TOUCHED[0] * EDGE.itemsize, 0),
    Workload(
        "spread.5000x10.fresh", _spread(5_000, 0.001, 500), EDGES_TOUCHED[1] * EDGE.itemsize, 0
    ),
    Workload("trails.1000x10", _trails, 1_000 * _EDGES_EACH * EDGE.itemsize, 0),
)
