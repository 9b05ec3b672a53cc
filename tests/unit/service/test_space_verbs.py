from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anyio
import numpy as np
import pytest

from engram.model.errors import (
    Closed,
    EmbedderMismatch,
    EngramError,
    MemoryNotFound,
    SpaceAlreadyExists,
    VectorsWouldBeLost,
)
from engram.testing.clock import START_NS, FakeClock
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

TEXTS = ["plain", "m\u00e1 m\u00e0 ma\u0301", "\u5317\u4eac \U0001f436", "nul\x00 tab\t\r\n", " "]


@pytest.mark.parametrize("text", TEXTS)
async def test_every_field_comes_back_as_it_was_given_also_after_reopening(text: str) -> None:
    disk = SimulatedFilesystem()
    given: dict[str, Any] = {
        "kind": "procedural",
        "confidence": 0.9,
        "occurred_at": datetime(1841, 5, 3, 12, tzinfo=UTC),
        "tags": ("\u0645", "b"),
        "source": "letter \u2709",
        "session": "s",
        "metadata": {"n": 2**70, "nothing": None, "deep": [{"\u00e4": 0.1}]},
    }
    async with simulated_store(disk) as engram:
        stored = await (await engram.space()).remember(text, **given)
    async with simulated_store(disk) as engram:
        memory = await (await engram.space()).get(stored.id)
    assert memory.content == text
    assert {field: getattr(memory, field) for field in given} == given


async def test_the_same_text_source_session_and_time_are_one_memory_seen_again() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        first = await space.remember("a", source="s")
        again = await space.remember("a", source="s", tags=["new"])
        others = [await space.remember("a"), await space.remember("a", session="s")]
        many = await space.remember_many(["a", {"content": "a", "source": "s"}, "b", "b"])
        assert (again.id, again.created) == (first.id, False)
        assert len({first.id, *(other.id for other in others)}) == 3
        assert many.created_count == 1
        assert list(many.ids[:2]) == [others[0].id, first.id]
        assert (await space.get(first.id)).seen_count == 3


async def test_near_vectors_never_merge_memories() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember_many(["a", "b"], embeddings=[[1.0, 0.0], [1.0, 0.0]])
        await space.remember(embedding=[1.0, 0.0])
        await space.remember(embedding=[1.0, 0.0])
        assert (await space.list()).total == 4


async def test_a_recall_that_finds_nothing_says_why() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        assert (await space.recall("x")).note == "the memory space is empty"
        await space.remember("a house", tags=["t"])
        filtered = await space.recall("house", tags_none=["t"])
        assert filtered.note == "the filters removed all 1 memories"
        assert "none shares a word" in str((await space.recall("zebra")).note)
        assert (await space.recall("house")).note is None


async def test_a_listing_goes_on_where_it_was_while_others_write_and_forget() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        many = await space.remember_many([f"t{n}" for n in range(10)])
        seen, cursor = list[str](), None
        while True:
            page = await space.list(limit=3, cursor=cursor)
            seen += [memory.content for memory in page]
            if len(seen) == 3:
                await space.forget(many.ids[2])
                await space.forget(many.ids[4])
                await space.remember("late")
            cursor = page.cursor
            if cursor is None:
                break
        assert seen == [f"t{n}" for n in range(10) if n != 4] + ["late"]
        assert page.total == 9


async def test_recorded_times_grow_when_the_clock_goes_back() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        await space.remember("a")
        clock.set_wall_time(START_NS - 10**18)
        await space.remember("b")
        assert [memory.content for memory in await space.list(limit=2)] == ["a", "b"]


async def test_a_forgotten_memory_is_gone_from_every_answer_also_after_reopening() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        stored = await space.remember("a house", embedding=[1.0, 0.0])
        assert len(await space.recall("house", embedding=[1.0, 0.0])) == 1
        await space.forget(stored.id)
    for _ in range(2):
        async with simulated_store(disk) as engram:
            space = await engram.space()
            assert len(await space.recall("house", embedding=[1.0, 0.0])) == 0
            assert (await space.list()).total == 0
            for verb in (space.get, space.forget):
                with pytest.raises(MemoryNotFound):
                    await verb(stored.id)


async def test_of_twenty_creations_at_once_of_one_id_one_succeeds() -> None:
    async with simulated_store() as engram:
        outcomes: list[str] = []

        async def create(space_id: str) -> None:
            try:
                await (await engram.create_space(space_id)).remember(space_id)
                outcomes.append("made")
            except SpaceAlreadyExists:
                outcomes.append("taken")

        async with anyio.create_task_group() as tasks:
            for n in range(20):
                tasks.start_soon(create, "same")
                tasks.start_soon(create, f"own-{n}")
        assert sorted(outcomes) == ["made"] * 21 + ["taken"] * 19
        infos = await engram.spaces()
        assert [info.memories for info in infos] == [0] + [1] * 21


