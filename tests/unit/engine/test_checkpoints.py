"""Snapshots of a whole store at work: on demand, in the background, at the end, and gone wrong."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from anyio import lowlevel

from engram.engine.checkpointer import RETRY_NS_FIRST, Checkpointer
from engram.engine.space_engine import SpaceEngine
from engram.model.errors import FileCorrupted, StorageFailed
from engram.service.store import Engram
from engram.state.digest import digest
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio


def engine_of(db: Engram, space: str = "default") -> SpaceEngine:
    engine = db._core.registry.open_now(space)
    assert engine is not None
    return engine


def checkpointer_of(db: Engram, space: str = "default") -> Checkpointer:
    return engine_of(db, space).checkpoints


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await lowlevel.checkpoint()


async def test_the_next_opening_starts_from_the_snapshot() -> None:
    """What the snapshot holds is not replayed, what came after is."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space()
        await space.remember("one")
        done = await db.checkpoint()
        assert (done.space, done.lsn) == ("default", 1)
        await space.remember("two")
        before = digest(engine_of(db).view)
    async with simulated_store(disk) as db:
        stats = await (await db.space()).stats()
        assert (stats.checkpoint_lsn, stats.recovered_entries, stats.memories) == (1, 1, 2)
        assert stats.recovery_notes == ()
        assert digest(engine_of(db).view) == before


async def test_writers_go_on_while_a_snapshot_is_written() -> None:
    """Nothing that is acknowledged meanwhile is lost or in the snapshot by halves."""
    disk = SimulatedFilesystem()
    kept: list[str] = []
    async with simulated_store(disk) as db:
        space = await db.space()
        done = anyio.Event()

        async def write(name: str) -> None:
            while not done.is_set():
                text = f"{name} {len(kept)}"
                await space.remember(text)
                kept.append(text)

        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(write, f"writer {number}")
            for _ in range(4):
                await db.checkpoint()
            done.set()
    disk.crash()
    async with simulated_store(disk) as db:
        page = await (await db.space()).list(limit=1000)
        assert sorted(each.content for each in page.memories) == sorted(kept)
        assert checkpointer_of(db).status.lsn > 0


async def test_a_snapshot_is_written_when_the_log_has_grown_enough() -> None:
    """And the log before the last but one is let go."""
    async with simulated_store(checkpoint_log_bytes=20_000) as db:
        space = await db.space()
        for number in range(5):
            await space.remember(f"{number} " + "x" * 9_000)
        await until(lambda: checkpointer_of(db).status.at is not None)
        assert checkpointer_of(db).status.lsn >= 3


async def test_a_snapshot_asked_for_while_one_is_written_comes_after_it() -> None:
    async with simulated_store() as db:
        await (await db.space()).remember("one")
        checkpointer = checkpointer_of(db)
        await checkpointer.checkpoint(lambda _done, _total: checkpointer.ask())
        first = checkpointer.snapshots.retained[-1].name.file
        await until(lambda: checkpointer.snapshots.retained[-1].name.file != first)


async def test_a_snapshot_that_fails_is_told_and_tried_again() -> None:
    """The space serves on; the clock says when it is tried again."""
    disk, clock = SimulatedFilesystem(), FakeClock()
    async with simulated_store(disk, clock=clock, checkpoint_log_bytes=20_000) as db:
        space = await db.space()
        await space.remember("small")
        checkpointer = checkpointer_of(db)
        disk.plan = lambda _, operation: "ENOSPC" if operation == "create" else None
        with pytest.raises(StorageFailed):
            await db.checkpoint()
        assert "No space" in str((await space.stats()).checkpoint_error)
        await space.remember("large " + "x" * 30_000)
        await until(lambda: checkpointer.status.error is not None)
        disk.plan = None
        clock.advance(2 * RETRY_NS_FIRST)
        await until(lambda: checkpointer.status.error is None)
        assert checkpointer.status.lsn == 2
        assert (await space.remember("after")).lsn == 3


