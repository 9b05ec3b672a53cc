"""A recalled memory can be changed for some hours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engram.model.errors import MemoryNotFound
from engram.service.space import Space
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

HOUR = 3_600_000_000_000
DAY = 24 * HOUR


async def learnt(space: Space, clock: FakeClock) -> str:
    """Remember, find useful after a week, and let another week pass."""
    memory = (await space.remember("the harbour opens at six")).id
    for _ in range(2):
        clock.advance(7 * DAY)
        await space.feedback(memory, "useful")
    clock.advance(7 * DAY)
    return memory


async def test_a_memory_is_labile_from_one_to_six_hours_after_a_recall() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        memory = await learnt(space, clock)
        assert (await space.lability(memory)).opens_at is None
        await space.recall("harbour")
        found = []
        for hours in (0, 1, 1, 1.5, 1.25, 1.24, 0.02):
            clock.advance(int(hours * HOUR))
            found.append((await space.lability(memory)).plasticity)
        assert found == pytest.approx([0.0, 0.0, 0.32, 0.5, 0.375, 0.004, 0.0], abs=0.01)
        window = await space.lability(memory)
        assert window.opens_at is not None
        assert window.closes_at is not None
        assert window.closes_at - window.opens_at == timedelta(hours=5)
        with pytest.raises(MemoryNotFound):
            await space.lability(memory[:-1] + ("0" if memory[-1] != "0" else "1"))


async def test_a_recall_that_does_not_reinforce_makes_nothing_labile() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        memory = await learnt(space, clock)
        await space.recall("harbour", reinforce=False)
        assert (await space.lability(memory)).opens_at is None


@pytest.mark.parametrize(("hours", "share"), [(0.5, 0.0), (2, 0.32), (3.5, 0.5), (7, 0.0)])
async def test_a_correction_in_the_window_carries_on_some_of_the_strength(
    hours: float, share: float
) -> None:
    clock, disk = FakeClock(), SimulatedFilesystem()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        fresh = await space.get((await space.remember("a lighthouse")).id)
        memory = await learnt(space, clock)
        old = await space.get(memory)
        assert old.stability_days > 3 * fresh.stability_days
        await space.recall("harbour")
        clock.advance(int(hours * HOUR))
        corrected = await space.update(memory, content="the harbour opens at seven")
        new = await space.get(corrected.id)
        gained = old.stability_days - fresh.stability_days
        assert new.stability_days - fresh.stability_days == pytest.approx(share * gained, rel=0.01)
        assert [each.id for each in await space.history(memory)] == [memory, corrected.id]
    async with simulated_store(disk, clock=clock) as engram:
        again = await (await engram.space()).get(corrected.id)
        assert (again.stability_days, again.difficulty) == (new.stability_days, new.difficulty)
