"""A backup goes out and comes back: digests, goals, other ids, what was erased."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engram.model.commands import Erase
from engram.model.errors import (
    BackupNotFound,
    InvalidRequest,
    MemoryNotFound,
    SpaceAlreadyExists,
)
from engram.model.ids import parse_id
from engram.model.memory import to_datetime
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem, _files
from engram.testing.stores import simulated_store
from tests.unit.backup.conftest import backups_on, digest_of, fill

pytestmark = pytest.mark.anyio
SECOND = 1_000_000_000


async def test_a_restored_store_has_the_digests_it_was_backed_up_with() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        await fill(store)
        await (await store.space("other")).remember("apart")
        made = await store.backup(backups)
        wanted = {name: digest_of(store, name) for name in ("default", "other")}
    async with simulated_store(clock=clock, seed=5) as target:
        restored = await target.restore(backups)
        assert {each.space: each.digest for each in restored} == wanted
        assert {name: digest_of(target, name) for name in wanted} == wanted
        assert (await (await target.space()).recall("note 3"))[0].memory.content == "note 3"
        await (await target.space()).remember("goes on", embedding=[1.0, 1.0, 1.0])
    assert {space.digest for space in made.backup.spaces} == set(wanted.values())


async def test_a_restored_store_is_there_after_a_power_failure() -> None:
    clock, disk = FakeClock(), SimulatedFilesystem(3)
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        await fill(store)
        await store.backup(backups)
    async with simulated_store(disk, clock=clock, seed=5) as target:
        wanted = [each.digest for each in await target.restore(backups)]
    disk.crash()
    async with simulated_store(disk, clock=clock, seed=6) as target:
        await target.space()
        assert [digest_of(target)] == wanted


async def test_a_second_backup_stores_only_what_is_new() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        await fill(store)
        first = await store.backup(backups)
        again = await store.backup(backups)
    assert first.objects_stored == 1
    assert again.objects_stored == 0
    assert [each.id for each in await backups.list()] == [first.backup.id, again.backup.id]


async def test_a_space_comes_back_under_another_id() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        await fill(store)
        await store.backup(backups)
        (copy,) = await store.restore(backups, space="default", into="copy")
        assert copy.space == "copy"
        assert digest_of(store, "copy") == digest_of(store)


async def test_a_space_that_holds_something_is_only_replaced_when_asked() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        await fill(store)
        wanted = digest_of(store)
        await store.backup(backups)
        await (await store.space()).remember("later", embedding=[0.0, 0.0, 1.0])
        with pytest.raises(SpaceAlreadyExists):
            await store.restore(backups)
        assert (await (await store.space()).recall("later"))[0].memory.content == "later"
        await store.restore(backups, replace=True)
        assert digest_of(store) == wanted


async def test_a_restore_stops_at_an_lsn() -> None:
    """Every LSN of the backup can be reached, each with the digest it had."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    digests = {}
    async with simulated_store(clock=clock) as store:
        space = await store.space()
        for n in range(4):
            lsn = (await space.remember(f"note {n}")).lsn
            digests[lsn] = digest_of(store)
        await store.backup(backups)
        for lsn, wanted in digests.items():
            (one,) = await store.restore(backups, space="default", into=f"at-{lsn}", to_lsn=lsn)
            assert (one.lsn, one.digest) == (lsn, wanted)
        with pytest.raises(InvalidRequest, match="LSN 0 to 4"):
            await store.restore(backups, space="default", into="x", to_lsn=5)


async def test_a_restore_stops_at_a_time() -> None:
    """What was recorded up to that moment is there, nothing after it."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        space = await store.space()
        for n in range(4):
            await space.remember(f"note {n}")
            clock.advance(SECOND + 137)
        second = (await space.list()).memories[1].recorded_at
        made_at = (await store.backup(backups)).backup.created_at
        assert made_at is not None
        for moment, count in ((made_at, 4), (second, 2), (second - timedelta(microseconds=2), 1)):
            (one,) = await store.restore(
                backups, space="default", into="then", to_time=moment, replace=True
            )
            assert one.memories == count
        late = to_datetime(clock.now() + SECOND)
        with pytest.raises(InvalidRequest, match="leads there"):
            await store.restore(backups, space="default", into="x", to_time=late)


async def test_the_backup_with_the_least_behind_it_is_taken() -> None:
    """An earlier backup answers for its LSNs, a later one for those after them."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        space = await store.space()
        await space.remember("one")
        first = (await store.backup(backups)).backup.id
        clock.advance(SECOND)
        await space.remember("two")
        second = (await store.backup(backups)).backup.id
        for lsn, wanted in ((1, first), (2, second)):
            (one,) = await store.restore(
                backups, space="default", into="x", to_lsn=lsn, replace=True
            )
            assert one.backup_id == wanted


async def test_what_was_erased_after_the_backup_does_not_come_back() -> None:
    clock, target_disk = FakeClock(), SimulatedFilesystem()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        ids = await fill(store)
        secret = await (await store.space()).remember(
            "the secret word", embedding=[1.0, 2.0, 3.0], tags=["hush"], metadata={"k": "hidden"}
        )
        old = (await store.backup(backups)).backup.id
        engine = store._core.registry.open_now("default")
        assert engine is not None
        await engine.submit(Erase((parse_id(secret.id), parse_id(ids[6]))))
        clock.advance(SECOND)
        await store.backup(backups)
    async with simulated_store(target_disk, clock=clock, seed=5) as target:
        (one,) = await target.restore(backups, old)
        space = await target.space()
        assert one.erased == 2
        with pytest.raises(MemoryNotFound):
            await space.get(secret.id)
        assert (await space.get(ids[5])).content == "many 1"
        assert (await space.get(ids[7])).metadata == {"n": 3}
        assert one.digest == digest_of(target)
    held = b"".join(bytes(file.visible) for file in _files(target_disk._root))
    for trace in (b"secret", b"hush", b"hidden", b"many 2"):
        assert trace not in held
    assert b"many 1" in held


async def test_a_place_without_backups_says_so() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    with pytest.raises(BackupNotFound, match="repository"):
        await backups.list()
    async with simulated_store(clock=clock) as store:
        await store.backup(backups)
        with pytest.raises(BackupNotFound, match="nowhere"):
            await store.restore(backups, space="nowhere")


async def test_backups_of_two_stores_are_told_apart() -> None:
    """A store restores its own newest; a stranger has to name the backup."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    made = []
    for seed in (1, 2):
        async with simulated_store(clock=clock, seed=seed) as store:
            await (await store.space()).remember(f"store {seed}")
            made.append((await store.backup(backups)).backup.id)
    async with simulated_store(clock=clock, seed=3) as store:
        with pytest.raises(InvalidRequest, match=made[0]):
            await store.restore(backups)
        (one,) = await store.restore(backups, made[0])
        assert one.memories == 1
        assert (await (await store.space()).list()).memories[0].content == "store 1"
