"""Every call on the disk fails once: no earlier backup is harmed, no space is half restored."""

from __future__ import annotations

import pytest

from engram.backup.limits import LOCK_STALE_NS
from engram.model.errors import EngramError, StorageFailed
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from tests.unit.backup.conftest import (
    backed_up,
    backed_up_behind_a_snapshot,
    backups_on,
    digest_of,
    fill,
    names_of,
)

pytestmark = pytest.mark.anyio


async def test_a_failure_at_any_step_of_a_backup_leaves_the_earlier_one_whole() -> None:
    """Every changing call on the backup disk fails once; a repeated backup then succeeds."""
    step = 0
    while True:
        step += 1
        disk, clock = SimulatedFilesystem(step), FakeClock()
        backups, wanted = await backed_up(disk, clock)
        (first,) = await backups.list()
        last = disk.call_count + step
        disk.plan = lambda call, _, last=last: "ENOSPC" if call == last else None
        async with simulated_store(clock=clock) as store:
            await fill(store)
            try:
                await store.backup(backups)
            except StorageFailed:
                pass
            else:
                break
            assert await backups.verify(first.id) == (1, 2, 2, (), ())
            assert (await backups.verify()).damage == ()
            clock.advance(LOCK_STALE_NS + 1)
            await store.backup(backups)
        async with simulated_store(clock=clock, seed=5) as target:
            await target.restore(backups, first.id)
            assert digest_of(target) == wanted
    assert step > 10


async def test_power_lost_at_any_step_of_a_backup_leaves_the_earlier_one_whole() -> None:
    """The new one is there as a whole or not at all, and what it left does not keep others out."""
    step = 0
    while True:
        step += 1
        disk, clock = SimulatedFilesystem(step), FakeClock()
        backups, _ = await backed_up(disk, clock)
        (first,) = await backups.list()
        last = disk.call_count + step
        disk.plan = lambda call, _, last=last: "power" if call == last else None
        async with simulated_store(clock=clock) as store:
            await fill(store)
            try:
                await store.backup(backups)
            except EngramError:
                pass
            else:
                break
            disk.plan = None
            disk.crash()
            report = await backups.verify()
            assert report.damage == ()
            assert first.id in [each.id for each in await backups.list()]
            clock.advance(LOCK_STALE_NS + 1)
            await store.backup(backups)
            await backups.prune(keep=1)
            assert (await backups.verify()).damage == ()
    assert step > 10


async def test_power_lost_at_any_step_of_a_restore_leaves_no_half_space() -> None:
    """After the next start the target is empty, or whole; what was replaced is there, or gone."""
    step, outcomes = 0, set[str]()
    clock = FakeClock()
    backups, wanted = await backed_up(SimulatedFilesystem(), clock)
    while True:
        step += 1
        disk = SimulatedFilesystem(step)
        async with simulated_store(disk, clock=clock, seed=5) as store:
            await (await store.space()).remember("was here")
            before = digest_of(store)
        done = False
        try:
            async with simulated_store(disk, clock=clock, seed=5) as store:
                last = disk.call_count + step
                disk.plan = lambda call, _, last=last: "power" if call == last else None
                await store.restore(backups, space="default", replace=True)
                done = True
        except* EngramError:
            pass
        disk.plan = None
        disk.crash()
        async with simulated_store(disk, clock=clock, seed=6) as store:
            found = digest_of(store)
            assert found == wanted if done else found in (wanted, before)
            outcomes.add("new" if found == wanted else "old")
            assert [name for name in disk.list("") if name.startswith(".")] == []
        if done:
            break
    assert step > 20
    assert outcomes == {"new", "old"}


async def test_power_lost_at_any_step_of_a_prune_breaks_no_backup() -> None:
    step = 0
    while True:
        step += 1
        disk, clock = SimulatedFilesystem(step), FakeClock()
        backups = backups_on(disk, clock)
        async with simulated_store(clock=clock) as store:
            for n in range(3):
                await (await store.space()).remember(f"note {n}")
                clock.advance(10**9)
                await store.backup(backups)
        last = disk.call_count + step
        disk.plan = lambda call, _, last=last: "power" if call == last else None
        try:
            await backups.prune(keep=1)
        except EngramError:
            pass
        else:
            break
        disk.plan = None
        disk.crash()
        assert (await backups.verify()).damage == ()
        clock.advance(LOCK_STALE_NS + 1)
        assert len((await backups.prune(keep=1)).kept) == 1
        assert len(names_of(backups, "objects")) == 1
    assert step > 5


async def test_power_lost_at_any_step_of_restoring_files_leaves_no_half_space() -> None:
    step, outcomes, clock = 0, set[str](), FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    _, wanted = await backed_up_behind_a_snapshot(backups, clock)
    while True:
        step += 1
        disk, done = SimulatedFilesystem(step), False
        try:
            async with simulated_store(disk, clock=clock, seed=5) as store:
                last = disk.call_count + step
                disk.plan = lambda call, _, last=last: "power" if call == last else None
                await store.restore(backups)
                done = True
        except* EngramError:
            pass
        disk.plan = None
        disk.crash()
        async with simulated_store(disk, clock=clock, seed=6) as store:
            (info,) = await store.spaces()
            assert info.phase == "ready"
            outcomes.add("new" if digest_of(store) == wanted else "empty")
            assert digest_of(store) == wanted or (not done and info.memories == 0)
            assert [name for name in disk.list("") if name.startswith(".")] == []
        if done:
            break
    assert step > 20
    assert outcomes == {"new", "empty"}
