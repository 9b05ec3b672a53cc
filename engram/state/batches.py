"""Deciding about many memories at once, in columns."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.model.association import BACK_WEIGHT, MENTION_WEIGHT, MENTIONED_WEIGHT, ONWARD_WEIGHT
from engram.model.commands import RememberBatch
from engram.model.events import Remembered, Revectored, SeenAgain, Vectors
from engram.model.ids import RANDOM_BYTES_PER_ID
from engram.state import fsrs
from engram.state.columns import take
from engram.state.effects import Effects
from engram.state.particulars import selected
from engram.state.space import HAS_VECTOR, SpaceState

_LINK_WEIGHTS: Final = struct.pack(
    "<4f", BACK_WEIGHT, ONWARD_WEIGHT, MENTION_WEIGHT, MENTIONED_WEIGHT
)

_CHANCE: Final = np.dtype([("twelve", "<u2"), ("low", "<u8")])
_LOW_62_BITS: Final = np.uint64(0x3FFF_FFFF_FFFF_FFFF)
_VARIANT_BITS: Final = np.uint64(0x8000_0000_0000_0000)


@lru_cache(8)
def first_strength(weights: tuple[float, ...]) -> tuple[bytes, bytes]:
    """Return stability and difficulty of a new memory as the columns hold them."""
    stability, difficulty = fsrs.first(weights)
    return struct.pack("<f", stability), struct.pack("<f", difficulty)


def mint_ids(recorded_first: int, chance: bytes) -> NDArray[np.uint64]:
    """Return UUIDv7 halves u64[n, 2] for rows recorded 1 ns apart from `recorded_first`."""
    random = np.frombuffer(chance, _CHANCE)
    count = len(random)
    ids = np.empty((count, 2), np.uint64)
    high, low = ids[:, 0], ids[:, 1]
    np.bitwise_and(random["twelve"], 0x0FFF, out=high)
    np.bitwise_and(random["low"], _LOW_62_BITS, out=low)
    low |= _VARIANT_BITS
    first = recorded_first // 1_000_000
    if first == (recorded_first + count - 1) // 1_000_000:  # as nearly always
        high |= np.uint64((first & 0xFFFF_FFFF_FFFF) << 16 | 0x7000)
        return ids
    recorded = np.arange(recorded_first, recorded_first + count)
    milliseconds = (recorded // 1_000_000).astype(np.uint64) & np.uint64(0xFFFF_FFFF_FFFF)
    high |= (milliseconds << np.uint64(16)) | np.uint64(0x7000)
    return ids


def remembered(
    batch: RememberBatch, ids: bytes, recorded_first: int, weights: tuple[float, ...]
) -> Remembered:
    """Return the event that stores `batch` under raw `ids`, recorded 1 ns apart.

    `weights` are those of FSRS-6, which say how strong a new memory is.
    """
    count = batch.count
    stability, difficulty = first_strength(weights)
    recorded = np.arange(recorded_first, recorded_first + count, dtype="<i8").tobytes()
    return Remembered(
        count=count,
        ids=ids,
        recorded_at=recorded,
        occurred_at=_occurred_at(batch, recorded),
        dated=batch.dated,
        kinds=batch.kinds,
        confidences=batch.confidences,
        stabilities=stability * count,
        difficulties=difficulty * count,
        sources=batch.sources,
        sessions=batch.sessions,
        tag_counts=batch.tag_counts,
        tags=batch.tags,
        labels=batch.labels,
        content_keys=batch.content_keys,
        content_bytes=batch.content_bytes,
        contents=batch.contents,
        metadata_bytes=batch.metadata_bytes,
        metadata=batch.metadata,
        inverse_norms=batch.inverse_norms,
        dimensions=batch.dimensions,
        embedder=batch.embedder,
        particulars=batch.particulars,
        linked=batch.linked,
        link_weights=_LINK_WEIGHTS if batch.linked else b"",
    )


def _occurred_at(batch: RememberBatch, recorded: bytes) -> bytes:
    """Return when each memory was true: as the caller said, else when it was recorded."""
    if b"\1" not in batch.dated:
        return recorded
    if b"\0" not in batch.dated:
        return batch.occurred_at
    dated = np.frombuffer(batch.dated, "u1")
    given, otherwise = np.frombuffer(batch.occurred_at, "<i8"), np.frombuffer(recorded, "<i8")
    return np.where(dated, given, otherwise).tobytes()


def decide_batch(
    state: SpaceState, batch: RememberBatch, now: int
) -> tuple[Effects, NDArray[np.uint64], NDArray[np.bool_]]:
    """Return what a batch does, an id u64[n, 2] for each item, and which were created."""
    known, twin = _duplicates(state, batch, now)
    created = (known < 0) & (twin < 0)
    fresh = batch if created.all() else _select(batch, created)
    ids = np.empty((batch.count, 2), np.uint64)
    fresh_ids = mint_ids(now, fresh.chance)
    ids[created] = fresh_ids
    stored = np.flatnonzero(known >= 0)
    for position in stored.tolist():
        row = int(known[position])
        ids[position, 0] = state.columns["id_high"].value(row)
        ids[position, 1] = state.columns["id_low"].value(row)
    again = np.flatnonzero(twin >= 0)
    ids[again] = ids[twin[again]]
    effects = Effects()
    _give_vectors(state, batch, known, ids, effects)
    if fresh.count:
        raw = fresh_ids.astype("<u8", copy=False).tobytes()
        effects.remembered = remembered(fresh, raw, now, state.settings.weights)
        effects.vectors = fresh.vectors
    if not created.all():
        effects.seen = SeenAgain(ids[~created].astype("<u8").tobytes(), now)
    return effects, ids, created


def _give_vectors(
    state: SpaceState,
    batch: RememberBatch,
    known: NDArray[np.int64],
    ids: NDArray[np.uint64],
    effects: Effects,
) -> None:
    """Store the vectors that came with known memories which have none.

    A twin within the batch brings none: all items of a batch have a vector, or none has.
    """
    norms = np.frombuffer(batch.inverse_norms, "<f4")
    given = np.flatnonzero((known >= 0) & ~np.isnan(norms))
    if not batch.dimensions or not len(given):
        return
    flags = take(tuple(state.columns["flags"].pages), known[given])
    given = given[(flags & HAS_VECTOR) == 0]
    _, firsts = np.unique(known[given], return_index=True)
    given = given[np.sort(firsts)]
    if not len(given):
        return
    rows = np.frombuffer(batch.vectors, "<f4").reshape(-1, batch.dimensions)
    places = np.cumsum(~np.isnan(norms)) - 1
    effects.revectored = Revectored(
        ids[given].astype("<u8").tobytes(),
        batch.embedder,
        batch.dimensions,
        norms[given].astype("<f4").tobytes(),
    )
    effects.revectored_vectors = rows[places[given]].tobytes()


def _duplicates(
    state: SpaceState, batch: RememberBatch, now: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each item the stored row with its content, and its first twin in the batch."""
    keys = np.frombuffer(batch.content_keys, "<u8")
    known = np.full(batch.count, -1, np.int64)
    twin = np.full(batch.count, -1, np.int64)
    suspects = np.flatnonzero((state.content_keys.find_many(keys) >= 0) & (keys != 0))
    for position in suspects.tolist():
        row = state.row_with_content(int(keys[position]), _content(batch, position), now)
        known[position] = -1 if row is None else row
    ordered = np.sort(keys)
    if not ((ordered[1:] == ordered[:-1]) & (ordered[1:] != 0)).any():
        return known, twin
    _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    earlier = firsts[inverse]
    for position in np.flatnonzero((earlier < np.arange(batch.count)) & (keys != 0)).tolist():
        first = int(earlier[position])
        if known[position] < 0 and _content(batch, first) == _content(batch, position):
            twin[position] = first
    return known, twin


