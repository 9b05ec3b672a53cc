"""How much similar memories, recorded shortly before or after one, take from what is left of it.

Proactive interference (Underwood 1957): what was learnt before is in the way of what is learnt
next. Retroactive interference (McGeoch 1942): what is learnt later is in the way of what was there.
Similar is what a semantic association of the graph says, so that nothing is compared here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import AssociationKind
from engram.retrieval.near import leaving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram.kernels.arrays import F32, U32
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


class Similar(NamedTuple):
    """A memory, by its place, and another one that is similar to it.

    `similarity` lies in [SIMILAR, 1]; `apart_ns` says how much later the other one was recorded.
    """

    place: int
    similarity: float
    apart_ns: int


def factors(similar: Iterable[Similar], count: int) -> list[float]:
    """Return in (0, 1] what interference leaves of the strength of each of `count` memories.

    (1 - p) (1 - r): p is 5 % for each similar memory of the 6 hours before, at most 30 %; r is
    0.15 s sqrt(n) for n similar memories of the 24 hours after whose mean similarity is s, at most
    25 %. The figures are the product's own; what falls with what is the literature's.
    """
    earlier, later, total = [0] * count, [0] * count, [0.0] * count
    for place, similarity, apart in similar:
        if -PROACTIVE_NS <= apart < 0:
            earlier[place] += 1
        elif 0 < apart <= RETROACTIVE_NS:
            later[place] += 1
            total[place] += similarity
    left = []
    for before, after, similarities in zip(earlier, later, total, strict=True):
        proactive = min(_PROACTIVE * before, _PROACTIVE_MAX)
        # s sqrt(n) with s the mean is the sum over sqrt(n).
        retroactive = _RETROACTIVE * similarities / math.sqrt(after) if after else 0.0
        left.append((1.0 - proactive) * (1.0 - min(retroactive, _RETROACTIVE_MAX)))
    return left


def interference(view: View, graph: SpaceGraph, rows: U32) -> F32 | None:
    """Return `factors` of the memories in `rows` u32[n]; None where nothing interferes."""
    nodes = view.associations.nodes_of(rows)
    known = (nodes < graph.graph.nodes_count).nonzero()[0]  # NO_NODE is above all of them
    found = leaving(graph.graph, nodes[known], _SEMANTIC)
    near = (found.weights >= np.float32(SIMILAR)).nonzero()[0]
    if not len(near):
        return None
    targets = found.targets[near]
    near = near[targets < view.associations.node_count]
    owners = view.associations.owners_of(found.targets[near])
    # Two memories interfere once, however many associations say that they are alike.
    best: dict[tuple[int, int], float] = {}
    count = view.count
    places, weights = known[found.places[near]].tolist(), found.weights[near].tolist()
    for place, owner, weight in zip(places, owners.tolist(), weights, strict=True):
        if owner < count and weight > best.get((place, owner), 0.0):
            best[place, owner] = weight
    if not best:
        return None
    owned = np.array([owner for _, owner in best], np.int64)
    recorded = view.gather("recorded_at", owned).tolist()
    own = view.gather("recorded_at", rows).tolist()
    pairs = zip(best.items(), recorded, strict=True)
    similar = [Similar(place, weight, at - own[place]) for ((place, _), weight), at in pairs]
    left = factors(similar, len(rows))
    return None if min(left) == 1.0 else np.array(left, np.float32)
