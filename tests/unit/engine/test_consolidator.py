"""Concepts are formed from episodes that belong together, and follow what becomes of these."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import anyio
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine.background import Unasked
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.memory import to_datetime
from engram.retrieval.consolidation import EPISODES_MAX
from engram.testing.clock import START_NS
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.marked import files_in
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.model.concepts import Concept
    from engram.service.space import Space

pytestmark = pytest.mark.anyio

DIMENSIONS = 24


def directions(topics: int, each: int) -> NDArray[np.float32]:
    """Return float32[topics * each, d]: vectors near one direction a topic, a topic in a row."""
    chance = np.random.default_rng(7)
    centres = np.linalg.qr(chance.normal(size=(DIMENSIONS, DIMENSIONS)))[0][:topics]
    noise = chance.normal(size=(topics * each, DIMENSIONS)) * 0.06
    return np.asarray(np.repeat(centres, each, axis=0) + noise, np.float32)


async def remembered(space: Space, vectors: NDArray[np.float32], each: int) -> list[str]:
    """Remember an episode a vector, `each` of a topic in a row; return their ids."""
    items = [f"topic{n // each} told the {n}th time" for n in range(len(vectors))]
    return list((await space.remember_many(items, embeddings=vectors)).ids)


async def formed(space: Space) -> list[Concept]:
    """Return the concepts in the order they were formed."""
    return list(await space.concepts())[::-1]


async def test_a_concept_cites_the_episodes_it_was_formed_from_and_they_lead_to_it() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vectors = directions(10, 4)
        ids = await remembered(space, vectors, 4)
        done = await space.consolidate()
        assert (done.episodes, done.formed, done.grown) == (40, 10, 0)
        concepts = await formed(space)
        assert {each.memory.id for each in concepts} == set(done.concepts)
        assert sorted(i for each in concepts for i in each.episodes) == sorted(ids)
        first = next(each for each in concepts if ids[0] in each.episodes)
        assert first.episodes == tuple(ids[:4])
        assert (first.memory.kind, first.memory.source) == ("concept", "consolidation")
        assert "topic0" in first.memory.content
        assert first.memory.confidence == pytest.approx(0.9 * first.coherence, abs=1e-6)
        units = vectors[:4] / np.linalg.norm(vectors[:4], axis=1, keepdims=True)
        pairs = (units @ units.T)[np.triu_indices(4, 1)]
        assert first.coherence == pytest.approx(float(pairs.mean()), abs=1e-5)
        out = await space.associations(first.memory.id, kinds=["derived"])
        back = await space.associations(first.memory.id, direction="in", kinds=["derived"])
        assert {each.target_id for each in out} == {each.source_id for each in back} == set(ids[:4])
        assert all(each.automatic for each in (*out, *back))
        stats = await space.stats()
        assert (stats.memories, stats.concepts, stats.consolidation_rate) == (40, 10, 40 / 60)
        assert stats.with_vectors == 50


async def test_concepts_are_counted_apart_from_memories_whatever_becomes_of_them() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(filesystem=disk) as engram:
        space = await engram.space()
        ids = await remembered(space, directions(4, 4), 4)
        await space.consolidate()
        await space.forget(ids[0])
        await space.forget(ids[4], mode="erase")
        await space.forget(ids[8], mode="suppress")
        counts = (await space.stats()).memories, (await space.stats()).concepts
        assert counts == (14, 2)
        await space.checkpoint()
    async with simulated_store(filesystem=disk) as engram:
        (info,) = await engram.spaces()
        assert (info.memories, info.concepts) == counts
        (health,) = (await engram.health()).spaces
        assert (health.memories, health.concepts) == counts
        metrics = engram.metrics()
        assert metrics['engram_memories{memory_space="default"}'] == counts[0]
        assert metrics['engram_concepts{memory_space="default"}'] == counts[1]


async def test_what_is_recalled_can_be_a_concept() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vectors = directions(10, 4)
        ids = await remembered(space, vectors, 4)
        await space.consolidate()
        found = await space.recall(embedding=vectors[:4].mean(axis=0), kinds=["concept"], limit=1)
        assert "topic0" in found.recollections[0].memory.content
        assert found.recollections[0].cites == tuple(ids[:4])
        assert f"formed of {', '.join(ids[:4])}" in found.explain()
        others = await space.recall(embedding=vectors[0], kinds=["episodic"], limit=1)
        assert others.recollections[0].cites == ()


async def test_a_concept_is_not_listed_behind_a_memory_that_it_cites() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vectors = directions(10, 4)
        ids = await remembered(space, vectors, 4)
        await space.consolidate()
        cue = "topic1 told the 5th time"
        found = await space.recall(cue, embedding=vectors[5], limit=8)
        assert found.recollections[0].memory.id == ids[5]
        assert not any(ids[5] in hit.cites for hit in found)
        assert len(found) == 8
        # Before them it is listed, and where none of them is.
        first = await space.recall(embedding=vectors[5], limit=8)
        assert ids[5] in first.recollections[0].cites
        alone = await space.recall(cue, embedding=vectors[5], kinds=["concept"], limit=8)
        assert ids[5] in alone.recollections[0].cites


async def test_too_few_or_too_far_apart_in_time_form_nothing() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vectors = directions(12, 3)
        await remembered(space, vectors.reshape(12, 3, -1)[2:, :2].reshape(20, -1), 2)
        for n in range(3):
            then = to_datetime(START_NS) - timedelta(days=40 * n)
            await space.remember(f"rare {n}", embedding=vectors[n], occurred_at=then)
        done = await space.consolidate()
        assert (done.episodes, done.formed) == (23, 0)


async def test_an_episode_is_replayed_once() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        await remembered(space, directions(10, 4), 4)
        await space.consolidate()
        before = [(each.memory.id, each.episodes) for each in await space.concepts()]
        lsn = (await space.stats()).lsn
        assert (await space.consolidate()).episodes == 0
        assert (await space.stats()).lsn == lsn
    async with simulated_store(disk) as engram:
        space = await engram.space()
        assert (await space.consolidate()).episodes == 0
        await space.checkpoint()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        assert (await space.consolidate()).episodes == 0
        assert [(each.memory.id, each.episodes) for each in await space.concepts()] == before


async def test_no_more_are_replayed_than_asked_for_and_progress_is_told() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await remembered(space, directions(20, 8), 8)
        assert (await space.consolidate(episodes_max=10)).episodes == 10
        told: list[tuple[int, int]] = []
        done = await space.consolidate(progress=lambda *each: told.append(each))
        assert done.episodes == told[-1][0] == told[-1][1]
        assert all(b[0] - a[0] <= EPISODES_MAX for a, b in pairwise(told))
        assert (await space.stats()).concepts == 20


async def test_a_new_episode_joins_and_the_concept_keeps_what_it_was() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vectors = directions(10, 4)
        ids = await remembered(space, vectors.reshape(10, 4, -1)[:, :3].reshape(30, -1), 3)
        await space.consolidate()
        old = next(each for each in await space.concepts() if ids[0] in each.episodes)
        new = (await space.remember("topic0 once more", embedding=vectors[3])).id
        done = await space.consolidate()
        assert (done.episodes, done.formed, done.grown) == (1, 0, 1)
        now = next(each for each in await space.concepts() if new in each.episodes)
        assert now.episodes == (*ids[:3], new)
        assert now.memory.supersedes == old.memory.id
        beliefs = await space.belief_history(now.memory.id)
        assert [each.episodes for each in beliefs] == [old.episodes, now.episodes]
        assert [each.memory.id for each in beliefs] == [old.memory.id, now.memory.id]
        assert beliefs[0].held_until == beliefs[1].held_from
        assert beliefs[1].held_until is None
        assert await space.belief_history(old.memory.id) == beliefs
        with pytest.raises(InvalidRequest):
            await space.belief_history(new)


async def test_a_concept_ends_with_any_of_its_episodes_and_is_formed_anew_from_the_rest() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vectors = directions(10, 4)
        ids = await remembered(space, vectors, 4)
        await space.consolidate()
        await space.forget(ids[0])
        await space.update(ids[4], content="something else", embedding=vectors[8])
        left = await space.concepts()
        assert len(left) == 8
        assert not {*ids[:8]} & {i for each in left for i in each.episodes}
        await space.consolidate()
        again = {each.episodes for each in await space.concepts()}
        assert {tuple(ids[1:4]), tuple(ids[5:8])} <= again


async def test_erasing_an_episode_erases_every_version_of_its_concept() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        vectors = directions(10, 4)
        ids = await remembered(space, vectors.reshape(10, 4, -1)[:, :3].reshape(30, -1), 3)
        first = await space.consolidate()
        new = (await space.remember("topic0 and a secret", embedding=vectors[3])).id
        grown = (await space.consolidate()).concepts[0]
        await space.forget(new, mode="erase")
        for gone in (grown, new):
            with pytest.raises(MemoryNotFound):
                await space.get(gone)
        assert not [each for each in await space.concepts() if ids[0] in each.episodes]
        await space.consolidate()
        again = next(each for each in await space.concepts() if ids[0] in each.episodes)
        assert again.memory.id not in first.concepts
        assert len(await space.belief_history(again.memory.id)) == 1
    for name in files_in(disk, ""):
        assert b"a secret" not in disk.content(name), name


async def test_a_concept_hides_with_its_episodes() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        ids = await remembered(space, directions(10, 4), 4)
        await space.consolidate()
        await space.forget_many(ids[:2], mode="suppress")
        assert len(await space.concepts()) == 9
        await space.unsuppress(ids[0])
        assert len(await space.concepts()) == 9
        await space.unsuppress(ids[1])
        assert len(await space.concepts()) == 10


async def test_equal_spaces_come_to_equal_concepts() -> None:
    told = []
    for seed in (1, 2):
        async with simulated_store(seed=seed) as engram:
            space = await engram.space()
            await remembered(space, directions(20, 8), 8)
            await space.consolidate()
            told.append([(c.memory.content, c.coherence) for c in await space.concepts()])
    assert told[0] == told[1]


async def test_concepts_come_unasked_once_a_minute() -> None:
    async with simulated_store(unasked=Unasked(links=True, concepts=True)) as engram:
        space = await engram.space()
        await remembered(space, directions(10, 4), 4)
        with anyio.fail_after(60):
            while not (await space.stats()).concepts:
                await lowlevel.checkpoint()
        assert engram.metrics()['engram_consolidation_rate{memory_space="default"}'] >= 0


async def test_a_power_failure_after_any_step_loses_and_repeats_nothing() -> None:
    disk = SimulatedFilesystem()
    vectors = directions(10, 4)
    told: list[tuple[str, ...]] = []
    for step in ("remember", "link", "consolidate", "grow", "forget", "again"):
        async with simulated_store(disk, seed=len(told)) as engram:
            space = await engram.space()
            cited = sorted(each.episodes for each in await space.concepts())
            assert cited == told, f"as it was before {step}"
            if step == "remember":
                await remembered(space, vectors.reshape(10, 4, -1)[:, :3].reshape(30, -1), 3)
            elif step == "link":
                await space.wait_linked()
            elif step == "grow":
                await space.remember("topic0 once more", embedding=vectors[3])
                assert (await space.consolidate()).grown == 1
            elif step == "forget":
                await space.forget(max(told, key=len)[0])
            else:
                await space.consolidate()
                assert (await space.consolidate()).episodes == 0
            told = sorted(each.episodes for each in await space.concepts())
        disk.crash()
    assert sorted(map(len, told)) == [3] * 10
