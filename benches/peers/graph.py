"""Spreading activation from a few seeds, in graphs from L2 to DRAM.

No library a user would pick has this algorithm, so the peers are what he would write with it. numba
and numpy return the same bits as Engram; scipy.sparse and igraph return the same nodes and
activations, the sums in an order of their own, and no parents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benches.peers.cases import Call, Case
from engram.kernels.graph.association_graph import EDGE, AssociationGraph
from engram.kernels.graph.parameters import SpreadParameters
from engram.kernels.graph.protocol import Spread
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import check

U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]
Cue = tuple[U32, F32]
Spreader = Callable[[U32, F32], object]
_SUM_TOLERANCE: Final = 1e-4  # of an activation summed in another order, near the threshold too
_CUES: Final = 16  # seeds of as many calls, one after the other
_NEAR_NODES: Final = 10_000
"""Larger graphs would keep igraph's loops in Python busy for a second a call."""


class Work(NamedTuple):
    """A random graph, seeds in it, and how activation fades."""

    name: str
    nodes_count: int
    edges_count: int
    seeds_count: int
    parameters: SpreadParameters
    goal: float | None


_NO_FAN: Final = SpreadParameters(fan_exponent=0.0)
_FAN: Final = SpreadParameters()
WORKS: Final = (
    Work("1k nodes, 10k edges, 5 seeds, no fan", 1_000, 10_000, 5, _NO_FAN, 1.3),
    Work("1k nodes, 10k edges, 5 seeds", 1_000, 10_000, 5, _FAN, None),
    Work("100k nodes, 1M edges, 21 seeds, no fan", 100_000, 1_000_000, 21, _NO_FAN, 2.7),
    Work("100k nodes, 1M edges, 1,000 seeds", 100_000, 1_000_000, 1_000, _FAN, None),
    Work("1M nodes, 10M edges, 27 seeds, no fan", 1_000_000, 10_000_000, 27, _NO_FAN, 2.2),
    Work("1M nodes, 10M edges, 1,400 seeds", 1_000_000, 10_000_000, 1_400, _FAN, None),
)


def cases(only: str = "") -> Iterator[Case]:
    """Yield a case a piece of work; each holds its graph only while it is measured."""
    zig = ZigBackend()
    for work in WORKS:
        name = f"spread over {work.name}"
        if only not in name:
            continue
        graph = random_graph(work.nodes_count, work.edges_count)
        cues = [random_cue(work, seed) for seed in range(_CUES)]
        spreads = [zig.spread(graph, *cue, work.parameters) for cue in cues]
        touched = sum(spread.edges_touched for spread in spreads) / len(spreads)
        yield Case(
            name,
            subject(zig, graph, cues, work.parameters),
            peers(graph, cues, work.parameters, spreads[0]),
            work.goal,
            notes={"edges touched": touched},
            budget_s=8.0,
        )


def random_graph(nodes_count: int, edges_count: int, seed: int = 5) -> AssociationGraph:
    """Return a graph of edges between nodes drawn evenly, of weights drawn evenly from (0, 1]."""
    random = np.random.default_rng(seed)
    edges = np.empty(edges_count, EDGE)
    edges["target"] = random.integers(0, nodes_count, edges_count, dtype=np.uint32)
    edges["weight"] = 1 - random.random(edges_count, dtype=np.float32)
    counts = np.bincount(random.integers(0, nodes_count, edges_count), minlength=nodes_count)
    return AssociationGraph(np.concatenate([[0], np.cumsum(counts)]), edges)


def random_cue(work: Work, seed: int) -> Cue:
    """Return seeds of the work, each node once, with activations from 0.5 to 1."""
    random = np.random.default_rng(seed)
    seeds = random.choice(work.nodes_count, work.seeds_count, replace=False).astype(np.uint32)
    return seeds, random.uniform(0.5, 1.0, work.seeds_count).astype(np.float32)


def subject(
    zig: ZigBackend, graph: AssociationGraph, cues: Sequence[Cue], parameters: SpreadParameters
) -> Call:
    """Return Engram's call."""
    return in_turn(lambda seeds, given: zig.spread(graph, seeds, given, parameters), cues)


def peers(
    graph: AssociationGraph, cues: Sequence[Cue], parameters: SpreadParameters, meant: Spread
) -> dict[str, Call]:
    """Return the same work by each peer; for the first cue `meant` is what they must find."""
    from benches.peers.graph_numba import by_numba  # noqa: PLC0415 - a peer

    numpy_backend = NumpyBackend()
    exact: dict[str, Spreader] = {
        "numba": by_numba(graph, parameters),
        "numpy": lambda seeds, given: numpy_backend.spread(graph, seeds, given, parameters),
    }
    for name, spread in exact.items():
        check_same(name, spread(*cues[0]), meant)
    inexact = {"scipy.sparse": by_scipy(graph, parameters)}
    if graph.nodes_count <= _NEAR_NODES:
        inexact["igraph, loops"] = by_igraph(graph, parameters)
    for name, spread in inexact.items():
        check_near(name, spread(*cues[0]), meant)
    return {name: in_turn(spread, cues) for name, spread in {**exact, **inexact}.items()}


