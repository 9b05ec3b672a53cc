"""Memories are linked to what they are like, some time after they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine.background import Unasked
from engram.model.errors import Closed
from engram.model.limits import AUTOMATIC_EDGES_MAX
from engram.retrieval.likeness import LINKS_COUNT
from engram.state.digest import digest
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.store_insides import engine_of
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.service.space import Space

pytestmark = pytest.mark.anyio

DIMENSIONS = 16


def directions(topics: int, each: int, spread: float = 0.1) -> NDArray[np.float32]:
    """Return float32[topics * each, d]: vectors near one direction a topic, a topic in a row."""
    chance = np.random.default_rng(5)
    centres = np.repeat(np.linalg.qr(chance.normal(size=(DIMENSIONS, DIMENSIONS)))[0], each, 0)
    noise = chance.normal(size=(topics * each, DIMENSIONS)) * spread
    return np.asarray(centres[: topics * each] + noise, np.float32)


async def remembered(space: Space, vectors: NDArray[np.float32], name: str = "m") -> list[str]:
    """Remember a memory a vector; return their ids."""
    texts = [f"{name}{n}" for n in range(len(vectors))]
    return list((await space.remember_many(texts, embeddings=vectors)).ids)


async def linked_to(space: Space, memory_id: str) -> set[str]:
    """Return what a memory is linked to."""
    found = await space.associations(memory_id, kinds=["semantic"])
    assert all(each.automatic and 0 < each.weight <= 1 for each in found)
    return {str(each.target_id) for each in found}


async def test_memories_are_linked_both_ways_to_what_they_are_like_and_to_nothing_else() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        ids = await remembered(space, directions(12, 3))
        assert (await space.stats()).unlinked == len(ids)
        assert await space.wait_linked() == 0
        assert (await space.stats()).unlinked == 0
        for n, memory_id in enumerate(ids):
            first = n // 3 * 3
            assert await linked_to(space, memory_id) == {*ids[first : first + 3]} - {memory_id}


async def test_nothing_is_linked_twice_nor_after_reopening() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        ids = await remembered(space, directions(12, 2))
        await space.wait_linked()
        lsn = (await space.stats()).lsn
        await space.wait_linked()
        assert (await space.stats()).lsn == lsn
    async with simulated_store(disk) as engram:
        space = await engram.space()
        assert (await space.stats()).unlinked == 0
        await space.checkpoint()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        assert (await space.stats()).unlinked == 0
        assert await linked_to(space, ids[0]) == {ids[1]}


async def test_memories_without_a_vector_and_forgotten_ones_do_not_hold_it_up() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember_many([f"words only {n}" for n in range(300)])
        assert await space.wait_linked() == 0
        ids = await remembered(space, directions(12, 2))
        for memory_id in ids[:2]:
            await space.forget(memory_id)
        assert await space.wait_linked() == 0
        assert await linked_to(space, ids[2]) == {ids[3]}


async def test_a_memory_that_is_given_its_vector_later_is_linked_all_the_same() -> None:
    disk, vectors = SimulatedFilesystem(), directions(12, 2)
    texts = [f"m{n}" for n in range(len(vectors))]
    async with simulated_store(disk) as engram:
        space = await engram.space()
        ids = list((await space.remember_many(texts[:2])).ids)
        assert await space.wait_linked() == 0
        # Nobody has recorded how far it came when the first is given its vector.
        await space.remember(texts[0], embedding=vectors[0])
        assert (await space.stats()).unlinked == 1
        ids += (await space.remember_many(texts[2:], embeddings=vectors[2:])).ids
        assert await space.wait_linked() == 0
        await space.remember(texts[1], embedding=vectors[1])
        assert (await space.stats()).unlinked == 1
    async with simulated_store(disk) as engram:
        space = await engram.space()
        await space.checkpoint()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        assert (await space.stats()).unlinked == 1
        assert not await linked_to(space, ids[1])
        assert await space.wait_linked() == 0
        assert await linked_to(space, ids[1]) == {ids[0]}
        assert await linked_to(space, ids[0]) == {ids[1]}
        lsn = (await space.stats()).lsn
        await space.wait_linked()
        assert (await space.stats()).lsn == lsn


async def test_what_was_given_vectors_late_waits_for_its_links_through_a_compaction() -> None:
    async with simulated_store(history_retention_ns=0) as engram:
        space, vectors = await engram.space(), directions(12, 2)
        texts = [f"m{n}" for n in range(len(vectors))]
        ids = list((await space.remember_many(texts[:4])).ids)
        ids += (await space.remember_many(texts[4:], embeddings=vectors[4:])).ids
        await space.wait_linked()
        for n in (2, 1, 0, 3):
            await space.remember(texts[n], embedding=vectors[n])
        assert (await space.stats()).unlinked == 4
        await space.forget(ids[2])
        await space.forget(ids[3], mode="erase")
        await space.compact()
        assert (await space.stats()).unlinked == 2
        assert await space.wait_linked() == 0
        assert await linked_to(space, ids[0]) == {ids[1]}


async def test_no_memory_has_more_than_so_many_automatic_links() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        others = await remembered(space, directions(12, 1), "other")
        alike = directions(1, 40, spread=0.01)
        ids = await remembered(space, alike)
        await space.wait_linked()
        counts = [len(await linked_to(space, each)) for each in ids]
        assert min(counts) >= LINKS_COUNT
        assert max(counts) <= AUTOMATIC_EDGES_MAX
        assert all([not await linked_to(space, each) for each in others[1:]])


async def test_near_duplicates_are_reported_and_kept() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vectors = directions(12, 2)
        ids = await remembered(space, vectors)
        twins = await remembered(space, vectors[:2] + np.float32(0.001), "twin")
        await space.wait_linked()
        found = await space.near_duplicates()
        pairs = [(each.memory.id, each.other.id) for each in found]
        assert {(ids[0], twins[0]), (ids[1], twins[1])} <= set(pairs)
        likenesses = [each.similarity for each in found]
        assert likenesses == sorted(likenesses, reverse=True)
        assert len(await space.near_duplicates(limit=1)) == 1
        assert (await space.stats()).memories == len(ids) + len(twins)
        await space.forget(ids[0])
        left = {each.memory.id for each in await space.near_duplicates()}
        assert ids[0] not in left


async def test_what_is_forgotten_or_superseded_leads_nowhere_at_once() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        ids = await remembered(space, directions(12, 3))
        await space.wait_linked()
        await space.forget(ids[0], mode="erase")
        newer = await space.update(ids[1], content="another", embedding=directions(12, 1)[5])
        assert await linked_to(space, ids[2]) == set()
        await space.wait_linked()
        assert await linked_to(space, newer.id) == {*ids[15:18]}


async def test_another_embedder_has_links_of_its_own() -> None:
    async with simulated_store(embedder=HashingEmbedder()) as engram:
        space = await engram.space()
        await space.remember_many([f"{n} {n}" for n in range(8)])
        await space.wait_linked()
        await space.reembed()
        assert (await space.stats()).unlinked == 8
        assert await space.wait_linked() == 0


async def test_links_come_unasked_when_the_space_is_idle() -> None:
    async with simulated_store(unasked=Unasked(links=True, concepts=False)) as engram:
        space = await engram.space()
        ids = await remembered(space, directions(12, 2))
        with anyio.fail_after(60):
            while (await space.stats()).unlinked:
                await lowlevel.checkpoint()
        assert await linked_to(space, ids[0]) == {ids[1]}


async def test_waiting_ends_when_the_time_is_over_or_the_space_is_closed() -> None:
    async with simulated_store() as engram:
        space = await engram.space("other")
        await remembered(space, directions(12, 2))
        assert await space.wait_linked(timeout=0) == 24
        linker = engram._core.registry.linker_of("other")
        await engram.drop_space("other")
        with pytest.raises(Closed):
            await linker.wait()


async def test_a_compaction_of_forgotten_memories_that_were_linked_changes_no_digest() -> None:
    async with simulated_store(history_retention_ns=0) as engram:
        space = await engram.space()
        for memory_id in await remembered(space, directions(1, 2)):
            await space.wait_linked()
            await space.forget(memory_id)
        engine = engine_of(engram, "default")
        assert engine is not None
        before = digest(engine.view)
        assert (await engram.compact()).rows_dropped == 2
        assert digest(engine.view) == before
