from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engram.service.space import Space
from engram.testing.embedders import HashingEmbedder
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio


async def remember(space: Space) -> None:
    for day in (1, 3, 20):
        await space.remember(
            f"a walk along the river, the {day}.",
            occurred_at=datetime(2023, 5, day, 18, tzinfo=UTC),
        )


async def test_what_occurred_at_the_time_that_is_named_comes_first() -> None:
    async with simulated_store(embedder=HashingEmbedder()) as db:
        space = await db.space()
        await remember(space)
        found = await space.recall("where was the walk of 20 May 2023?", explain=True)
    first, *others = found.recollections
    assert first.memory.occurred_at.day == 20
    assert first.parts["time"] == 1
    assert [hit.parts["time"] for hit in others] == [0, 0]
    assert "near a time the cue names" in str(first.explanation)
    assert "near a time the cue names" not in str(others[0].explanation)


async def test_a_day_or_two_off_is_near() -> None:
    async with simulated_store(embedder=HashingEmbedder()) as db:
        space = await db.space()
        await remember(space)
        found = await space.recall("the walk along the river on May 2nd")
    near = {hit.memory.occurred_at.day: hit.parts["time"] for hit in found.recollections}
    assert near[1] == near[3] > near[20] == 0


async def test_a_time_at_which_nothing_occurred_costs_no_score() -> None:
    async with simulated_store(embedder=HashingEmbedder()) as db:
        space = await db.space()
        await remember(space)
        text = "a walk along the river, the 20."
        plain = await space.recall(text, limit=1)
        dated = await space.recall(f"{text} in 2011", limit=1)
    assert dated.recollections[0].parts["time"] == 0
    assert dated.recollections[0].score > 0.9 * plain.recollections[0].score
