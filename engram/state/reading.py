"""Turn rows of a view into the memories a caller meets."""

from __future__ import annotations

import msgspec
import numpy as np

from engram.model.ids import format_id
from engram.model.memory import Memory, MemoryKind, to_datetime
from engram.state.forgetting import retrievability
from engram.state.space import View

_KIND_NAMES = {int(kind): kind.name.lower() for kind in MemoryKind}


def memory_at(view: View, row: int, space: str, now: int, strength: float | None = None) -> Memory:
    """Return the memory in `row` with its retrievability at wall time `now` (nanoseconds).

    `strength` is that retrievability where the caller has computed it already.
    """
    columns = view.columns
    page, offset = row >> 16, row & 0xFFFF
    metadata = view.metadata_of(row)
    stability = columns["stability_days"][page][offset : offset + 1]
    if strength is None:
        reviewed = columns["reviewed_at"][page][offset : offset + 1]
        strength = float(retrievability(now, reviewed, stability)[0])
    return Memory(
        id=format_id(int(columns["id_high"][page][offset]), int(columns["id_low"][page][offset])),
        space=space,
        content=view.content(row),
        kind=_KIND_NAMES.get(int(columns["kind"][page][offset]), "unknown"),
        confidence=_shortest(columns["confidence"][page][offset]),
        occurred_at=to_datetime(int(columns["occurred_at"][page][offset])),
        recorded_at=to_datetime(int(columns["recorded_at"][page][offset])),
        tags=view.tags_of(row),
        source=view.label("source", row),
        session=view.label("session", row),
        metadata=msgspec.json.decode(metadata) if metadata else None,
        seen_count=int(columns["seen_count"][page][offset]),
        stability_days=float(stability[0]),
        difficulty=float(columns["difficulty"][page][offset]),
        retrievability=strength,
    )


def _shortest(value: np.float32) -> float:
    """Return the shortest decimal that is this float32, so that 0.9 comes back as 0.9."""
    return float(str(value))
