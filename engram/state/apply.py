"""Apply: assign what an event says. It computes no number and refuses nothing.

A violated invariant here is a bug or a damaged log; it is raised, never repaired.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Final

import numpy as np

from engram.model.errors import check
from engram.model.events import (
    Accessed,
    Answered,
    Associated,
    Configured,
    Consolidated,
    Dissociated,
    EmbedderAdopted,
    Erased,
    Event,
    Forgotten,
    Fulfilled,
    Linked,
    LinkedLate,
    Reembedded,
    Remembered,
    Revectored,
    Reviewed,
    SeenAgain,
    Suppressed,
    Vectors,
    unpack,
)
from engram.model.particulars import PRIORITY_DEFAULT
from engram.state import apply_strength
from engram.state.apply_columns import remembered_many
from engram.state.apply_edges import (
    associated,
    dissociated,
    forget_edges,
    linked,
    linked_late,
    unlink_alike,
    unlink_row,
)
from engram.state.apply_one import remembered_one
from engram.state.columns import take
from engram.state.concepts import concepts_of, end_concepts, note_replayed, release
from engram.state.named import rows_named
from engram.state.particulars import supersede
from engram.state.space import (
    ALIVE,
    ERASED,
    HAS_VECTOR,
    LINKED,
    REPLAYED,
    SpaceState,
    vector_rows,
)
from engram.state.staged import Staged

_NO_VECTOR: Final = np.uint8(0xFF - HAS_VECTOR)


def apply(state: SpaceState, event: Event, vectors: Vectors, lsn: int) -> None:
    """Change `state` by one event of the log; `vectors` are the raw rows recorded with it."""
    check(lsn == state.lsn + 1, "events are applied in the order of the log, none left out")
    _apply(event, state, vectors)
    state.lsn = lsn


@singledispatch
def _apply(event: object, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    check(condition=False, sentence=f"there is no rule to apply {type(event).__name__}")


@_apply.register
def _remembered(event: Remembered, state: SpaceState, vectors: Vectors) -> None:
    check(
        len(event.ids) == 16 * event.count and len(event.inverse_norms) == 4 * event.count,
        "every column has one entry a memory",
    )
    supersede(state, event)
    if event.count == 1:
        remembered_one(state, event, vectors)
    else:
        remembered_many(state, event, vectors)


@_apply.register
def _seen_again(event: SeenAgain, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    column = state.columns["seen_count"]
    for row in rows_named(state, event.ids).tolist():
        column.set(np.array([row]), float(column.value(row)) + 1)
        # Whoever tells it again wants to be able to recall it.
        apply_strength.set_hidden(state, row, hidden=False)


@_apply.register
def _forgotten(event: Forgotten, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    for row in rows_named(state, event.ids).tolist():
        flags = int(state.columns["flags"].value(row))
        if not flags & ALIVE:
            continue  # a concept that ended with an episode named before it
        if flags & LINKED:
            unlink_row(state, row)
        state.end(row, event.at)
        if flags & REPLAYED:
            end_concepts(state, row, event.at)
    state.recorded_last = max(state.recorded_last, event.at)


@_apply.register
def _answered(event: Answered, state: SpaceState, vectors: Vectors) -> None:
    kept_bytes = 0
    if event.remembered is not None:
        norms = np.frombuffer(event.remembered.inverse_norms, "<f4")
        kept_bytes = 4 * event.remembered.dimensions * int(np.count_nonzero(~np.isnan(norms)))
    if event.forgotten is not None:
        _apply(event.forgotten, state, b"")
    if event.remembered is not None:
        _apply(event.remembered, state, vectors[:kept_bytes])
    if event.revectored is not None:
        _apply(event.revectored, state, vectors[kept_bytes:])
    if event.seen is not None:
        _apply(event.seen, state, b"")
    state.request_keys.add(event, state.lsn + 1)


@_apply.register
def _fulfilled(event: Fulfilled, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    for kind, header in event.events:
        _apply(unpack(kind, header), state, b"")
    state.request_keys.add(event, state.lsn + 1)


_apply.register(Reviewed, apply_strength.reviewed)
_apply.register(Accessed, apply_strength.accessed)
_apply.register(Configured, apply_strength.configured)
_apply.register(Suppressed, apply_strength.suppressed)


@_apply.register
def _revectored(event: Revectored, state: SpaceState, vectors: Vectors) -> None:
    rows = rows_named(state, event.ids)
    flags, hot = state.columns["flags"], state.hot
    before = take(tuple(flags.pages), rows)
    check(not (before & HAS_VECTOR).any(), "only a memory without a vector is given one later")
    column = state.vector_column(event.embedder, event.dimensions)
    # A new slot at the end, wherever the texts are: readers may hold the pages of the old ones.
    slots = np.arange(hot.count, hot.count + len(rows), dtype=np.uint32)
    column.append(vector_rows(vectors, event.dimensions))
    hot.norms.append(np.frombuffer(event.inverse_norms, "<f4"))
    hot.rows.append(rows.astype(np.uint32))
    hot.slots_are_rows = False
    hot.layout = object()
    state.columns["place"].set(rows, slots)
    flags.set(rows, before | HAS_VECTOR)
    state.vector_count += len(rows)
    state.associations.add_late(rows.astype(np.uint32))


@_apply.register
def _erased(event: Erased, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    ids = np.frombuffer(event.ids, "<u8").reshape(-1, 2).astype(np.uint64)
    rows = []
    for high, low in ids.tolist():
        row = state.row_with_id(high, low)
        if row is not None:  # or a compaction dropped it, and only copies still hold it
            for concept in concepts_of(state, row):
                release(state, concept)
            _erase(state, row, event.at)
            rows.append(row)
    forget_edges(state, rows)
    state.erasures.add(ids, event.at, state.lsn + 1)
    state.recorded_last = max(state.recorded_last, event.at)
    state.request_keys.drop(ids)


def _erase(state: SpaceState, row: int, at: int) -> None:
    """Leave of a row its id and its times; a sealed body is out of reach, though still on disk."""
    columns, where = state.columns, np.array([row])
    flags = int(columns["flags"].value(row))
    if flags & ALIVE:
        if flags & LINKED:
            unlink_row(state, row)
        state.end(row, at)
    state.wipe_body(row)
    state.accesses.wipe(row)
    columns["flags"].set(where, ERASED)
    for name in ("content_key", "source", "session", "content_bytes", "metadata_bytes"):
        columns[name].set(where, 0)
    columns["priority"].set(where, PRIORITY_DEFAULT)
    # The count of its tags stays: the tags of all rows lie one after the other without a gap.
    start, count = int(columns["tag_start"].value(row)), int(columns["tag_count"].value(row))
    state.tags.set(np.arange(start, start + count), 0)


@_apply.register
def _associated(event: Associated, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    associated(state, event)


@_apply.register
def _dissociated(event: Dissociated, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    dissociated(state, event)


@_apply.register
def _consolidated(event: Consolidated, state: SpaceState, vectors: Vectors) -> None:
    first = state.count
    if event.remembered is not None:
        _apply(event.remembered, state, vectors)
    if event.associated is not None:
        associated(state, event.associated)
    formed = np.arange(first, state.count)
    rows = np.concatenate([rows_named(state, event.replayed), formed])
    if len(rows):
        note_replayed(state, rows)
    state.formed_count += len(formed)
    state.recorded_last = max(state.recorded_last, event.at)


@_apply.register
def _linked(event: Linked, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    linked(state, event)


@_apply.register
def _linked_late(event: LinkedLate, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    linked_late(state, event)


@_apply.register
def _reembedded(event: Reembedded, state: SpaceState, vectors: Vectors) -> None:
    staged = state.staged.get(event.embedder)
    if staged is None or staged.dimensions != event.dimensions:
        staged = state.staged[event.embedder] = Staged(event.dimensions)
    staged.reach(state.count)
    rows = rows_named(state, event.ids)
    staged.vectors.set(rows, vector_rows(vectors, event.dimensions))
    staged.norms.set(rows, np.frombuffer(event.inverse_norms, "<f4"))


@_apply.register
def _embedder_adopted(event: EmbedderAdopted, state: SpaceState, vectors: Vectors) -> None:  # noqa: ARG001
    staged = state.staged.pop(event.embedder, Staged(event.dimensions))
    check(staged.dimensions == event.dimensions, "an embedder is adopted as it was staged")
    staged.reach(state.count)
    rows = np.arange(state.count)
    flags = take(state.columns["flags"].view(), rows) if len(rows) else np.zeros(0, np.uint8)
    adopted = staged.present(state.count) & ((flags & ALIVE) != 0)
    staged.norms.set(rows[~adopted], 0.0)
    staged.vectors.set(rows[~adopted], 0.0)
    state.columns["flags"].set(rows, np.where(adopted, flags | HAS_VECTOR, flags & _NO_VECTOR))
    state.adopt(staged)
    state.vector_count = int(np.count_nonzero(adopted))
    state.embedder, state.dimensions = event.embedder, event.dimensions
    state.staged.clear()
    unlink_alike(state, event.at)
