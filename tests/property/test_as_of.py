"""Asking about an earlier time, against a list of when each memory came and went."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pytest

from engram.model.memory import to_datetime
from engram.service.space import Space
from engram.testing.clock import FakeClock
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

WORDS = ("tea", "sea", "house", "boat", "wine")


class Life(NamedTuple):
    """One memory of the slow model."""

    id: str
    content: str
    recorded_at: datetime
    ended_at: datetime | None


def known(lives: Sequence[Life], moment: datetime) -> dict[str, Life]:
    return {
        life.id: life
        for life in lives
        if life.recorded_at <= moment and (life.ended_at is None or life.ended_at > moment)
    }


async def grown(space: Space, clock: FakeClock, chance: random.Random) -> list[Life]:
    """Remember, forget and remember again, with the clock set back now and then."""
    lives: list[Life] = []
    for number in range(40):
        clock.advance(chance.choice([1_000, 10**9, 3_600 * 10**9]))
        if chance.random() < 0.1:
            clock.set_wall_time(clock.now() - 10**12)
        living = [each for each in lives if each.ended_at is None]
        if living and chance.random() < 0.4:
            gone = chance.choice(living)
            await space.forget(gone.id)
            assert space._core.registry.open_now(space.id) is not None
            ended = to_datetime(space._core.registry.open_now(space.id).view.recorded_last)  # type: ignore[union-attr]
            lives[lives.index(gone)] = gone._replace(ended_at=ended)
            continue
        count = chance.choice([1, 1, 3])
        texts = [f"{' '.join(chance.choices(WORDS, k=3))} {number}-{n}" for n in range(count)]
        for memory_id in (await space.remember_many(texts)).ids:
            memory = await space.get(memory_id)
            lives.append(Life(memory.id, memory.content, memory.recorded_at, None))
    return lives


@pytest.mark.parametrize("seed", range(3))
async def test_every_answer_about_the_past_is_that_of_the_time(seed: int) -> None:
    """Listing, getting and recalling as of a time show what lived then, also after reopening."""
    chance = random.Random(seed)  # noqa: S311 - repeatable is the point
    clock, disk = FakeClock(), SimulatedFilesystem()
    embedder = HashingEmbedder(16)
    async with simulated_store(disk, clock=clock, embedder=embedder) as engram:
        lives = await grown(await engram.space(), clock, chance)
    async with simulated_store(disk, clock=clock, embedder=embedder) as engram:
        space = await engram.space()
        moments = {life.recorded_at for life in lives} | {
            life.ended_at for life in lives if life.ended_at
        }
        for moment in chance.sample(sorted(moments), 12):
            expected = known(lives, moment)
            page = await space.list(limit=1000, as_of=moment)
            assert {memory.id for memory in page} == expected.keys()
            assert page.total == len(expected)
            assert {m.id: m.ended_at for m in page} == {i: x.ended_at for i, x in expected.items()}
            vector = (await embedder.embed(["tea"]))[0]
            found = await space.recall(embedding=vector, limit=1000, as_of=moment)
            assert {hit.memory.id for hit in found} <= expected.keys()
            found = await space.recall("tea", limit=1000, as_of=moment)
            speaking = {i for i, life in expected.items() if "tea" in life.content.split()}
            assert speaking <= {hit.memory.id for hit in found} <= expected.keys()
            assert (found.candidates, found.searched) == (len(expected), len(expected))
            for life in chance.sample(lives, 5):
                if life.id in expected:
                    assert (await space.get(life.id, as_of=moment)).content == life.content


async def test_word_scores_are_those_of_the_time() -> None:
    """What was forgotten or came later changes no score of an answer about the time before."""
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        ids = (await space.remember_many(["red tea", "tea house", "house boat", "tea tea"])).ids
        then = await space.recall("tea house", limit=10)
        moment = to_datetime(clock.now())
        clock.advance(10**9)
        await space.forget(ids[1])
        await space.forget(ids[3])
        await space.remember_many([f"tea number {n} of the house" for n in range(30)])
        assert len(await space.recall("tea house", limit=100)) == 32
        now = await space.recall("tea house", limit=10, as_of=moment)
        assert [(hit.memory.id, hit.parts["lexical"]) for hit in now] == [
            (hit.memory.id, hit.parts["lexical"]) for hit in then
        ]
