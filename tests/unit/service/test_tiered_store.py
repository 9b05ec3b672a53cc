"""A store whose bodies are in tiers answers as one that has all of them in RAM."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.to_thread
import numpy as np
import pytest
from numpy.typing import NDArray

from engram.engine.checkpointer import LEFT_SEGMENTS_MIN, LEFT_SHARE_MAX
from engram.engine.space_engine import SpaceEngine
from engram.model.capacities import Capacities
from engram.model.errors import Overloaded
from engram.model.limits import CHECKPOINT_LOG_BYTES_DEFAULT
from engram.service.space import Space
from engram.service.store import Engram
from engram.storage.retained import directory_of
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.store_insides import engine_of
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio
SMALL: Final = Capacities(hot=100, warm=150, cold=5_000, segment=50)
COUNT: Final = 600
DIMENSIONS: Final = 16


def _vectors() -> NDArray[np.float32]:
    return np.random.default_rng(3).standard_normal((COUNT, DIMENSIONS), np.float32)


@asynccontextmanager
async def tiered(disk: SimulatedFilesystem) -> AsyncIterator[Engram]:
    async with simulated_store(disk, capacities=SMALL) as db:
        yield db


async def _filled(db: Engram) -> Space:
    space, vectors = await db.space(), _vectors()
    for first in range(0, COUNT, 60):
        texts = [f"n{row} {'red' if row % 37 == 5 else 'blue'}" for row in range(first, first + 60)]
        await space.remember_many(texts, embeddings=vectors[first : first + 60])
    return space


async def _until_in_tiers(space: Space) -> None:
    with anyio.fail_after(30):
        while True:
            stats = await space.stats()
            if stats.hot < 150 and stats.warm < 200 and stats.cold:
                return
            await anyio.to_thread.run_sync(lambda: None)


async def _found(space: Space) -> list[list[str]]:
    cues = _vectors()[::37]
    by_vector = [(await space.recall(embedding=cue)).recollections for cue in cues]
    by_words = (await space.recall("red", limit=50)).recollections
    pages = (await space.list(limit=1000)).memories
    shown = [[f"{each.memory.id} {each.memory.content}" for each in found] for found in by_vector]
    words = sorted(each.memory.content for each in by_words)
    return [*shown, words, [f"{memory.id} {memory.content}" for memory in pages]]


async def test_recall_and_list_answer_the_same_before_and_after_bodies_moved() -> None:
    async with simulated_store() as db:
        expected = await _found(await _filled(db))
    disk = SimulatedFilesystem()
    async with tiered(disk) as db:
        space = await _filled(db)
        await _until_in_tiers(space)
        found = await _found(space)
        assert [[text.split(" ", 1)[1] for text in each] for each in found[:-2]] == [
            [text.split(" ", 1)[1] for text in each] for each in expected[:-2]
        ]
        assert len(found[-1]) == COUNT


async def test_bodies_are_where_a_checkpoint_says_after_reopening_and_a_crash() -> None:
    disk = SimulatedFilesystem()
    async with tiered(disk) as db:
        space = await _filled(db)
        await _until_in_tiers(space)
        expected = await _found(space)
        engine = engine_of(db, space.id)
        assert engine is not None
        assert engine.checkpointer is not None
        await engine.checkpointer.checkpoint()
    async with tiered(disk) as db:
        space = await db.space()
        assert (await space.stats()).cold
        assert await _found(space) == expected
        await space.remember("one more", embedding=_vectors()[0])
    disk.crash()
    async with tiered(disk) as db:
        space = await db.space()
        found = await _found(space)
        assert found[-1][:-1] == expected[-1]
        assert found[-1][-1].endswith("one more")


async def test_segments_that_no_snapshot_names_are_gone_after_reopening() -> None:
    disk = SimulatedFilesystem()
    async with tiered(disk) as db:
        space = await _filled(db)
        await _until_in_tiers(space)
        expected = await _found(space)
    async with tiered(disk) as db:
        space = await db.space()
        assert await _found(space) == expected


async def test_a_conversion_whose_vectors_do_not_fit_is_refused_before_it_begins() -> None:
    embedder = HashingEmbedder(dimensions=512)
    async with simulated_store(embedder=embedder, memory_budget=1 << 20) as db:
        space = await db.space()
        for first in range(0, 300, 100):
            await space.remember_many([f"text {first + row}" for row in range(100)])
        with pytest.raises(Overloaded, match="memory_budget of 1048576"):
            await space.reembed()


def _segments_in_use(engine: SpaceEngine) -> set[str]:
    segments = [part.segment for part in engine.view.sealed if part is not None]
    return {directory_of(each.tier, each.number) for each in segments}


def _segments_on(disk: SimulatedFilesystem) -> set[str]:
    return {f"{tier}/{name}" for tier in ("warm", "cold") for name in disk.list(f"default/{tier}")}


async def test_a_segment_replaced_between_two_snapshots_goes_with_the_second() -> None:
    """What is on the disk then is what readers search and what a snapshot names."""
    disk = SimulatedFilesystem()
    async with tiered(disk) as db:
        space = await _filled(db)
        await _until_in_tiers(space)
        for tag in ("a", "b", "c"):
            texts = [f"{tag}{number}" for number in range(200)]
            vectors = np.random.default_rng(5).standard_normal((200, DIMENSIONS), np.float32)
            await space.remember_many(texts, embeddings=vectors)
            await _until_in_tiers(space)
        written = max(
            int(name) for tier in ("warm", "cold") for name in disk.list(f"default/{tier}")
        )
        await db.checkpoint()
        await db.checkpoint()
        engine = engine_of(db, "default")
        assert engine is not None
        wanted = _segments_in_use(engine)
        for each in engine.checkpoints.snapshots.retained:
            wanted |= each.segments()
        found = _segments_on(disk)
        assert found == wanted
        assert len(found) < written


def _kept_for_snapshots(disk: SimulatedFilesystem, engine: SpaceEngine) -> int:
    """Return how many bodies are on the disk only because a snapshot has them there."""
    segments = _segments_on(disk) - _segments_in_use(engine)
    older = engine.checkpoints.snapshots.retained[0].body
    return SMALL.segment * len(segments) + max(0, older.hot_count - engine.view.hot.count)


async def test_what_moved_leaves_snapshots_and_disk_though_nobody_asks_for_a_snapshot() -> None:
    """While nothing is written the log does not call for one."""
    disk = SimulatedFilesystem()
    async with tiered(disk) as db:
        space = await _filled(db)
        engine = engine_of(db, "default")
        assert engine is not None
        await db.checkpoint()
        await _until_in_tiers(space)
        enough = max(LEFT_SEGMENTS_MIN * SMALL.segment, COUNT // LEFT_SHARE_MAX)
        with anyio.fail_after(30):
            while _kept_for_snapshots(disk, engine) >= enough:
                await anyio.to_thread.run_sync(lambda: None)
        assert engine.checkpoints.status.log_bytes < CHECKPOINT_LOG_BYTES_DEFAULT


async def test_who_reads_an_old_view_finds_its_segments_while_snapshots_come_and_go() -> None:
    """When nobody has it any more, they go."""
    disk = SimulatedFilesystem()
    async with tiered(disk) as db:
        space = await _filled(db)
        await _until_in_tiers(space)
        engine = engine_of(db, "default")
        assert engine is not None
        view, rows = engine.view, np.arange(COUNT)
        expected = view.contents(rows)
        before = _segments_in_use(engine)
        texts = [f"later {number}" for number in range(200)]
        await space.remember_many(texts, embeddings=_vectors()[:200])
        with anyio.fail_after(30):
            while before <= _segments_in_use(engine):
                await anyio.to_thread.run_sync(lambda: None)
        for _ in range(3):
            await db.checkpoint()
        gone = before - _segments_in_use(engine)
        assert gone <= _segments_on(disk)
        assert view.contents(rows) == expected
        del view
        await db.checkpoint()
        assert not gone & _segments_on(disk)
