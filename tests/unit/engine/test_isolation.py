"""Damage in one space stops no other: it says why it does not serve, and they read and write."""

from __future__ import annotations

import numpy as np
import pytest

from engram.engine.checking import repair_space
from engram.model.errors import DurabilityError, FileCorrupted
from engram.service.store import Engram
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from engram.testing.tiered_store import MEMORIES, files_of, tiered_store

pytestmark = pytest.mark.anyio

SOUND = ("default", "third")
HIT = "hit"
BLOCK = 4096


async def store_without_old_log() -> SimulatedFilesystem:
    """Return the disk of three spaces; the log of one begins behind its snapshots."""
    disk = await tiered_store(*SOUND, HIT)
    for path in paths_of(disk, ".wal"):
        flip(disk, path, BLOCK * 3 + 80)
    clock, entropy = FakeClock(), SeededEntropy(1)
    await repair_space(disk, clock, entropy, "simulated", HIT, accept_loss=True)
    return disk


def paths_of(disk: SimulatedFilesystem, part: str) -> list[str]:
    found = [path for path in files_of(disk, HIT) if part in path and ".damaged" not in path]
    assert found
    return found


def flip(disk: SimulatedFilesystem, path: str, offset: int) -> None:
    def change(data: bytearray) -> None:
        data[offset] ^= 0x10

    disk.damage(path, change)


async def check_the_others(db: Engram) -> None:
    for name in SOUND:
        space = await db.space(name)
        assert len((await space.list(limit=100)).memories) == MEMORIES
        assert len((await space.recall("number 3", limit=50)).recollections) == MEMORIES
        added = await space.remember("one more", embedding=np.ones(8, np.float32))
        assert (await space.get(added.id)).content == "one more"


@pytest.mark.parametrize("part", [".snapshot", ".part", "/SEGMENT"])
async def test_a_space_nothing_leads_to_is_unavailable_and_the_others_serve(part: str) -> None:
    disk = await store_without_old_log()
    for path in paths_of(disk, part):
        flip(disk, path, 40)
    await check_only_hit_is_unavailable(disk, part)


async def test_a_space_whose_log_lost_records_is_unavailable_and_the_others_serve() -> None:
    disk = await tiered_store(*SOUND, HIT)
    (path,) = paths_of(disk, ".wal")
    flip(disk, path, BLOCK * MEMORIES + 80)
    await check_only_hit_is_unavailable(disk, ".wal")


async def check_only_hit_is_unavailable(disk: SimulatedFilesystem, part: str) -> None:
    async with simulated_store(disk) as db:
        registry = db._core.registry
        assert await registry.recover_all() == ["default", HIT, "third"]
        assert list(registry.unavailable) == [HIT]
        reason = str(registry.unavailable[HIT])
        assert any(path in reason for path in paths_of(disk, part)), reason
        phases = {each.id: (each.phase, each.reason) for each in await db.spaces()}
        assert phases[HIT] == ("unavailable", reason)
        assert [phases[name][0] for name in SOUND] == ["ready", "ready"]
        with pytest.raises(DurabilityError):
            await db.space(HIT)
        await check_the_others(db)


@pytest.mark.parametrize("part", ["MANIFEST", ".words", "durable.lsn"])
async def test_what_something_else_serves_makes_no_space_unavailable(part: str) -> None:
    disk = await tiered_store(*SOUND, HIT)
    for path in paths_of(disk, part):
        flip(disk, path, 9)
    async with simulated_store(disk) as db:
        registry = db._core.registry
        await registry.recover_all()
        assert registry.unavailable == {}
        assert len((await (await db.space(HIT)).list(limit=100)).memories) == MEMORIES
        await check_the_others(db)


@pytest.mark.parametrize("part", ["/warm/", "/cold/"])
async def test_bodies_that_cannot_be_read_are_refused_and_all_else_serves(part: str) -> None:
    """The space is open, for nothing of it but some bodies is damaged."""
    disk = await store_without_old_log()
    (texts,) = (path for path in paths_of(disk, part) if path.endswith("texts.bin"))
    flip(disk, texts, 9)
    async with simulated_store(disk) as db:
        registry = db._core.registry
        await registry.recover_all()
        assert registry.unavailable == {}
        space = await db.space(HIT)
        with pytest.raises(FileCorrupted, match=r"texts\.bin"):
            await space.list(limit=100)
        added = await space.remember("one more", embedding=np.ones(8, np.float32))
        assert (await space.get(added.id)).content == "one more"
        await check_the_others(db)
