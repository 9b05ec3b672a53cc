"""Memories whose columns a kernel read are what a column at a time gives, whatever changed."""

from __future__ import annotations

from typing import Final

import anyio
import pytest

from engram.engine.space_engine import SpaceEngine
from engram.model.capacities import Capacities
from engram.service.core import Core
from engram.service.reading import memories_of
from engram.service.space import Space
from engram.service.store import Engram
from engram.state.reading import memories_at
from engram.testing.store_insides import engine_of
from engram.testing.stores import HistoryClock, simulated_store

pytestmark = pytest.mark.anyio
DAY: Final = 86_400 * 10**9
SMALL: Final = Capacities(hot=100, warm=150, cold=5_000, segment=50)


def engine(store: Engram, space: Space) -> SpaceEngine:
    found = engine_of(store, space.id)
    assert found is not None
    return found


async def check_rows(store: Engram, space: Space, now: int) -> None:
    """Check every row there is, forgotten ones too, in an order that no page has."""
    core: Core = store._core
    own, view = engine(store, space), engine(store, space).view
    rows = [*range(view.count - 1, -1, -3), 0, 0]
    made = await memories_of(core, own, view, rows, now)
    assert made == memories_at(view, rows, space.id, now)


async def test_memories_are_as_their_newest_view_says_and_older_views_as_they_were() -> None:
    """Reviews, accesses, hiding, corrections and forgetting write to columns of old rows."""
    clock = HistoryClock()
    async with simulated_store(clock=clock, history_retention_ns=0) as store:
        space = await store.space()
        ids = [
            (await space.remember(f"house {number}", tags=[f"t{number}"], entities=["Ann"])).id
            for number in range(6)
        ]
        before = engine(store, space).view
        rows = list(range(before.count))
        as_before = memories_at(before, rows, space.id, 0)
        clock.advance(3 * DAY)
        await space.recall("house")
        await space.feedback(ids[0], "useful")
        await space.feedback(ids[1], "wrong")
        await space.forget(ids[2], mode="suppress")
        newer = (await space.update(ids[3], content="a tower")).id
        await space.forget(ids[4])
        clock.advance(61 * 10**9)
        await space.recall("house")
        await check_rows(store, space, clock.now())
        made = await memories_of(store._core, engine(store, space), before, rows, 0)
        assert made == as_before
        await space.forget(ids[5], mode="erase")
        await check_rows(store, space, clock.now())
        assert (await space.compact()).rows_dropped
        await check_rows(store, space, clock.now())
        assert (await space.get(ids[0])).access_count == 2
        assert (await space.get(newer)).tags == ("t3",)


async def test_memories_whose_bodies_are_on_disk_are_the_same() -> None:
    async with simulated_store(capacities=SMALL) as store:
        space = await store.space()
        for first in range(0, 600, 60):
            numbers = range(first, first + 60)
            await space.remember_many([f"n{number}" for number in numbers])
            await check_rows(store, space, 0)
        with anyio.fail_after(30):
            while not (await space.stats()).cold:
                await anyio.to_thread.run_sync(lambda: None)
        await check_rows(store, space, 0)


async def test_no_pages_are_held_once_a_compaction_or_an_erasure_has_made_others() -> None:
    """In the pages of before are the id and the dates of what is gone."""
    async with simulated_store(history_retention_ns=0) as store:
        space = await store.space()
        ids = [(await space.remember(f"house {number}")).id for number in range(3)]
        columns = engine(store, space).records
        await space.recall("house")
        assert columns.made_of.holds_pages()
        assert columns.ranked.holds_pages()
        await space.forget(ids[0], mode="erase")
        assert not columns.made_of.holds_pages()
        assert not columns.ranked.holds_pages()
        await space.recall("house")
        await space.forget(ids[1])
        assert columns.made_of.holds_pages()
        assert (await space.compact()).rows_dropped
        assert not columns.made_of.holds_pages()