async def test_a_damaged_snapshot_is_named_replaced_and_the_older_one_serves() -> None:
    """The opening says so, and a new snapshot follows at once."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space()
        for text in ("one", "two"):
            await space.remember(text)
            await db.checkpoint()
        before = digest(engine_of(db).view)
    newest = disk.list("default/hot")[-1]
    disk.damage(f"default/hot/{_newest_snapshot(disk)}", _flip_last)
    async with simulated_store(disk) as db:
        stats = await (await db.space()).stats()
        assert "checksum" in stats.recovery_notes[0]
        assert digest(engine_of(db).view) == before
        await until(lambda: checkpointer_of(db).status.at is not None)
        assert checkpointer_of(db).status.lsn == 2
    assert newest not in disk.list("default/hot") or newest.endswith(".part")
    async with simulated_store(disk) as db:
        assert (await (await db.space()).stats()).recovery_notes == ()


def _newest_snapshot(disk: SimulatedFilesystem, space: str = "default") -> str:
    return max(name for name in disk.list(f"{space}/hot") if name.endswith(".snapshot"))


def _flip_last(data: bytearray) -> None:
    data[-6] ^= 1


async def test_a_space_that_nothing_leads_to_is_refused_with_what_is_damaged() -> None:
    """Both snapshots damaged and the log trimmed: the space says why, the others serve."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space("notes")
        for number in range(3):
            await space.remember(f"note {number}")
            log = engine_of(db, "notes").log
            await log.rotate()
            await db.checkpoint("notes")
        names = [name for name in disk.list("notes/hot") if name.endswith(".snapshot")]
        await (await db.space()).remember("here")
    for name in names:
        disk.damage(f"notes/hot/{name}", _flip_last)
    async with simulated_store(disk) as db:
        with pytest.raises(FileCorrupted) as refused:
            await db.space("notes")
        assert all(name in str(refused.value) for name in names)
        infos = {info.id: info for info in await db.spaces()}
        assert infos["notes"].phase == "unavailable"
        assert (await (await db.space()).stats()).memories == 1


async def test_closing_a_space_with_little_log_takes_no_snapshot() -> None:
    """Only where it spares the next opening much is one taken at the end."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        await (await db.space()).remember("one")
    assert disk.list("default/hot") == []


async def test_closing_a_space_with_much_log_takes_a_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next opening replays nothing."""
    monkeypatch.setattr("engram.engine.checkpointer.CLOSE_LOG_BYTES", 1_000)
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space()
        await space.remember("x" * 2_000)
    async with simulated_store(disk) as db:
        stats = await (await db.space()).stats()
        assert (stats.checkpoint_lsn, stats.recovered_entries) == (1, 0)


async def test_a_pinned_snapshot_and_the_log_after_it_stay() -> None:
    """Whoever reads them is not disturbed by later checkpoints."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space, engine = await db.space(), None
        await space.remember("one")
        await db.checkpoint()
        engine = engine_of(db)
        async with engine.checkpoints.pinned() as pin:
            for number in range(3):
                await space.remember(f"later {number}")
                await engine.log.rotate()
                await db.checkpoint()
            assert [len(disk.content(f"default/{name}")) for name, _ in pin.files] == [
                size for _, size in pin.files
            ]
            records = [record.lsn async for record in engine.log.read(pin.lsn)]
            assert records == [2, 3, 4]
        await db.checkpoint()
        assert not any(name in disk.list("default/hot") for name, _ in pin.files)


async def test_all_spaces_are_recovered_and_a_damaged_one_says_why() -> None:
    """Opened one by one or all at once, the damaged space stops no other."""
    disk = SimulatedFilesystem()
    names = [f"space-{number}" for number in range(6)]
    async with simulated_store(disk) as db:
        for name in names:
            await (await db.space(name)).remember(name)
    segment = next(name for name in disk.list("space-3/wal") if name.endswith(".wal"))
    disk.damage(f"space-3/wal/{segment}", lambda data: data.__setitem__(4200, data[4200] ^ 1))
    async with simulated_store(disk) as db:
        registry = db._core.registry
        assert await registry.recover_all(at_once_max=2) == ["default", *names]
        assert list(registry.unavailable) == ["space-3"]
        assert "space-3/wal" in str(registry.unavailable["space-3"])
        for name in (name for name in names if name != "space-3"):
            assert registry.opening_of(name).entries == 1
            assert registry.open_now(name) is not None
        await registry.drop("space-3")
        assert registry.unavailable == {}
