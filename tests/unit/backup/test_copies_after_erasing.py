"""What a store knows of its copies, and what an erasure does about them."""

from __future__ import annotations

import numpy as np
import pytest

from engram.engine.backup_places import BackupPlaces
from engram.model.commands import Erase
from engram.model.errors import MemoryNotFound, Overloaded, StorageFailed
from engram.model.ids import parse_id
from engram.service.store import Engram
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.store_insides import engine_of
from engram.testing.stores import simulated_store
from tests.unit.backup.conftest import backups_on

pytestmark = pytest.mark.anyio

PATH = "BACKUPS/places.json"


async def forgotten_and_compacted(store: Engram) -> str:
    """Remember, forget and compact away; return the id."""
    space = await store.space()
    gone = (await space.remember("the secret word", embedding=[1.0, 2.0])).id
    await space.remember("another", embedding=[2.0, 1.0])
    await space.forget(gone)
    assert (await store.compact()).rows_dropped == 1
    return gone


async def test_a_memory_that_only_backups_hold_is_erased_there() -> None:
    """Its id is noted, the receipt names the place, and no restore brings it back."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock, history_retention_ns=0) as store:
        space = await store.space()
        gone = (await space.remember("the secret word", embedding=[1.0, 2.0])).id
        old = (await store.backup(backups)).backup.id
        await space.forget(gone)
        await store.compact()
        receipt = await space.forget(gone, mode="erase")
        assert (receipt.ids, receipt.archives) == ((gone,), ("backups",))
        again = await space.forget(gone, mode="erase")
        assert (again.lsn, again.erased_at) == (receipt.lsn, receipt.erased_at)
        (one,) = await store.restore(backups, old, space="default", into="copy")
        assert one.erased == 1
        with pytest.raises(MemoryNotFound):
            await (await store.space("copy")).get(gone)


async def test_without_any_copy_a_memory_that_is_gone_is_not_found() -> None:
    async with simulated_store(history_retention_ns=0) as store:
        gone = await forgotten_and_compacted(store)
        with pytest.raises(MemoryNotFound):
            await (await store.space()).forget(gone, mode="erase")


async def test_places_are_kept_with_the_store_and_named_once() -> None:
    disk, clock = SimulatedFilesystem(), FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(disk, clock=clock) as store:
        await store.backup(backups)
        await store.backup(backups)
    disk.crash()
    BackupPlaces(disk).note("s3://elsewhere/kept")
    async with simulated_store(disk, clock=clock) as store:
        space = await store.space()
        secret = await space.remember("the secret word")
        receipt = await space.forget(secret.id, mode="erase")
        assert receipt.archives == ("backups", "s3://elsewhere/kept")
        assert [each.id for each in await store.spaces()] == ["default"]


def test_noting_a_place_leaves_the_old_list_or_the_new_one_wherever_it_fails() -> None:
    failures = 0
    for call in range(1, 30):
        disk = SimulatedFilesystem(call)
        BackupPlaces(disk).note("first")
        last = disk.call_count + call
        disk.plan = lambda number, _, last=last: "power" if number == last else None
        try:
            BackupPlaces(disk).note("second")
        except StorageFailed:
            failures += 1
        else:
            break
        finally:
            disk.plan = None
        disk.crash()
        assert BackupPlaces(disk).all() in {("first",), ("first", "second")}
        BackupPlaces(disk).note("second")
        disk.crash()
        assert BackupPlaces(disk).all() == ("first", "second")
    assert failures > 3


def test_a_damaged_list_is_a_place_of_its_own_and_a_full_one_takes_no_more() -> None:
    disk = SimulatedFilesystem()
    places = BackupPlaces(disk)
    places.note("first")
    disk.damage(PATH, lambda data: data.__setitem__(0, 0))
    assert "damaged" in places.all()[0]
    places.note("second")
    assert places.all()[1] == "second"
    with pytest.raises(Overloaded, match="backup_places_bytes_max"):
        places.note("x" * (1 << 20))


@pytest.mark.parametrize("together", [False, True])
async def test_a_backup_is_restored_though_all_vectors_in_it_were_erased(together: bool) -> None:
    """Whose vectors a space holds, and how long they are, is known all the same."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        space = await store.space()
        vectors = np.eye(2, 3, dtype=np.float32)
        if together:
            ids = list((await space.remember_many(["a", "b"], embeddings=vectors)).ids)
        else:
            ids = [(await space.remember(text, embedding=vectors[0])).id for text in "ab"]
        engine = engine_of(store, "default")
        assert engine is not None
        await engine.submit(Erase(tuple(map(parse_id, ids))))
        made = (await store.backup(backups)).backup
    async with simulated_store(clock=clock, seed=2) as target:
        (one,) = await target.restore(backups, made.id)
        assert one.digest == made.spaces[0].digest
        assert (await (await target.space()).stats()).dimensions == 3


async def test_a_space_of_which_nothing_is_left_but_erasures_is_restored_and_serves() -> None:
    """Its bytes are looked for again, and there is no row to look at."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock, history_retention_ns=0) as store:
        space = await store.space()
        only = await space.remember("the secret word")
        await space.forget(only.id, mode="erase")
        await store.compact()
        await store.checkpoint()
        await store.checkpoint()
        made = (await store.backup(backups)).backup
    async with simulated_store(clock=clock, seed=2) as target:
        await target.restore(backups, made.id)
        assert (await (await target.space()).remember("a new one")).created
        assert (await (await target.space()).recall("new")).recollections


async def test_what_shared_labels_with_an_erased_memory_is_linked_alike_in_a_copy() -> None:
    """The record of an erased memory is blank in a copy: nothing there may follow from its labels.

    No pass of the erasure has run when the backup is made.
    """
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        space = await store.space()
        ids = [(await space.remember(each, tags=["red"], session="s")).id for each in "abc"]
        engine = engine_of(store, "default")
        assert engine is not None
        await engine.submit(Erase((parse_id(ids[1]),)))
        made = (await store.backup(backups)).backup
        await space.remember("d", tags=["red"], session="s")
        later = (await store.backup(backups)).backup
    async with simulated_store(clock=clock, seed=2) as target:
        for number, backup in enumerate((made, later)):
            (one,) = await target.restore(backups, backup.id, space="default", into=f"s{number}")
            assert one.digest == backup.spaces[0].digest
