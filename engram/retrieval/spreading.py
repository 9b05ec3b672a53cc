"""The stage of a recall in which activation spreads, and what it reaches.

Rows that no filter lets pass carry activation like others; they are only never listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.state.association_view import HUB

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I64, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.graph.protocol import Spread
    from engram.kernels.protocol import KernelBackend
    from engram.retrieval.graph import SpaceGraph
    from engram.retrieval.seeding import Seeds, SpreadingWeights
    from engram.state.space import View


class Reached(NamedTuple):
    """The memories that activation reached; `rows` u32[r] ascend, each once.

    `activations` f32[r] is what each has in the end, `received` f32[r] that less what it began
    with, and `places` i64[r] where it stands in `spread`.
    """

    graph: SpaceGraph
    spread: Spread
    seeds_count: int
    rows: U32
    activations: F32
    received: F32
    places: I64

    def at(self, rows: U32) -> tuple[F32, F32]:
        """Return activations and what of them was received, of any rows; 0 where none came."""
        found = self.find(rows)
        there = found >= 0
        activations = np.where(there, self.activations[found], np.float32(0))
        return activations, np.where(there, self.received[found], np.float32(0))

    def find(self, rows: U32) -> I64:
        """Return int64[n]: where each row stands in `rows`, -1 where it was not reached."""
        if not len(self.rows):
            return np.full(len(rows), -1, np.int64)
        at = self.rows.searchsorted(rows)
        at[at == len(self.rows)] = 0
        at[self.rows[at] != rows] = -1
        return at

    def places_of(self, nodes: I64) -> I64:
        """Return int64[n]: where each reached node stands in `spread`."""
        order = self.spread.rows.argsort()
        return order[self.spread.rows[order].searchsorted(nodes)]

    def best(self, count: int, may_appear: Callable[[U32], NDArray[np.bool_]]) -> U32:
        """Return up to `count` rows that may appear and received most, ties by row."""
        rows, received = self.rows, self.received
        chosen = np.flatnonzero(received > 0)
        chosen = chosen[may_appear(rows[chosen])]
        order = np.argsort(-received[chosen], kind="stable")[:count]
        return rows[chosen[order]]


def spread_from(
    kernels: KernelBackend,
    view: View,
    graph: SpaceGraph,
    seeds: Seeds,
    weights: SpreadingWeights,
    cancel: CancelFlag | None,
) -> Reached | None:
    """Return what activation reaches from the seeds; None where none of them has an association.

    Args:
        kernels: the backend that spreads.
        view: whose memories the nodes are; the graph may have come further.
        graph: what activation spreads over.
        seeds: where it begins.
        weights: how it spreads.
        cancel: stops it; then KernelCancelled.
    """
    nodes = view.associations.nodes_of(seeds.rows)
    is_node = nodes < graph.graph.nodes_count
    if not is_node.any():
        return None
    begun = seeds.activations[is_node]
    spread = kernels.spread(graph.graph, nodes[is_node], begun, weights.parameters, cancel=cancel)
    received = spread.activations.copy()
    received[: len(begun)] -= begun
    places = np.flatnonzero(spread.rows < view.associations.node_count)
    owners = view.associations.owners_of(spread.rows[places])
    is_memory = (owners < HUB) & (owners < view.count)
    places, rows = places[is_memory], owners[is_memory]
    order = np.argsort(rows)
    places = places[order]
    return Reached(
        graph,
        spread,
        len(begun),
        rows[order],
        spread.activations[places],
        received[places],
        places,
    )
