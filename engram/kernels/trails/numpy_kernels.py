"""The ways of a spread in numpy: edges of what was reached in columns, then a tree in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.kernels.trails.arguments import check_trails, refuse_spread
from engram.kernels.trails.protocol import Trails
from engram.kernels.trails.reference import check_whole

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, I64, U8, U32
    from engram.kernels.graph.association_graph import AssociationGraph
    from engram.kernels.graph.protocol import Spread


class _Last(NamedTuple):
    """Edges that lead to listed nodes: where they begin in the spread, their number, to which."""

    places: I64
    edges: I64
    targets: I64


class NumpyTrails:
    """Memory is some forty bytes an edge looked through."""

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
        if not len(listed):
            return _columns(graph, [], [], np.zeros(0, np.uint32))
        last = _last_edges(graph, spread, spread.rows[listed], edges_max)
        last = _strongest(graph, spread, last, ways_max)
        tree = _Tree(graph, spread, last.places)
        counts = np.zeros(len(listed), np.uint32)
        nodes: list[list[int]] = []
        edges: list[list[int]] = []
        places = listed.tolist()
        for place, edge, target in zip(*(each.tolist() for each in last), strict=True):
            above = tree.places_to(place)
            if places[target] not in above:
                counts[target] += 1
                run = [*reversed(above), places[target]]
                nodes.append(spread.rows[run].tolist())
                edges.append([*tree.edges_to(above), edge])
        return _columns(graph, nodes, edges, counts)


def _columns(
    graph: AssociationGraph, nodes: list[list[int]], edges: list[list[int]], counts: U32
) -> Trails:
    all_edges = np.array([edge for each in edges for edge in each], np.int64)
    return Trails(
        counts,
        np.array([len(each) for each in edges], np.uint32),
        np.array([node for each in nodes for node in each], np.uint32),
        all_edges,
        _weights(graph, all_edges),
        _kinds(graph, all_edges),
    )


def _last_edges(graph: AssociationGraph, spread: Spread, nodes: U32, edges_max: int) -> _Last:
    """Return the edges from reached nodes to some of them."""
    begins = graph.offsets[spread.rows]
    fans = graph.offsets[spread.rows + np.uint32(1)] - begins
    ends = fans.cumsum()
    if ends[-1] > edges_max:
        inside = int(ends.searchsorted(edges_max, side="right"))
        fans, begins, ends = fans[:inside], begins[:inside], ends[:inside]
    places = np.arange(len(fans)).repeat(fans)
    edges = (begins - ends + fans).repeat(fans)
    edges += np.arange(len(edges))
    targets = graph.edges["target"][edges]
    if graph.fresh is not None:
        late_places, late_edges = _fresh_edges(graph, spread)
        places = np.concatenate((places, late_places))
        targets = np.concatenate((targets, graph.fresh.edges["target"][late_edges]))
        edges = np.concatenate((edges, late_edges + graph.edges_count))
    order = nodes.argsort()
    ordered = nodes[order]
    at = ordered.searchsorted(targets)
    at[at == len(ordered)] = 0
    leads = (ordered[at] == targets).nonzero()[0]
    return _Last(places[leads], edges[leads], order[at[leads]])


def _fresh_edges(graph: AssociationGraph, spread: Spread) -> tuple[I64, I64]:
    """Return where the fresh edges of reached nodes begin in the spread, and their numbers."""
    fresh, nodes = graph.fresh, spread.rows
    if fresh is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.argsort(nodes)
    at = np.minimum(nodes[order].searchsorted(fresh.sources), len(nodes) - 1)
    known = np.flatnonzero(nodes[order][at] == fresh.sources)
    begins, fans = fresh.offsets[known], fresh.offsets[known + 1] - fresh.offsets[known]
    steps = np.arange(int(fans.sum())) - np.repeat(np.cumsum(fans) - fans, fans)
    return np.repeat(order[at[known]], fans), np.repeat(begins, fans) + steps


def _strongest(graph: AssociationGraph, spread: Spread, last: _Last, ways_max: int) -> _Last:
    """Return the best edges to each listed node, best first."""
    amounts = spread.activations[last.places] * _weights(graph, last.edges)
    order = np.lexsort((last.edges, -amounts, last.targets))
    targets = last.targets[order]
    firsts = np.searchsorted(targets, np.arange(int(targets.max(initial=-1)) + 1))
    rank = np.arange(len(order)) - firsts[targets]
    order = order[rank < ways_max]
    return _Last(last.places[order], last.edges[order], last.targets[order])


def _weights(graph: AssociationGraph, edges: I64) -> F32:
    weights = np.empty(len(edges), np.float32)
    base = edges < graph.edges_count
    weights[base] = graph.edges["weight"][edges[base]]
    if graph.fresh is not None:
        weights[~base] = graph.fresh.edges["weight"][edges[~base] - graph.edges_count]
    return weights


def _kinds(graph: AssociationGraph, edges: I64) -> U8:
    kinds = np.zeros(len(edges), np.uint8)
    base = edges < graph.edges_count
    if graph.kinds is not None:
        kinds[base] = graph.kinds[edges[base]]
    if graph.fresh is not None and graph.fresh.kinds is not None:
        kinds[~base] = graph.fresh.kinds[edges[~base] - graph.edges_count]
    return kinds


class _Tree:
    """The tree of a spread as far as some places of it need."""

    def __init__(self, graph: AssociationGraph, spread: Spread, places: I64) -> None:
        self._graph, self._spread = graph, spread
        self._order = spread.rows.argsort()
        self._before: dict[int, tuple[int, int]] = {}
        self._places: dict[int, tuple[int, ...]] = {}
        wanted = set(places.tolist())
        while wanted:
            wanted = self._climb(np.array(list(wanted), np.int64))

    def _climb(self, places: I64) -> set[int]:
        """Note what is before some places; return the places before them that are not known."""
        edges = self._spread.parent_edges[places]
        below = edges >= 0
        places, edges = places[below], edges[below]
        if not len(places):
            return set()
        nodes, rows = self._graph.sources_of(edges), self._spread.rows
        at = np.minimum(rows[self._order].searchsorted(nodes), len(rows) - 1)
        parents = self._order[at]
        if (rows[parents] != nodes).any() or (parents >= places).any():
            refuse_spread()
        climbed = zip(parents.tolist(), edges.tolist(), strict=True)
        self._before.update(zip(places.tolist(), climbed, strict=True))
        return {place for place in parents.tolist() if place not in self._before}

    def places_to(self, place: int) -> tuple[int, ...]:
        """Return a place of the spread and those before it, up to a seed's."""
        places = self._places.get(place)
        if places is None:
            before = self._before.get(place)
            above = () if before is None else self.places_to(before[0])
            places = self._places[place] = (place, *above)
        return places

    def edges_to(self, places: tuple[int, ...]) -> list[int]:
        """Return the edges from the last of some places, a seed's, to the first."""
        return [self._before[place][1] for place in reversed(places[:-1])]
