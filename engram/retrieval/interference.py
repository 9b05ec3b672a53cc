"""How much similar memories, recorded shortly before or after one, take from what is left of it.

Proactive interference (Underwood 1957): what was learnt before is in the way of what is learnt
next. Retroactive interference (McGeoch 1942): what is learnt later is in the way of what was there.
Similar is what a semantic association of the graph says, so that nothing is compared here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import AssociationKind
from engram.retrieval.near import leaving

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, F64, I64, U32
    from engram.retrieval.graph import SpaceGraph
    from engram.state.space import View

SIMILAR: Final = 0.7
"""The weight from which on a semantic association says that two memories interfere."""

PROACTIVE_NS: Final = 6 * 3_600_000_000_000
RETROACTIVE_NS: Final = 24 * 3_600_000_000_000
_PROACTIVE: Final = 0.05
_PROACTIVE_MAX: Final = 0.30
_RETROACTIVE: Final = 0.15
_RETROACTIVE_MAX: Final = 0.25
_SEMANTIC: Final = int(AssociationKind.SEMANTIC)
_OWNER_BITS: Final = 32
_OWNER_MASK: Final = (1 << _OWNER_BITS) - 1


class Similar(NamedTuple):
    """Pairs of a memory, by its place i64[m], and another one that is similar to it, each once.

    `similarities` f64[m] lie in [SIMILAR, 1]; `apart_ns` i64[m] says how much later the other one
    was recorded.
    """

    places: I64
    similarities: F64
    apart_ns: I64


def factors(similar: Similar, count: int) -> F64:
    """Return f64[count] in (0, 1]: what interference leaves of the strength of each memory.

    (1 - p) (1 - r): p is 5 % for each similar memory of the 6 hours before, at most 30 %; r is
    0.15 s sqrt(n) for n similar memories of the 24 hours after whose mean similarity is s, at most
    25 %. The figures are the product's own; what falls with what is the literature's.
    """
    places, similarities, apart = similar
    earlier = np.bincount(places[(apart >= -PROACTIVE_NS) & (apart < 0)], minlength=count)
    is_later = (apart > 0) & (apart <= RETROACTIVE_NS)
    places = places[is_later]
    later = np.bincount(places, minlength=count)
    total = np.bincount(places, similarities[is_later], minlength=count)
    # s sqrt(n) with s the mean is the sum over sqrt(n).
    retroactive = _RETROACTIVE * total / np.sqrt(np.maximum(later, 1))
    proactive = np.minimum(_PROACTIVE * earlier, _PROACTIVE_MAX)
    left: F64 = (1.0 - proactive) * (1.0 - np.minimum(retroactive, _RETROACTIVE_MAX))
    return left


def interference(view: View, graph: SpaceGraph, rows: U32) -> F32 | None:
    """Return `factors` of the memories in `rows` u32[n]; None where nothing interferes."""
    nodes = view.associations.nodes_of(rows)
    known = (nodes < graph.graph.nodes_count).nonzero()[0]  # NO_NODE is above all of them
    found = leaving(graph.graph, nodes[known], _SEMANTIC)
    near = (found.weights >= np.float32(SIMILAR)).nonzero()[0]
    near = near[found.targets[near] < view.associations.node_count]
    if not len(near):
        return None
    owners = view.associations.owners_of(found.targets[near])
    inside = (owners < view.count).nonzero()[0]
    owners, near = owners[inside], near[inside]
    # Two memories interfere once, however many associations say that they are alike.
    pairs = known[found.places[near]] << _OWNER_BITS | owners
    order = np.lexsort((-found.weights[near], pairs))
    pairs = pairs[order]
    is_first = np.ones(len(pairs), bool)
    np.not_equal(pairs[1:], pairs[:-1], out=is_first[1:])
    pairs, weights = pairs[is_first], found.weights[near[order[is_first]]]
    if not len(pairs):
        return None
    places = pairs >> _OWNER_BITS
    own, recorded = (view.gather("recorded_at", each) for each in (rows, pairs & _OWNER_MASK))
    similar = Similar(places, weights.astype(np.float64), recorded - own[places])
    left = factors(similar, len(rows))
    return None if left.min() == 1.0 else left.astype(np.float32)