def _content(batch: RememberBatch, position: int) -> bytes:
    lengths = np.frombuffer(batch.content_bytes, "<u4")
    start = int(lengths[:position].sum())
    return batch.contents[start : start + int(lengths[position])]


def _select(batch: RememberBatch, keep: NDArray[np.bool_]) -> RememberBatch:
    """Return the rows of `batch` where `keep` is set."""

    def column(data: bytes, dtype: str) -> bytes:
        return np.frombuffer(data, dtype)[keep].tobytes()

    def ragged(blob: bytes, lengths_raw: bytes) -> bytes:
        lengths = np.frombuffer(lengths_raw, "<u4").astype(np.int64)
        return np.frombuffer(blob, "u1")[np.repeat(keep, lengths)].tobytes()

    tag_counts = np.frombuffer(batch.tag_counts, "u1")
    with_vector = ~np.isnan(np.frombuffer(batch.inverse_norms, "<f4"))
    vectors: Vectors = b""
    if batch.dimensions:
        rows = np.frombuffer(batch.vectors, "<f4").reshape(-1, batch.dimensions)
        vectors = rows[keep[with_vector]].tobytes()
    return RememberBatch(
        count=int(keep.sum()),
        contents=ragged(batch.contents, batch.content_bytes),
        content_bytes=column(batch.content_bytes, "<u4"),
        content_keys=column(batch.content_keys, "<u8"),
        kinds=column(batch.kinds, "u1"),
        confidences=column(batch.confidences, "<f4"),
        occurred_at=column(batch.occurred_at, "<i8"),
        dated=column(batch.dated, "u1"),
        sources=column(batch.sources, "<u4"),
        sessions=column(batch.sessions, "<u4"),
        tag_counts=column(batch.tag_counts, "u1"),
        tags=np.frombuffer(batch.tags, "<u4")[np.repeat(keep, tag_counts)].tobytes(),
        labels=batch.labels,
        metadata=ragged(batch.metadata, batch.metadata_bytes),
        metadata_bytes=column(batch.metadata_bytes, "<u4"),
        inverse_norms=column(batch.inverse_norms, "<f4"),
        vectors=vectors,
        dimensions=batch.dimensions,
        embedder=batch.embedder,
        chance=np.frombuffer(batch.chance, "u1").reshape(-1, RANDOM_BYTES_PER_ID)[keep].tobytes(),
        particulars=None if batch.particulars is None else selected(batch.particulars, keep),
        linked=column(batch.linked, "u1") if batch.linked else b"",
    )