def in_turn(spread: Spreader, cues: Sequence[Cue]) -> Call:
    """Return a call that takes one cue after the other.

    The same cue again and again would be no work: the processor learns each of its branches.
    """
    turns = cycle(cues)
    return lambda: spread(*next(turns))


def check_same(name: str, found: object, meant: Spread) -> None:
    """Check that a peer returned the same bits."""
    check(isinstance(found, tuple), f"{name} returns columns")
    if isinstance(found, tuple):
        for own, other in zip(found[:4], meant[:4], strict=True):
            check(np.asarray(own).tobytes() == np.asarray(other).tobytes(), f"{name} agrees")
        check(tuple(found[4:]) == tuple(meant[4:]), f"{name} touches as many edges")


def check_near(name: str, found: object, meant: Spread) -> None:
    """Check that a peer's activations, by node, are those of Engram but for the rounding."""
    own, expected = np.asarray(found), np.zeros_like(found)
    expected[meant.rows] = meant.activations
    check(np.allclose(own, expected, atol=_SUM_TOLERANCE), f"{name} agrees")


def by_scipy(graph: AssociationGraph, parameters: SpreadParameters) -> Spreader:
    """Take the rows of the sources out of the matrix, level by level."""
    from scipy import sparse  # noqa: PLC0415 - a peer

    count = graph.nodes_count
    columns = (graph.edges["weight"], graph.edges["target"], graph.offsets)
    matrix = sparse.csr_array(columns, shape=(count, count), copy=True)
    scales = graph.fan_scales(parameters.fan_exponent)
    activation = np.zeros(count, np.float32)

    def spread(seeds: U32, given: F32) -> F32:
        activation[:] = 0
        activation[seeds] = given
        sources, applied = seeds, given
        for hop_factor in parameters.hop_factors:
            passing = applied * hop_factor * scales[np.diff(graph.offsets)[sources]]
            kept = passing >= parameters.threshold
            sources, passing = sources[kept], passing[kept]
            rows = matrix[sources]
            amounts = rows.data * np.repeat(passing, np.diff(rows.indptr))
            enough = amounts >= parameters.threshold
            targets, places = np.unique(rows.indices[enough], return_inverse=True)
            if len(targets) == 0:
                break
            sums = np.bincount(places, amounts[enough]).astype(np.float32)
            before = activation[targets]
            sums = np.where(before > 0, sums * np.float32(parameters.cycle_damping), sums)
            applied = np.minimum(sums, 1 - before)
            activation[targets] = before + applied
            sources = targets
        return activation

    return spread


def by_igraph(graph: AssociationGraph, parameters: SpreadParameters) -> Spreader:
    """Follow the edges that igraph lists, in Python."""
    import igraph  # noqa: PLC0415 - a peer

    ends = np.repeat(np.arange(graph.nodes_count), np.diff(graph.offsets))
    pairs = np.stack([ends, graph.edges["target"]], axis=1)
    net: Any = igraph.Graph(n=graph.nodes_count, edges=pairs, directed=True)
    weights, targets = graph.edges["weight"].tolist(), graph.edges["target"].tolist()
    scales = graph.fan_scales(parameters.fan_exponent).tolist()

    def spread(seeds: U32, given: F32) -> F32:
        activation = dict(zip(seeds.tolist(), given.tolist(), strict=True))
        sources = dict(activation)
        for hop_factor in parameters.hop_factors.tolist():
            received: dict[int, float] = {}
            for row, applied in sources.items():
                leaving = net.incident(row, mode="out")
                passing = applied * hop_factor * scales[len(leaving)]
                if passing < parameters.threshold:
                    continue
                for edge in leaving:
                    amount = passing * weights[edge]
                    if amount >= parameters.threshold:
                        target = targets[edge]
                        received[target] = received.get(target, 0.0) + amount
            sources = {}
            for row, amount in received.items():
                before = activation.get(row, 0.0)
                damping = parameters.cycle_damping if before else 1.0
                sources[row] = min(amount * damping, 1.0 - before)
                activation[row] = before + sources[row]
        found = np.zeros(graph.nodes_count, np.float32)
        found[list(activation)] = list(activation.values())
        return found

    return spread
