"""Turn rows of a view into the memories a caller meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from engram.model.ids import format_id
from engram.model.memory import Memory, MemoryKind, to_datetime
from engram.state.columns import RowSet
from engram.state.forgetting import retrievability
from engram.state.space import View

# The other columns serve searching and deciding only.
_READ: Final = frozenset(
    {
        "id_high",
        "id_low",
        "recorded_at",
        "occurred_at",
        "reviewed_at",
        "stability_days",
        "difficulty",
        "confidence",
        "kind",
        "source",
        "session",
        "seen_count",
        "content_address",
        "content_bytes",
        "metadata_address",
        "metadata_bytes",
        "tag_count",
    }
)
_KIND_NAMES = {int(kind): kind.name.lower() for kind in MemoryKind}


def memory_at(view: View, row: int, space: str, now: int) -> Memory:
    """Return the memory in `row` with its retrievability at wall time `now` (nanoseconds)."""
    return memories_at(view, [row], space, now)[0]


def memories_at(view: View, rows: Sequence[int], space: str, now: int) -> list[Memory]:
    """Return the memories in `rows`, each with its retrievability at wall time `now`.

    Column by column: for ten rows in half the time of going row by row.
    """
    if not rows:
        return []
    chosen = RowSet(np.array(rows))
    columns = {name: chosen.take(pages) for name, pages in view.columns.items() if name in _READ}
    strengths = retrievability(now, columns["reviewed_at"], columns["stability_days"])
    values = {name: column.tolist() for name, column in columns.items()}
    confidences = [_shortest(confidence) for confidence in columns["confidence"]]
    labels = view.labels.labels
    read, read_metadata = view.contents.read, view.metadata.read
    memories = []
    for at, strength in enumerate(strengths.tolist()):
        metadata_bytes = values["metadata_bytes"][at]
        metadata = read_metadata(values["metadata_address"][at], metadata_bytes)
        memories.append(
            Memory(
                id=format_id(values["id_high"][at], values["id_low"][at]),
                space=space,
                content=read(values["content_address"][at], values["content_bytes"][at]).decode(),
                kind=_KIND_NAMES.get(values["kind"][at], "unknown"),
                confidence=confidences[at],
                occurred_at=to_datetime(values["occurred_at"][at]),
                recorded_at=to_datetime(values["recorded_at"][at]),
                tags=view.tags_of(rows[at]) if values["tag_count"][at] else (),
                source=labels[values["source"][at]] or None,
                session=labels[values["session"][at]] or None,
                metadata=msgspec.json.decode(metadata) if metadata_bytes else None,
                seen_count=values["seen_count"][at],
                stability_days=values["stability_days"][at],
                difficulty=values["difficulty"][at],
                retrievability=strength,
            )
        )
    return memories


def _shortest(value: np.float32) -> float:
    """Return the shortest decimal that is this float32, so that 0.9 comes back as 0.9."""
    return float(str(value))
