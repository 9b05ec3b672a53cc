"""The columns of a graph: edges sorted by the node they leave, each node's in the order they came.

All functions return new arrays; what a reader holds never changes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.kernels.graph.association_graph import EDGE, AssociationGraph, FreshEdges

if TYPE_CHECKING:
    from engram.state.association_view import AssociationsView

Positions = NDArray[np.int64]

# A quarter more nodes than there are, and 4,096: each of a few writes brings a node or two, and
# laying the graph out for more takes as long as folding.
_SPARE_SHARE: Final = 4
_SPARE_MIN: Final = 4_096
# Up to so many nodes are compared with every target one by one; more are marked and looked up.
_COMPARED_MAX: Final = 4


class EdgeRun(NamedTuple):
    """Edges sorted by source: `sources` uint32[e], `edges` EDGE[e], `kinds` uint8[e].

    `numbers` uint32[e] is what the state calls each of them; they ascend within a node.
    """

    sources: NDArray[np.uint32]
    edges: NDArray[np.void]
    kinds: NDArray[np.uint8]
    numbers: NDArray[np.uint32]

    def __len__(self) -> int:
        """Return how many edges there are."""
        return len(self.numbers)

    def without(self, positions: Positions) -> EdgeRun:
        """Return the run without some of its edges."""
        kept = np.ones(len(self.numbers), bool)
        kept[positions] = False
        edges = self.edges.view(np.uint64)[kept].view(EDGE)
        return EdgeRun(self.sources[kept], edges, self.kinds[kept], self.numbers[kept])

    def fresh(self) -> FreshEdges | None:
        """Return these edges as the kernels take them."""
        if not len(self.numbers):
            return None
        begins = np.concatenate(([True], self.sources[1:] != self.sources[:-1]))
        offsets = np.append(np.flatnonzero(begins), len(begins)).astype(np.int64)
        return FreshEdges(self.sources[begins], offsets, self.edges, self.kinds)


class Base(NamedTuple):
    """A graph without fresh edges, and what the state calls its edges (uint32[e])."""

    graph: AssociationGraph
    numbers: NDArray[np.uint32]


def empty_run() -> EdgeRun:
    """Return no edges."""
    return EdgeRun(
        np.zeros(0, np.uint32), np.zeros(0, EDGE), np.zeros(0, np.uint8), np.zeros(0, np.uint32)
    )


def run_of(view: AssociationsView, numbers: NDArray[np.int64]) -> EdgeRun:
    """Return edges of the state, given by ascending numbers, sorted by their sources."""
    if not len(numbers):
        return empty_run()
    sources = view.gather("source", numbers)
    order = np.argsort(sources, kind="stable")
    chosen = numbers[order]
    edges = np.empty(len(numbers), EDGE)
    edges["target"] = view.gather("target", chosen)
    edges["weight"] = view.gather("weight", chosen)
    return EdgeRun(sources[order], edges, view.gather("kind", chosen), chosen.astype(np.uint32))


@cache
def empty_base() -> Base:
    """Return a graph without edges; it is never changed, so all spaces may begin with it."""
    return base_of(empty_run(), 0)


def base_of(run: EdgeRun, nodes_count: int) -> Base:
    """Return a graph of these edges, with room for nodes to come."""
    size = nodes_count + max(nodes_count // _SPARE_SHARE, _SPARE_MIN)
    offsets = np.searchsorted(run.sources, np.arange(size + 1, dtype=np.uint32)).astype(np.int64)
    return Base(AssociationGraph(offsets, run.edges, run.kinds), run.numbers)


def joined(first: EdgeRun, then: EdgeRun) -> EdgeRun:
    """Return two runs as one; of a node the edges of the first come before."""
    if not len(first) or not len(then):
        return then if not len(first) else first
    at = np.searchsorted(first.sources, then.sources, side="right")
    return EdgeRun(
        np.insert(first.sources, at, then.sources),
        _inserted(first.edges, at, then.edges),
        np.insert(first.kinds, at, then.kinds),
        np.insert(first.numbers, at, then.numbers),
    )


def folded(base: Base, fresh: EdgeRun, nodes_count: int) -> Base:
    """Return the graph with its fresh edges in their places, and room for nodes to come."""
    graph = base.graph
    size = nodes_count + max(nodes_count // _SPARE_SHARE, _SPARE_MIN)
    size = max(size, graph.nodes_count)
    offsets = np.concatenate(
        [graph.offsets, np.full(size - graph.nodes_count, graph.edges_count, np.int64)]
    )
    kinds = graph.kinds
    if kinds is None:
        kinds = np.zeros(0, np.uint8)
    at = offsets[fresh.sources.astype(np.int64) + 1]
    offsets[1:] += np.cumsum(np.bincount(fresh.sources, minlength=size))
    return Base(
        AssociationGraph(
            offsets, _inserted(graph.edges, at, fresh.edges), np.insert(kinds, at, fresh.kinds)
        ),
        np.insert(base.numbers, at, fresh.numbers),
    )


def without(base: Base, positions: Positions) -> Base:
    """Return the graph without the edges at some positions."""
    return Base(base.graph.without(positions), np.delete(base.numbers, positions))


def positions_of(base: Base, sources: NDArray[np.uint32], numbers: NDArray[np.uint32]) -> Positions:
    """Return where the graph has edges of the state that leave `sources`; without those it lacks.

    Only within the edges of a node do numbers ascend, so each is looked for on its own.
    """
    offsets, found = base.graph.offsets, []
    for source, number in zip(sources.tolist(), numbers.tolist(), strict=True):
        if source >= base.graph.nodes_count:
            continue
        first, last = int(offsets[source]), int(offsets[source + 1])
        at = first + int(np.searchsorted(base.numbers[first:last], number))
        if at < last and int(base.numbers[at]) == number:
            found.append(at)
    return np.array(found, np.int64)


def touching(edges: NDArray[np.void], gone: NDArray[np.int64], nodes_count: int) -> Positions:
    """Return the positions of edges that lead to nodes that are gone."""
    targets = edges["target"]
    if len(gone) <= _COMPARED_MAX:
        return np.concatenate([np.flatnonzero(targets == node) for node in gone.tolist()])
    is_gone = np.zeros(nodes_count, bool)
    is_gone[gone] = True
    return np.flatnonzero(is_gone[targets])


def _inserted(edges: NDArray[np.void], at: Positions, more: NDArray[np.void]) -> NDArray[np.void]:
    return np.insert(edges.view(np.uint64), at, more.view(np.uint64)).view(EDGE)
