from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from anyio import lowlevel

from engram.model.commands import Erase
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.ids import parse_id
from engram.model.memory import to_datetime
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

DAY_NS = 86_400 * 10**9


class StandingClock(FakeClock):
    """A clock that only the test moves."""

    def __init__(self) -> None:
        super().__init__(tick_ns=0)

    async def sleep_until(self, deadline: int) -> None:  # noqa: ARG002 - no time passes
        """Let the other tasks run."""
        await lowlevel.checkpoint()


async def test_a_forgotten_memory_is_there_as_of_a_time_it_lived() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        stored = await space.remember("the old plan")
        then = (await space.get(stored.id)).recorded_at
        clock.advance(DAY_NS)
        await space.forget(stored.id)
        with pytest.raises(MemoryNotFound):
            await space.get(stored.id)
        memory = await space.get(stored.id, as_of=then)
        assert (memory.content, memory.recorded_at) == ("the old plan", then)
        ended = memory.ended_at
        assert ended is not None
        assert ended - then >= timedelta(days=1)
        with pytest.raises(MemoryNotFound):
            await space.get(stored.id, as_of=ended)
        with pytest.raises(MemoryNotFound):
            await space.get(stored.id, as_of=then - timedelta(microseconds=1))
        found = await space.recall("old plan", as_of=then)
        assert [hit.memory.ended_at for hit in found] == [ended]
        nothing = await space.recall("old plan", as_of=then - timedelta(microseconds=1))
        assert nothing.note == "the memory space is empty at that time"


async def test_a_time_before_the_retention_is_refused_with_how_far_back_it_reaches() -> None:
    clock = StandingClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        await space.remember("a")
        begun = to_datetime(clock.now())
        clock.advance(7 * DAY_NS)
        await space.list(as_of=begun)
        clock.advance(DAY_NS)
        earliest = begun + timedelta(days=1)
        for call in (space.list, partial(space.recall, "a")):
            with pytest.raises(InvalidRequest) as caught:
                await call(as_of=begun)
            assert earliest.isoformat() in str(caught.value)
            assert "history_retention is 7 days" in str(caught.value)


async def test_a_time_in_the_future_is_refused() -> None:
    clock = StandingClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        await space.remember("a")
        now = to_datetime(clock.now())
        assert (await space.list(as_of=now)).total == 1
        with pytest.raises(InvalidRequest, match="in the future"):
            await space.list(as_of=now + timedelta(microseconds=1))


async def test_what_a_clock_that_ran_ahead_recorded_can_be_asked_about() -> None:
    clock = StandingClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        stored = await space.remember("a")
        recorded = (await space.get(stored.id)).recorded_at
        clock.set_wall_time(clock.now() - DAY_NS)
        assert (await space.list(as_of=recorded)).total == 1
        await space.remember("b")
        await space.forget(stored.id)
        assert [memory.content for memory in await space.list(as_of=recorded)] == ["b"]


async def test_a_store_without_history_says_so() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock, history_retention_ns=0) as engram:
        space = await engram.space()
        stored = await space.remember("a")
        with pytest.raises(InvalidRequest, match="ENGRAM_HISTORY_RETENTION"):
            await space.get(stored.id, as_of=to_datetime(clock.now()))


async def test_a_time_without_a_zone_is_refused() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        stored = await space.remember("a")
        with pytest.raises(InvalidRequest, match=r"as_of: .* has no zone"):
            await space.get(stored.id, as_of=to_datetime(clock.now()).replace(tzinfo=None))


async def test_an_erased_memory_is_in_no_answer_about_the_past() -> None:
    clock, disk = FakeClock(), SimulatedFilesystem()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        stored = await space.remember("a secret")
        kept = await space.remember("no secret")
        moment = to_datetime(clock.now())
        clock.advance(DAY_NS)
        assert {each.id for each in await space.list(as_of=moment)} == {stored.id, kept.id}
        engine = space._core.registry.open_now(space.id)
        assert engine is not None
        await engine.submit(Erase((parse_id(stored.id),)))
        with pytest.raises(MemoryNotFound):
            await space.get(stored.id, as_of=moment)
        assert [each.id for each in await space.list(as_of=moment)] == [kept.id]
        assert [hit.memory.id for hit in await space.recall("secret", as_of=moment)] == [kept.id]
