"""Replays the episodes of a time range in the order in which they happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio.to_thread
import numpy as np

from engram.model.errors import InvalidRequest
from engram.model.memory import MemoryKind, Page
from engram.service.questions import check_limit
from engram.service.reading import checked_filters, memories_of, on_bodies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.engine.space_engine import SpaceEngine
    from engram.model.cue import Filters
    from engram.service.core import Core
    from engram.service.questions import FilterArguments
    from engram.state.space import View

_EPISODIC: Final = MemoryKind.EPISODIC.name.lower()
_FIRST: Final = (-(1 << 63), -(1 << 63))
_BITS_MAX: Final = 63

Place = tuple[int, int]
"""When an episode happened and when it was recorded: no two are recorded at the same time."""


async def replay(
    core: Core, engine: SpaceEngine, limit: int, cursor: str | None, arguments: FilterArguments
) -> Page:
    """Carry out `Space.replay` over the newest durable view."""
    limit, after = check_limit(limit), _place_of(cursor)
    arguments = {"kinds": (_EPISODIC,), **arguments}

    async def page() -> Page:
        view, now = engine.view, core.clock.now()
        filters = checked_filters(core, engine, view, arguments)
        shown, total, last = await anyio.to_thread.run_sync(
            _chosen, engine, view, filters, now, after, limit
        )
        memories = tuple(await memories_of(core, engine, view, shown, now))
        return Page(memories, total, None if last is None else f"{last[0]:x}.{last[1]:x}")

    return await on_bodies(engine, page)


def _chosen(
    engine: SpaceEngine, view: View, filters: Filters, now: int, after: Place, limit: int
) -> tuple[list[int], int, Place | None]:
    """Return the rows of one page, how many there are on all, and where the next one begins."""
    rows = np.flatnonzero(engine.row_masks.rows(view, filters, now))
    total = len(rows)
    if not total:
        return [], 0, None
    happened, recorded = view.gather("occurred_at", rows), view.gather("recorded_at", rows)
    coming = (happened > after[0]) | ((happened == after[0]) & (recorded > after[1]))
    rows, happened, recorded = rows[coming], happened[coming], recorded[coming]
    is_last = len(rows) <= limit
    if not is_last:
        # All of a large space is not sorted for one page of it.
        near = happened <= np.partition(happened, limit - 1)[limit - 1]
        rows, happened, recorded = rows[near], happened[near], recorded[near]
    order: NDArray[np.int64] = np.lexsort((recorded, happened))[:limit]
    if is_last:
        return rows[order].tolist(), total, None
    last = int(order[-1])
    return rows[order].tolist(), total, (int(happened[last]), int(recorded[last]))


def _place_of(cursor: str | None) -> Place:
    if cursor is None:
        return _FIRST
    try:
        happened, recorded = (int(part, 16) for part in cursor.split("."))
    except (AttributeError, ValueError):
        happened = recorded = 1 << (_BITS_MAX + 1)
    if max(happened.bit_length(), recorded.bit_length()) > _BITS_MAX:
        raise InvalidRequest(f"cursor {cursor!r} is not one that replay returned")
    return happened, recorded
