"""A correction takes the place of a memory; the old one keeps its history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from engram.model.errors import (
    Conflict,
    InvalidRequest,
    MemoryNotFound,
    MemorySuperseded,
)
from engram.testing.clock import FakeClock
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from engram.testing.tiered_store import files_of

pytestmark = pytest.mark.anyio

DAY_NS = 86_400 * 10**9


async def test_a_correction_is_current_at_once_and_the_old_one_is_history() -> None:
    disk, clock = SimulatedFilesystem(), FakeClock()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        old = await space.remember("Ada lives in Paris", tags=["t"], priority=7, source="s")
        then = (await space.get(old.id)).recorded_at
        clock.advance(DAY_NS)
        new = await space.update(old.id, content="Ada lives in Berlin")
        assert new.created
        assert new.id != old.id
    for _ in range(2):
        async with simulated_store(disk, clock=clock) as engram:
            space = await engram.space()
            assert [memory.id for memory in await space.list()] == [new.id]
            assert [hit.memory.id for hit in await space.recall("where does Ada live")] == [new.id]
            current = await space.get(new.id)
            assert (current.supersedes, current.superseded_by) == (old.id, None)
            assert (current.tags, current.priority, current.source) == (("t",), 7, "s")
            for memory_id in (old.id, new.id):
                first, second = await space.history(memory_id)
                assert (first.content, second.content) == (
                    "Ada lives in Paris", "Ada lives in Berlin",
                )  # fmt: skip
                assert (first.superseded_by, first.ended_at) == (new.id, second.recorded_at)
            assert (await space.get(old.id, as_of=then)).content == "Ada lives in Paris"
            assert [m.id for m in await space.list(as_of=then)] == [old.id]
            with pytest.raises(MemorySuperseded) as caught:
                await space.get(old.id)
            assert caught.value.current_id == new.id
            await space.checkpoint()


async def test_a_correction_of_what_was_superseded_is_refused_with_the_current_id() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        ids = [(await space.remember("one")).id]
        for text in ("two", "three"):
            ids.append((await space.update(ids[-1], content=text)).id)
        for refused in (
            space.update(ids[0], content="other"),
            space.forget(ids[1]),
            space.forget_many([ids[1]]),
        ):
            with pytest.raises(MemorySuperseded, match=ids[2]):
                await refused
        assert [memory.content for memory in await space.history(ids[1])] == ["one", "two", "three"]
        await space.forget(ids[2])
        for gone in (space.history(ids[0]), space.update(ids[0], content="x"), space.get(ids[2])):
            with pytest.raises(MemoryNotFound):
                await gone


async def test_what_is_left_out_is_taken_over_and_none_takes_away() -> None:
    async with simulated_store(embedder=HashingEmbedder(16)) as engram:
        space = await engram.space()
        given: dict[str, Any] = {
            "kind": "semantic", "confidence": 0.9, "tags": ("a",), "source": "s", "session": "x",
            "metadata": {"n": 1}, "occurred_at": datetime(2020, 1, 1, tzinfo=UTC),
            "entities": ("Ada",), "priority": 3, "expires_at": datetime(2200, 1, 1, tzinfo=UTC),
            "confidence_reason": "r", "fact_key": "k", "fact_value": "v",
        }  # fmt: skip
        old = await space.remember("text", episode={"who": "Ada"}, **given)
        same = await space.update(old.id, priority=4)
        memory = await space.get(same.id)
        assert {field: getattr(memory, field) for field in given} == given | {"priority": 4}
        assert memory.episode is not None
        assert memory.content == "text"
        assert (await space.stats()).with_vectors == 1
        bare = await space.update(
            same.id, metadata=None, source=None, tags=(), entities=(), expires_at=None, episode=None
        )
        memory = await space.get(bare.id)
        assert (memory.metadata, memory.source, memory.tags) == (None, None, ())
        assert (memory.entities, memory.expires_at, memory.episode) == ((), None, None)
        with pytest.raises(InvalidRequest, match="unknown field 'mood'"):
            await space.update(bare.id, mood="x")  # type: ignore[call-arg]
        with pytest.raises(InvalidRequest, match="confidence"):
            await space.update(bare.id, confidence=2)


async def test_a_vector_follows_its_text() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        old = await space.remember("text", embedding=[1.0, 0.0])
        kept = await space.update(old.id, tags=["t"])
        assert [hit.parts["similarity"] for hit in await space.recall(embedding=[1, 0])] == [1.0]
        with pytest.raises(InvalidRequest, match="embedding="):
            await space.update(kept.id, content="other")
        await space.update(kept.id, content="other", embedding=np.array([0.0, 2.0]))
        (hit,) = await space.recall(embedding=[0, 1])
        assert (hit.memory.content, hit.parts["similarity"]) == ("other", 1.0)


async def test_the_same_correction_again_gets_the_first_answer() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        old = await space.remember("one")
        first = await space.update(old.id, content="two", request_key="k")
        assert await space.update(old.id, content="two", request_key="k") == first
        with pytest.raises(Conflict):
            await space.update(old.id, content="three", request_key="k")
        assert (await space.list()).total == 1


async def test_a_text_that_was_corrected_may_be_remembered_anew() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        old = await space.remember("one")
        new = await space.update(old.id, content="two")
        assert (await space.remember("two")).id == new.id
        again = await space.remember("one")
        assert again.created
        assert [memory.id for memory in await space.history(new.id)] == [old.id, new.id]


async def test_history_outlives_a_compaction_until_the_last_version_is_forgotten() -> None:
    disk, clock = SimulatedFilesystem(), FakeClock()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        gone = await space.remember("forgotten")
        old = await space.remember("one")
        new = await space.update(old.id, content="two")
        await space.forget(gone.id)
        clock.advance(30 * DAY_NS)
        assert (await space.compact()).rows_dropped == 1
        assert [m.content for m in await space.history(new.id)] == ["one", "two"]
        await space.forget(new.id)
        clock.advance(30 * DAY_NS)
        assert (await space.compact()).rows_dropped == 2


async def test_erasing_a_memory_erases_what_it_once_was() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        first = await space.remember("zebedee one")
        second = await space.update(first.id, content="zebedee two")
        await space.remember("kept")
        await space.forget(second.id, mode="erase")
        assert [memory.content for memory in await space.list()] == ["kept"]
        with pytest.raises(MemoryNotFound):
            await space.history(first.id)
    assert [path for path in files_of(disk) if b"zebedee" in disk.content(path)] == []


async def test_erasing_an_earlier_version_leaves_the_later_ones() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        ids = [(await space.remember("one")).id]
        for text in ("two", "three"):
            ids.append((await space.update(ids[-1], content=text)).id)
        await space.forget(ids[1], mode="erase")
        assert [memory.content for memory in await space.history(ids[2])] == ["three"]
        assert (await space.get(ids[2])).supersedes is None
