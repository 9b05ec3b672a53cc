"""Replaying goes through episodes in the order in which they happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engram.model.errors import InvalidRequest, SpaceNotFound
from engram.testing.embedders import HashingEmbedder
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_of_any_size_tell_each_episode_once(limit: int) -> None:
    """In order of time, and of record where the time is the same."""
    hours = [5, 3, 3, 0, 9, 3, 1, 5, 3, 2]
    async with simulated_store() as db:
        space = await db.space()
        for number, hour in enumerate(hours):
            await space.remember(str(number), occurred_at=START + timedelta(hours=hour))
        told, cursor = [], None
        while True:
            page = await space.replay(limit=limit, cursor=cursor)
            assert page.total == len(hours)
            told += [each.content for each in page]
            cursor = page.cursor
            if cursor is None:
                break
        assert told == [str(at) for at in sorted(range(len(hours)), key=lambda at: hours[at])]


async def test_other_kinds_are_replayed_when_they_are_asked_for() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("an episode")
        await space.remember("a fact", kind="semantic")
        assert [each.content for each in await space.replay()] == ["an episode"]
        facts = await space.replay(kinds=["semantic"])
        assert [each.content for each in facts] == ["a fact"]
        assert (await space.replay(tags_all=["nothing"])).memories == ()


@pytest.mark.parametrize("cursor", ["x", "1", "1.2.3", "1.x", "", "f" * 40 + ".1"])
async def test_a_cursor_that_no_replay_returned_is_refused(cursor: str) -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("a")
        with pytest.raises(InvalidRequest, match="cursor"):
            await space.replay(cursor=cursor)


async def test_a_space_that_is_not_there_is_said_to_be_missing() -> None:
    async with simulated_store() as db:
        with pytest.raises(SpaceNotFound):
            await (await db.space("nowhere")).replay()


async def test_a_search_makes_no_vector_of_its_words() -> None:
    """A memory that is as like the cue as can be is not listed when it has none of its words."""
    async with simulated_store(embedder=HashingEmbedder()) as db:
        space = await db.space()
        await space.remember("beta")
        (vector,) = await HashingEmbedder().embed(["beta"])
        await space.remember("alpha", embedding=vector)
        assert len(await space.recall("beta")) == 2
        found = await space.search("beta")
        assert [hit.memory.content for hit in found] == ["beta"]
        assert not found.query_analysis.has_vector
        with pytest.raises(InvalidRequest):
            await space.search(" ")
