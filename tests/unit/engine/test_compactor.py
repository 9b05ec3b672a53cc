"""Compactions of a space at work: what may still be asked is answered as before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import anyio
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine import compactor
from engram.engine.space_engine import SpaceEngine
from engram.model.errors import InvalidRequest, MemoryNotFound, Overloaded
from engram.model.memory import to_datetime
from engram.service.space import Space
from engram.service.store import Engram
from engram.state.digest import digest, history_digest
from engram.testing.clock import FakeClock
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

DAY_NS = 86_400 * 10**9


class StandingClock(FakeClock):
    """A clock that only the test moves."""

    async def sleep_until(self, deadline: int) -> None:  # noqa: ARG002 - no time passes
        """Let the other tasks run."""
        await lowlevel.checkpoint()


def engine_of(engram: Engram) -> SpaceEngine:
    engine = engram._core.registry.open_now("default")
    assert engine is not None
    return engine


async def filled(space: Space, count: int = 40) -> Sequence[str]:
    texts: list[Any] = [
        {"content": f"tea number {n}", "tags": [f"tag{n % 5}"], "session": f"session {n}"}
        for n in range(count)
    ]
    return (await space.remember_many(texts)).ids


async def recalled(space: Space, **more: Any) -> dict[str, tuple[float, float]]:
    found = await space.recall("tea number 7", limit=1000, reinforce=False, **more)
    return {hit.memory.id: (hit.parts["similarity"], hit.parts["lexical"]) for hit in found}


async def test_what_was_forgotten_long_ago_goes_and_nothing_else() -> None:
    clock, disk, embedder = StandingClock(), SimulatedFilesystem(), HashingEmbedder(8)
    async with simulated_store(disk, clock=clock, embedder=embedder) as engram:
        space, engine = await engram.space(), engine_of(engram)
        ids = await filled(space)
        for memory_id in ids[:10]:
            await space.forget(memory_id)
        clock.advance(6 * DAY_NS)
        moment = to_datetime(clock.now())
        for memory_id in ids[10:15]:
            await space.forget(memory_id)
        clock.advance(2 * DAY_NS)
        before, listed = await recalled(space), list(await space.list(limit=1000))
        then = await recalled(space, as_of=moment)
        digests = digest(engine.view), history_digest(engine.view, clock.now() - 7 * DAY_NS)
        done = await space.compact()
        assert (done.rows_dropped, engine.view.count) == (10, 30)
        assert done.bytes_freed > 0
        after = digest(engine.view), history_digest(engine.view, clock.now() - 7 * DAY_NS)
        assert after == digests
        assert await recalled(space) == before
        assert [memory.id for memory in listed] == [m.id for m in await space.list(limit=1000)]
        assert await recalled(space, as_of=moment) == then
        assert (await space.list(limit=1000, tags_any=["tag1"])).total == 5
        with pytest.raises(MemoryNotFound):
            await space.get(ids[0])
        assert (await space.compact()).rows_dropped == 0
    async with simulated_store(disk, clock=clock, embedder=embedder) as engram:
        space, engine = await engram.space(), engine_of(engram)
        assert (engine.view.count, engine.view.numbering) == (30, 1)
        assert digest(engine.view) == digests[0]
        assert await recalled(space) == before
        assert await recalled(space, as_of=moment) == then


async def test_history_that_was_let_go_of_is_not_asked_for_in_vain() -> None:
    """A longer retention, or a clock set back, does not bring back what is gone."""
    clock, disk = StandingClock(), SimulatedFilesystem()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        ids = await filled(space)
        moment = to_datetime(clock.now())
        await space.forget(ids[0])
        clock.advance(8 * DAY_NS)
        await space.compact()
    async with simulated_store(disk, clock=clock, history_retention_ns=30 * DAY_NS) as engram:
        space = await engram.space()
        with pytest.raises(InvalidRequest) as caught:
            await space.list(as_of=moment)
        earliest = to_datetime(clock.now() - 7 * DAY_NS)
        assert earliest.isoformat()[:10] in str(caught.value)
        assert (await space.list(limit=100, as_of=earliest + timedelta(seconds=1))).total == 39


async def test_without_history_everything_forgotten_goes() -> None:
    clock = StandingClock()
    async with simulated_store(clock=clock, history_retention_ns=0) as engram:
        space = await engram.space()
        ids = await filled(space)
        clock.set_wall_time(clock.now() - DAY_NS)
        for memory_id in ids[1:]:
            await space.forget(memory_id)
        assert (await space.compact()).rows_dropped == 39
        assert [memory.id for memory in await space.list()] == [ids[0]]


async def test_readers_and_writers_go_on_while_a_space_is_compacted() -> None:
    clock, embedder = StandingClock(), HashingEmbedder(8)
    async with simulated_store(clock=clock, embedder=embedder) as engram:
        space = await engram.space()
        ids = await filled(space, 120)
        for memory_id in ids[::2]:
            await space.forget(memory_id)
        clock.advance(8 * DAY_NS)
        living = set(ids[1::2])
        done = anyio.Event()

        async def write() -> None:
            number = 0
            while not done.is_set():
                living.add((await space.remember(f"coffee {number}")).id)
                number += 1
                await lowlevel.checkpoint()

        async def read() -> None:
            while not done.is_set():
                await lowlevel.checkpoint()
                found = await space.recall("tea number", limit=1000)
                assert {hit.memory.id for hit in found} >= set(ids[1::2])
                assert not {hit.memory.id for hit in found} & set(ids[::2])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            tasks.start_soon(read)
            assert (await space.compact()).rows_dropped == 60
            done.set()
        assert {memory.id for memory in await space.list(limit=1000)} == living
        assert {hit.memory.id for hit in await space.recall("coffee tea", limit=1000)} == living


async def test_a_reader_of_before_still_has_the_words_of_before() -> None:
    clock = StandingClock()
    async with simulated_store(clock=clock) as engram:
        space, engine = await engram.space(), engine_of(engram)
        ids = await filled(space)
        for memory_id in ids[:20]:
            await space.forget(memory_id)
        clock.advance(8 * DAY_NS)
        view, words = engine.view, engine.words
        await space.compact()
        assert engine.words is not words
        known = words.at(view)
        _, rows = known.top_k(engram.kernels, known.asked("tea"), 100)
        assert sorted(view.gather("id_low", rows.astype(np.int64)).tolist()) == sorted(
            engine.view.gather("id_low", np.arange(20)).tolist()
        )
        engine.recalled(view, rows.tolist())
        assert not engine.accesses.has_fresh


async def test_a_space_is_compacted_unasked_when_a_fifth_can_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compactor, "ROWS_MIN", 8)
    clock = StandingClock()
    async with simulated_store(clock=clock) as engram:
        space, engine = await engram.space(), engine_of(engram)
        ids = await filled(space)
        for memory_id in ids[:8]:
            await space.forget(memory_id)
        clock.advance(8 * DAY_NS)
        assert engine.view.count == 40
        await space.forget(ids[8])
        with anyio.fail_after(10):
            while engine.view.numbering == 0:
                await lowlevel.checkpoint()
        assert (engine.view.count, engine.view.forgotten_count) == (32, 1)
        assert engine.compactions.error is None


async def test_a_full_space_has_room_again() -> None:
    clock = StandingClock()
    async with simulated_store(clock=clock, history_retention_ns=0) as engram:
        space, engine = await engram.space(), engine_of(engram)
        ids = await filled(space)
        engine._state.cold_capacity = 40
        await space.forget(ids[0])
        with pytest.raises(Overloaded):
            await space.remember("one more")
        await space.compact()
        await space.remember("one more")


async def test_a_conversion_goes_on_over_a_compaction() -> None:
    """Vectors that were made for rows of before go to the memories they were made for."""

    class Compacting(HashingEmbedder):
        space: Space | None = None

        async def embed(self, texts: Sequence[str]) -> Any:
            if self.space is not None:
                space, self.space = self.space, None
                await space.compact()
            return await super().embed(texts)

    clock, disk, embedder = StandingClock(), SimulatedFilesystem(), Compacting(16)
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        ids = await filled(space)
        for memory_id in ids[:20]:
            await space.forget(memory_id)
    clock.advance(8 * DAY_NS)
    async with simulated_store(disk, clock=clock, embedder=embedder) as engram:
        space, engine = await engram.space(), engine_of(engram)
        embedder.space = space
        assert await space.reembed() == 20
        assert engine.view.numbering == 1
        rows = np.arange(engine.view.count)
        vectors = engine.view.vectors_of(rows)
        expected = await embedder.embed([engine.view.content(row) for row in rows.tolist()])
        assert (vectors == expected).all()


async def test_a_compaction_for_which_the_budget_has_no_room_is_refused_and_harms_nothing() -> None:
    clock = StandingClock()
    async with simulated_store(
        clock=clock, history_retention_ns=0, memory_budget=1 << 20
    ) as engram:
        space = await engram.space()
        ids = await filled(space, 200)
        await space.forget_many(ids[:3])
        engine = engine_of(engram)
        expected = digest(engine.view)
        engram._core.registry.housekeeping.budget.total_bytes = engram.resident_bytes.total + 100
        with pytest.raises(Overloaded, match="memory_budget"):
            await space.compact()
        assert engram.resident_bytes.moving == 0
        assert digest(engine.view) == expected
        engram._core.registry.housekeeping.budget.total_bytes = 3 * engram.resident_bytes.total
        assert (await space.compact()).rows_dropped == 3
