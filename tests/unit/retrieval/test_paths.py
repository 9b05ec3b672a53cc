"""Ways through a graph beside all ways there are, listed one by one."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.kernels.cancel import CancelFlag
from engram.kernels.graph.association_graph import EDGE
from engram.model.errors import KernelCancelled
from engram.retrieval import paths
from engram.retrieval.graph import SpaceGraph
from engram.retrieval.graph_columns import EdgeRun, base_of
from engram.retrieval.paths import Search, Way, around, best_ways, kind_mask

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = 7
WEIGHTS = (0.25, 0.5, 0.75, 1.0)


def graph_of(edges: list[tuple[int, int, int, float]], fresh: int) -> SpaceGraph:
    """Return a graph of edges (source, target, kind, weight), the last `fresh` of them fresh."""

    def run(some: list[tuple[int, int, int, float]], first: int) -> EdgeRun:
        order = sorted(range(len(some)), key=lambda n: some[n][0])
        ordered = [some[n] for n in order]
        return EdgeRun(
            np.array([edge[0] for edge in ordered], np.uint32),
            np.array([(edge[1], edge[3]) for edge in ordered], EDGE),
            np.array([edge[2] for edge in ordered], np.uint8),
            np.array([first + n for n in order], np.uint32),
        )

    cut = len(edges) - fresh
    base, late = base_of(run(edges[:cut], 0), NODES), run(edges[cut:], cut)
    return SpaceGraph(base.graph.with_fresh(late.fresh()), base.numbers, late.numbers)


def every_way(
    edges: list[tuple[int, int, int, float]], source: int, target: int, hops_max: int
) -> Iterator[tuple[list[int], list[int], float]]:
    """Yield nodes, edges and strength of each way without a loop."""
    waiting: list[tuple[list[int], list[int], float]] = [([source], [], 1.0)]
    while waiting:
        nodes, steps, strength = waiting.pop()
        for number, (one, other, _, weight) in enumerate(edges):
            if one != nodes[-1] or other in nodes or len(steps) == hops_max:
                continue
            longer = ([*nodes, other], [*steps, number], strength * weight)
            if other == target:
                yield longer
            else:
                waiting.append(longer)


def drawn(chance: random.Random) -> list[tuple[int, int, int, float]]:
    """Return edges, some of them parallel."""
    return [
        (*chance.sample(range(NODES), 2), chance.randrange(2), chance.choice(WEIGHTS))  # type: ignore[misc]
        for _ in range(chance.randrange(1, 16))
    ]


@pytest.mark.parametrize(("beam", "ahead"), [(2_048, 3), (1, 1), (2, 2)])
@pytest.mark.parametrize("shortest", [False, True])
def test_the_best_ways_are_those_among_all_there_are(
    monkeypatch: pytest.MonkeyPatch, beam: int, ahead: int, *, shortest: bool
) -> None:
    """However few nodes are followed first, and however little is known of what is ahead."""
    monkeypatch.setattr(paths, "_BEAM_NODES", beam)
    monkeypatch.setattr(paths, "_EDGES_AHEAD", ahead)
    for seed in range(60):
        chance = random.Random(seed)  # noqa: S311 - repeatable is the point
        edges, hops_max, k = drawn(chance), chance.randrange(1, 6), chance.randrange(1, 5)
        found = graph_of(edges, chance.randrange(len(edges)))
        ways = best_ways(Search(found, None, hops_max, shortest), 0, 1, k)
        expected = sorted(
            (len(steps) if shortest else 0, -strength)
            for _, steps, strength in every_way(edges, 0, 1, hops_max)
        )
        shown = [(len(way.edges) if shortest else 0, -way.strength) for way in ways]
        assert shown == expected[:k]
        assert len(set(ways)) == len(ways)
        for way in ways:
            numbers = found.state_edges(np.array(way.edges)).tolist()
            assert [(edges[n][0], edges[n][1]) for n in numbers] == list(
                zip(way.nodes, way.nodes[1:], strict=False)
            )
            assert math.prod(edges[n][3] for n in numbers) == way.strength
            assert len(set(way.nodes)) == len(way.nodes)


def test_what_is_around_a_node_is_as_far_as_the_shortest_way_to_it() -> None:
    for seed in range(40):
        chance = random.Random(seed)  # noqa: S311 - repeatable is the point
        edges, hops_max = drawn(chance), chance.randrange(1, 4)
        search = Search(graph_of(edges, len(edges) // 2), None, hops_max, shortest=True)
        reached = around(search, 0)
        expected = {}
        for node in range(1, NODES):
            ways = best_ways(search, 0, node, 1)
            if ways:
                expected[node] = (len(ways[0].edges), ways[0].strength)
        columns = (reached.nodes, reached.hops, reached.strengths)
        found = {n: (h, s) for n, h, s in zip(*(c.tolist() for c in columns), strict=True)}
        assert found == expected
        assert sorted(reached.hops.tolist()) == reached.hops.tolist()


def test_only_the_kinds_that_are_asked_for_are_followed() -> None:
    found = graph_of([(0, 1, 3, 1.0), (0, 1, 4, 0.5)], 1)
    ways = best_ways(Search(found, kind_mask([4]), 2, shortest=False), 0, 1, 9)
    assert ways == [Way((0, 1), (1,), 0.5)]


def test_a_search_that_nobody_waits_for_stops() -> None:
    found = graph_of([(0, 1, 0, 1.0)], 0)
    with pytest.raises(KernelCancelled):
        best_ways(Search(found, None, 2, shortest=False, cancel=CancelFlag().set()), 0, 1, 1)
