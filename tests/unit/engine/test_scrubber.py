"""The background scrub names what is damaged, and the space goes on."""

from __future__ import annotations

import anyio
import numpy as np
import pytest

from engram.model.memory import SpaceStats
from engram.service.store import Engram
from engram.settings import load_settings
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from engram.testing.tiered_store import MEMORIES, files_of, tiered_store

pytestmark = pytest.mark.anyio
RATE = 1 << 20


async def scrubbed(db: Engram) -> SpaceStats:
    """Return the statistics once a whole pass is over that began after this call."""
    space = await db.space()
    passes = {(await space.stats()).scrubbed_at}
    with anyio.fail_after(30):
        while len(passes) < 3:
            await anyio.lowlevel.checkpoint()
            passes.add((await space.stats()).scrubbed_at)
    return await space.stats()


def flip(disk: SimulatedFilesystem, path: str) -> None:
    def change(data: bytearray) -> None:
        data[-1] ^= 0x10

    disk.damage(path, change)


async def test_a_sound_store_is_read_again_and_nothing_is_told() -> None:
    disk = await tiered_store()
    async with simulated_store(disk, scrub_bytes_per_s=RATE) as db:
        stats = await scrubbed(db)
    assert stats.scrubbed_at is not None
    assert stats.scrub_damage == ()


@pytest.mark.parametrize("kind", [".snapshot", ".part", ".words", "/SEGMENT", "texts.bin"])
async def test_damage_that_comes_while_a_space_serves_is_named_and_it_goes_on(kind: str) -> None:
    disk = await tiered_store()
    async with simulated_store(disk, scrub_bytes_per_s=RATE) as db:
        space = await db.space()
        assert (await scrubbed(db)).scrub_damage == ()
        path = next(path for path in files_of(disk) if path.endswith(kind))
        flip(disk, path)
        stats = await scrubbed(db)
        assert any(path in told for told in stats.scrub_damage), stats.scrub_damage
        assert {told.partition(" ")[0] for told in stats.scrub_damage} == {path}
        added = await space.remember("one more", embedding=np.ones(8, np.float32))
        assert (await space.get(added.id)).content == "one more"
        assert (await space.stats()).memories == MEMORIES + 1


async def test_what_snapshots_no_longer_name_is_not_told() -> None:
    """The damaged snapshot gives way to two others, and its files go."""
    disk = await tiered_store()
    async with simulated_store(disk, scrub_bytes_per_s=RATE) as db:
        space = await db.space()
        await scrubbed(db)
        flip(disk, min(path for path in files_of(disk) if path.endswith(".snapshot")))
        assert (await scrubbed(db)).scrub_damage
        for number in range(2):
            await space.remember(f"more {number}", embedding=np.ones(8, np.float32))
            await db.checkpoint()
        assert (await scrubbed(db)).scrub_damage == ()


async def test_nothing_is_read_unless_asked() -> None:
    disk = await tiered_store()
    async with simulated_store(disk) as db:
        before = disk.call_count
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        assert disk.call_count == before
        assert (await (await db.space()).stats()).scrubbed_at is None


def test_a_rate_is_read_from_the_environment() -> None:
    assert load_settings({"ENGRAM_SCRUB_BYTES_PER_S": "0"}).scrub_bytes_per_s == 0
    assert load_settings({"ENGRAM_SCRUB_BYTES_PER_S": "1MiB"}).scrub_bytes_per_s == 1 << 20
