"""A digest of what a space logically holds: equal content, equal digest, whatever the layout."""

from __future__ import annotations

import hashlib

import numpy as np

from engram.state.columns import take
from engram.state.space import ALIVE, HAS_VECTOR, SpaceState, View

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


def digest(state: SpaceState | View) -> str:
    """Return the hexadecimal BLAKE2b-256 digest of the living memories in id order."""
    view = state if isinstance(state, View) else state.view()
    hasher = hashlib.blake2b(digest_size=32)
    hasher.update(f"{view.embedder} {view.dimensions} {view.lsn}\n".encode())
    rows = np.arange(view.count)
    if view.count:
        rows = rows[(view.gather("flags", rows) & ALIVE) != 0]
        order = np.lexsort((view.gather("id_low", rows), view.gather("id_high", rows)))
        rows = rows[order]
    for name in _NUMBERS if len(rows) else ():
        values = view.gather(name, rows)
        hasher.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    for row in rows.tolist():
        parts = (view.content(row), view.label("source", row), view.label("session", row))
        hasher.update(repr((*parts, view.tags_of(row))).encode())
        hasher.update(view.metadata_of(row))
        if int(view.value("flags", row)) & HAS_VECTOR:
            hasher.update(take(view.vectors, np.array([row])).tobytes())
            hasher.update(take(view.inverse_norms, np.array([row])).tobytes())
    return hasher.hexdigest()
