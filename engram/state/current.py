"""Finding a memory that may have been superseded, and the versions before and after it."""

from __future__ import annotations

from engram.model.errors import MemoryNotFound, MemorySuperseded
from engram.model.ids import MemoryId
from engram.state.space import ALIVE, ERASED, View


def row_ever(view: View, memory: MemoryId) -> int | None:
    """Return the row of a memory that was not erased, whether it lives or not; else None."""
    for row in view.ids.find(memory.low):
        is_known = row < view.count and int(view.value("id_high", row)) == memory.high
        if is_known and not int(view.value("flags", row)) & ERASED:
            return row
    return None


def versions(view: View, memory: MemoryId, now: int) -> list[int]:
    """Return the rows of all versions of a memory, the oldest first, erased ones left out.

    The last one lives at `now` (nanoseconds); nothing is returned of a memory of which none does.
    """
    row = row_ever(view, memory)
    if row is None:
        return []
    chain = view.corrections.chain(row, view.count)
    ended_at = int(view.value("ended_at", chain[-1]))
    if not int(view.value("flags", chain[-1])) & ALIVE or 0 != ended_at <= now:
        return []
    return [each for each in chain if not int(view.value("flags", each)) & ERASED]


def not_found(view: View, space: str, memory: MemoryId, now: int) -> MemoryNotFound:
    """Return why a memory that does not live at `now` is not found."""
    rows = versions(view, memory, now)
    if not rows:
        return MemoryNotFound(str(memory), space)
    return MemorySuperseded(str(memory), str(id_of(view, rows[-1])), space)


def id_of(view: View, row: int) -> MemoryId:
    """Return the id of the memory in a row."""
    return MemoryId(int(view.value("id_high", row)), int(view.value("id_low", row)))


def neighbours(view: View, row: int) -> tuple[str | None, str | None]:
    """Return the ids of the versions before and after a row, as far as they were not erased."""
    corrections = view.corrections
    older, newer = corrections.older(row), corrections.newer(row, view.count)
    while older is not None and int(view.value("flags", older)) & ERASED:
        older = corrections.older(older)
    while newer is not None and int(view.value("flags", newer)) & ERASED:
        newer = corrections.newer(newer, view.count)
    return (
        None if older is None else str(id_of(view, older)),
        None if newer is None else str(id_of(view, newer)),
    )
