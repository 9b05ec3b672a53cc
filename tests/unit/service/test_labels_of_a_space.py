"""The labels memories have, with how many have each."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engram.model.errors import InvalidRequest, SpaceNotFound
from engram.model.label_counts import LABEL_FIELDS
from engram.model.memory import to_datetime
from engram.testing.clock import FakeClock
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio


async def test_labels_are_counted_by_field() -> None:
    """What one field has is not counted for another, and what is forgotten not at all."""
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("a", tags=["red", "Rare"], entities=["Ada"], source="letters")
        await space.remember("b", tags=["red"], entities=["red", "Bob"], session="s")
        await space.remember("c", fact_key="red.city", source="diary")
        gone = await space.remember("d", tags=["gone", "red"])
        await space.forget(gone.id)
        assert await space.labels() == [("red", 2), ("Rare", 1)]
        assert await space.labels("entity") == [("Ada", 1), ("Bob", 1), ("red", 1)]
        assert await space.labels("source") == [("diary", 1), ("letters", 1)]
        assert await space.labels("session") == [("s", 1)]
        assert await space.labels("fact_key") == [("red.city", 1)]


async def test_labels_begin_as_was_asked_in_any_case() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember_many([{"content": str(n), "tags": [f"T{n}", "x"]} for n in range(5)])
        assert await space.labels(prefix="t", limit=2) == [("T0", 1), ("T1", 1)]
        assert await space.labels(prefix="y") == []


async def test_what_expired_has_no_labels_any_more() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as db:
        space = await db.space()
        until = to_datetime(clock.now()) + timedelta(hours=1)
        await space.remember("a", tags=["brief"], source="s", expires_at=until)
        assert await space.labels() == [("brief", 1)]
        clock.advance(3_600 * 1_000_000_000)
        assert await space.labels() == []
        assert await space.labels("source") == []


async def test_an_unknown_field_is_refused() -> None:
    async with simulated_store() as db:
        space = await db.space()
        with pytest.raises(SpaceNotFound):
            await (await db.space("nowhere")).labels()
        for field in LABEL_FIELDS:
            assert await space.labels(field) == []
        with pytest.raises(InvalidRequest, match="one of tag, entity, source"):
            await space.labels("tags")
        with pytest.raises(InvalidRequest, match="prefix 5 is not text"):
            await space.labels(prefix=5)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="limit 0"):
            await space.labels(limit=0)
