"""Apply the event of many memories: the columns of the event become columns of the space.

Most of these are copied as the bytes they are. For a group of lone writes that is two thirds less
than by arrays, which cost more to make than to copy.
"""

from __future__ import annotations

import math
import sys
from array import array
from itertools import accumulate
from typing import Final

import numpy as np

from engram.model.errors import check
from engram.model.events import Event, Remembered, Vectors
from engram.state.apply_edges import link_remembered
from engram.state.columns import PagedColumn
from engram.state.particulars import append_particulars, numbered
from engram.state.space import ALIVE, DATED, HAS_VECTOR, LINKED, SpaceState, vector_rows

# Up to here a loop is cheaper than arrays.
_FEW: Final = 96
_COPIED: Final = (
    ("recorded_at", "recorded_at"),
    ("reviewed_at", "recorded_at"),
    ("occurred_at", "occurred_at"),
    ("stability_days", "stabilities"),
    ("difficulty", "difficulties"),
    ("confidence", "confidences"),
    ("kind", "kinds"),
    ("content_key", "content_keys"),
    ("tag_count", "tag_counts"),
)
_ONE: Final = (1).to_bytes(4, "little")
_DATED_OR_LINKED: Final = b"\1"


def remembered_many(state: SpaceState, event: Remembered, vectors: Vectors) -> None:
    """Store the memories of `event` behind the last row."""
    first, count = state.count, event.count
    columns = state.columns
    flags = _append_vectors(state, event, vectors)
    _append_texts(state, event)
    for name, field in _COPIED:
        columns[name].append_raw(getattr(event, field), count)
    halves = _words("Q", event.ids)
    high, low = halves[0::2], halves[1::2]
    columns["id_high"].append_raw(_raw(high), count)
    columns["id_low"].append_raw(_raw(low), count)
    columns["seen_count"].append_raw(_ONE * count, count)
    _append_labels(state, event)
    append_particulars(state, event.particulars, count)
    if _DATED_OR_LINKED in event.dated or event.linked:
        flags = _with_more(flags, event)
    columns["flags"].append_raw(flags, count)
    _index(state, first, low, _words("Q", event.content_keys))
    if count:
        state.recorded_last = int.from_bytes(event.recorded_at[-8:], "little", signed=True)
    if event.linked:
        link_remembered(state, event)


def stage(state: SpaceState, event: Event, vectors: Vectors) -> None:
    """Copy the vectors to where `apply` will want them, while it is not known whether it may.

    Nobody sees them there, and nothing is changed should they never be applied.
    """
    column = state.hot.vectors
    if type(event) is not Remembered or column is None or column.width != event.dimensions:
        return
    if event.count > 1 and len(vectors) == 4 * event.dimensions * event.count:
        column.stage(vectors, event.count)


def _append_vectors(state: SpaceState, event: Remembered, vectors: Vectors) -> bytes:
    """Take a hot slot for each memory, with its vector; return each one's flags so far."""
    hot, slot, first, count = state.hot, state.hot.count, state.count, event.count
    vector_bytes = 4 * event.dimensions * count
    # A sum is no number when any of its parts is none.
    all_have = not math.isnan(sum(_words("f", event.inverse_norms)))
    if vector_bytes and all_have:
        check(len(vectors) == vector_bytes, "there is a vector for each norm")
        column = state.vector_column(event.embedder, event.dimensions)
        column.append_raw(vectors, count)
        state.vector_count += count
        hot.norms.append_raw(event.inverse_norms, count)
        flags = bytes([ALIVE | HAS_VECTOR]) * count
    else:
        flags = _append_some_vectors(state, event, vectors)
    hot.rows.append_raw(_numbers(first, count), count)
    state.columns["place"].append_raw(_numbers(slot, count), count)
    return flags


