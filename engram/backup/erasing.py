"""Memories that were erased must not come back from a copy made before.

A record that is restored keeps its LSN, its ids and its times; of an erased memory its text,
vector, metadata, labels and content key are left out. Of vectors that were the only ones of their
record zeros are left, for the record may be the one that says how long the vectors of a space are.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.events import (
    Answered,
    Consolidated,
    Event,
    Fulfilled,
    Reembedded,
    Remembered,
    Revectored,
    Vectors,
    decode,
    encode,
)
from engram.wal.protocol import Record

_A = TypeVar("_A", Answered, Fulfilled)
ID_BYTES = 16
Ids = frozenset[bytes]
"""Ids of memories, each as u64 high and u64 low, little-endian."""


def blanked(record: Record, erased: Ids) -> Record:
    """Return the record without what it says of erased memories, itself if it says nothing."""
    if not erased:
        return record
    event, vectors = decode(record.kind, record.payload)
    clean = _clean(event, vectors, erased)
    if clean is None:
        return record
    kind, buffers = encode(*clean)
    return Record(record.lsn, kind, record.flags, b"".join(buffers))


def _clean(event: Event, vectors: Vectors, erased: Ids) -> tuple[Event, bytes] | None:
    """Return the event and its vectors without what is erased, None when nothing of it is."""
    if isinstance(event, Answered):
        return _clean_answered(event, vectors, erased)
    if isinstance(event, Fulfilled):
        return _clean_fulfilled(event, erased)
    if isinstance(event, Consolidated):
        return _clean_consolidated(event, vectors, erased)
    if isinstance(event, Remembered | Reembedded | Revectored):
        return _clean_bodies(event, vectors, erased)
    return None


def _clean_bodies(
    event: Remembered | Reembedded | Revectored, vectors: Vectors, erased: Ids
) -> tuple[Event, bytes] | None:
    gone = _gone(event.ids, erased)
    if not gone.any():
        return None
    if isinstance(event, Remembered):
        return _without(event, vectors, gone)
    return _without_vectors(event, vectors, gone)


def _without_vectors(
    event: Reembedded | Revectored, vectors: Vectors, gone: NDArray[np.bool_]
) -> tuple[Event, bytes]:
    rows = np.frombuffer(vectors, "<f4").reshape(len(gone), event.dimensions).copy()
    norms = np.frombuffer(event.inverse_norms, "<f4").copy()
    if isinstance(event, Revectored):
        ids = np.frombuffer(event.ids, "<u8").reshape(-1, 2)[~gone].tobytes()
        left = msgspec.structs.replace(event, ids=ids, inverse_norms=norms[~gone].tobytes())
        return left, rows[~gone].tobytes()
    # A staged norm of NaN is one that is not there yet.
    rows[gone], norms[gone] = 0, np.nan
    return msgspec.structs.replace(event, inverse_norms=norms.tobytes()), rows.tobytes()


def _clean_consolidated(
    event: Consolidated, vectors: Vectors, erased: Ids
) -> tuple[Event, bytes] | None:
    clean = None if event.remembered is None else _clean(event.remembered, vectors, erased)
    if clean is None:
        return None
    return msgspec.structs.replace(event, remembered=clean[0]), clean[1]


def _clean_fulfilled(event: Fulfilled, erased: Ids) -> tuple[Event, bytes] | None:
    void = _void(event, erased)
    return (_voided(event, void), b"") if void.any() else None


def _clean_answered(
    event: Answered, vectors: Vectors, erased: Ids
) -> tuple[Answered, bytes] | None:
    """Clean what the event did, and void the answers that name an erased memory."""
    void = _void(event, erased)
    kept_bytes = 0
    if event.remembered is not None:
        norms = np.frombuffer(event.remembered.inverse_norms, "<f4")
        kept_bytes = 4 * event.remembered.dimensions * int(np.count_nonzero(~np.isnan(norms)))
    parts: list[tuple[Event | None, bytes]] = []
    touched = bool(void.any())
    for part, own in (
        (event.remembered, bytes(vectors[:kept_bytes])),
        (event.revectored, bytes(vectors[kept_bytes:])),
    ):
        clean = None if part is None else _clean(part, own, erased)
        touched |= clean is not None
        parts.append((part, own) if clean is None else clean)
    if not touched:
        return None
    left = msgspec.structs.replace(
        _voided(event, void), remembered=parts[0][0], revectored=parts[1][0]
    )
    return left, parts[0][1] + parts[1][1]


def _void(event: Answered | Fulfilled, erased: Ids) -> NDArray[np.bool_]:
    """Return bool[n]: which answers name an erased memory."""
    gone = _gone(event.ids, erased)
    id_counts = np.frombuffer(event.id_counts, "<u4")
    owners = np.repeat(np.arange(len(id_counts)), id_counts)
    return np.isin(np.arange(len(id_counts)), owners[gone])


def _voided(event: _A, void: NDArray[np.bool_]) -> _A:
    return msgspec.structs.replace(
        event,
        keys=_zeroed(event.keys, "<u8", np.repeat(void, 2)),
        bodies=_zeroed(event.bodies, "<u8", void),
    )


def _gone(ids: bytes, erased: Ids) -> NDArray[np.bool_]:
    return np.array([raw in erased for raw in _split(ids)], bool)


def _split(ids: bytes) -> list[bytes]:
    return [ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES)]


def _without(
    event: Remembered, vectors: Vectors, gone: NDArray[np.bool_]
) -> tuple[Remembered, bytes]:
    norms = np.frombuffer(event.inverse_norms, "<f4").copy()
    with_vector = ~np.isnan(norms)
    kept = b""
    if event.dimensions and with_vector.any():
        rows = np.frombuffer(vectors, "<f4").reshape(-1, event.dimensions)
        kept = rows[~gone[with_vector]].tobytes()
    norms[gone] = np.nan
    if with_vector.any() and not kept:
        # The first vectors of a space settle whose they are and how long: zeros stay for these.
        kept, norms[with_vector] = bytes(len(vectors)), 0
    contents, content_bytes = _cut(event.contents, event.content_bytes, gone)
    metadata, metadata_bytes = _cut(event.metadata, event.metadata_bytes, gone)
    tag_gone = np.repeat(gone, np.frombuffer(event.tag_counts, "u1"))
    sources, sessions, tags, labels = _labels(event, gone, tag_gone)
    clean = msgspec.structs.replace(
        event,
        content_keys=_zeroed(event.content_keys, "<u8", gone),
        contents=contents,
        content_bytes=content_bytes,
        metadata=metadata,
        metadata_bytes=metadata_bytes,
        sources=sources,
        sessions=sessions,
        tags=tags,
        labels=labels,
        inverse_norms=norms.tobytes(),
    )
    return clean, kept


def _zeroed(column: bytes, dtype: str, gone: NDArray[np.bool_]) -> bytes:
    values = np.frombuffer(column, dtype).copy()
    values[gone] = 0
    return values.tobytes()


def _cut(blob: bytes, lengths_raw: bytes, gone: NDArray[np.bool_]) -> tuple[bytes, bytes]:
    """Return a blob without the texts that are gone, and the lengths of what is left."""
    lengths = np.frombuffer(lengths_raw, "<u4").astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    left = b"".join(
        blob[start : start + length]
        for start, length in zip(starts[~gone].tolist(), lengths[~gone].tolist(), strict=True)
    )
    return left, _zeroed(lengths_raw, "<u4", gone)


def _labels(
    event: Remembered, gone: NDArray[np.bool_], tag_gone: NDArray[np.bool_]
) -> tuple[bytes, bytes, bytes, list[str]]:
    """Return sources, sessions and tags without those gone, and the labels still in use.

    Number 0 is none, n the label n - 1.
    """
    columns = []
    for raw, mask in ((event.sources, gone), (event.sessions, gone), (event.tags, tag_gone)):
        values = np.frombuffer(raw, "<u4").copy()
        values[mask] = 0
        columns.append(values)
    used = np.unique(np.concatenate(columns))
    used = used[used > 0]
    numbers = np.zeros(len(event.labels) + 1, np.uint32)
    numbers[used] = np.arange(1, len(used) + 1)
    sources, sessions, tags = (numbers[values].astype("<u4").tobytes() for values in columns)
    return sources, sessions, tags, [event.labels[number - 1] for number in used.tolist()]
