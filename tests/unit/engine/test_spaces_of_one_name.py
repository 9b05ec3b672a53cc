"""A space that takes the name of one that was dropped or replaced reads nothing of that one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.small_tiers import SMALL
from engram.testing.stores import simulated_store
from tests.unit.backup.conftest import backups_on
from tests.unit.engine.test_decided_ahead import until

if TYPE_CHECKING:
    from engram.service.store import Engram

pytestmark = pytest.mark.anyio
FEW, MANY = 8, 12
"""Under tiers of a few memories: in two warm segments, and in some of which one is cold."""
SHORT, LONG = "short", "a longer text than those before"


async def fill(db: Engram, text: str, count: int) -> list[str]:
    """Remember texts until some are in a segment, reading all of them; return what they say."""
    space = await db.space("same")
    texts = [f"{text} {number}" for number in range(count)]
    for said, vector in zip(texts, np.eye(count, MANY, dtype=np.float32), strict=True):
        await space.remember(said, embedding=vector)
        await sealed(db)
        assert set(await texts_of(db)) <= set(texts)
    return sorted(texts)


async def sealed(db: Engram) -> None:
    """Wait until nothing is to be moved into segments any more."""
    registry: Any = db._core.registry
    await until(lambda: registry.open_now("same").view.hot.count < SMALL.hot + SMALL.segment)


async def texts_of(db: Engram) -> list[str]:
    return sorted(each.content for each in await (await db.space("same")).list())


def numbers_of(db: Engram) -> list[int]:
    """Return the numbers of the segments of the space; one that could not be read back has none."""
    registry: Any = db._core.registry
    return [part.segment.number for part in registry.open_now("same").view.sealed if part]


async def test_a_space_made_anew_under_a_name_reads_its_own_files() -> None:
    """Its segments are numbered from 1 again: none was written since the store was opened."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk, capacities=SMALL) as db:
        texts = await fill(db, SHORT, FEW)
        await db.checkpoint("same")
    async with simulated_store(disk, capacities=SMALL) as db:
        assert await texts_of(db) == texts
        assert numbers_of(db) == [1, 2]
        await db.drop_space("same")
        assert await fill(db, LONG, FEW) == await texts_of(db)
        assert numbers_of(db) == [1, 2]


async def test_a_space_that_was_replaced_reads_its_own_files() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(capacities=SMALL, clock=clock) as db:
        texts = await fill(db, SHORT, FEW)
        await db.backup(backups)
        await db.drop_space("same")
        assert await fill(db, LONG, MANY) == await texts_of(db)
        await db.restore(backups, space="same", replace=True)
        assert await texts_of(db) == texts


async def test_nothing_of_a_dropped_space_stays_open_or_in_the_cache() -> None:
    async with simulated_store(capacities=SMALL) as db:
        await fill(db, SHORT, FEW)
        registry: Any = db._core.registry
        segments = registry._segments
        assert segments._files.open_count
        assert segments.cache.counts().blocks
        await db.drop_space("same")
        assert (segments._files.open_count, segments.cache.counts().blocks) == (0, 0)
