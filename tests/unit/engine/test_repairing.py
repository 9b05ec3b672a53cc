"""A damaged space is brought back with exactly the loss that was told before."""

from __future__ import annotations

import pytest

from engram.engine.checking import repair_space, verify_store
from engram.engine.repairing import Repair
from engram.model.errors import FileCorrupted, SpaceNotFound, StorageFailed
from engram.model.ids import parse_id
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from engram.testing.tiered_store import MEMORIES, SEALED, files_of, tiered_store

pytestmark = pytest.mark.anyio
BLOCK = 4096


async def repair(disk: SimulatedFilesystem, *, accept_loss: bool = True) -> Repair:
    return await repair_space(
        disk, FakeClock(), SeededEntropy(1), "simulated", "default", accept_loss=accept_loss
    )


def flip(disk: SimulatedFilesystem, path: str, offset: int) -> None:
    def change(data: bytearray) -> None:
        data[offset] ^= 0x10

    disk.damage(path, change)


def path_of(disk: SimulatedFilesystem, ending: str, part: str = "default/") -> str:
    return [path for path in files_of(disk) if path.endswith(ending) and part in path][-1]


async def ids_in(disk: SimulatedFilesystem) -> list[str]:
    async with simulated_store(disk) as db:
        space = await db.space()
        page = await space.list(limit=100)
        for memory in page.memories:
            assert memory.metadata is not None
            number = memory.metadata["n"]
            assert memory.content == f"default remembers number {number}"
        assert len(
            (await space.recall("remembers", limit=50, reinforce=False)).recollections
        ) == len(page.memories)
        return [memory.id for memory in page.memories]


async def check_brought_back(disk: SimulatedFilesystem, expected: list[str]) -> Repair:
    """Repair as it was planned; what is left are just these memories, and all verifies."""
    before = {path: disk.content(path) for path in files_of(disk)}
    planned = await repair(disk, accept_loss=False)
    assert {path: disk.content(path) for path in files_of(disk)} == before
    done = await repair(disk)
    assert (done.lost, done.forgotten) == (planned.lost, planned.forgotten)
    assert done.after is not None
    assert done.after.is_sound
    assert (await verify_store(disk, FakeClock(), "simulated")).is_sound
    kept = {disk.content(path) for path in done.moved_to if path in set(files_of(disk))}
    assert kept
    assert await ids_in(disk) == expected
    assert (await verify_store(disk, FakeClock(), "simulated")).is_sound
    assert (await repair(disk)).damage == []
    return done


@pytest.mark.parametrize("ending", ["MANIFEST", ".snapshot", ".part", ".words", "durable.lsn"])
async def test_what_something_else_serves_costs_nothing(ending: str) -> None:
    disk = await tiered_store()
    expected = await ids_in(disk)
    flip(disk, path_of(disk, ending), 9)
    done = await check_brought_back(disk, expected)
    assert (done.lost, done.forgotten) == ([], [])


async def test_a_log_is_cut_before_its_first_damage() -> None:
    """Of twelve records, each a block of one segment, the snapshots hold ten."""
    disk = await tiered_store()
    expected = await ids_in(disk)
    flip(disk, path_of(disk, ".wal"), BLOCK * MEMORIES + 80)
    done = await check_brought_back(disk, expected[: MEMORIES - 1])
    assert done.lost == [f"all that was recorded from LSN {MEMORIES} to {MEMORIES}"]


async def test_damage_in_the_log_that_snapshots_cover_costs_nothing() -> None:
    disk = await tiered_store()
    expected = await ids_in(disk)
    flip(disk, path_of(disk, ".wal"), BLOCK * 3 + 80)
    done = await check_brought_back(disk, expected)
    assert done.lost == []


@pytest.mark.parametrize("tier", ["warm", "cold"])
@pytest.mark.parametrize("file", ["vectors", "texts", "SEGMENT", "crcs"])
async def test_memories_whose_bodies_are_gone_are_forgotten_and_named(tier: str, file: str) -> None:
    disk = await tiered_store()
    async with simulated_store(disk) as db:
        await db.checkpoint()
        await db.checkpoint()
    await _end_log(disk)
    expected = await ids_in(disk)
    path = next(p for p in files_of(disk) if f"/{tier}/" in p and f"/{file}" in p)
    flip(disk, path, len(disk.content(path)) - 1)
    rows = SEALED[tier == "cold"]
    done = await check_brought_back(disk, [e for n, e in enumerate(expected) if n not in rows])
    assert done.forgotten == [expected[row] for row in rows]
    assert all(parse_id(each) for each in done.forgotten)


