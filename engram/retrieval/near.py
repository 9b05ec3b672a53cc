"""The edges that leave a few nodes of a graph, in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I64, U32
    from engram.kernels.graph.association_graph import AssociationGraph

# Edges of all the nodes together that are looked at, in the order of the nodes: less than 1 ms.
_EDGES_MAX: Final = 2_048


class Leaving(NamedTuple):
    """Edges: which of the nodes each leaves (int64[m]), where to (uint32[m]), its weight."""

    places: I64
    targets: U32
    weights: F32


def leaving(graph: AssociationGraph, nodes: U32, kind: int | None = None) -> Leaving:
    """Return the edges that leave `nodes` uint32[n], all below `graph.nodes_count`.

    Args:
        graph: whose edges they are.
        nodes: uint32[n].
        kind: only edges of it; None for all.
    """
    places, positions = _run(graph.offsets[nodes], graph.offsets[nodes + np.uint32(1)])
    found = _of_kind(graph.edges, graph.kinds, places, positions, kind)
    fresh = graph.fresh
    if fresh is None:
        return found
    at = np.minimum(fresh.sources.searchsorted(nodes), len(fresh.sources) - 1)
    late = np.flatnonzero(fresh.sources[at] == nodes)
    if not len(late):
        return found
    at = at[late]
    places, positions = _run(fresh.offsets[at], fresh.offsets[at + 1])
    more = _of_kind(fresh.edges, fresh.kinds, late[places], positions, kind)
    return Leaving(
        np.concatenate((found.places, more.places)),
        np.concatenate((found.targets, more.targets)),
        np.concatenate((found.weights, more.weights)),
    )


def _run(begins: I64, ends: I64) -> tuple[I64, I64]:
    """Return whose each edge is and where it stands, for runs of edges."""
    fans = ends - begins
    first = begins - fans.cumsum() + fans
    places = np.arange(len(fans)).repeat(fans)[:_EDGES_MAX]
    return places, np.arange(len(places)) + first[places]


def _of_kind(
    edges: NDArray[np.void],
    kinds: NDArray[np.uint8] | None,
    places: I64,
    positions: I64,
    kind: int | None,
) -> Leaving:
    if kind is not None and kinds is not None:
        chosen = (kinds[positions] == kind).nonzero()[0]
        places, positions = places[chosen], positions[chosen]
    held = edges[positions]
    return Leaving(places, held["target"], held["weight"])
