"""What the graph kernels of every backend must do."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.kernels.cancel import CancelFlag
from engram.kernels.graph.association_graph import EDGE, AssociationGraph, FreshEdges
from engram.kernels.graph.parameters import SpreadParameters
from engram.kernels.reference import ReferenceBackend
from engram.model.errors import InvalidRequest, KernelCancelled, check
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32, U32
    from engram.kernels.graph.protocol import Spread
    from engram.kernels.protocol import KernelBackend

_REFERENCE = ReferenceBackend()
_FAR_NODES = 60_000
_FAR_EDGES = 150_000
_STAR_EDGES = 100_000
_PLAIN = SpreadParameters(fan_exponent=0.0, threshold=1e-6)
_FAR_SEEDS = np.arange(0, _FAR_NODES, 3000, dtype=np.uint32)
_FAR_GIVEN = np.full(len(_FAR_SEEDS), 0.9, np.float32)
_FAR_PARAMETERS = SpreadParameters(fan_exponent=0.0, kind_weights=(1.0, 0.8))


class Link(NamedTuple):
    """One edge, as people write it."""

    source: int
    target: int
    weight: float = 1.0
    kind: int = 0


def graph_of(
    nodes_count: int,
    links: Sequence[Link],
    fresh_links: Sequence[Link] = (),
    *,
    has_kinds: bool = True,
) -> AssociationGraph:
    """Build a graph; the links of a node keep their order, those of `fresh_links` come last."""
    links = sorted(links, key=lambda link: link.source)
    counts = np.bincount([link.source for link in links], minlength=nodes_count)
    offsets = np.concatenate([[0], np.cumsum(counts[:nodes_count])]).astype(np.int64)
    fresh = None
    if fresh_links:
        fresh_links = sorted(fresh_links, key=lambda link: link.source)
        sources, counts = np.unique([link.source for link in fresh_links], return_counts=True)
        fresh = FreshEdges(
            sources.astype(np.uint32),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            _edges(fresh_links),
            _kinds(fresh_links) if has_kinds else None,
        )
    kinds = _kinds(links) if has_kinds else None
    return AssociationGraph(offsets, _edges(links), kinds, fresh)


def random_links(random: np.random.Generator, nodes_count: int, count: int) -> list[Link]:
    """Return links between random nodes, four kinds among them."""
    ends = random.integers(0, nodes_count, (count, 2)).tolist()
    weights = (1.0 - random.random(count, np.float32)).tolist()
    kinds = random.integers(0, 4, count).tolist()
    return [
        Link(source, target, weight, kind)
        for (source, target), weight, kind in zip(ends, weights, kinds, strict=True)
    ]


def check_against_reference(
    backend: KernelBackend,
    graph: AssociationGraph,
    seeds: Sequence[int] | U32,
    activations: Sequence[float] | F32,
    parameters: SpreadParameters,
) -> Spread:
    """Compare one call with the reference, bit by bit, and return it."""
    rows, given = np.array(seeds, np.uint32), np.array(activations, np.float32)
    own = backend.spread(graph, rows, given, parameters)
    meant = _REFERENCE.spread(graph, rows, given, parameters)
    check_same(own, meant)
    check(len(set(own.rows.tolist())) == len(own.rows), "no node is listed twice")
    check(bool(np.all((own.activations > 0) & (own.activations <= 1))), "activations in (0, 1]")
    check(bool(np.all(np.diff(own.hops.astype(np.int64)) >= 0)), "nodes in order of discovery")
    check(own.edges_touched <= parameters.edge_budget, "the budget holds")
    return own


def check_same(own: Spread, meant: Spread) -> None:
    """Check that two spreads are the same in every bit."""
    for name, mine, other in zip(meant._fields[:4], own[:4], meant[:4], strict=True):
        check(isinstance(mine, np.ndarray) and isinstance(other, np.ndarray), "columns are arrays")
        if isinstance(mine, np.ndarray) and isinstance(other, np.ndarray):
            check(mine.dtype == other.dtype, f"{name} has its dtype")
            check(np.array_equal(mine, other), f"{name} is that of the reference")
    check(own.edges_touched == meant.edges_touched, "as many edges are touched")
    check(own.is_partial is meant.is_partial, "partial when the reference is")


def check_by_hand(backend: KernelBackend) -> None:
    """Check a chain, a meeting of two ways, the fan, the kinds and damping, worked out by hand."""
    half = SpreadParameters(decay=1.0, decay_form="power", fan_exponent=0.0)  # hops: 1/2, 2/3, 3/4
    chain = graph_of(4, [Link(0, 1), Link(1, 2, 0.5), Link(2, 3)])
    spread = check_against_reference(backend, chain, [0], [1.0], half)
    check(spread.rows.tolist() == [0, 1, 2, 3], "a chain is followed to its end")
    check(np.allclose(spread.activations, [1, 1 / 2, 1 / 6, 1 / 8]), "each hop and weight divides")
    check(spread.parent_edges.tolist() == [-1, 0, 1, 2], "the parent is the edge that led there")
    check(spread.hops.tolist() == [0, 1, 2, 3], "hops count from the seed")
    meeting = graph_of(4, [Link(0, 2, 0.25), Link(1, 2, 0.5), Link(1, 3, 0.5, 1)])
    spread = check_against_reference(backend, meeting, [0, 1], [1.0, 0.5], half)
    check(np.allclose(spread.activations, [1, 0.5, 0.25, 0.125]), "two ways add up")
    check(spread.parent_edges.tolist() == [-1, -1, 0, 2], "of equal ways the first is the parent")
    fan = SpreadParameters(decay=0.0, fan_exponent=0.5, kind_weights=(1.0, 0.5))
    spread = check_against_reference(backend, meeting, [1], [1.0], fan)
    root = 0.5 * 2**-0.5
    check(np.allclose(spread.activations, [1, root, root / 2]), "fan and kind divide")
    loop = graph_of(2, [Link(0, 1, 0.5), Link(1, 0, 0.5)])
    damped = SpreadParameters(decay=0.0, depth=2, cycle_damping=0.5)
    spread = check_against_reference(backend, loop, [0], [0.5], damped)
    check(np.allclose(spread.activations, [0.5 + 0.125 * 0.5, 0.25]), "a cycle is damped")


def check_shapes(backend: KernelBackend) -> None:
    """Check cycles, loops to oneself, parallel edges, nodes apart, one node and none."""
    shapes = {
        "ring": graph_of(5, [Link(i, (i + 1) % 5, 0.9) for i in range(5)]),
        "self": graph_of(2, [Link(0, 0, 0.9), Link(0, 1, 0.5)]),
        "parallel": graph_of(3, [Link(0, 1, 0.3), Link(0, 1, 0.9, 2), Link(0, 1, 0.9), Link(1, 0)]),
        "apart": graph_of(7, [Link(0, 3)]),
        "one": graph_of(1, []),
        "complete": graph_of(9, [Link(i, j) for i, j in itertools.product(range(9), repeat=2)]),
    }
    for name, graph in shapes.items():
        for exponent in (0.0, 0.5):
            parameters = SpreadParameters(fan_exponent=exponent, depth=9, threshold=1e-5)
            seeds = [graph.nodes_count - 1, 0]
            spread = check_against_reference(backend, graph, seeds, [0.7, 1.0], parameters)
            check(spread.edges_touched > 0 or name == "one", "edges were followed")
    nobody = graph_of(0, [])
    check(len(check_against_reference(backend, nobody, [], [], _PLAIN).rows) == 0, "none reached")
    check_against_reference(backend, shapes["ring"], [], [], _PLAIN)


def check_seeds(backend: KernelBackend) -> None:
    """Check that a node given twice counts once, and that seeds keep their order."""
    graph = graph_of(6, [Link(3, 4, 0.5), Link(1, 4, 0.5)])
    spread = check_against_reference(backend, graph, [3, 1, 3, 1], [0.2, 0.9, 0.6, 0.1], _PLAIN)
    check(spread.rows.tolist() == [3, 1, 4], "seeds come first, in their order")
    check(np.allclose(spread.activations[:2], [0.6, 0.9]), "of the same node the larger counts")


def check_random_graphs(backend: KernelBackend) -> None:
    """Check graphs of every density under every parameter, near caches and far."""
    random = np.random.default_rng(11)
    forms = itertools.cycle(("exponential", "power", "linear"))
    for round_number in range(24):
        nodes_count = int(random.integers(1, 70))
        links = random_links(random, nodes_count, int(random.integers(0, 6 * nodes_count)))
        fresh = random_links(random, nodes_count, round_number % 3 * 7)
        graph = graph_of(nodes_count, links, fresh, has_kinds=round_number % 2 == 0)
        parameters = SpreadParameters(
            decay=float(random.choice([0.0, 0.2, 0.7])),
            decay_form=next(forms),  # type: ignore[arg-type]
            threshold=float(random.choice([1e-6, 0.01, 0.1])),
            depth=int(random.integers(0, 8)),
            fan_exponent=float(random.choice([0.0, 0.5, 1.0])),
            cycle_damping=float(random.choice([0.0, 0.93, 1.0])),
            kind_weights=((), (1.0, 0.5, 0.0, 0.9), (0.5,))[round_number % 3],
        )
        seeds = random.integers(0, nodes_count, 5)
        check_against_reference(
            backend, graph, seeds.astype(np.uint32), 1 - random.random(5, np.float32), parameters
        )


def check_far_graph(backend: KernelBackend) -> None:
    """Check a graph larger than a second-level cache, with kinds and without."""
    for has_kinds in (True, False):
        graph, meant = _far_spread(has_kinds=has_kinds)
        check_same(backend.spread(graph, _FAR_SEEDS, _FAR_GIVEN, _FAR_PARAMETERS), meant)


def check_star(backend: KernelBackend) -> None:
    """Check a hub with 100,000 edges, out and in, whose activation stays within 1."""
    leaves = np.arange(1, _STAR_EDGES + 1)
    edges = np.zeros(2 * _STAR_EDGES, EDGE)
    edges["target"][:_STAR_EDGES] = leaves
    edges["weight"] = 1.0
    offsets = np.concatenate([[0], np.arange(_STAR_EDGES, 2 * _STAR_EDGES + 1)]).astype(np.int64)
    star = AssociationGraph(offsets, edges)
    rows, given = np.zeros(1, np.uint32), np.full(1, 0.5, np.float32)
    plain = SpreadParameters(fan_exponent=0.0, depth=2)
    spread = backend.spread(star, rows, given, plain)
    check(np.array_equal(spread.rows, np.arange(_STAR_EDGES + 1)), "every leaf is reached")
    check(np.array_equal(spread.parent_edges, np.arange(-1, _STAR_EDGES)), "each by its edge")
    passed = given[0] * plain.hop_factors[0]
    check(bool(np.all(spread.activations[1:] == passed)), "each gets the same")
    check(spread.activations[0] == 1.0, "what comes back adds up to 1 and no more")
    check(spread.edges_touched == 2 * _STAR_EDGES, "every edge is touched once")
    spread = check_against_reference(backend, star, [0], [1.0], SpreadParameters())
    check(len(spread.rows) == 1 and spread.edges_touched == 0, "a fan can be too wide to follow")


def check_fresh_edges(backend: KernelBackend) -> None:
    """Check that fresh edges count like the same edges in the columns."""
    random = np.random.default_rng(13)
    links, fresh = random_links(random, 50, 120), random_links(random, 50, 40)
    beside, rebuilt = graph_of(50, links, fresh), graph_of(50, [*links, *fresh])
    rows, given = np.array([4, 9], np.uint32), np.array([1.0, 0.5], np.float32)
    own, meant = backend.spread(beside, rows, given), backend.spread(rebuilt, rows, given)
    check_same(own._replace(parent_edges=meant.parent_edges), meant)
    sources, known = beside.sources_of(own.parent_edges), rebuilt.sources_of(meant.parent_edges)
    check(np.array_equal(sources, known), "fresh parents begin where those in the columns do")
    only_fresh = graph_of(3, [], [Link(0, 1), Link(1, 2)])
    spread = check_against_reference(backend, only_fresh, [0], [1.0], _PLAIN)
    check(spread.parent_edges.tolist() == [-1, 0, 1], "fresh edges are numbered after the others")


def check_budget(backend: KernelBackend) -> None:
    """Check every budget up to what a spread needs: whole nodes, what was reached is returned."""
    random = np.random.default_rng(14)
    graph = graph_of(30, random_links(random, 30, 150), random_links(random, 30, 20))
    seeds, given = [3, 17], [1.0, 0.8]
    whole = check_against_reference(backend, graph, seeds, given, _PLAIN)
    check(not whole.is_partial, "the default budget suffices")
    for budget in (0, 1, 5, 9, 17, 40, whole.edges_touched - 1, whole.edges_touched):
        limited = SpreadParameters(fan_exponent=0.0, threshold=1e-6, edge_budget=budget)
        spread = check_against_reference(backend, graph, seeds, given, limited)
        check(spread.is_partial == (budget < whole.edges_touched), "partial when it did not do")
        check(np.array_equal(spread.rows, whole.rows[: len(spread.rows)]), "the beginning is same")


def check_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    graph = graph_of(4, [Link(0, 1)])
    rows, given = np.array([0, 1], np.uint32), np.array([1.0, 0.5], np.float32)
    calls: list[tuple[str, tuple[object, ...]]] = [
        ("seeds", (graph, rows.astype(np.int64), given)),
        ("seeds", (graph, [0, 1], given)),
        ("seeds", (graph, rows[::2][:, None], given)),
        ("seeds", (graph, np.array([0, 4], np.uint32), given)),
        ("seeds", (graph_of(0, []), rows, given)),
        ("activations", (graph, rows, given[:1])),
        ("activations", (graph, rows, given.astype(np.float64))),
        ("activations", (graph, rows, np.array([0.5, np.nan], np.float32))),
        ("activations", (graph, rows, np.array([0.0, 0.5], np.float32))),
        ("activations", (graph, rows, np.array([0.5, 1.5], np.float32))),
        ("activations", (graph, np.repeat(rows, 2)[::2], np.ones(4, np.float32)[::2])),
        ("graph", (None, rows, given)),
        ("parameters", (graph, rows, given, 0.7)),
    ]
    for argument, positional in calls:
        check_refused(argument, backend.spread, *positional)


def check_nothing_is_left(backend: KernelBackend) -> None:
    """Check that a call that was cancelled, refused or cut short changes no later one."""
    random = np.random.default_rng(15)
    graph = graph_of(80, random_links(random, 80, 400))
    other = graph_of(90, random_links(random, 90, 300))
    rows, given = np.array([1, 2, 3], np.uint32), np.array([1.0, 0.5, 0.25], np.float32)
    short = SpreadParameters(fan_exponent=0.0, edge_budget=60)
    meant = [_REFERENCE.spread(one, rows, given, _PLAIN) for one in (graph, other)]
    for _ in range(3):
        check_same(backend.spread(graph, rows, given, _PLAIN, cancel=CancelFlag()), meant[0])
        try:
            backend.spread(graph, rows, given, _PLAIN, cancel=CancelFlag().set())
        except KernelCancelled:
            pass
        else:
            check(condition=False, sentence="a set flag stops the call")
        check_same(backend.spread(other, rows, given, _PLAIN), meant[1])
        backend.spread(graph, rows[::-1].copy(), given, short)
        try:
            backend.spread(graph, rows + np.uint32(78), given)
        except InvalidRequest:
            pass
        else:
            check(condition=False, sentence="a seed past the last node is refused")


@lru_cache
def _far_spread(*, has_kinds: bool) -> tuple[AssociationGraph, Spread]:
    """Return a graph past the caches and what the reference reaches in it, made once."""
    random = np.random.default_rng(12)
    edges = np.empty(_FAR_EDGES, EDGE)
    edges["target"] = random.integers(0, _FAR_NODES, _FAR_EDGES)
    edges["weight"] = 1 - random.random(_FAR_EDGES, np.float32)
    kinds = random.integers(0, 4, _FAR_EDGES).astype(np.uint8) if has_kinds else None
    offsets = np.sort(random.integers(0, _FAR_EDGES, _FAR_NODES + 1))
    offsets[0], offsets[-1] = 0, _FAR_EDGES
    fresh = FreshEdges(
        _FAR_SEEDS,
        np.arange(len(_FAR_SEEDS) + 1),
        edges[: len(_FAR_SEEDS)],
        None if kinds is None else kinds[: len(_FAR_SEEDS)],
    )
    graph = AssociationGraph(offsets, edges, kinds, fresh)
    return graph, _REFERENCE.spread(graph, _FAR_SEEDS, _FAR_GIVEN, _FAR_PARAMETERS)


def _edges(links: Sequence[Link]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    edges = np.empty(len(links), EDGE)
    edges["target"] = [link.target for link in links]
    edges["weight"] = [link.weight for link in links]
    return edges


def _kinds(links: Sequence[Link]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.array([link.kind for link in links], np.uint8)


CHECKS = (
    check_by_hand,
    check_shapes,
    check_seeds,
    check_random_graphs,
    check_far_graph,
    check_star,
    check_fresh_edges,
    check_budget,
    check_refusals,
    check_nothing_is_left,
)
