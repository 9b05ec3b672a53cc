"""Which lines of a file are memories of a space already, so that none is remembered twice.

A memory is kept under a key of its text, source, session and the time that was given with it. A
line has the time of one to which none was given, too: both keys are looked for, and times compared.
A line that text, source and session name (see `Raw.named_by_text`) is looked for without a time;
where it has one, as that of a file that may be touched, among the memories of its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.model.errors import InvalidRequest
from engram.model.ids import format_id, parse_id
from engram.model.memory import to_nanoseconds
from engram.service.preparing import content_key
from engram.state.space import ALIVE

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from engram.service.exchange.fields import Line
    from engram.state.space import View

# Rows looked through at once: some megabytes of columns.
_ROWS_AT_ONCE: Final = 1 << 20
# Times are written in microseconds and kept in nanoseconds.
_NS_PER_US: Final = 1_000

# Time in microseconds or None for any, text, source, session.
_Said = tuple[int | None, str, str | None, str | None]


def living(view: View, lines: Sequence[Line]) -> dict[int, str]:
    """Return the id of the memory that each line is, by its place among the lines; may block.

    It is that of the line's id, if it says the same, or one with the same text, time, source and
    session.
    """
    found: dict[int, str] = {}
    named = [
        (place, line, row)
        for place, line in enumerate(lines)
        if (row := row_named(view, line.id)) is not None
    ]
    contents = view.contents(np.array([row for *_, row in named], np.int64)) if named else []
    for (place, line, _), content in zip(named, contents, strict=True):
        if bytes(content).decode() == line.item.get("content", ""):
            found[place] = str(line.id)
    said = {
        place: told
        for place, line in enumerate(lines)
        if place not in found and (told := _said(line)) is not None
    }
    if said:
        touched = {
            said[place]
            for place, line in enumerate(lines)
            if place in said and line.named_by_text and "occurred_at" in line.item
        }
        known = _known(view, set(said.values()), touched)
        found |= {place: known[told] for place, told in said.items() if told in known}
    return found


def row_named(view: View, memory_id: str | None, now: int | None = None) -> int | None:
    """Return the row of a living memory, None for the id of another one or another program."""
    try:
        return None if memory_id is None else view.row_of(*parse_id(memory_id), now=now)
    except InvalidRequest:
        return None


def _said(line: Line) -> _Said | None:
    """Return what tells a line from others; None without text or time, which tell nothing."""
    item = line.item
    content, moment = item.get("content"), item.get("occurred_at")
    if content and line.named_by_text:
        return None, content, item.get("source"), item.get("session")
    if not content or moment is None:
        return None
    return _microseconds(moment), content, item.get("source"), item.get("session")


def _microseconds(moment: datetime) -> int:
    return to_nanoseconds(moment) // _NS_PER_US


def _known(view: View, wanted: set[_Said], touched: set[_Said]) -> dict[_Said, str]:
    """Return the ids of the living memories that say one of these things.

    Those in `touched` have a time that tells nothing.
    """
    keys = np.array(sorted({key for each in wanted for key in _keys(each)}), np.uint64)
    sources = {source for _, _, source, _ in touched}
    numbers = np.array(
        [at for at, label in enumerate(view.labels.labels) if label in sources] if sources else [],
        np.uint32,
    )
    lengths = np.array(sorted({len(text.encode()) for _, text, *_ in touched}), np.uint32)
    known: dict[_Said, str] = {}
    for first in range(0, view.count, _ROWS_AT_ONCE):
        rows = np.arange(first, min(first + _ROWS_AT_ONCE, view.count))
        own = view.gather("content_key", rows)
        places = np.searchsorted(keys, own)
        kept = keys[np.minimum(places, len(keys) - 1)] == own
        if len(numbers):
            kept |= np.isin(view.gather("source", rows), numbers) & np.isin(
                view.gather("content_bytes", rows), lengths
            )
        rows = rows[kept & ((view.gather("flags", rows) & np.uint8(ALIVE)) != 0)]
        if len(rows):
            known |= _told(view, rows, wanted)
    return known


def _keys(said: _Said) -> set[int]:
    """Return what a memory is kept under, with the time and without."""
    time, text, source, session = said
    content = text.encode()
    times = {None, None if time is None else time * _NS_PER_US}
    return {content_key(content, source, session, each) for each in times}


def _told(view: View, rows: NDArray[np.int64], wanted: set[_Said]) -> dict[_Said, str]:
    """Return the ids of rows that say what is wanted."""
    times = (view.gather("occurred_at", rows) // _NS_PER_US).tolist()
    told: dict[_Said, str] = {}
    for row, time, content in zip(rows.tolist(), times, view.contents(rows), strict=True):
        text = bytes(content).decode()
        named = text, view.label("source", row), view.label("session", row)
        for said in ((time, *named), (None, *named)):
            if said in wanted:
                place = np.array([row])
                high, low = (int(view.gather(name, place)[0]) for name in ("id_high", "id_low"))
                told[said] = format_id(high, low)
    return told
