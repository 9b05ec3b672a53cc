"""Memories that were erased must not come back from a copy made before.

A record that is restored keeps its LSN, its ids and its times; of an erased memory its text,
vector, metadata, labels and content key are left out.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.events import Event, Reembedded, Remembered, Vectors, decode, encode
from engram.wal.protocol import Record

ID_BYTES = 16
Ids = frozenset[bytes]
"""Ids of memories, each as u64 high and u64 low, little-endian."""


def blanked(record: Record, erased: Ids) -> Record:
    """Return the record without what it says of erased memories, itself if it says nothing."""
    if not erased:
        return record
    event, vectors = decode(record.kind, record.payload)
    if not isinstance(event, (Remembered, Reembedded)):
        return record
    gone = np.array([raw in erased for raw in _split(event.ids)], bool)
    if not gone.any():
        return record
    clean: Event
    if isinstance(event, Remembered):
        clean, kept = _without(event, vectors, gone)
    else:
        # A staged norm of NaN is one that is not there yet.
        rows = np.frombuffer(vectors, "<f4").reshape(len(gone), event.dimensions).copy()
        rows[gone] = 0
        norms = np.frombuffer(event.inverse_norms, "<f4").copy()
        norms[gone] = np.nan
        clean = msgspec.structs.replace(event, inverse_norms=norms.tobytes())
        kept = rows.tobytes()
    kind, buffers = encode(clean, kept)
    return Record(record.lsn, kind, record.flags, b"".join(buffers))


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
