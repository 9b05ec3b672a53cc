"""The word index saved beside a snapshot: loaded, caught up, shared, and dropped when damaged."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine.space_engine import SpaceEngine
from engram.engine.words import Words
from engram.kernels.numpy_backend import NumpyBackend
from engram.retrieval.lexical import DUMP_VERSION
from engram.service.store import Engram
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

CUES = ("lake", "cold river", "number 17", "nothing of this")


def engine_of(db: Engram) -> SpaceEngine:
    engine = db._core.registry.open_now("default")
    assert engine is not None
    return engine


def answers(engine: SpaceEngine) -> list[tuple[list[float], list[int]]]:
    """Return the scores and rows of each cue."""
    words, kernels, found = engine.words.at(engine.view), NumpyBackend(), []
    for cue in CUES:
        scores, rows = words.top_k(kernels, words.asked(cue), 10)
        found.append((scores.tolist(), rows.tolist()))
    return found


async def filled(disk: SimulatedFilesystem, *, forget: int = 0) -> None:
    """Fill a store, let its words be indexed, and take a snapshot."""
    async with simulated_store(disk) as db:
        space = await db.space()
        texts = [f"the lake number {number} is cold" for number in range(40)]
        await space.remember_many([*texts, "a river runs", "a cold river"])
        engine = engine_of(db)
        engine.words.at(engine.view)
        for memory in (await space.list(limit=forget or 1)).memories[:forget]:
            await space.forget(memory.id)
        engine.words.at(engine.view)
        await db.checkpoint()


@pytest.mark.parametrize("forget", [0, 3])
async def test_a_reopened_space_has_its_words_and_answers_alike(forget: int) -> None:
    disk = SimulatedFilesystem()
    await filled(disk, forget=forget)
    async with simulated_store(disk) as db:
        space = await db.space()
        engine = engine_of(db)
        assert engine.words.rows_indexed == engine.view.count == 42
        fresh = Words()
        loaded, engine.words = answers(engine), fresh
        assert loaded == answers(engine)
        assert (await space.recall("lake")).recollections


async def test_a_loaded_index_goes_on_with_what_comes_and_goes() -> None:
    disk = SimulatedFilesystem()
    await filled(disk)
    async with simulated_store(disk) as db:
        space = await db.space()
        await space.remember("another river, very cold")
        await space.forget((await space.list(limit=1)).memories[0].id)
        engine = engine_of(db)
        grown, engine.words = answers(engine), Words()
        assert grown == answers(engine)
        await db.checkpoint()
    async with simulated_store(disk) as db:
        await db.space()
        assert answers(engine_of(db)) == grown


async def test_words_that_did_not_change_are_not_written_again() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space()
        rng = np.random.default_rng(0)
        texts = [
            " ".join(f"w{n}" for n in row) for row in rng.integers(0, 5_000, (6_000, 12)).tolist()
        ]
        await space.remember_many(texts)
        engine = engine_of(db)
        engine.words.at(engine.view)
        first = await db.checkpoint()
        again = await db.checkpoint()
        assert again.bytes_written < 0.1 * first.bytes_written
    async with simulated_store(disk) as db:
        assert (await db.checkpoint()).bytes_written < 0.1 * first.bytes_written


async def test_a_damaged_word_index_is_built_anew() -> None:
    disk = SimulatedFilesystem()
    await filled(disk)
    names = [name for name in disk.list("default/hot") if name.endswith(".words")]
    disk.damage(f"default/hot/{names[0]}", lambda data: data.__setitem__(40, data[40] ^ 1))
    async with simulated_store(disk) as db:
        stats = await (await db.space()).stats()
        assert "word index is built anew" in stats.recovery_notes[0]
        engine = engine_of(db)
        assert engine.words.rows_indexed == 0
        assert answers(engine)[0][1]


async def test_the_words_of_an_older_tokeniser_are_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = SimulatedFilesystem()
    await filled(disk)
    monkeypatch.setattr("engram.retrieval.lexical.DUMP_VERSION", DUMP_VERSION + 1)
    async with simulated_store(disk) as db:
        await db.space()
        assert engine_of(db).words.rows_indexed == 0


async def test_words_that_came_after_the_last_snapshot_are_saved_once_they_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engram.engine.indexing.WORDS_UNSAVED_ROWS_MAX", 40)
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space()
        await space.remember_many([f"the lake number {number} is cold" for number in range(40)])
        engine = engine_of(db)
        await _until(lambda: engine.words.rows_indexed == 40)
        assert not engine.checkpoints.snapshots.retained
        await space.remember("a river runs")
        await _until(lambda: engine.checkpoints.status.lsn == engine.view.lsn)
    async with simulated_store(disk) as db:
        await db.space()
        assert engine_of(db).words.rows_indexed == 41


async def _until(reached: Callable[[], bool]) -> None:
    """Let the other tasks run until something is so."""
    with anyio.fail_after(30):
        while not reached():
            await lowlevel.checkpoint()
