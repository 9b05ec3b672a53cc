"""The meaning of the ways of a spread: plain loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.kernels.trails.arguments import check_trails, refuse_spread
from engram.kernels.trails.protocol import Trails

if TYPE_CHECKING:
    from engram.kernels.arrays import U32
    from engram.kernels.graph.association_graph import AssociationGraph
    from engram.kernels.graph.protocol import Spread


class _Last(NamedTuple):
    """An edge to a listed node, what it may carry, and where in the spread it begins."""

    amount: float
    edge: int
    place: int


class ReferenceTrails:
    """Looks at one edge after the other."""

    def trails(
        self,
        graph: AssociationGraph,
        spread: Spread,
        listed: U32,
        *,
        ways_max: int,
        edges_max: int,
    ) -> Trails:
        """See `TrailKernels.trails`."""
        check_trails(graph, spread, listed, ways_max, edges_max)
        check_whole(graph, spread)
        found: dict[int, list[_Last]] = {int(spread.rows[place]): [] for place in listed.tolist()}
        for place, edge in _looked_through(graph, spread, edges_max):
            target, weight, _ = _edge(graph, edge)
            if target in found:
                amount = float(np.float32(spread.activations[place] * weight))
                found[target].append(_Last(amount, edge, place))
        ways: list[tuple[list[int], list[int]]] = []
        counts = []
        for place in listed.tolist():
            ranked = sorted(
                found[int(spread.rows[place])], key=lambda last: (-last.amount, last.edge)
            )
            own = [_way(graph, spread, last) for last in ranked[:ways_max]]
            own = [(places, edges) for places, edges in own if place not in places]
            counts.append(len(own))
            ways += own
        all_edges = [edge for _, edges in ways for edge in edges]
        nodes = []
        for places, edges in ways:
            nodes += [int(spread.rows[place]) for place in places]
            nodes.append(_edge(graph, edges[-1])[0])
        columns = [_edge(graph, edge) for edge in all_edges]
        return Trails(
            np.array(counts, np.uint32),
            np.array([len(edges) for _, edges in ways], np.uint32),
            np.array(nodes, np.uint32),
            np.array(all_edges, np.int64),
            np.array([weight for _, weight, _ in columns], np.float32),
            np.array([kind for _, _, kind in columns], np.uint8),
        )


def check_whole(graph: AssociationGraph, spread: Spread) -> None:
    """Raise InvalidRequest unless every node and edge of a spread is one of the graph."""
    edges_count = graph.edges_count + (0 if graph.fresh is None else len(graph.fresh.edges))
    if len(spread.rows) and (
        int(spread.rows.max()) >= graph.nodes_count or int(spread.parent_edges.max()) >= edges_count
    ):
        refuse_spread()


def _looked_through(
    graph: AssociationGraph, spread: Spread, edges_max: int
) -> list[tuple[int, int]]:
    """Return the edges that are looked through, each with where in the spread it begins."""
    found: list[tuple[int, int]] = []
    for place, node in enumerate(spread.rows.tolist()):
        edges = range(int(graph.offsets[node]), int(graph.offsets[node + 1]))
        if len(found) + len(edges) > edges_max:
            break
        found += [(place, edge) for edge in edges]
    fresh = graph.fresh
    if fresh is not None:
        sources = fresh.sources.tolist()
        for place, node in enumerate(spread.rows.tolist()):
            if node in sources:
                at = sources.index(node)
                run = range(int(fresh.offsets[at]), int(fresh.offsets[at + 1]))
                found += [(place, graph.edges_count + edge) for edge in run]
    return found


def _edge(graph: AssociationGraph, number: int) -> tuple[int, float, int]:
    """Return where an edge leads, its weight and its kind."""
    edges, kinds, at = graph.edges, graph.kinds, number
    if number >= graph.edges_count and graph.fresh is not None:
        edges, kinds, at = graph.fresh.edges, graph.fresh.kinds, number - graph.edges_count
    target, weight = edges[at].item()
    return target, weight, 0 if kinds is None else int(kinds[at])


def _way(graph: AssociationGraph, spread: Spread, last: _Last) -> tuple[list[int], list[int]]:
    """Return the places from a seed to where the last edge begins, and all edges."""
    places, edges = [last.place], [last.edge]
    nodes = spread.rows.tolist()
    while (edge := int(spread.parent_edges[places[0]])) >= 0:
        source = int(graph.sources_of(np.array([edge]))[0])
        if source not in nodes or nodes.index(source) >= places[0]:
            refuse_spread()
        places.insert(0, nodes.index(source))
        edges.insert(0, edge)
    return places, edges
