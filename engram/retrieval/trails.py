"""The ways along which activation came to the memories that are listed.

Of each node the kernel says along which edge the strongest amount came first; those edges make a
tree with the seeds as its roots. A way to a memory is an edge from a reached node to it, and before
that the way of the tree to that node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.retrieval.confidence import hop

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

    `edges` are the state's numbers; `kinds` and `weights` are of these edges, and `factors` what
    each leaves of what is believed before it (`confidence.hop`).
    """

    nodes: tuple[int, ...]
    edges: tuple[int, ...]
    kinds: tuple[int, ...]
    weights: tuple[float, ...]
    factors: tuple[float, ...]


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
    owners = reached.places[found[listed]]
    nodes = reached.spread.rows[owners]
    last = _last_edges(reached, nodes)
    if not len(last.edges):
        return ways
    last = _strongest(reached, last, len(nodes))
    tree = _Tree(reached, last.places)
    numbers, names, places = listed.tolist(), nodes.tolist(), owners.tolist()
    leading = [
        (place, edge, target)
        for place, edge, target in zip(*(each.tolist() for each in last), strict=True)
        if places[target] not in tree.places_to(place)
    ]
    if leading:
        tree.learn(view, reached, [(place, edge) for place, edge, _ in leading])
    for place, edge, target in leading:
        ways[numbers[target]].append(tree.trail(place, edge, names[target]))
    return ways


def _last_edges(reached: Reached, nodes: U32) -> _Last:
    """Return the edges from reached nodes to some of them."""
    graph, spread = reached.graph.graph, reached.spread
    begins = graph.offsets[spread.rows]
    fans = graph.offsets[spread.rows + np.uint32(1)] - begins
    ends = fans.cumsum()
    if ends[-1] > _EDGES_MAX:
        inside = int(ends.searchsorted(_EDGES_MAX, side="right"))
        fans, begins, ends = fans[:inside], begins[:inside], ends[:inside]
    places = np.arange(len(fans)).repeat(fans)
    edges = (begins - ends + fans).repeat(fans)
    edges += np.arange(len(edges))
    targets = graph.edges["target"][edges]
    if graph.fresh is not None:
        late_places, late_edges = _fresh_edges(reached)
        places = np.concatenate((places, late_places))
        targets = np.concatenate((targets, graph.fresh.edges["target"][late_edges]))
        edges = np.concatenate((edges, late_edges + graph.edges_count))
    order = nodes.argsort()
    ordered = nodes[order]
    at = ordered.searchsorted(targets)
    at[at == len(ordered)] = 0
    leads = (ordered[at] == targets).nonzero()[0]
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


def _strongest(reached: Reached, last: _Last, count: int) -> _Last:
    """Return the best edges to each listed memory, best first."""
    amounts = reached.spread.activations[last.places] * _weights(reached, last.edges)
    order = np.lexsort((last.edges, -amounts, last.targets))
    targets = last.targets[order]
    rank = np.arange(len(order)) - np.searchsorted(targets, np.arange(count))[targets]
    order = order[rank < WAYS_MAX]
    return _Last(last.places[order], last.edges[order], last.targets[order])


def _weights(reached: Reached, edges: I64) -> F32:
    graph = reached.graph.graph
    if graph.fresh is None:
        return np.asarray(graph.edges["weight"][edges], np.float32)
    weights = np.empty(len(edges), np.float32)
    base = edges < graph.edges_count
    weights[base] = graph.edges["weight"][edges[base]]
    weights[~base] = graph.fresh.edges["weight"][edges[~base] - graph.edges_count]
    return weights


class _Tree:
    """The tree of a spread as far as some places of it need."""

    def __init__(self, reached: Reached, places: I64) -> None:
        self._before: dict[int, tuple[int, int]] = {}
        self._nodes = reached.spread.rows
        wanted = set(places.tolist())
        while wanted:
            wanted = self._climb(reached, np.array(list(wanted), np.int64))
        self._facts: dict[int, tuple[int, int, float, float]] = {}
        self._places: dict[int, tuple[int, ...]] = {}
        self._trails: dict[int, Trail] = {}

    def _climb(self, reached: Reached, places: I64) -> set[int]:
        """Note what is before some places; return the places before them that are not known."""
        graph, spread = reached.graph.graph, reached.spread
        edges = spread.parent_edges[places]
        below = edges >= 0
        places, edges = places[below], edges[below]
        if not len(places):
            return set()
        parents = reached.places_of(graph.sources_of(edges)).tolist()
        climbed = zip(parents, edges.tolist(), strict=True)
        self._before.update(zip(places.tolist(), climbed, strict=True))
        return {place for place in parents if place not in self._before}

    def places_to(self, place: int) -> tuple[int, ...]:
        """Return a place of the spread and those before it, up to a seed's."""
        places = self._places.get(place)
        if places is None:
            before = self._before.get(place)
            above = () if before is None else self.places_to(before[0])
            places = self._places[place] = (place, *above)
        return places

    def learn(self, view: View, reached: Reached, leading: list[tuple[int, int]]) -> None:
        """Look up what there is to know of the ways to some places and one edge on from each."""
        before, edges = self._before, {edge for _, edge in leading}
        for place, _ in leading:
            edges.update(before[each][1] for each in self.places_to(place)[:-1])
        self._facts = _facts(view, reached, np.array(list(edges), np.int64))

    def trail(self, place: int, edge: int, target: int) -> Trail:
        """Return the way from a seed to a place of the spread and on along an edge to a node."""
        nodes, edges, kinds, weights, factors = self._to(place)
        number, kind, weight, factor = self._facts[edge]
        return Trail(
            (*nodes, target),
            (*edges, number),
            (*kinds, kind),
            (*weights, weight),
            (*factors, factor),
        )

    def _to(self, place: int) -> Trail:
        known = self._trails.get(place)
        if known is None:
            node = int(self._nodes[place])
            if place in self._before:
                known = self.trail(*self._before[place], node)
            else:
                known = Trail((node,), (), (), (), ())
            self._trails[place] = known
        return known


def _facts(view: View, reached: Reached, edges: I64) -> dict[int, tuple[int, int, float, float]]:
    """Return by edge what the state calls it, its kind, its weight and what it leaves of belief."""
    numbers = reached.graph.state_edges(edges)
    weights = _weights(reached, edges).astype(np.float64)
    factors = hop(view.associations.gather("confidence", numbers).astype(np.float64), weights)
    facts = zip(
        numbers.tolist(),
        _kinds(reached, edges).tolist(),
        weights.tolist(),
        factors.tolist(),
        strict=True,
    )
    return dict(zip(edges.tolist(), facts, strict=True))


def _kinds(reached: Reached, edges: I64) -> U8:
    graph = reached.graph.graph
    kinds = np.zeros(len(edges), np.uint8)
    base = edges < graph.edges_count
    if graph.kinds is not None:
        kinds[base] = graph.kinds[edges[base]]
    if graph.fresh is not None and graph.fresh.kinds is not None:
        kinds[~base] = graph.fresh.kinds[edges[~base] - graph.edges_count]
    return kinds
