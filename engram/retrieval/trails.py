"""The ways along which activation came to the memories that are listed.

What a way is says `engram.kernels.trails.protocol`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.retrieval.confidence import hop

if TYPE_CHECKING:
    from engram.kernels.arrays import U32
    from engram.kernels.protocol import KernelBackend
    from engram.kernels.trails.protocol import Trails
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


def trails_to(kernels: KernelBackend, view: View, reached: Reached, rows: U32) -> list[list[Trail]]:
    """Return the ways to each of `rows` u32[n], the strongest first; none where none came."""
    found = reached.find(rows)
    ways: list[list[Trail]] = [[] for _ in rows]
    listed = (found >= 0).nonzero()[0]
    if not len(listed):
        return ways
    places = reached.places[found[listed]].astype(np.uint32)
    graph, spread = reached.graph.graph, reached.spread
    trails = kernels.trails(graph, spread, places, ways_max=WAYS_MAX, edges_max=_EDGES_MAX)
    if len(trails.edges):
        several = iter(_each(view, reached, trails))
        for number, count in zip(listed.tolist(), trails.counts.tolist(), strict=True):
            ways[number] = [next(several) for _ in range(count)]
    return ways


def _each(view: View, reached: Reached, trails: Trails) -> list[Trail]:
    """Return all ways, one after the other."""
    numbers = reached.graph.state_edges(trails.edges)
    wide = trails.weights.astype(np.float64)
    believed = hop(view.associations.gather("confidence", numbers).astype(np.float64), wide)
    nodes, edges, factors = map(tuple, (trails.nodes.tolist(), numbers.tolist(), believed.tolist()))
    kinds, weights = tuple(trails.kinds.tolist()), tuple(wide.tolist())
    found, begin = [], 0
    for way, length in enumerate(trails.lengths.tolist()):
        end = begin + length
        run = slice(begin, end)
        own = nodes[begin + way : end + way + 1]
        found.append(Trail(own, edges[run], kinds[run], weights[run], factors[run]))
        begin = end
    return found
