"""Sketches of the bodies in RAM come back with a snapshot, and leave it with an erased memory."""

from __future__ import annotations

import numpy as np
import pytest

from engram.engine.space_engine import SpaceEngine
from engram.service.store import Engram
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

_COUNT = 4_200
_VECTORS = np.random.default_rng(1).standard_normal((_COUNT, 8), np.float32)


def engine_of(db: Engram) -> SpaceEngine:
    engine = db._core.registry.open_now("default")
    assert engine is not None
    return engine


async def filled(disk: SimulatedFilesystem) -> None:
    async with simulated_store(disk) as db:
        space = await db.space()
        await space.remember_many([""] * _COUNT, embeddings=_VECTORS)
        engine = engine_of(db)
        assert not engine.sketches.step(engine.view.hot, db._core.kernels, _COUNT)
        await db.checkpoint()


async def test_a_reopened_space_has_its_sketches() -> None:
    disk = SimulatedFilesystem()
    await filled(disk)
    async with simulated_store(disk) as db:
        space = await db.space()
        engine = engine_of(db)
        assert engine.sketches.behind(engine.view.hot) == 0
        found = await space.recall(embedding=_VECTORS[7], limit=1)
        listed = await space.list(limit=8)
        assert found.recollections[0].memory.id == listed.memories[7].id


def sketched(db: Engram) -> list[float]:
    """Return the offset of the first body's sketch, -inf for none; nothing without sketches."""
    engine = engine_of(db)
    saved = engine.sketches.saved(engine.view.hot)
    return [float(page["sketches.factors"][1, 0]) for page in saved]


async def test_a_snapshot_after_an_erasure_has_no_sketch_of_what_was_erased() -> None:
    disk = SimulatedFilesystem()
    await filled(disk)
    async with simulated_store(disk) as db:
        space = await db.space()
        first = (await space.list(limit=1)).memories[0]
        assert np.isfinite(sketched(db)).all()
        await space.forget(first.id, mode="erase")
        assert sketched(db) in ([], [-np.inf])
    async with simulated_store(disk) as db:
        await db.space()
        assert sketched(db) in ([], [-np.inf])
