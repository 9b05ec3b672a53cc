"""The ways along which activation came to the memories that are listed.

Of each node the kernel says along which edge the strongest amount came first; those edges make a
tree with the seeds as its roots. A way to a memory is an edge from a reached node to it, and before
that the way of the tree to that node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, I64, U8, U32
    from engram.retrieval.spreading import Reached
    from engram.state.space import View

WAYS_MAX: Final = 8
"""Ways to one memory that are told apart: those over which most activation could come."""

# Edges of reached nodes that are looked through, nearest nodes first: 0.2 ms of them.
_EDGES_MAX: Final = 20_000


class Trail(NamedTuple):
    """A way from a seed: its nodes, the seed's first, and the edges between them.

    `edges` are the state's numbers; `kinds`, `weights` and `confidences` are of these edges.
    """

    nodes: tuple[int, ...]
    edges: tuple[int, ...]
    kinds: tuple[int, ...]
    weights: tuple[float, ...]
    confidences: tuple[float, ...]


class _Last(NamedTuple):
    """Edges that lead to listed memories: where they begin in the spread, their number, whose."""

    places: I64
    edges: I64
    targets: I64


def trails_to(view: View, reached: Reached, rows: U32) -> list[list[Trail]]:
    """Return the ways to each of `rows` u32[n], the strongest first; none where none came."""
    found = reached.find(rows)
    ways: list[list[Trail]] = [[] for _ in rows]
    listed = np.flatnonzero(found >= 0)
    if not len(listed):
        return ways
    owners = reached.places[found[listed]].tolist()
    nodes = reached.spread.rows[owners]
    last = _last_edges(reached, nodes)
    if not len(last.edges):
        return ways
    tree = _Tree(reached, np.unique(last.places))
    chosen = [
        (int(owner), tree.way(int(place)), int(edge))
        for owner, place, edge in zip(*_strongest(reached, last, len(nodes)), strict=True)
    ]
    simple = [
        (owner, [*edges, edge], places)
        for owner, (places, edges), edge in chosen
        if owners[owner] not in places
    ]
    flat = [edge for _, edges, _ in simple for edge in edges]
    facts = _facts(view, reached, np.array(flat, np.int64))
    at = 0
    for owner, edges, places in simple:
        run = slice(at, at + len(edges))
        at += len(edges)
        way_nodes = (*reached.spread.rows[places].tolist(), int(nodes[owner]))
        numbers, kinds, weights, confidences = facts
        way = Trail(
            way_nodes,
            tuple(numbers[run]),
            tuple(kinds[run]),
            tuple(weights[run]),
            tuple(confidences[run]),
        )
        ways[int(listed[owner])].append(way)
    return ways


def _last_edges(reached: Reached, nodes: U32) -> _Last:
    """Return the edges from reached nodes to some of them."""
    graph, spread = reached.graph.graph, reached.spread
    begins, ends = graph.offsets[spread.rows], graph.offsets[spread.rows + np.uint32(1)]
    fans = ends - begins
    inside = int(np.searchsorted(np.cumsum(fans), _EDGES_MAX, side="right"))
    fans, begins = fans[:inside], begins[:inside]
    places = np.repeat(np.arange(inside), fans)
    steps = np.arange(len(places)) - np.repeat(np.cumsum(fans) - fans, fans)
    edges = begins[places] + steps
    targets = graph.edges["target"][edges]
    if graph.fresh is not None:
        late_places, late_edges = _fresh_edges(reached)
        places = np.concatenate((places, late_places))
        targets = np.concatenate((targets, graph.fresh.edges["target"][late_edges]))
        edges = np.concatenate((edges, late_edges + graph.edges_count))
    order = np.argsort(nodes)
    at = np.minimum(nodes[order].searchsorted(targets), len(nodes) - 1)
    leads = np.flatnonzero(nodes[order][at] == targets)
    return _Last(places[leads], edges[leads], order[at[leads]])


def _fresh_edges(reached: Reached) -> tuple[I64, I64]:
    """Return where the fresh edges of reached nodes begin in the spread, and their numbers."""
    fresh, nodes = reached.graph.graph.fresh, reached.spread.rows
    if fresh is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.argsort(nodes)
    at = np.minimum(nodes[order].searchsorted(fresh.sources), len(nodes) - 1)
    known = np.flatnonzero(nodes[order][at] == fresh.sources)
    begins, fans = fresh.offsets[known], fresh.offsets[known + 1] - fresh.offsets[known]
    steps = np.arange(int(fans.sum())) - np.repeat(np.cumsum(fans) - fans, fans)
    return np.repeat(order[at[known]], fans), np.repeat(begins, fans) + steps


def _strongest(reached: Reached, last: _Last, count: int) -> tuple[list[int], list[int], list[int]]:
    """Return whose, where from and which the best edges to each listed memory are, best first."""
    amounts = reached.spread.activations[last.places] * _weights(reached, last.edges)
    order = np.lexsort((last.edges, -amounts, last.targets))
    targets = last.targets[order]
    rank = np.arange(len(order)) - np.searchsorted(targets, np.arange(count))[targets]
    order = order[rank < WAYS_MAX]
    return last.targets[order].tolist(), last.places[order].tolist(), last.edges[order].tolist()


def _weights(reached: Reached, edges: I64) -> F32:
    graph = reached.graph.graph
    weights = np.empty(len(edges), np.float32)
    base = edges < graph.edges_count
    weights[base] = graph.edges["weight"][edges[base]]
    if graph.fresh is not None:
        weights[~base] = graph.fresh.edges["weight"][edges[~base] - graph.edges_count]
    return weights


class _Tree:
    """The tree of a spread, as far as some of its nodes need it."""

    def __init__(self, reached: Reached, places: I64) -> None:
        graph, spread = reached.graph.graph, reached.spread
        # Only at reached nodes is it written, and read.
        place_of = np.empty(graph.nodes_count, np.int64)
        place_of[spread.rows] = np.arange(len(spread.rows))
        self._before: dict[int, tuple[int, int]] = {}
        while len(places):
            edges = spread.parent_edges[places]
            below = edges >= 0
            places, edges = places[below], edges[below]
            if not len(places):
                return
            parents = place_of[graph.sources_of(edges)]
            for place, parent, edge in zip(
                places.tolist(), parents.tolist(), edges.tolist(), strict=True
            ):
                self._before[place] = (parent, edge)
            fresh = [place for place in set(parents.tolist()) if place not in self._before]
            places = np.array(fresh, np.int64)

    def way(self, place: int) -> tuple[list[int], list[int]]:
        """Return the places from a seed to a place of the spread, and the edges between them."""
        places, edges = [place], []
        while place in self._before:
            place, edge = self._before[place]
            places.append(place)
            edges.append(edge)
        return places[::-1], edges[::-1]


def _facts(
    view: View, reached: Reached, edges: I64
) -> tuple[list[int], list[int], list[float], list[float]]:
    """Return what the state calls edges, their kinds, weights and confidences."""
    numbers = reached.graph.state_edges(edges)
    return (
        numbers.tolist(),
        _kinds(reached, edges).tolist(),
        _weights(reached, edges).tolist(),
        view.associations.gather("confidence", numbers).tolist(),
    )


def _kinds(reached: Reached, edges: I64) -> U8:
    graph = reached.graph.graph
    kinds = np.zeros(len(edges), np.uint8)
    base = edges < graph.edges_count
    if graph.kinds is not None:
        kinds[base] = graph.kinds[edges[base]]
    if graph.fresh is not None and graph.fresh.kinds is not None:
        kinds[~base] = graph.fresh.kinds[edges[~base] - graph.edges_count]
    return kinds
