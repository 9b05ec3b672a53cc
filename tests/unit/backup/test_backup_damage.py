"""Damaged places for backups and failing disks: refused by name, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from engram.backup.limits import LOCK_STALE_NS
from engram.model.errors import (
    ArchiveCorrupted,
    Conflict,
    StoreTooNew,
)
from engram.service.backups import RestoreRequest
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from tests.unit.backup.conftest import backed_up, backups_on, fill, names_of

pytestmark = pytest.mark.anyio
Damage = Callable[[SimulatedFilesystem, str], None]


def cut(disk: SimulatedFilesystem, name: str) -> None:
    handle = disk.open(name)
    disk.set_size(handle, disk.size(handle) - 1)


def empty(disk: SimulatedFilesystem, name: str) -> None:
    disk.set_size(disk.open(name), 0)


def flip(disk: SimulatedFilesystem, name: str) -> None:
    handle = disk.open(name)
    middle = disk.size(handle) // 2
    (byte,) = disk.read_at(handle, middle, 1)
    disk.write_at(handle, middle, [bytes([byte ^ 16])])


def lose(disk: SimulatedFilesystem, name: str) -> None:
    disk.remove(name)


@pytest.mark.parametrize("damage", [cut, empty, flip, lose])
async def test_a_damaged_object_is_named_by_verify_and_refused_by_restore(damage: Damage) -> None:
    """Each object in turn; the target stays as empty as it was."""
    for position in range(2):
        disk, clock = SimulatedFilesystem(), FakeClock()
        backups, _ = await backed_up(disk, clock)
        name = names_of(backups, "objects")[position]
        damage(disk, name)
        (found,) = (await backups.verify()).damage
        assert found.name == name
        target = SimulatedFilesystem()
        async with simulated_store(target, clock=clock, seed=5) as store:
            calls = target.call_count
            with pytest.raises(ArchiveCorrupted, match=name):
                await store.restore(backups)
            assert target.call_count == calls
            assert [each.id for each in await store.spaces()] == ["default"]


@pytest.mark.parametrize("damage", [cut, empty, flip])
async def test_a_damaged_manifest_is_named_and_its_backup_refused(damage: Damage) -> None:
    disk, clock = SimulatedFilesystem(), FakeClock()
    backups, _ = await backed_up(disk, clock)
    (name,) = names_of(backups, "backups")
    damage(disk, name)
    report = await backups.verify()
    assert [each.name for each in report.damage] == [name]
    assert len(report.broken_backups) == 1
    (listed,) = await backups.list()
    assert name in str(listed.damage)
    async with simulated_store(clock=clock, seed=5) as store:
        with pytest.raises(ArchiveCorrupted, match=name):
            await store.restore(backups)
    with pytest.raises(ArchiveCorrupted, match=name):
        await backups.prune(keep=1)


async def test_a_manifest_under_the_name_of_another_is_refused() -> None:
    disk, clock = SimulatedFilesystem(), FakeClock()
    backups, _ = await backed_up(disk, clock)
    (name,) = names_of(backups, "backups")
    disk.rename(name, "backups/mine.manifest")
    with pytest.raises(ArchiveCorrupted, match="it is the manifest of backup"):
        await backups.repository.manifest("mine")


async def test_a_repository_of_a_later_release_is_refused() -> None:
    disk, clock = SimulatedFilesystem(), FakeClock()
    backups, _ = await backed_up(disk, clock)
    disk.write_at(disk.open("config.json"), 0, [b'{"format":2'])
    with pytest.raises(StoreTooNew, match="upgrade"):
        await backups.list()


async def test_a_whole_place_verifies_and_rebuilds_every_space() -> None:
    clock = FakeClock()
    backups, _ = await backed_up(SimulatedFilesystem(), clock)
    report = await backups.verify()
    assert (report.backups, report.objects, report.spaces, report.damage) == (1, 2, 2, ())


async def test_a_prune_removes_what_no_backup_needs() -> None:
    disk, clock = SimulatedFilesystem(), FakeClock()
    backups = backups_on(disk, clock)
    async with simulated_store(clock=clock) as store:
        for _ in range(3):
            await (await store.space()).remember("a note", metadata={"n": clock.now()})
            await (await store.space()).remember(f"{clock.now()}")
            clock.advance(10**9)
            await store.backup(backups)
        third = (await backups.list())[2]
        pruned = await backups.prune(keep=1)
        assert pruned.kept == (third.id,)
        assert (len(pruned.removed), pruned.objects_removed) == (2, 2)
        assert len(names_of(backups, "objects")) == 1
        assert (await backups.verify()).damage == ()
        assert (await backups.prune(keep=1)).objects_removed == 0


async def test_backups_and_prunes_keep_out_of_each_others_way() -> None:
    """A prune is refused while a backup runs; a lock nobody renews counts as left over."""
    disk, clock = SimulatedFilesystem(), FakeClock()
    backups, _ = await backed_up(disk, clock)
    archive = backups.repository.archive
    archive.put("locks/ab.backup.lock", [str(clock.now()).encode()])
    with pytest.raises(Conflict, match=r"a backup is at work.*ab\.backup\.lock"):
        await backups.prune(keep=1)
    clock.advance(LOCK_STALE_NS + 1)
    await backups.prune(keep=1)
    archive.put("locks/cd.prune.lock", [str(clock.now()).encode()])
    async with simulated_store(clock=clock) as store:
        with pytest.raises(Conflict, match="a prune is at work"):
            await store.backup(backups)
    assert names_of(backups, "locks") == ["locks/cd.prune.lock"]


async def test_a_backup_whose_lock_was_broken_is_taken_back() -> None:
    disk, clock = SimulatedFilesystem(), FakeClock()
    backups, _ = await backed_up(disk, clock)
    archive = backups.repository.archive

    def breaks_it(done: int, total: int) -> None:
        assert 0 < done <= total
        for name in archive.list("locks"):
            archive.delete(name)

    async with simulated_store(clock=clock) as store:
        await fill(store)
        with pytest.raises(Conflict, match="lock"):
            await store.backup(backups, progress=breaks_it)
    assert len(await backups.list()) == 1


async def test_a_backup_is_of_one_moment_while_writes_go_on() -> None:
    """What is written while the backup reads is in none of it, and is not held up."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        space = await store.space()
        for n in range(50):
            await space.remember(f"before {n}", embedding=[n, 1.0])
        done = anyio.Event()
        written = 0

        async def write() -> None:
            nonlocal written
            while not done.is_set():
                await space.remember(f"meanwhile {written}", embedding=[written, 2.0])
                written += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            made = await store.backup(backups)
            done.set()
        (backed,) = made.backup.spaces
        (one,) = await store.restore(backups, space="default", into="copy")
        assert one.digest == backed.digest
        assert one.memories == backed.memories >= 50
        assert (await space.stats()).lsn == 50 + written


async def test_a_damaged_list_of_erased_memories_keeps_every_restore_from_working() -> None:
    """What was erased must not come back because nobody can read that it was."""
    disk, clock = SimulatedFilesystem(), FakeClock()
    backups, _ = await backed_up(disk, clock)
    await backups.repository.note_erased([bytes(range(16))])
    (name,) = names_of(backups, "erased")
    assert await backups.repository.erased() == frozenset([bytes(range(16))])
    cut(disk, name)
    with pytest.raises(ArchiveCorrupted, match=name):
        await backups.check(RestoreRequest())
    async with simulated_store(clock=clock, seed=5) as store:
        with pytest.raises(ArchiveCorrupted, match=name):
            await store.restore(backups)
