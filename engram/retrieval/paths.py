"""Ways through the association graph: level by level, all edges of a level at once.

A weight is at most 1, so a way only loses strength as it goes on: whatever is weaker than a way
that is known already is not followed, nor what cannot become as strong as a way that a quick look
came upon, given what leads to the target within three edges. With a bound on the hops this is
Bellman and Ford's search (Bellman 1958) in the order of the hops; the k best ways without a loop
are Yen's (1971).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from engram.kernels.cancel import CancelFlag
    from engram.retrieval.graph import SpaceGraph

_NODE_KINDS: Final = 256
# 512 nodes of a level. Over 100,000 nodes and 1,000,000 edges (to any node, to few, to near ones,
# or of nearly one weight) searches took 0.64 to 0.83 of the time that they take with 2,048.
_BEAM_NODES: Final = 512
# So many edges before the target its surroundings are known: each takes a look at all edges.
_EDGES_AHEAD: Final = 3
# Products in another order differ in their last bits.
_ROUNDING: Final = 1 - 1e-9


class Way(NamedTuple):
    """A way from one node to another: its nodes, one more than its `edges`, and its strength.

    Edges are numbered as the kernels do: those of the graph, then the fresh ones.
    """

    nodes: tuple[int, ...]
    edges: tuple[int, ...]
    strength: float


class Search(NamedTuple):
    """What every search of one question has in common; `kinds` bool[256], None for all kinds."""

    found: SpaceGraph
    kinds: NDArray[np.bool_] | None
    hops_max: int
    shortest: bool
    cancel: CancelFlag | None = None


class _Level(NamedTuple):
    """The nodes a level has reached or bettered: from which place of the level before, and how."""

    nodes: NDArray[np.int64]
    strengths: NDArray[np.float64]
    parents: NDArray[np.int64]
    edges: NDArray[np.int64]

    def at(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> _Level:
        """Return some of its nodes."""
        nodes, strengths, parents, edges = self
        return _Level(nodes[chosen], strengths[chosen], parents[chosen], edges[chosen])


def kind_mask(kinds: Collection[int]) -> NDArray[np.bool_]:
    """Return bool[256]: True for the kinds of edges that may be followed."""
    mask = np.zeros(_NODE_KINDS, bool)
    mask[list(kinds)] = True
    return mask


def best_ways(search: Search, source: int, target: int, k: int) -> list[Way]:
    """Return up to k ways without a loop, best first; equal ones by their nodes.

    Best is the strongest, or with `shortest` the one of fewest edges and then the strongest.
    """
    first = best_way(search, source, target)
    if first is None:
        return []
    found, candidates = [first], set[Way]()
    while len(found) < k:
        last = found[-1]
        for at in range(len(last.edges)):
            root = last.nodes[: at + 1]
            banned = {way.edges[at] for way in found if way.nodes[: at + 1] == root}
            left = search._replace(hops_max=search.hops_max - at)
            way = best_way(left, last.nodes[at], target, (root[:-1], banned))
            if way is not None:
                candidates.add(_after(search, last, at, way))
        candidates -= set(found)
        if not candidates:
            break
        best = min(candidates, key=lambda way: _order(search, way))
        candidates.discard(best)
        found.append(best)
    return found


def _order(search: Search, way: Way) -> tuple[float, ...]:
    hops = len(way.edges) if search.shortest else 0
    return (hops, -way.strength, len(way.edges), *way.nodes)


def _after(search: Search, root: Way, at: int, spur: Way) -> Way:
    edges = (*root.edges[:at], *spur.edges)
    strength = 1.0
    for weight in weights_of(search.found, edges).tolist():
        strength *= weight
    return Way((*root.nodes[:at], *spur.nodes), edges, strength)


def weights_of(found: SpaceGraph, edges: Sequence[int]) -> NDArray[np.float64]:
    """Return float64[n]: the weights of edges as the kernels number them."""
    graph, fresh = found.graph, found.graph.fresh
    return np.array(
        [
            graph.edges["weight"][edge]
            if edge < graph.edges_count or fresh is None
            else fresh.edges["weight"][edge - graph.edges_count]
            for edge in edges
        ],
        np.float64,
    )


def best_way(
    search: Search,
    source: int,
    target: int,
    banned: tuple[Collection[int], Collection[int]] = ((), ()),
) -> Way | None:
    """Return the best way, None when there is none; `banned` nodes and edges are not used."""
    nodes_count = search.found.graph.nodes_count
    if max(source, target) >= nodes_count:
        return None
    best = np.zeros(nodes_count)
    best[list(banned[0])] = np.inf
    best[source] = np.inf
    ahead: list[NDArray[np.float64]] = []
    bound = 0.0
    if not search.shortest:
        ahead = _ahead(search, target, banned[1])
        bound = _surely(search, source, best.copy(), ahead, banned[1])
    goal, goal_level = 0.0, 0
    levels = [_first(source)]
    for hops in range(1, search.hops_max + 1):
        if search.cancel is not None:
            search.cancel.check()
        level = _next(search, levels[-1], best, max(goal, bound), banned[1])
        if not len(level.nodes):
            break
        at = np.flatnonzero(level.nodes == target)
        if len(at):
            goal, goal_level = float(level.strengths[at[0]]), hops
        if search.shortest:
            best[level.nodes] = np.inf
        else:
            level = _promising(level, target, ahead, bound, search.hops_max - hops)
        levels.append(level)
        if goal_level and search.shortest:
            break
    return _way(levels[: goal_level + 1], target, goal) if goal_level else None


def _first(source: int) -> _Level:
    one = np.zeros(1, np.int64)
    return _Level(np.array([source]), np.ones(1), one, one)


def _ahead(search: Search, target: int, banned: Collection[int]) -> list[NDArray[np.float64]]:
    """Return float64[nodes] for 1 to 3 edges: the strength of the best way of that many or fewer.

    0 where there is none; the target itself has 1.
    """
    graph, fresh = search.found.graph, search.found.graph.fresh
    # As indexes once, and not at each step: of a pair the target is the lower half.
    runs = [(0, graph.edges, _targets(graph.edges), graph.kinds)]
    if fresh is not None:
        runs.append((graph.edges_count, fresh.edges, _targets(fresh.edges), fresh.kinds))
    own = np.zeros(graph.nodes_count)
    own[target] = 1
    found = [own]
    for _ in range(min(_EDGES_AHEAD, search.hops_max)):
        if search.cancel is not None:
            search.cancel.check()
        before, more = found[-1], found[-1].copy()
        is_end = before > 0
        for first, edges, targets, kinds in runs:
            at = np.flatnonzero(is_end.take(targets))
            if search.kinds is not None:
                at = at[search.kinds[_kinds_at(kinds, at)]]
            if banned:
                at = at[~np.isin(at + first, list(banned))]
            strengths = edges["weight"][at] * before[targets[at]]
            np.maximum.at(more, graph.sources_of(at + first), strengths)
        found.append(more)
    return found


def _targets(edges: NDArray[np.void]) -> NDArray[np.int64]:
    return edges["target"].astype(np.int64)


def _surely(
    search: Search,
    source: int,
    best: NDArray[np.float64],
    ahead: list[NDArray[np.float64]],
    banned: Collection[int],
) -> float:
    """Return a strength that the best way exceeds, 0 when no way was come upon.

    Of each level only the strongest nodes are followed (a beam search).
    """
    level, bound = _first(source), 0.0
    for left in range(search.hops_max, 0, -1):
        if search.cancel is not None:
            search.cancel.check()
        rest = ahead[min(left, len(ahead) - 1)][level.nodes]
        bound = max(bound, float((level.strengths * rest).max()) * _ROUNDING)
        if len(level.nodes) > _BEAM_NODES:
            strongest = np.argpartition(-level.strengths, _BEAM_NODES)[:_BEAM_NODES]
            level = level.at(strongest)
        level = _next(search, level, best, bound, banned)
        if not len(level.nodes):
            break
    return bound


def _promising(
    level: _Level, target: int, ahead: list[NDArray[np.float64]], bound: float, left: int
) -> _Level:
    """Return the nodes of a level from which the best way may go on, and the target.

    `left` is how many edges it may have from there.
    """
    is_target = level.nodes == target
    if left < len(ahead):
        rest = ahead[left][level.nodes]
    else:  # or it goes on to what is known ahead, by ways as strong as can be
        known = ahead[-1].copy()
        known[target] = 0
        rest = np.full(len(level.nodes), known.max())
    kept = (level.strengths * rest > bound) | is_target
    return level.at(kept)


def _next(
    search: Search,
    level: _Level,
    best: NDArray[np.float64],
    goal: float,
    banned: Collection[int],
) -> _Level:
    """Return what one more hop reaches that is better than anything before."""
    places, edges, targets, weights = expand(search.found, level.nodes, search.kinds)
    strengths = level.strengths[places] * weights
    kept = (strengths > best[targets]) & (strengths > goal)
    if banned:
        kept &= ~np.isin(edges, list(banned))
    places, edges, targets = places[kept], edges[kept], targets[kept]
    strengths = strengths[kept]
    # The best of each node without sorting all: few edges are as good as the best one.
    np.maximum.at(best, targets, strengths)
    won = np.flatnonzero(strengths == best[targets])
    order = targets[won].astype(np.uint64) << np.uint64(32) | edges[won].astype(np.uint64)
    won = won[np.argsort(order)]
    ordered = targets[won]
    first = np.ones(len(won), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    won = won[first]
    return _Level(targets[won], strengths[won], places[won], edges[won])


def expand(
    found: SpaceGraph, nodes: NDArray[np.int64], kinds: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the edges that leave nodes: whose (place among them), number, target and weight."""
    graph, fresh = found.graph, found.graph.fresh
    offsets = graph.offsets
    places, edges = _runs(offsets[nodes], offsets[nodes + 1])
    columns = [(places, edges, graph.edges[edges], _kinds_at(graph.kinds, edges))]
    if fresh is not None:
        at = np.searchsorted(fresh.sources, nodes)
        inside = np.flatnonzero(at < len(fresh.sources))
        inside = inside[fresh.sources[at[inside]] == nodes[inside]]
        at = at[inside]
        late_places, late = _runs(fresh.offsets[at], fresh.offsets[at + 1])
        late_kinds = _kinds_at(fresh.kinds, late)
        numbers = late + graph.edges_count
        columns.append((inside[late_places], numbers, fresh.edges[late], late_kinds))
    places, edges, pairs, of_kinds = (
        np.concatenate([column[n] for column in columns]) for n in range(4)
    )
    if kinds is not None:
        kept = kinds[of_kinds]
        places, edges, pairs = places[kept], edges[kept], pairs[kept]
    return places, edges, pairs["target"].astype(np.int64), pairs["weight"].astype(np.float64)