def _append_some_vectors(state: SpaceState, event: Remembered, vectors: Vectors) -> bytes:
    """Store vectors and norms where not all memories have one; return each one's flags so far."""
    hot = state.hot
    norms = np.frombuffer(event.inverse_norms, "<f4")
    with_vector = ~np.isnan(norms)
    if event.dimensions and with_vector.any():
        column = state.vector_column(event.embedder, event.dimensions)
        rows = vector_rows(vectors, event.dimensions)
        check(len(rows) == int(with_vector.sum()), "there is a vector for each norm")
        padded = np.zeros((event.count, event.dimensions), np.float32)
        padded[with_vector] = rows
        column.append(padded)
        state.vector_count += len(rows)
    elif hot.vectors is not None:
        hot.vectors.append_zeros(event.count)
    hot.norms.append(np.where(with_vector, norms, np.float32(0)))
    return bytes((ALIVE | HAS_VECTOR * with_vector.view(np.uint8)).tobytes())


def _with_more(flags: bytes, event: Remembered) -> bytes:
    """Return the flags with those of dated and linked memories."""
    more = np.frombuffer(flags, np.uint8) | DATED * np.frombuffer(event.dated, np.uint8)
    if event.linked:
        more |= LINKED * np.frombuffer(event.linked, np.uint8)
    return more.tobytes()


def _append_texts(state: SpaceState, event: Remembered) -> None:
    columns, count = state.columns, event.count
    for name, arena, blob, lengths in (
        ("content", state.hot.contents, event.contents, event.content_bytes),
        ("metadata", state.hot.metadata, event.metadata, event.metadata_bytes),
    ):
        start = arena.append(blob)
        columns[f"{name}_bytes"].append_raw(lengths, count)
        _append_sums(columns[f"{name}_address"], start, lengths if blob else b"", count)


def _append_sums(column: PagedColumn, start: int, lengths: bytes, count: int) -> None:
    """Add where each of some runs begins: `start`, and the u32 lengths of those before it more."""
    if not lengths:
        column.append_raw(start.to_bytes(8, "little") * count, count)
    elif count <= _FEW:
        sums = array("Q", accumulate(_words("I", lengths)[:-1], initial=start))
        column.append_raw(_raw(sums), count)
    else:
        each = np.frombuffer(lengths, "<u4")
        column.append(np.cumsum(each, dtype=np.uint64) - each + np.uint64(start))


def _append_labels(state: SpaceState, event: Remembered) -> None:
    """Add the sources, sessions and tags of new rows."""
    columns, count = state.columns, event.count
    # Of memories that were erased with all their labels, zeros are left: as many as they had tags.
    if not event.labels and not event.tags:
        columns["source"].append_raw(bytes(4 * count), count)
        columns["session"].append_raw(bytes(4 * count), count)
        _append_sums(columns["tag_start"], state.tags.count, b"", count)
        return
    numbers = np.array([0, *map(state.labels.intern, event.labels)], np.uint32)
    columns["source"].append(numbers[np.frombuffer(event.sources, "<u4")])
    columns["session"].append(numbers[np.frombuffer(event.sessions, "<u4")])
    counts = np.frombuffer(event.tag_counts, "u1").astype(np.uint64)
    columns["tag_start"].append(np.cumsum(counts) - counts + np.uint64(state.tags.count))
    state.tags.append(numbered(numbers, np.frombuffer(event.tags, "<u4")))


def _index(state: SpaceState, first: int, low: array[int], keys: array[int]) -> None:
    if len(low) <= _FEW and 0 not in keys:
        state.ids.add_run(low, first)
        state.content_keys.add_run(keys, first)
        return
    rows = np.arange(first, first + len(low), dtype=np.uint32)
    state.ids.add_many(np.array(low, np.uint64), rows)
    known = np.array(keys, np.uint64)
    taking_part = known != 0
    state.content_keys.add_many(known[taking_part], rows[taking_part])


def _numbers(first: int, count: int) -> bytes:
    """Return `count` numbers from `first` on as raw u32."""
    if count <= _FEW:
        return _raw(array("I", range(first, first + count)))
    return np.arange(first, first + count, dtype="<u4").tobytes()


def _words(code: str, raw: bytes) -> array[int]:
    """Return raw little-endian numbers of the type that `array` calls `code`."""
    words: array[int] = array(code)
    words.frombytes(raw)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _raw(words: array[int]) -> bytes:
    """Return numbers as raw little-endian bytes."""
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()
