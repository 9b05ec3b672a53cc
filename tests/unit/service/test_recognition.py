"""What was there before is familiar, and so is what resembles much of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from engram.model.errors import InvalidRequest
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from engram.service.space import Space

pytestmark = pytest.mark.anyio


def at(degrees: float) -> list[float]:
    """Return a vector so many degrees off the first axis."""
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


async def filled(space: Space, *degrees: float) -> list[str]:
    """Remember a memory at each angle."""
    return [(await space.remember(f"number {each}", embedding=at(each))).id for each in degrees]


async def test_the_same_text_is_recognized_for_certain() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        first = (await space.remember("the kettle is blue")).id
        found = await space.recognize("the kettle is blue")
        assert (found.familiarity, found.identical) == (1.0, first)
        assert found.familiarity_interval == (1.0, 1.0)
        assert [hit.memory.id for hit in found.nearest] == [first]
        other = await space.recognize("the kettle is red")
        assert other.identical is None
        assert 0 < other.familiarity < 1


async def test_the_more_alike_the_more_familiar() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await filled(space, 0)
        familiar = [
            (await space.recognize(embedding=at(degrees))).familiarity
            for degrees in (5, 30, 60, 80)
        ]
        assert familiar == sorted(familiar, reverse=True)
        assert familiar[0] > 0.9
        assert familiar[-1] < 0.1


async def test_many_alike_are_more_familiar_than_the_nearest_of_them() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await filled(space, 40, -41, 42, -43, 44, -45)
        found = await space.recognize(embedding=at(0), limit=2)
        low, high = found.familiarity_interval
        assert low < found.familiarity == high < 1
        nearest = max(hit.confidence for hit in found.nearest)
        assert low == pytest.approx(nearest**3)
        assert len(found.nearest) == 2


async def test_what_a_filter_removes_is_not_recognized() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("the kettle is blue", tags=["kitchen"])
        found = await space.recognize("the kettle is blue", tags_none=["kitchen"])
        assert (found.familiarity, found.identical, found.nearest) == (0.0, None, ())
        assert found.note is not None


async def test_recognizing_is_no_access() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        (one,) = await filled(space, 0)
        await space.recognize(embedding=at(0))
        assert (await space.get(one)).access_count == 0


async def test_a_request_that_breaks_a_rule_is_refused() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await filled(space, 0)
        for limit in (0, -1, 1_001):
            with pytest.raises(InvalidRequest, match="limit"):
                await space.recognize("x", limit=limit)
        with pytest.raises(InvalidRequest, match="needs a cue"):
            await space.recognize()
