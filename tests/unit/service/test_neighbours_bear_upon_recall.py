"""What similar memories and earlier recalls do to the place of a memory in an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engram.model.errors import InvalidRequest
from engram.service.space import Space
from engram.testing.clock import FakeClock, StandingClock
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1) // timedelta(microseconds=1) * 1_000
MILLISECOND = 1_000_000


async def strength(space: Space, memory: str, cue: str = "harbour", **more: object) -> float:
    """Return the part that time and similar memories have left of one memory in an answer."""
    found = await space.recall(cue, limit=50, **more)  # type: ignore[arg-type]
    (hit,) = [each for each in found if each.memory.id == memory]
    return hit.parts["retrievability"]


async def score(space: Space, memory: str, cue: str, **more: object) -> float:
    found = await space.recall(cue, limit=50, **more)  # type: ignore[arg-type]
    (hit,) = [each for each in found if each.memory.id == memory]
    return hit.score


async def alike(space: Space, one: str, other: str, weight: float = 0.8) -> None:
    await space.associate(one, other, kind="semantic", weight=weight)


@pytest.mark.parametrize(
    ("hours", "weight", "factor"),
    [
        (1, 0.8, (0.88, 0.95)),
        (1, 0.6, (1.0, 1.0)),
        (12, 0.8, (0.88, 1.0)),
        (30, 0.8, (1.0, 1.0)),
    ],
)
async def test_a_similar_memory_takes_from_one_before_and_from_one_after_it(
    hours: int, weight: float, factor: tuple[float, float]
) -> None:
    clock = StandingClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        first = (await space.remember("the harbour lies in the north")).id
        clock.advance(hours * HOUR)
        second = (await space.remember("the harbour lies in the south")).id
        alone = [await strength(space, each) for each in (first, second)]
        await alike(space, first, second, weight)
        await alike(space, second, first, weight)
        found = [await strength(space, each) for each in (first, second)]
        now = [one / before for one, before in zip(found, alone, strict=True)]
        assert now == pytest.approx(factor, abs=1e-4)
        await space.configure(interference=False)
        assert [await strength(space, each) for each in (first, second)] == pytest.approx(alone)


async def test_what_is_crowded_falls_behind_what_stands_alone() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        await space.remember("quay thirteen is closed today")
        target = (await space.remember("the harbour opens early")).id
        clock.advance(HOUR)
        rival = (await space.remember("the harbour opens later")).id
        others = [(await space.remember(f"a pier named {n}")).id for n in range(5)]
        for other in others:
            await alike(space, target, other)
        found = [hit.memory.id for hit in await space.recall("harbour opens")]
        assert found.index(rival) < found.index(target)


async def test_a_forgotten_memory_interferes_no_longer() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        target = (await space.remember("the harbour opens early")).id
        other = (await space.remember("the harbour opens late")).id
        await alike(space, target, other)
        assert await strength(space, target) < 0.9
        await space.forget(other)
        assert await strength(space, target) > 0.9


async def test_what_a_recalled_memory_leads_to_comes_easier_for_a_moment() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        bread = (await space.remember("bread from the oven")).id
        butter = (await space.remember("butter and salt on a plate")).id
        await space.remember("the salt cellar on a shelf")
        await space.associate(bread, butter, kind="semantic")
        before = await score(space, butter, "salt cellar", reinforce=False)
        await space.recall("bread", limit=1, session="s")
        at_once = await score(space, butter, "salt cellar", session="s", reinforce=False)
        other = await score(space, butter, "salt cellar", session="t", reinforce=False)
        clock.advance(300 * MILLISECOND)
        later = await score(space, butter, "salt cellar", session="s", reinforce=False)
        clock.advance(10_000 * MILLISECOND)
        long_after = await score(space, butter, "salt cellar", session="s", reinforce=False)
    assert 0.1 < before < 0.9
    assert other == pytest.approx(before, rel=1e-4)
    assert at_once == pytest.approx(before + 0.15 * before * (1 - before), rel=1e-4)
    assert later == pytest.approx(before + 0.075 * before * (1 - before), rel=1e-4)
    assert long_after == pytest.approx(before, rel=1e-4)


async def test_what_a_session_listed_before_comes_easier_there_unless_switched_off() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        memory = (await space.remember("the harbour opens early in the morning")).id
        await space.remember("the harbour is closed")
        before = await score(space, memory, "harbour opens", reinforce=False)
        for _ in range(3):
            await space.recall("morning", session="s")
        clock.advance(HOUR)
        after = await score(space, memory, "harbour opens", session="s", reinforce=False)
        await space.configure(priming=False)
        off = await score(space, memory, "harbour opens", session="s", reinforce=False)
    assert off == pytest.approx(before, rel=1e-3)
    assert after == pytest.approx(before + 0.15 * before * (1 - before), rel=1e-3)


async def test_an_explanation_says_what_similar_memories_take_and_what_was_raised() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        target = (await space.remember("the harbour opens early")).id
        other = (await space.remember("the harbour opens late")).id
        plain = await space.recall("harbour", explain=True, session="s")
        await alike(space, target, other)
        told = await space.recall("harbour", explain=True, session="s")
    texts = {hit.memory.id: hit.explanation or "" for hit in told}
    assert "similar memories take 12%" in texts[target]
    assert "similar memories" not in texts[other]
    assert "raised by 0.05 by what its session recalled" in texts[target]
    assert all("take" not in (hit.explanation or "") for hit in plain)
    assert all("raised" not in (hit.explanation or "") for hit in plain)


async def test_a_session_is_a_name() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("the harbour opens early")
        with pytest.raises(InvalidRequest, match="session"):
            await space.recall("harbour", session=" ")
