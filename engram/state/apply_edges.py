"""Apply what events say about edges, the automatic ones among them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.model.association import ALIVE_EDGE, AUTOMATIC, AssociationKind
from engram.model.errors import check
from engram.model.particulars import ENTITY, FACT_KEY, LABEL_MASK
from engram.state.association_view import NO_NODE, nodes_at
from engram.state.linking import (
    Linked,
    LinkWeights,
    distinct_mentions,
    link_many,
    link_one,
    trimmed,
    unlink,
)
from engram.state.space import ALIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.model.events import Associated, Dissociated, LinkedLate, Remembered
    from engram.model.events import Linked as LinkedEvent
    from engram.state.space import SpaceState

_WEIGHTS: Final = struct.Struct("<4f")


def mentions_of(state: SpaceState, row: int) -> list[int]:
    """Return the labels by which a memory is linked to hubs: its entities, then its tags."""
    start, count = (int(state.columns[name].value(row)) for name in ("tag_start", "tag_count"))
    labels = [int(state.tags.value(n)) for n in range(start, start + count)]
    entities = [label & LABEL_MASK for label in labels if label & ENTITY]
    return distinct_mentions(entities + [label for label in labels if label <= LABEL_MASK])


def link_row(state: SpaceState, event: Remembered, row: int, at: int) -> None:
    """Link the one memory that `event` has just put into `row`."""
    session = int(state.columns["session"].value(row))
    weights = LinkWeights(*_WEIGHTS.unpack(event.link_weights))
    link_one(state.associations, row, session, mentions_of(state, row), weights, at)


def link_remembered(state: SpaceState, event: Remembered) -> None:
    """Link the memories that `event` has just put into the last rows, where it says so."""
    rows = state.count - event.count + np.flatnonzero(np.frombuffer(event.linked, "u1"))
    if not len(rows):
        return
    columns = state.columns
    counts = _values(state, "tag_count", rows)
    places = np.repeat(np.arange(len(rows)), counts)
    starts = _values(state, "tag_start", rows)
    begins = np.cumsum(counts) - counts
    at = np.repeat(starts - begins, counts) + np.arange(int(counts.sum()))
    labels = state.tags.take(at).astype(np.int64) if len(at) else at
    order = np.lexsort(((labels & ENTITY) == 0, places))
    order = order[(labels[order] & FACT_KEY) == 0]
    places, labels = trimmed(places[order], labels[order] & LABEL_MASK)
    linked = Linked(rows, _values(state, "session", rows), places, labels)
    recorded = int(columns["recorded_at"].value(int(rows[0])))
    link_many(
        state.associations, linked, LinkWeights(*_WEIGHTS.unpack(event.link_weights)), recorded
    )


def _values(state: SpaceState, column: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return state.columns[column].take(rows).astype(np.int64)


def unlink_row(state: SpaceState, row: int) -> None:
    """Take a linked memory that is about to go out of the accounts of its labels."""
    session = int(state.columns["session"].value(row))
    unlink(state.associations, row, session, mentions_of(state, row), state.alive)


def forget_edges(state: SpaceState, rows: Sequence[int]) -> None:
    """Leave nothing of the edges of erased memories."""
    associations = state.associations
    known = np.array(rows, np.int64)
    known = known[known < associations.row_nodes.count]
    if not len(known):
        return
    nodes = associations.row_nodes.take(known)
    nodes = nodes[nodes != NO_NODE]
    associations.row_nodes.set(known, NO_NODE)
    if len(nodes):
        associations.wipe(nodes)


def rows_living(state: SpaceState, raw: bytes, now: int | None = None) -> NDArray[np.int64]:
    """Return int64[n]: the rows of living memories with raw ids, -1 where there is none.

    One that expired at `now` or before lives no longer; without `now` every one does.
    """
    ids = np.frombuffer(raw, "<u8").reshape(-1, 2)
    distinct, inverse = np.unique(ids, axis=0, return_inverse=True)
    distinct = distinct.astype(np.uint64, copy=False)
    rows = state.ids.find_many(np.ascontiguousarray(distinct[:, 1]))
    sure = rows >= 0
    if sure.any():
        found = rows[sure]
        is_it = state.columns["id_high"].take(found) == distinct[sure, 0]
        sure[sure] = is_it & living(state, found, now)
    # Another memory may share the lower half, or have had the id before.
    for place in np.flatnonzero(~sure & (rows >= 0)).tolist():
        row = state.row_of(int(distinct[place, 0]), int(distinct[place, 1]), now)
        rows[place] = -1 if row is None else row
    return rows[inverse.reshape(-1)]


def living(state: SpaceState, rows: NDArray[np.int64], now: int | None = None) -> NDArray[np.bool_]:
    """Return bool[n]: whether rows were not forgotten, nor expired at `now` or before."""
    lives: NDArray[np.bool_] = (state.columns["flags"].take(rows) & ALIVE) != 0
    if now is None or not state.expiring_count:
        return lives
    ends = state.columns["ended_at"].take(rows)
    return np.asarray(lives & ((ends == 0) | (ends > now)))


def nodes_of_rows(state: SpaceState, rows: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return uint32[n]: the node of each row, NO_NODE where it has none, or of the row -1."""
    nodes = nodes_at(state.associations.row_nodes, rows)
    nodes[rows < 0] = NO_NODE
    return nodes


