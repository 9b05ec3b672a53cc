"""The memories of a bulk command one by one, for a model that keeps them apart."""

from __future__ import annotations

import numpy as np

from engram.model.commands import Remember, RememberBatch
from engram.model.particulars import (
    ENTITY,
    FACT_KEY,
    LABEL_MASK,
    ParticularColumns,
    Particulars,
)


def items_of(batch: RememberBatch) -> list[Remember]:
    """Return the memories of a batch one by one, read from its columns."""
    lengths = np.frombuffer(batch.content_bytes, "<u4")
    metadata_lengths = np.frombuffer(batch.metadata_bytes, "<u4")
    norms = np.frombuffer(batch.inverse_norms, "<f4")
    tag_counts = np.frombuffer(batch.tag_counts, "u1")
    tags = np.frombuffer(batch.tags, "<u4")
    names = [None, *batch.labels]
    size = 4 * batch.dimensions
    items = []
    for n in range(batch.count):
        start, meta = int(lengths[:n].sum()), int(metadata_lengths[:n].sum())
        row = int((~np.isnan(norms[:n])).sum())
        first_tag = int(tag_counts[:n].sum())
        own = tags[first_tag : first_tag + int(tag_counts[n])].tolist()
        items.append(
            Remember(
                content=batch.contents[start : start + int(lengths[n])],
                content_key=int(np.frombuffer(batch.content_keys, "<u8")[n]),
                kind=batch.kinds[n],
                confidence=float(np.frombuffer(batch.confidences, "<f4")[n]),
                occurred_at=int(np.frombuffer(batch.occurred_at, "<i8")[n])
                if batch.dated[n]
                else None,
                source=names[int(np.frombuffer(batch.sources, "<u4")[n])],
                session=names[int(np.frombuffer(batch.sessions, "<u4")[n])],
                tags=tuple(str(names[number]) for number in own if number < FACT_KEY),
                metadata=batch.metadata[meta : meta + int(metadata_lengths[n])],
                vector=b""
                if np.isnan(norms[n])
                else bytes(batch.vectors[row * size : (row + 1) * size]),
                inverse_norm=float(norms[n]),
                embedder=batch.embedder,
                chance=b"",
                particulars=_particulars(batch, n, own, names),
            )
        )
    return items


def _particulars(
    batch: RememberBatch, n: int, own: list[int], names: list[str | None]
) -> Particulars:
    columns = batch.particulars or ParticularColumns()
    keys = [str(names[number & LABEL_MASK]) for number in own if FACT_KEY <= number < ENTITY]
    return Particulars(
        entities=tuple(str(names[number & LABEL_MASK]) for number in own if number >= ENTITY),
        fact_key=keys[0] if keys else None,
        priority=columns.priorities[n] if columns.priorities else 5,
        expires_at=np.frombuffer(columns.expires_at, "<i8").tolist()[n]
        if columns.expires_at
        else 0,
    )
