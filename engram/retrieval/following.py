"""What followed some memories: along temporal and causal associations, forward in time alone.

A way is believed as paths of a recall are (engram.retrieval.confidence): the confidence of the
memory it leads to, times confidence, weight and e^-0.35 of each association.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import AssociationKind
from engram.retrieval.confidence import Belief, Step, hop, joined
from engram.retrieval.paths import expand, kind_mask
from engram.state.association_view import HUB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.kernels.cancel import CancelFlag
    from engram.retrieval.graph import SpaceGraph
    from engram.state.space import View

HOPS_MAX: Final = 8
"""Associations on a way, at most: eight of weight 1 leave e^-2.8 = 0.06 of what is believed."""

BELIEF_MIN: Final = 0.01
"""Ways that are believed less are not followed, as activation below this is not."""

_KINDS: Final = kind_mask([AssociationKind.TEMPORAL, AssociationKind.CAUSAL])


class Followed(NamedTuple):
    """A way: its rows, one more than the associations between them by the state's numbers."""

    rows: tuple[int, ...]
    edges: tuple[int, ...] = ()


class Follower(NamedTuple):
    """A memory that followed: how long after the first that it follows, and by which ways.

    `ways` lead from one of the memories that were given to this one, the most believed first.
    """

    row: int
    elapsed_ns: int
    belief: Belief
    ways: tuple[Followed, ...]


class _Reached(NamedTuple):
    """What one more step came to: rows with the place of the row before, over which edge."""

    rows: NDArray[np.int64]
    parents: NDArray[np.int64]
    edges: NDArray[np.int64]
    beliefs: NDArray[np.float64]


def followers(
    view: View,
    found: SpaceGraph,
    given: Sequence[int],
    horizon_ns: int | None,
    cancel: CancelFlag,
) -> list[Follower]:
    """Return what followed the rows `given` within a time, each memory once, by row.

    Of two memories of one moment the one recorded later is the later. Those given are in no answer.
    """
    ways: dict[int, list[tuple[float, Followed]]] = {}
    for row in dict.fromkeys(given):
        for way, belief in _ways_from(view, found, row, horizon_ns, cancel):
            ways.setdefault(way.rows[-1], []).append((belief, way))
    rows = sorted(set(ways) - set(given))
    if not rows:
        return []
    occurred = dict(zip(rows, view.gather("occurred_at", np.array(rows)).tolist(), strict=True))
    begun = dict(zip(given, view.gather("occurred_at", np.array(given)).tolist(), strict=True))
    sure = view.gather("confidence", np.array(rows)).tolist()
    out = []
    for row, confidence in zip(rows, sure, strict=True):
        best = sorted(ways[row], key=lambda each: (-each[0], each[1]))
        # No two ways begin with the same memory: they are independent.
        firsts = [way.rows[0] for _, way in best]
        paths: list[list[Step]] = [
            [(first, belief), (-1, confidence)]
            for first, (belief, _) in zip(firsts, best, strict=True)
        ]
        elapsed = min(occurred[row] - begun[first] for first in firsts)
        out.append(Follower(row, elapsed, joined(paths), tuple(way for _, way in best)))
    return out


def _ways_from(
    view: View, found: SpaceGraph, start: int, horizon_ns: int | None, cancel: CancelFlag
) -> list[tuple[Followed, float]]:
    """Return the most believed way to each row that follows one, and how believed it is."""
    began = int(view.gather("occurred_at", np.array([start]))[0])
    until = None if horizon_ns is None else began + horizon_ns
    ways = [Followed((start,))]
    best: dict[int, tuple[float, Followed]] = {start: (np.inf, ways[0])}
    rows, beliefs = np.array([start], np.int64), np.ones(1)
    for _ in range(HOPS_MAX):
        cancel.check()
        step = _step(view, found, rows, beliefs, until)
        reached: dict[int, tuple[float, Followed]] = {}
        for row, parent, edge, belief in zip(*(column.tolist() for column in step), strict=True):
            if row not in best or belief > best[row][0]:
                before = ways[parent]
                way = Followed((*before.rows, row), (*before.edges, edge))
                best[row] = reached[row] = (belief, way)
        if not reached:
            break
        rows = np.array(list(reached))
        beliefs = np.array([belief for belief, _ in reached.values()])
        ways = [way for _, way in reached.values()]
    del best[start]
    return [(way, belief) for belief, way in best.values()]


def _step(
    view: View,
    found: SpaceGraph,
    rows: NDArray[np.int64],
    beliefs: NDArray[np.float64],
    until: int | None,
) -> _Reached:
    """Return where one association more leads from rows, forward in time and until a time."""
    nodes = view.associations.nodes_of(rows).astype(np.int64)
    inside = np.flatnonzero(nodes < found.graph.nodes_count)
    places, edges, targets, weights = expand(found, nodes[inside], _KINDS)
    places = inside[places]
    known = targets < view.associations.node_count
    places, edges, targets, weights = places[known], edges[known], targets[known], weights[known]
    owners = view.associations.owners_of(targets).astype(np.int64)
    memories = (owners < HUB) & (owners < view.count)
    places, edges, owners = places[memories], edges[memories], owners[memories]
    weights = weights[memories]
    edges = found.state_edges(edges)
    sure = view.associations.gather("confidence", edges).astype(np.float64)
    reached = beliefs[places] * hop(sure, weights)
    before = view.gather("occurred_at", rows)[places]
    then = view.gather("occurred_at", owners) if len(owners) else before
    later = (then > before) | ((then == before) & (owners > rows[places]))
    kept = later & (reached >= BELIEF_MIN)
    if until is not None:
        kept &= then <= until
    return _Reached(owners[kept], places[kept], edges[kept], reached[kept])
