"""Every memory of an answer says how likely it is what was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engram.model.recall_result import RecallResult
from engram.service.space import Space
from engram.testing.clock import FakeClock
from engram.testing.embedders import HashingEmbedder
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

_YEAR_NS = 365 * 86_400 * 10**9
TEXTS = (
    "the heron stands in the reeds",
    "a heron was seen near the mill",
    "the mill grinds rye on Mondays",
    "a letter came from Lisbon",
    "the reeds are cut in winter",
)


@asynccontextmanager
async def remembered() -> AsyncIterator[Space]:
    async with simulated_store(embedder=HashingEmbedder()) as db:
        space = await db.space()
        await space.remember_many(list(TEXTS))
        yield space


def likely(hits: RecallResult) -> dict[str, float]:
    return {hit.memory.content: hit.relevance for hit in hits}


async def test_what_has_every_word_of_the_cue_is_far_likelier_than_the_others() -> None:
    async with remembered() as space:
        found = await space.recall("a letter from Lisbon", reinforce=False)
    first, *others = [hit.relevance for hit in found]
    assert found[0].memory.content == "a letter came from Lisbon"
    assert first > 0.8
    assert others
    assert max(others) < 0.3


@pytest.mark.parametrize("mode", ["hybrid", "similarity", "spreading"])
async def test_it_does_not_depend_on_how_many_are_asked_for(mode: str) -> None:
    async with remembered() as space:
        several = await space.recall("heron in the reeds", limit=5, mode=mode, reinforce=False)
        one = await space.recall("heron in the reeds", limit=1, mode=mode, reinforce=False)
    assert [hit.memory.content for hit in one] == [several[0].memory.content]
    assert one[0].relevance == pytest.approx(several[0].relevance)
    assert [hit.rank for hit in several] == list(range(len(several)))
    assert not any(hit.lead for hit in several.recollections[1:])


async def test_a_single_candidate_is_as_likely_as_what_it_has_in_common_with_the_cue() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("a letter came from Lisbon")
        whole = (await space.recall("letter Lisbon"))[0]
        part = (await space.recall("letter about herons, reeds, rye and mills"))[0]
    assert whole.relevance > part.relevance
    assert whole.words > part.words


async def test_time_does_not_make_a_memory_less_relevant() -> None:
    clock = FakeClock()
    async with simulated_store(embedder=HashingEmbedder(), clock=clock) as db:
        space = await db.space()
        await space.remember_many(list(TEXTS))
        now = await space.recall("heron in the reeds", reinforce=False)
        clock.advance(_YEAR_NS)
        later = await space.recall("heron in the reeds", reinforce=False)
    assert later[0].score < now[0].score
    assert likely(later) == pytest.approx(likely(now), abs=1e-5)


async def test_statements_return_it_and_sort_by_it() -> None:
    async with remembered() as space:
        recalled = await space.recall("heron in the reeds", reinforce=False)
        answer = await space.query('RECALL "heron in the reeds" ORDER BY relevance')
        best = await space.query('RECALL "heron in the reeds" ORDER BY relevance DESC LIMIT 2')
    told = {row["content"]: row["relevance"] for row in answer}
    assert told == pytest.approx(likely(recalled))
    assert list(told.values()) == sorted(told.values())
    assert [row["content"] for row in best] == list(likely(recalled))[:2]


async def test_an_explanation_tells_it() -> None:
    async with remembered() as space:
        found = await space.recall("heron in the reeds", explain=True)
    assert f"relevance {found[0].relevance:.2f}, confidence" in found.explain()
