"""Associations as a digest sees them: by the ids and labels they join, whatever their numbers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from engram.model.association import ALIVE_EDGE
from engram.state.association_view import HUB, NO_OWNER
from engram.state.columns import take
from engram.state.space import ALIVE, ERASED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engram.state.space import View


def edges_living(view: View) -> NDArray[np.int64]:
    """Return the edges that were not ended and whose ends live."""
    found = view.associations
    edges = np.arange(found.edge_count)
    edges = edges[(found.gather("flags", edges) & ALIVE_EDGE) != 0]
    return _between(view, edges, _living_nodes(view))


def edges_ended(view: View, since: int) -> NDArray[np.int64]:
    """Return the edges that are gone, and were there after `since` (nanoseconds).

    Those of erased memories are aside.
    """
    found = view.associations
    edges = np.arange(found.edge_count)
    ended_at = np.full(found.edge_count, np.iinfo(np.int64).max)
    if found.ended_count:
        places = np.arange(found.ended_count)
        ended_at[take(found.ended, places)] = take(found.ended_at, places)
    there = _nodes_after(view, since)
    edges = _between(view, edges[ended_at > since], there)
    return np.setdiff1d(edges, edges_living(view))


def _living_nodes(view: View) -> NDArray[np.bool_]:
    """Return bool[nodes + 1]: hubs, and nodes of living memories; nothing beyond the last."""
    return _nodes(view, lambda rows: (view.gather("flags", rows) & ALIVE) != 0)


def _nodes_after(view: View, since: int) -> NDArray[np.bool_]:
    def there(rows: NDArray[np.uint32]) -> NDArray[np.bool_]:
        flags = view.gather("flags", rows)
        after = (flags & ALIVE) != 0
        after |= view.gather("ended_at", rows) > since
        return np.asarray(after & ((flags & ERASED) == 0))

    return _nodes(view, there)


def _nodes(
    view: View, rows_there: Callable[[NDArray[np.uint32]], NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    found = view.associations
    owners = found.owners_of(np.arange(found.node_count))
    there = np.zeros(found.node_count + 1, bool)
    there[:-1] = owners >= HUB
    there[:-1][owners == NO_OWNER] = False
    rows = np.flatnonzero(owners < HUB)
    if len(rows):
        there[rows] = rows_there(owners[rows])
    return there


def _between(view: View, edges: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray[np.int64]:
    found, beyond = view.associations, len(there) - 1
    for name in ("source", "target"):
        edges = edges[there[np.minimum(found.gather(name, edges), beyond)]]
    return edges


def hash_edges(hasher: hashlib.blake2b, view: View, edges: NDArray[np.int64]) -> None:
    """Add edges in the order of the ids and labels they join; nothing when there are none."""
    if not len(edges):
        return
    found = view.associations
    ends = [_names(view, found.gather(name, edges)) for name in ("source", "target")]
    numbers = [found.gather(name, edges) for name in ("kind", "flags", "weight", "confidence")]
    made = found.made_at(edges)
    order = np.lexsort((made, numbers[0], *ends[1], *ends[0]))
    for values in (*ends[0], *ends[1], *numbers, made):
        ordered = values[order]
        hasher.update(ordered.astype(ordered.dtype.newbyteorder("<"), copy=False).tobytes())
    labels = view.labels.labels
    whys = found.gather("why", edges)[order].tolist()
    hasher.update(repr([labels[number] for number in whys]).encode())


def hash_linked(hasher: hashlib.blake2b, view: View) -> None:
    """Add how many living memories were linked to what they are like, and which are left out.

    Nothing when none was: a compaction leaves no trace of those that do not live.
    """
    rows = np.arange(view.associations.linked_rows)
    living = np.count_nonzero(view.gather("flags", rows) & ALIVE) if len(rows) else 0
    if living:
        hasher.update(f"linked {living}".encode())
    late = view.associations.late_rows()
    if len(late):
        late = late[(view.gather("flags", late) & ALIVE) != 0]
        for half in ("id_high", "id_low") if len(late) else ():
            hasher.update(view.gather(half, late).astype("<u8", copy=False).tobytes())


def _names(view: View, nodes: NDArray[np.generic]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return what nodes stand for: an id's halves, or 0 and a digest of a label."""
    distinct, inverse = np.unique(nodes, return_inverse=True)
    owners = view.associations.owners_of(distinct)
    high, low = np.zeros((2, len(distinct)), np.uint64)
    of_row = owners < HUB
    rows = owners[of_row]
    if len(rows):
        high[of_row], low[of_row] = view.gather("id_high", rows), view.gather("id_low", rows)
    labels = view.labels.labels
    for place in np.flatnonzero(~of_row).tolist():
        label = labels[int(owners[place]) & ~HUB].encode()
        low[place] = int.from_bytes(hashlib.blake2b(label, digest_size=8).digest(), "little")
    return high[inverse], low[inverse]