def associated(state: SpaceState, event: Associated) -> None:
    """Add edges; those with the same ends and kind that are there are ended."""
    associations = state.associations
    rows = [rows_living(state, raw) for raw in (event.sources, event.targets)]
    check(all((each >= 0).all() for each in rows), "an event names memories that are there")
    nodes = associations.ensure_nodes(np.concatenate(rows))
    sources, targets = nodes[: event.count], nodes[event.count :]
    kinds = np.frombuffer(event.kinds, "u1")
    known = associations.find(sources, targets, kinds)
    associations.end(known[known >= 0], event.at)
    labels = np.array([0, *map(state.labels.intern, event.labels)], np.uint32)
    associations.add(
        {
            "source": sources,
            "target": targets,
            "kind": kinds,
            "flags": np.frombuffer(event.flags, "u1") | np.uint8(ALIVE_EDGE),
            "weight": np.frombuffer(event.weights, "<f4"),
            "confidence": np.frombuffer(event.confidences, "<f4"),
            "why": labels[np.frombuffer(event.whys, "<u4")],
        },
        event.at,
    )
    state.recorded_last = max(state.recorded_last, event.at)


def linked(state: SpaceState, event: LinkedEvent) -> None:
    """Add links to what is alike, and note how far they go."""
    if event.associated is not None:
        associated(state, event.associated)
    (identity,) = np.frombuffer(event.through, "<u8").reshape(-1, 2).tolist()
    row = state.row_with_id(*identity)
    check(row is not None, "an event names memories that are there")
    state.associations.note_linked(max(state.associations.linked_rows, (row or 0) + 1))
    state.recorded_last = max(state.recorded_last, event.at)


def linked_late(state: SpaceState, event: LinkedLate) -> None:
    """Add links of memories whose vectors came late, and note how far they go."""
    if event.associated is not None:
        associated(state, event.associated)
    (identity,) = np.frombuffer(event.through, "<u8").reshape(-1, 2).tolist()
    row, associations = state.row_with_id(*identity), state.associations
    waiting = associations.view().late_rows()
    (found,) = np.nonzero(waiting == row)
    check(len(found) == 1, "an event names memories that are there")
    associations.note_late_linked(associations.late_first + int(found[0]) + 1)
    state.recorded_last = max(state.recorded_last, event.at)


def unlink_alike(state: SpaceState, at: int) -> None:
    """End the links to what is alike: the vectors they were made by are gone."""
    associations = state.associations
    if not associations.linked_rows:
        return
    edges = np.arange(associations.edge_count)
    if len(edges):
        wanted = np.uint8(ALIVE_EDGE | AUTOMATIC)
        is_link = (associations.columns["flags"].take(edges) & wanted) == wanted
        is_link &= associations.columns["kind"].take(edges) == int(AssociationKind.SEMANTIC)
        associations.end(edges[is_link], at)
    associations.note_linked(0)


def dissociated(state: SpaceState, event: Dissociated) -> None:
    """End edges."""
    associations = state.associations
    known = associations.find(
        nodes_of_rows(state, rows_living(state, event.sources)),
        nodes_of_rows(state, rows_living(state, event.targets)),
        np.frombuffer(event.kinds, "u1"),
    )
    check(bool((known >= 0).all()), "an event names edges that are there")
    associations.end(known, event.at)
    state.recorded_last = max(state.recorded_last, event.at)