@pytest.mark.parametrize("file", ["magnitudes", "signs", "factors"])
async def test_what_can_be_made_anew_from_vectors_costs_nothing(file: str) -> None:
    disk = await tiered_store()
    await _end_log(disk)
    expected = await ids_in(disk)
    path = next(p for p in files_of(disk) if "/warm/" in p and f"/{file}" in p)
    flip(disk, path, len(disk.content(path)) - 1)
    assert (await check_brought_back(disk, expected)).forgotten == []


async def _end_log(disk: SimulatedFilesystem) -> None:
    """Let the log begin behind both snapshots, by having it repaired for a damaged record."""
    flip(disk, path_of(disk, ".wal"), BLOCK * 3 + 80)
    assert (await repair(disk)).lost == []


async def test_where_nothing_is_left_nothing_is_changed() -> None:
    disk = await tiered_store()
    await _end_log(disk)
    for path in [path for path in files_of(disk) if path.endswith(".snapshot")]:
        flip(disk, path, 40)
    before = {path: disk.content(path) for path in files_of(disk)}
    with pytest.raises(FileCorrupted, match="nothing is left"):
        await repair(disk)
    assert {path: disk.content(path) for path in files_of(disk)} == before


async def test_a_header_of_the_store_is_written_anew() -> None:
    disk = await tiered_store()
    before = disk.content("STORE")
    flip(disk, "STORE", 14)
    done = await repair(disk)
    assert [each.path for each in done.damage] == ["STORE"]
    assert done.damage[0].instead == "its other header"
    assert disk.content("STORE") == before


async def test_without_any_header_the_logs_tell_whose_the_store_is() -> None:
    disk = await tiered_store()
    before = disk.content("STORE")
    disk.damage("STORE", lambda data: data.__setitem__(slice(None), bytes(len(data))))
    done = await repair(disk)
    assert done.damage[0].instead == "the id that the logs name"
    assert disk.content("STORE") == before


async def test_a_crash_on_the_way_leaves_a_space_that_repairing_again_brings_back() -> None:
    """The newest snapshot and the end of the log are damaged; every 13th call is tried."""
    crashes = 0
    for call in range(1, 1_000, 13):
        disk = await tiered_store()
        flip(disk, path_of(disk, ".wal"), BLOCK * MEMORIES + 80)
        flip(disk, path_of(disk, ".snapshot"), 40)
        last = disk.call_count + call
        disk.plan = lambda number, _, last=last: "EIO" if number >= last else None
        try:
            await repair(disk)
        except StorageFailed:
            crashes += 1
        else:
            break
        finally:
            disk.plan = None
        disk.crash()
        await repair(disk)
        assert (await verify_store(disk, FakeClock(), "simulated")).is_sound
        assert len(await ids_in(disk)) == MEMORIES - 1
    assert crashes > 5


async def test_a_space_that_is_not_there_is_refused() -> None:
    disk = await tiered_store("other")
    with pytest.raises(SpaceNotFound):
        await repair_space(disk, FakeClock(), SeededEntropy(1), "simulated", "none")


async def test_an_erasure_reaches_what_a_repair_moved_aside() -> None:
    """A damaged snapshot, segments and the whole log hold the text no more, under any name."""
    disk = await tiered_store()
    flip(disk, path_of(disk, ".wal"), BLOCK * 3 + 80)
    await repair(disk)
    flip(disk, path_of(disk, "SEGMENT", "warm/"), 40)
    await repair(disk)
    flip(disk, path_of(disk, ".part"), 40)
    await repair(disk)
    aside = [path for path in files_of(disk) if ".damaged" in path]
    assert {path.split("/")[1] for path in aside} == {"hot", "wal.1.damaged", "warm"}
    async with simulated_store(disk) as db:
        space = await db.space()
        memories = (await space.list(limit=100)).memories
        doomed = next(each for each in memories if each.content.endswith("number 7"))
        text = doomed.content.encode()
        assert any(text in disk.content(path) for path in aside if path.endswith(".wal"))
        receipt = await space.forget(doomed.id, mode="erase")
        assert receipt.files_overwritten >= len(aside)
        assert not [path for path in files_of(disk) if text in disk.content(path)]
        assert not [path for path in files_of(disk) if ".damaged" in path]
