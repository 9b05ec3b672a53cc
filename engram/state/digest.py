"""A digest of what a space logically holds: equal content, equal digest, whatever the layout."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from engram.model.particulars import LABEL_MASK, PRIORITY_DEFAULT
from engram.model.space_settings import DEFAULT_SETTINGS
from engram.state.columns import Array
from engram.state.corrections import chain_ends
from engram.state.digest_edges import edges_ended, edges_living, hash_edges, hash_linked
from engram.state.space import ALIVE, ERASED, HAS_VECTOR, SpaceState, View

_NUMBERS = (
    "id_high",
    "id_low",
    "recorded_at",
    "occurred_at",
    "reviewed_at",
    "stability_days",
    "difficulty",
    "confidence",
    "kind",
    "flags",
    "seen_count",
)

# 4,096 rows at once: some 10 MB of bodies, whatever the size of the space.
_ROWS_AT_ONCE: Final = 4_096


def digest(state: SpaceState | View) -> str:
    """Return the hexadecimal BLAKE2b-256 digest of the living memories in id order.

    The answers kept for requests with a key are part of it, in the order they were given, and so
    are the associations between living memories, and what those superseded.
    """
    view = state if isinstance(state, View) else state.view()
    rows, edges = np.arange(view.count), edges_living(view)
    if not view.count:
        return _digest(view, rows, _NUMBERS, edges)
    flags = view.gather("flags", rows)
    kept = (flags & ALIVE) != 0
    old, new = view.corrections.pairs(view.count)
    if not len(old):
        return _digest(view, rows[kept], _NUMBERS, edges)
    is_current = kept[chain_ends(old, new)]
    old, new = old[is_current], new[is_current]
    kept[old] = (flags[old] & ERASED) == 0
    return _digest(view, rows[kept], _NUMBERS, edges, _pairs(view, old, new))


def _pairs(view: View, old: Array, new: Array) -> bytes:
    """Return the ids of what was superseded and of what took its place, in order of those."""
    columns = [view.gather(half, rows) for rows in (new, old) for half in ("id_high", "id_low")]
    ids = np.stack(columns, axis=1).astype("<u8", copy=False)
    return ids[np.lexsort((ids[:, 1], ids[:, 0]))].tobytes()


def history_digest(state: SpaceState | View, since: int) -> str:
    """Return the digest of what was forgotten after `since` (nanoseconds), erased ones aside.

    A copy of a space answers about the past as the space does when, beside `digest`, this one is
    equal for the earliest time asked about.
    """
    view = state if isinstance(state, View) else state.view()
    rows = np.arange(view.count)
    if view.count:
        kept = (view.gather("flags", rows) & (ALIVE | ERASED)) == 0
        rows = rows[kept & (view.gather("ended_at", rows) > since)]
    return _digest(view, rows, (*_NUMBERS, "ended_at"), edges_ended(view, since))


def _digest(
    view: View, rows: Array, numbers: tuple[str, ...], edges: Array, more: bytes = b""
) -> str:
    hasher = hashlib.blake2b(digest_size=32)
    hasher.update(f"{view.embedder} {view.dimensions} {view.lsn}\n".encode())
    if len(rows):
        order = np.lexsort((view.gather("id_low", rows), view.gather("id_high", rows)))
        rows = rows[order]
    for name in numbers if len(rows) else ():
        values = view.gather(name, rows)
        hasher.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    _hash_strength(hasher, view, rows)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        _hash_bodies(hasher, view, rows[first : first + _ROWS_AT_ONCE])
    hash_edges(hasher, view, edges)
    hash_linked(hasher, view)
    for values in view.request_keys.dump().values():
        hasher.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    hasher.update(more)
    return hasher.hexdigest()


def _hash_particulars(hasher: hashlib.blake2b, view: View, rows: Array) -> None:
    """Add what few memories have; where none has it nothing is added, as in earlier releases."""
    labels = view.labels.labels
    if (view.gather("tag_count", rows) > 0).any():
        others = [
            [(number & ~LABEL_MASK, labels[number & LABEL_MASK]) for number in numbers]
            for row in rows.tolist()
            if (numbers := [each for each in view.labels_of(row) if each > LABEL_MASK])
        ]
        if others:
            hasher.update(repr(others).encode())
    for name, usual in (("priority", PRIORITY_DEFAULT), ("ended_at", 0)):
        values = view.gather(name, rows)
        if (values != usual).any():
            hasher.update(f"{name} ".encode() + values.tobytes())


def _hash_bodies(hasher: hashlib.blake2b, view: View, rows: Array) -> None:
    """Add texts, labels, tags, metadata and vectors of some rows."""
    lengths = (view.gather("content_bytes", rows), view.gather("metadata_bytes", rows))
    tags = [view.tags_of(row) for row in rows.tolist()]
    labels = view.labels.labels
    sources = [labels[number] for number in view.gather("source", rows).tolist()]
    sessions = [labels[number] for number in view.gather("session", rows).tolist()]
    for column in lengths:
        hasher.update(column.astype("<u4", copy=False).tobytes())
    hasher.update(b"".join(view.contents(rows)))
    hasher.update(b"".join(map(view.metadata_of, rows[lengths[1] > 0].tolist())))
    hasher.update(repr((sources, sessions, tags)).encode())
    _hash_particulars(hasher, view, rows)
    with_vector = rows[(view.gather("flags", rows) & HAS_VECTOR) != 0]
    if len(with_vector):
        hasher.update(view.vectors_of(with_vector).astype("<f4", copy=False).tobytes())
        hasher.update(view.norms_of(with_vector).astype("<f4", copy=False).tobytes())


def _hash_strength(hasher: hashlib.blake2b, view: View, rows: Array) -> None:
    """Add settings and accesses where there are any: a space without them keeps its digest."""
    if view.settings != DEFAULT_SETTINGS:
        hasher.update(repr(view.settings).encode())
    counts = view.accesses.counts_of(rows)
    listed = np.flatnonzero(counts)
    if len(listed):
        hasher.update(listed.astype("<i8", copy=False).tobytes())
        hasher.update(counts[listed].astype("<u4", copy=False).tobytes())
        hasher.update(view.accesses.times_of(rows[listed]).astype("<i8", copy=False).tobytes())
