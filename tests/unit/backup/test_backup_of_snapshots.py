"""A space with a snapshot is backed up as its files and the log behind them."""

from __future__ import annotations

import anyio
import pytest

from engram.model.commands import Erase
from engram.model.errors import (
    ArchiveCorrupted,
    InvalidRequest,
    MemoryNotFound,
)
from engram.model.ids import parse_id
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from tests.unit.backup.conftest import (
    backed_up_behind_a_snapshot,
    backups_on,
    checkpoint,
    digest_of,
    fill,
)

pytestmark = pytest.mark.anyio


async def test_files_and_log_come_back_as_they_were() -> None:
    """The restored space opens from its snapshot after a power failure, too, and goes on."""
    clock, disk = FakeClock(), SimulatedFilesystem(4)
    backups = backups_on(SimulatedFilesystem(), clock)
    lsn, wanted = await backed_up_behind_a_snapshot(backups, clock)
    newest = (await backups.repository.manifests())[-1].spaces[0]
    assert newest.base_lsn == lsn
    assert [entry.first_lsn for entry in newest.log] == [lsn + 1]
    report = await backups.verify()
    assert (report.damage, report.spaces) == ((), 2)
    async with simulated_store(disk, clock=clock, seed=5) as target:
        (one,) = await target.restore(backups)
        assert one.digest == digest_of(target) == wanted
        found = await (await target.space()).recall("snapshot", reinforce=False)
        assert found[0].memory.content == "behind the snapshot"
    disk.crash()
    async with simulated_store(disk, clock=clock, seed=6) as target:
        space = await target.space()
        assert digest_of(target) == wanted
        await space.remember("goes on", embedding=[3.0, 2.0, 1.0])
        await checkpoint(target)
        await checkpoint(target)
        after = digest_of(target)
    async with simulated_store(disk, clock=clock, seed=7) as target:
        assert digest_of(target) == after


async def test_a_space_with_files_comes_back_under_another_id() -> None:
    clock, disk = FakeClock(), SimulatedFilesystem()
    backups = backups_on(SimulatedFilesystem(), clock)
    _, wanted = await backed_up_behind_a_snapshot(backups, clock)
    async with simulated_store(disk, clock=clock, seed=5) as target:
        await target.restore(backups, space="default", into="copy")
    async with simulated_store(disk, clock=clock, seed=6) as target:
        await target.space("copy")
        assert digest_of(target, "copy") == wanted


async def test_files_that_did_not_change_are_not_stored_again() -> None:
    clock, disk = FakeClock(), SimulatedFilesystem()
    backups = backups_on(disk, clock)
    async with simulated_store(clock=clock) as store:
        await fill(store)
        await checkpoint(store)
        first = await store.backup(backups)
        again = await store.backup(backups)
        await checkpoint(store)
        third = await store.backup(backups)
    stored = [disk.size(disk.open(name)) for name in backups.repository.archive.list("objects")]
    assert first.bytes_stored + third.bytes_stored == sum(stored)
    assert first.objects_stored > 1
    assert again.objects_stored == 0
    assert third.bytes_stored < first.bytes_stored


async def test_an_lsn_before_the_snapshot_is_reached_from_an_earlier_backup() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    lsn, _ = await backed_up_behind_a_snapshot(backups, clock)
    older, newer = await backups.list()
    async with simulated_store(clock=clock, seed=5) as target:
        (one,) = await target.restore(backups, space="default", into="x", to_lsn=lsn - 1)
        assert (one.lsn, one.backup_id) == (lsn - 1, older.id)
        (one,) = await target.restore(backups, space="default", into="y", to_lsn=lsn)
        assert (one.lsn, one.backup_id) == (lsn, newer.id)
        with pytest.raises(InvalidRequest, match=f"LSN {lsn} to {lsn + 1}"):
            await target.restore(backups, newer.id, space="default", into="z", to_lsn=lsn - 1)


async def test_every_damaged_object_of_the_files_is_refused_by_name() -> None:
    clock, disk = FakeClock(), SimulatedFilesystem()
    backups = backups_on(disk, clock)
    await backed_up_behind_a_snapshot(backups, clock)
    newest = (await backups.list())[-1]
    (space,) = (await backups.repository.manifest(newest.id)).spaces
    assert len(space.chunks) > 2
    for address in space.chunks:
        name = f"objects/{address[:2]}/{address}.chunk"
        handle = disk.open(name)
        whole = disk.read_at(handle, 0, disk.size(handle))
        disk.write_at(handle, len(whole) - 1, [bytes([whole[-1] ^ 1])])
        assert [each.name for each in (await backups.verify(newest.id)).damage] == [name]
        async with simulated_store(clock=clock, seed=5) as target:
            with pytest.raises(ArchiveCorrupted, match=name):
                await target.restore(backups)
            # Also when it was damaged after it was looked at.
            with pytest.raises(ArchiveCorrupted, match=name):
                await target.restore(backups, check=False)
            assert [each.memories for each in await target.spaces()] == [0]
        disk.write_at(handle, 0, [whole])
    assert (await backups.verify()).damage == ()


async def test_checkpoints_and_writes_go_on_while_a_backup_reads() -> None:
    """The files it reads stay until it has ended, and what it stored is one moment's."""
    clock, disk = FakeClock(), SimulatedFilesystem()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(disk, clock=clock) as store:
        await fill(store)
        await checkpoint(store)
        space, done = await store.space(), anyio.Event()

        async def disturb() -> None:
            number = 0
            while not done.is_set() or number < 3:
                number += 1
                await space.remember(f"meanwhile {number}", embedding=[number, 2.0, 1.0])
                await checkpoint(store)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(disturb)
            made = await store.backup(backups)
            done.set()
        assert (await backups.verify()).damage == ()
        (one,) = await store.restore(backups, space="default", into="copy")
        assert one.digest == made.backup.spaces[0].digest
        await checkpoint(store)
        named = {path for path in disk.list("default/hot") if path.endswith(".snapshot")}
        assert len(named) == 2


async def test_what_was_erased_since_the_snapshot_is_in_no_answer() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        ids = await fill(store)
        await checkpoint(store)
        old = (await store.backup(backups)).backup.id
        engine = store._core.registry.open_now("default")
        assert engine is not None
        await engine.submit(Erase((parse_id(ids[0]),)))
        clock.advance(10**9)
        await store.backup(backups)
    async with simulated_store(clock=clock, seed=5) as target:
        (one,) = await target.restore(backups, old)
        assert one.erased == 1
        with pytest.raises(MemoryNotFound):
            await (await target.space()).get(ids[0])
        assert (await (await target.space()).get(ids[2])).content == "note 2"