async def test_nothing_crosses_from_one_space_to_another() -> None:
    random = np.random.default_rng(11)
    model: dict[str, dict[str, str]] = {name: {} for name in ("a", "b", "c")}
    async with simulated_store(embedder=HashingEmbedder()) as engram:
        spaces = {name: await engram.space(name) for name in model}
        for step in range(120):
            name = str(random.choice(list(model)))
            own = model[name]
            if own and random.random() < 0.3:
                gone = str(random.choice(list(own)))
                await spaces[name].forget(gone)
                del own[gone]
            else:
                text = f"shared words number {random.integers(30)}"
                own[(await spaces[name].remember(text)).id] = text
            if step % 10 == 0:
                for other, space in spaces.items():
                    if not model[other]:
                        continue
                    found = await space.recall("shared words number", limit=100)
                    assert {hit.memory.id: hit.memory.content for hit in found} == model[other]
                    assert {hit.memory.space for hit in found} == {other}
        for name, space in spaces.items():
            listed = {memory.id: memory.content for memory in await space.list(limit=1000)}
            assert listed == model[name]
        for other in ("b", "c"):
            with pytest.raises(MemoryNotFound):
                await spaces[other].get(next(iter(model["a"])))


async def test_a_space_opened_with_another_embedder_refuses_until_it_is_converted() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk, embedder=HashingEmbedder(16, "one@1")) as engram:
        await (await engram.space()).remember_many([f"text {n}" for n in range(5)])
    async with simulated_store(disk, embedder=HashingEmbedder(8, "two@1")) as engram:
        with pytest.raises(EmbedderMismatch, match="engram reembed --space default"):
            await engram.space()
        assert await engram.reembed() == 5
        space = await engram.space()
        assert (await space.recall("text 3", limit=1))[0].memory.content == "text 3"
        stats = await space.stats()
        assert (stats.embedder, stats.dimensions, stats.with_vectors) == ("two@1", 8, 5)


async def test_a_conversion_that_would_lose_vectors_is_refused_before_it_begins() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk, embedder=HashingEmbedder(16, "one@1")) as engram:
        space = await engram.space()
        await space.remember("a text")
        await space.remember(embedding=np.ones(16, np.float32))
    async with simulated_store(disk, embedder=HashingEmbedder(8, "two@1")) as engram:
        with pytest.raises(VectorsWouldBeLost, match="1 memories have a vector and no text"):
            await engram.reembed()


async def test_a_closed_store_says_so_itself() -> None:
    async with simulated_store() as engram:
        pass
    with pytest.raises(Closed):
        await engram.spaces()


async def test_conversions_at_once_and_writes_between_all_end() -> None:
    """Two at once used to take each other's staged vectors and ask for ever."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk, embedder=HashingEmbedder(16, "one@1")) as engram:
        await (await engram.space()).remember_many([f"text {n}" for n in range(700)])
    async with simulated_store(disk, embedder=HashingEmbedder(8, "two@1")) as engram:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(engram.reembed)
        stats = await (await engram.space()).stats()
        assert (stats.embedder, stats.with_vectors) == ("two@1", 700)


async def test_a_text_needs_a_vector_where_the_caller_gives_them() -> None:
    async with simulated_store(embedder=HashingEmbedder()) as engram:
        space = await engram.space()
        await space.remember("a", embedding=[1.0, 0.0])
        with pytest.raises(EngramError, match="pass embedding= here too"):
            await space.remember("b")
        with pytest.raises(EngramError, match="pass embedding= here too"):
            await space.remember_many(["b"])


async def test_a_batch_of_long_labels_is_cut_into_parts_the_log_takes() -> None:
    """Parts were cut by text and vectors alone; the log refused them and the space stopped."""
    async with simulated_store() as engram:
        space = await engram.space()
        items: list[Any] = [
            {"content": f"{n}", "tags": [f"{n:04}{t:02}" + "\U0001f436" * 120 for t in range(64)]}
            for n in range(600)
        ]
        assert (await space.remember_many(items)).created_count == 600
        assert (await space.remember("still serves")).created


async def test_vectors_of_one_dimension_are_vectors() -> None:
    async with simulated_store(embedder=None) as engram:
        space = await engram.space()
        await space.remember("up", embedding=[2.0])
        await space.remember_many(["down", "up too"], embeddings=[[-1.0], [3.0]])
        found = await space.recall(embedding=np.array([1.0], np.float32))
        assert {hit.memory.content for hit in found} == {"up", "up too"}
