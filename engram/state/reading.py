"""Turn rows of a view into the memories a caller meets."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from engram.model.ids import format_id
from engram.model.memory import Memory, MemoryKind, to_datetime
from engram.state.bodies import read_text
from engram.state.columns import PAGE_MASK, PAGE_SHIFT, RowSet
from engram.state.forgetting import retrievability
from engram.state.space import ALIVE, View

_KIND_NAMES = {int(kind): kind.name.lower() for kind in MemoryKind}


def memory_at(view: View, row: int, space: str, now: int) -> Memory:
    """Return the memory in `row` with its retrievability at wall time `now` (nanoseconds)."""
    return memories_at(view, [row], space, now)[0]


def memories_at(view: View, rows: Sequence[int], space: str, now: int) -> list[Memory]:
    """Return the memories in `rows`, each with its retrievability at wall time `now`.

    May read sealed segments, and then it blocks (`View.all_hot` tells).
    """
    if not rows:
        return []
    chosen, columns = RowSet(np.array(rows)), view.columns
    strengths = retrievability(
        now, chosen.take(columns["reviewed_at"]), chosen.take(columns["stability_days"])
    )
    return [
        _memory(view, row, space, strength)
        for row, strength in zip(rows, strengths.tolist(), strict=True)
    ]


def _memory(view: View, row: int, space: str, strength: float) -> Memory:
    """Return one memory; `item` reads a value in half the time of indexing and converting it."""
    columns, labels = view.columns, view.labels.labels
    page, at = row >> PAGE_SHIFT, row & PAGE_MASK
    content_bytes = columns["content_bytes"][page].item(at)
    metadata_bytes = columns["metadata_bytes"][page].item(at)
    address = columns["content_address"][page].item(at)
    content = read_text(view.hot.contents, view.sealed, address, content_bytes)
    metadata = None
    if metadata_bytes:
        address = columns["metadata_address"][page].item(at)
        metadata = msgspec.json.decode(
            read_text(view.hot.metadata, view.sealed, address, metadata_bytes)
        )
    return Memory(
        id=format_id(columns["id_high"][page].item(at), columns["id_low"][page].item(at)),
        space=space,
        content=content.decode(),
        kind=_KIND_NAMES.get(columns["kind"][page].item(at), "unknown"),
        confidence=_shortest(columns["confidence"][page][at]),
        occurred_at=to_datetime(columns["occurred_at"][page].item(at)),
        recorded_at=to_datetime(columns["recorded_at"][page].item(at)),
        tags=view.tags_of(row) if columns["tag_count"][page].item(at) else (),
        source=labels[columns["source"][page].item(at)] or None,
        session=labels[columns["session"][page].item(at)] or None,
        metadata=metadata,
        seen_count=columns["seen_count"][page].item(at),
        stability_days=columns["stability_days"][page].item(at),
        difficulty=columns["difficulty"][page].item(at),
        retrievability=strength,
        ended_at=None
        if columns["flags"][page].item(at) & ALIVE
        else to_datetime(columns["ended_at"][page].item(at)),
    )


def _shortest(value: np.float32) -> float:
    """Return the shortest decimal that is this float32, so that 0.9 comes back as 0.9."""
    return float(str(value))
