"""Log records that were copied before the log let them go lead a backup to any later moment."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from engram.backup.limits import LOCK_STALE_NS
from engram.backup.log_archive import LogArchive, archived
from engram.model.errors import ArchiveCorrupted, Conflict, InvalidRequest, StorageFailed
from engram.model.memory import to_datetime
from engram.service.backups import Backups
from engram.service.store import Engram
from engram.settings import load_settings
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from engram.wal.file_log import FileLog
from engram.wiring import open_backups, open_store
from tests.unit.backup.conftest import backups_on, digest_of

pytestmark = pytest.mark.anyio


def log_of(store: Engram, backups: Backups, space: str = "default") -> FileLog:
    """Return the log of an open space, set to copy what it lets go."""
    engine = store._core.registry.open_now(space)
    assert engine is not None
    log = engine.log
    assert isinstance(log, FileLog)
    log.on_trim = partial(LogArchive(backups.repository, store._core.store_id).keep, space)
    return log


async def write(store: Engram, count: int, space: str = "default") -> dict[int, str]:
    """Remember that many texts and return the digest at each LSN."""
    found = {}
    handle = await store.space(space)
    for _ in range(count):
        lsn = (await handle.stats()).lsn + 1
        assert (await handle.remember(f"{space} at {lsn}")).lsn == lsn
        found[lsn] = digest_of(store, space)
    return found


async def let_go(log: FileLog) -> None:
    """Let the log go of everything it holds."""
    await log.rotate()
    await log.trim(log.durable_lsn)


async def test_a_backup_is_taken_to_every_moment_the_archived_log_tells_of() -> None:
    """By LSN and by time, across the end of the backup and of each segment."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        await (await store.space()).remember("first")
        log = log_of(store, backups)
        digests = await write(store, 2)
        await store.backup(backups)
        for _ in range(2):
            digests |= await write(store, 2)
            clock.advance(10**9)
            await let_go(log)
        times = {m.content: m.recorded_at for m in (await (await store.space()).list()).memories}
        for lsn, wanted in digests.items():
            (one,) = await store.restore(backups, space="default", into=f"at-{lsn}", to_lsn=lsn)
            assert (one.lsn, one.digest) == (lsn, wanted)
        for lsn, wanted in digests.items():
            (one,) = await store.restore(
                backups,
                space="default",
                into=f"then-{lsn}",
                to_time=times[f"default at {lsn}"],
            )
            assert (one.lsn, one.digest) == (lsn, wanted)
        with pytest.raises(InvalidRequest, match="LSN 0 to"):
            await store.restore(backups, space="default", into="x", to_lsn=max(digests) + 1)


async def test_a_space_made_anew_under_the_same_id_continues_no_older_backup() -> None:
    """Its LSNs begin at 1 again; those of the old one are not mixed with them."""
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        old = await _written_space(store, backups, 3)
        made = (await store.backup(backups, spaces=["trips"])).backup.id
        await store.drop_space("trips")
        new = await _written_space(store, backups, 6)
        assert set(old.values()).isdisjoint(new.values())
        await let_go(log_of(store, backups, "trips"))
        with pytest.raises(InvalidRequest, match="leads there"):
            await store.restore(backups, made, space="trips", into="x", to_lsn=5)


async def _written_space(store: Engram, backups: Backups, count: int) -> dict[int, str]:
    await (await store.create_space("trips")).remember("first")
    log_of(store, backups, "trips")
    return await write(store, count, "trips")


async def test_while_the_copy_fails_the_log_keeps_its_records() -> None:
    clock, disk = FakeClock(), SimulatedFilesystem()
    backups = backups_on(disk, clock)
    async with simulated_store(clock=clock) as store:
        await (await store.space()).remember("first")
        log = log_of(store, backups)
        disk.plan = lambda _call, _operation: "ENOSPC"
        with pytest.raises(StorageFailed):
            await let_go(log)
        assert [record.lsn async for record in log.read(0)] == [1]
        disk.plan = None
        clock.advance(LOCK_STALE_NS + 1)
        await let_go(log)
        with pytest.raises(Conflict, match="trimmed"):
            assert [record async for record in log.read(0)]
        assert [each.entry.last_lsn for each in await archived(backups.repository)] == [1]


async def test_prune_keeps_the_records_that_lead_on_from_what_it_keeps() -> None:
    clock = FakeClock()
    backups = backups_on(SimulatedFilesystem(), clock)
    async with simulated_store(clock=clock) as store:
        await (await store.space()).remember("first")
        log = log_of(store, backups)
        await store.backup(backups)
        segments = []
        for _ in range(3):
            await write(store, 1)
            segments.append(log.durable_lsn)
            await log.rotate()
        await store.backup(backups)
        last = await write(store, 1)
        await log.rotate()
        await log.trim(log.durable_lsn)
        await backups.prune(keep=1)
        kept = [each.entry.last_lsn for each in await archived(backups.repository)]
        assert kept == [segments[-1], max(last)]
        (one,) = await store.restore(backups, space="default", into="x", to_lsn=max(last))
        assert one.digest == last[max(last)]
        assert (await backups.verify()).damage == ()


async def test_a_damaged_copy_is_refused_by_name() -> None:
    clock, disk = FakeClock(), SimulatedFilesystem()
    backups = backups_on(disk, clock)
    async with simulated_store(clock=clock) as store:
        await (await store.space()).remember("first")
        log = log_of(store, backups)
        await store.backup(backups)
        last = await write(store, 1)
        await let_go(log)
        (copied,) = await archived(backups.repository)
        name = f"objects/{copied.entry.chunk[:2]}/{copied.entry.chunk}.chunk"
        disk.write_at(disk.open(name), 40, [b"?"])
        assert [each.name for each in (await backups.verify()).damage] == [name]
        with pytest.raises(ArchiveCorrupted, match=name):
            await store.restore(backups, space="default", into="x", to_lsn=max(last))


async def test_the_setting_names_where_the_log_is_copied_to(tmp_path: object) -> None:
    settings = load_settings({}, archive=f"{tmp_path}/kept", data_root=f"{tmp_path}/store")
    backups = open_backups(f"{tmp_path}/kept")
    async with open_store(settings=settings, embedder=None, kernels="numpy") as store:
        await (await store.space()).remember("first")
        made_at = datetime.now(UTC)
        engine = store._core.registry.open_now("default")
        assert engine is not None
        assert isinstance(engine.log, FileLog)
        await let_go(engine.log)
    (copied,) = await archived(backups.repository)
    assert (copied.space, copied.entry.last_lsn) == ("default", 1)
    assert to_datetime(copied.entry.last_time) <= made_at
