"""The columns every space has: a value of each for every memory."""

from __future__ import annotations

from typing import Final

from engram.state.columns import PagedColumn

_COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    ("id_high", "u8"),
    ("id_low", "u8"),
    ("recorded_at", "i8"),
    ("occurred_at", "i8"),
    ("reviewed_at", "i8"),
    ("ended_at", "i8"),  # when it was forgotten; of one that lives when it expires, 0: never
    ("stability_days", "f4"),
    ("difficulty", "f4"),
    ("confidence", "f4"),
    ("kind", "u1"),
    ("flags", "u1"),
    ("source", "u4"),
    ("session", "u4"),
    ("seen_count", "u4"),
    ("content_key", "u8"),
    ("content_address", "u8"),
    ("content_bytes", "u4"),
    ("metadata_address", "u8"),
    ("metadata_bytes", "u4"),
    ("tag_start", "u8"),
    ("tag_count", "u1"),
    ("place", "u4"),
    ("priority", "u1"),
)


COLUMN_TYPES: Final = dict(_COLUMNS)
"""The dtype of each."""


def new_columns() -> dict[str, PagedColumn]:
    """Return the columns of a space without memories."""
    return {name: PagedColumn(dtype) for name, dtype in _COLUMNS}
