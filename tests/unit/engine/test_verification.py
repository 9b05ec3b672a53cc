"""Whatever byte of a store is damaged, verifying names the file; nothing is changed by it."""

from __future__ import annotations

import pytest

from engram.engine.checking import StoreReport, verify_store
from engram.model.errors import InvalidRequest, SpaceNotFound, StoreInUse
from engram.state.digest import digest
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from engram.testing.tiered_store import MEMORIES, files_of, tiered_store

pytestmark = pytest.mark.anyio


async def verified(disk: SimulatedFilesystem) -> StoreReport:
    return await verify_store(disk, FakeClock(), "simulated")


def flip(disk: SimulatedFilesystem, path: str, offset: int) -> None:
    def change(data: bytearray) -> None:
        data[offset] ^= 0x10

    disk.damage(path, change)


async def test_a_sound_store_is_said_to_be_so_and_left_as_it_was() -> None:
    """Three ways lead to one state: two snapshots with the log, and the log alone."""
    disk = await tiered_store()
    before = {path: disk.content(path) for path in files_of(disk)}
    report = await verified(disk)
    (space,) = report.spaces
    assert report.is_sound
    assert (space.space, space.entries, space.opens, space.lsn) == (
        "default", MEMORIES, True, MEMORIES,
    )  # fmt: skip
    assert [way.snapshot_lsn for way in space.ways] == [10, 8, 0]
    assert len({way.digest for way in space.ways}) == 1
    assert {path: disk.content(path) for path in files_of(disk)} == before


async def test_every_kind_of_file_is_named_when_a_byte_of_it_is_flipped() -> None:
    disk = await tiered_store()
    kinds = set()
    for path in list(files_of(disk)):
        size = len(disk.content(path))
        log_end = (await verified(disk)).spaces[0].bytes_read if path.endswith(".wal") else size
        for offset in sorted({0, min(size, log_end) // 2, size - 1}):
            if path.endswith(".wal") and not disk.content(path)[offset]:
                continue  # zeros behind the last group, and those that fill one up
            flip(disk, path, offset)
            report = await verified(disk)
            damage = [*report.damage, *report.spaces[0].damage]
            assert path in [each.path for each in damage], (path, offset)
            kinds.add(path.rpartition("/")[2].rpartition(".")[2])
            flip(disk, path, offset)
    assert (await verified(disk)).is_sound
    assert {
        "STORE",
        "MANIFEST",
        "snapshot",
        "part",
        "words",
        "SEGMENT",
        "npy",
        "bin",
        "wal",
        "lsn",
    } <= kinds


async def test_a_damaged_snapshot_costs_nothing_while_another_way_is_whole() -> None:
    disk = await tiered_store()
    newest = max(path for path in files_of(disk) if path.endswith(".snapshot"))
    flip(disk, newest, 30)
    (space,) = (await verified(disk)).spaces
    (damage,) = space.damage
    assert space.opens
    assert (damage.path, damage.lost) == (newest, "nothing")
    assert damage.instead == "the snapshot at LSN 8 and the log after it"


async def test_records_that_only_the_log_has_are_lost_with_it() -> None:
    disk = await tiered_store()
    (path,) = (path for path in files_of(disk) if path.endswith(".wal"))
    flip(disk, path, 4096 * MEMORIES + 80)  # a header, and a block for each memory
    (space,) = (await verified(disk)).spaces
    assert not space.opens
    assert [each.lost for each in space.damage] == ["all that was recorded from LSN 12 to 12"]
    assert space.damage[0].instead == ""


async def test_other_spaces_are_read_where_one_is_damaged() -> None:
    disk = await tiered_store("default", "other")
    flip(disk, "default/MANIFEST", 20)
    report = await verify_store(disk, FakeClock(), "simulated")
    assert [(each.space, each.is_sound) for each in report.spaces] == [
        ("default", False), ("other", True),
    ]  # fmt: skip


async def test_a_torn_tail_is_no_damage() -> None:
    disk = await tiered_store()
    (path,) = (path for path in files_of(disk) if path.endswith(".wal"))
    end = 4096 * (MEMORIES + 1)

    def tear(data: bytearray) -> None:
        data[end : end + 600] = data[end - 4096 : end - 3496]

    disk.damage(path, tear)
    assert (await verified(disk)).is_sound


async def test_what_cannot_be_verified_is_refused_with_the_reason() -> None:
    disk = await tiered_store()
    with pytest.raises(SpaceNotFound):
        await verify_store(disk, FakeClock(), "simulated", spaces=["none"])
    held = disk.lock("STORE")
    with pytest.raises(StoreInUse):
        await verified(disk)
    held.close()
    with pytest.raises(InvalidRequest, match="there is no store"):
        await verified(SimulatedFilesystem())


async def test_an_open_space_is_verified_and_goes_on_serving() -> None:
    disk = await tiered_store()
    async with simulated_store(disk) as db:
        report = await db.verify()
        engine = db._core.registry.open_now("default")
        assert engine is not None
        assert report.is_sound
        assert report.digest == digest(engine.view)
        await (await db.space()).remember("still here", embedding=[1.0] * 8)
        with pytest.raises(SpaceNotFound):
            await db.verify("none")


async def test_a_space_that_cannot_be_opened_is_verified_in_an_open_store() -> None:
    disk = await tiered_store("default", "other")
    (path,) = (path for path in files_of(disk, "other") if path.endswith(".wal"))
    flip(disk, path, 4096 * MEMORIES + 80)
    async with simulated_store(disk) as db:
        report = await db.verify("other")
        assert [each.path for each in report.damage] == [path]
        assert (await db.verify()).is_sound
