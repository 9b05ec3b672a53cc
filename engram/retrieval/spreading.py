"""The stage of a recall in which activation spreads, and what it reaches.

Rows that no filter lets pass carry activation like others; they are only never listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
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
    with, and `places` i64[r] where it stands in `spread`. The seeds are the first of `spread`:
    `seed_places` i64[s] says where each stands among the candidates (`Seeds.places`).
    """

    graph: SpaceGraph
    spread: Spread
    seed_places: I64
    rows: U32
    activations: F32
    received: F32
    places: I64

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

    def best(self, count: int, may_appear: NDArray[np.bool_]) -> I64:
        """Return where up to `count` stand that may appear and received most, ties by row."""
        chosen = (may_appear & (self.received > 0)).nonzero()[0]
        order = (-self.received[chosen]).argsort(kind="stable")[:count]
        return chosen[order]


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
    nodes, begun, seed_places = view.associations.nodes_of(seeds.rows), *seeds[1:]
    is_node = nodes < graph.graph.nodes_count
    if not is_node.all():
        nodes, begun, seed_places = nodes[is_node], begun[is_node], seed_places[is_node]
    if not len(nodes):
        return None
    spread = kernels.spread(graph.graph, nodes, begun, weights.parameters, cancel=cancel)
    received = spread.activations.copy()
    received[: len(begun)] -= begun
    places = None
    if len(spread.rows) and int(spread.rows.max()) >= view.associations.node_count:
        places = np.flatnonzero(spread.rows < view.associations.node_count)
    owners = view.associations.owners_of(spread.rows if places is None else spread.rows[places])
    inside = (owners < view.count).nonzero()[0]  # neither a label's nor of a later view
    order = inside[owners[inside].argsort()]
    rows = owners[order]
    if places is not None:
        order = places[order]
    return Reached(
        graph, spread, seed_places, rows, spread.activations[order], received[order], order
    )
