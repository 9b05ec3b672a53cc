"""What the ways of every backend must be: the reference's, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.kernels.graph.parameters import SpreadParameters
from engram.kernels.reference import ReferenceBackend
from engram.model.errors import check
from engram.testing.kernels.graph import Link, graph_of, random_links
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.arrays import U32
    from engram.kernels.graph.association_graph import AssociationGraph
    from engram.kernels.graph.protocol import Spread
    from engram.kernels.protocol import KernelBackend

_REFERENCE: Final = ReferenceBackend()
_PARAMETERS: Final = SpreadParameters(threshold=1e-6, fan_exponent=0.0)
_MANY: Final = 1_000_000


class Reached(NamedTuple):
    """A graph, what activation reached in it, and some of the places of that."""

    graph: AssociationGraph
    spread: Spread
    listed: U32


def random_reached(
    random: np.random.Generator, nodes_count: int, links: int, *, has_kinds: bool, is_fresh: bool
) -> Reached:
    """Spread from two nodes over random links; list some of what was reached."""
    fresh = random_links(random, nodes_count, links // 4) if is_fresh else ()
    all_links = random_links(random, nodes_count, links)
    graph = graph_of(nodes_count, all_links, fresh, has_kinds=has_kinds)
    seeds = random.integers(0, nodes_count, 2).astype(np.uint32)
    spread = _REFERENCE.spread(graph, seeds, np.full(2, 0.5, np.float32), _PARAMETERS)
    count = int(random.integers(0, min(12, len(spread.rows)) + 1))
    listed = random.permutation(len(spread.rows))[:count].astype(np.uint32)
    return Reached(graph, spread, listed)


def check_trails_against_reference(
    backend: KernelBackend, reached: Reached, ways_max: int, edges_max: int
) -> None:
    """Compare one call with the reference: the same ways."""
    own = backend.trails(*reached, ways_max=ways_max, edges_max=edges_max)
    meant = _REFERENCE.trails(*reached, ways_max=ways_max, edges_max=edges_max)
    for name in own._fields:
        column, other = getattr(own, name), getattr(meant, name)
        check(column.dtype == other.dtype, f"{name} have their dtype")
        check(np.array_equal(column, other), f"{name} are the reference's")


def check_random(backend: KernelBackend) -> None:
    """Check sparse and dense graphs, with and without kinds and fresh edges, and every limit."""
    random = np.random.default_rng(21)
    for nodes_count, links in ((1, 0), (2, 3), (12, 30), (40, 60), (30, 300)):
        for has_kinds in (False, True):
            for is_fresh in (False, True):
                reached = random_reached(
                    random, nodes_count, links, has_kinds=has_kinds, is_fresh=is_fresh
                )
                for ways_max, edges_max in ((8, _MANY), (1, _MANY), (3, links // 2), (8, 0)):
                    check_trails_against_reference(backend, reached, ways_max, edges_max)


def check_ways(backend: KernelBackend) -> None:
    """Check a way over two edges, equal edges by number, and that no way comes back."""
    links = [Link(0, 1, 0.5, 3), Link(1, 2, 0.5, 1), Link(1, 2, 0.5, 2), Link(2, 1, 0.9, 1)]
    graph = graph_of(3, links)
    seeds = np.zeros(1, np.uint32)
    spread = backend.spread(graph, seeds, np.ones(1, np.float32), _PARAMETERS)
    listed = np.array([2, 1, 0], np.uint32)
    found = backend.trails(graph, spread, listed, ways_max=8, edges_max=_MANY)
    check(found.counts.tolist() == [2, 1, 0], "nothing leads to a seed, nor through oneself")
    check(found.lengths.tolist() == [2, 2, 1], "a way has its edges")
    check(found.nodes.tolist() == [0, 1, 2, 0, 1, 2, 0, 1], "a way names its nodes")
    check(found.edges.tolist() == [0, 1, 0, 2, 0], "equal edges come by number")
    check(found.kinds.tolist() == [3, 1, 3, 2, 3], "an edge has its kind")
    check(set(found.weights.tolist()) == {0.5}, "an edge has its weight")


def check_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    graph = graph_of(3, [Link(0, 1), Link(1, 2)])
    seeds = np.zeros(1, np.uint32)
    spread = backend.spread(graph, seeds, np.ones(1, np.float32), _PARAMETERS)
    listed = np.array([2], np.uint32)
    beyond = spread._replace(rows=spread.rows + np.uint32(9))
    no_edge = spread._replace(parent_edges=spread.parent_edges + 9)
    around = spread._replace(parent_edges=np.array([1, 0, 1]))
    wide = spread._replace(activations=spread.activations.astype(np.float64))
    short = spread._replace(hops=spread.hops[:1].copy())

    def run(
        graph: AssociationGraph, spread: Spread, listed: U32, ways_max: int = 8, edges_max: int = 9
    ) -> object:
        return backend.trails(graph, spread, listed, ways_max=ways_max, edges_max=edges_max)

    calls: list[tuple[str, Callable[[], object]]] = [
        ("graph", lambda: run(None, spread, listed)),  # type: ignore[arg-type]
        ("spread", lambda: run(graph, None, listed)),  # type: ignore[arg-type]
        ("spread", lambda: run(graph, beyond, listed)),
        ("spread", lambda: run(graph, no_edge, listed)),
        ("spread", lambda: run(graph, around, listed)),
        ("activations", lambda: run(graph, wide, listed)),
        ("spread", lambda: run(graph, short, listed)),
        ("listed", lambda: run(graph, spread, listed + np.uint32(1))),
        ("listed", lambda: run(graph, spread, np.array([1, 1], np.uint32))),
        ("listed", lambda: run(graph, spread, listed.astype(np.int64))),
        ("ways_max", lambda: run(graph, spread, listed, 0)),
        ("edges_max", lambda: run(graph, spread, listed, 8, -1)),
    ]
    for argument, call in calls:
        check_refused(argument, call)


CHECKS: Final = (check_random, check_ways, check_refusals)