def _kinds_at(kinds: NDArray[np.uint8] | None, edges: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.zeros(len(edges), np.uint8) if kinds is None else kinds[edges]


def _runs(
    firsts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of all runs [first, end), and of each which run it is of."""
    lengths = ends - firsts
    places = np.repeat(np.arange(len(firsts)), lengths)
    begins = np.cumsum(lengths) - lengths
    return places, np.arange(len(places)) + (firsts - begins)[places]


def _way(levels: list[_Level], target: int, strength: float) -> Way:
    at = int(np.flatnonzero(levels[-1].nodes == target)[0])
    nodes, edges = [target], []
    for level, before in zip(levels[:0:-1], levels[-2::-1], strict=True):
        edges.append(int(level.edges[at]))
        at = int(level.parents[at])
        nodes.append(int(before.nodes[at]))
    return Way(tuple(reversed(nodes)), tuple(reversed(edges)), strength)


class Reached(NamedTuple):
    """Nodes around one: how many edges away, and the strength of the best of the short ways."""

    nodes: NDArray[np.int64]
    hops: NDArray[np.int64]
    strengths: NDArray[np.float64]


def around(search: Search, source: int) -> Reached:
    """Return all nodes within `hops_max` edges of one, itself aside, nearest first."""
    seen = np.zeros(search.found.graph.nodes_count)
    levels: list[_Level] = []
    if source < len(seen):
        seen[source] = np.inf
        one = np.zeros(1, np.int64)
        level = _Level(np.array([source]), np.ones(1), one, one)
        for _ in range(search.hops_max):
            if search.cancel is not None:
                search.cancel.check()
            level = _next(search, level, seen, 0.0, ())
            seen[level.nodes] = np.inf
            levels.append(level)
    if not levels:
        return Reached(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    nodes, strengths = (np.concatenate([level[n] for level in levels]) for n in range(2))
    hops = np.repeat(np.arange(1, len(levels) + 1), [len(level.nodes) for level in levels])
    order = np.lexsort((nodes, -strengths, hops))
    return Reached(nodes[order], hops[order], strengths[order])
