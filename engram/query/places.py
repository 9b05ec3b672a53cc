"""What errors show people: where something stands, and what would be understood."""

from __future__ import annotations

from typing import Final, NamedTuple

EXAMPLES: Final = {
    "RECALL": 'RECALL "who knew Babbage?" WHERE tag HAS "history" AND confidence >= 0.5 LIMIT 5',
    "SPREAD": "SPREAD FROM 0190a6b4-5c1e-7d3a-9f00-0123456789ab MAX_HOPS 2 VIA temporal, causal",
    "PREDICT": 'PREDICT "rain" GIVEN 0190a6b4-5c1e-7d3a-9f00-0123456789ab HORIZON 7d LIMIT 3',
    "IMAGINE": 'IMAGINE "a day in London" NOVELTY 0.4 LIMIT 3',
    "CONSOLIDATE": 'CONSOLIDATE WHERE tag HAS "history" INTO babbage',
    "COMPLETE": 'COMPLETE who = "Ada", where = "London" LIMIT 3',
    "SHOW": "SHOW ASSOCIATIONS OF 0190a6b4-5c1e-7d3a-9f00-0123456789ab",
}
"""A statement of each sort that is understood."""


class Place(NamedTuple):
    """A line and a column, both from 1; a column counts characters."""

    line: int
    column: int


def place_of(text: str, at: int) -> Place:
    """Return the line and the column of an offset."""
    line = text.count("\n", 0, at) + 1
    return Place(line, at - (text.rfind("\n", 0, at) + 1) + 1)
