"""Health and metrics: what they say of spaces at work, closed, damaged, and of a budget."""

from __future__ import annotations

import re
from threading import Event

import anyio
import numpy as np
import pytest

from engram.engine.space_locks import SpaceLocks
from engram.model.capacities import Capacities
from engram.model.errors import DurabilityError
from engram.model.health import SpaceHealth
from engram.service.store import Engram
from engram.testing.clock import FakeClock
from engram.testing.filesystem import Fault, SimulatedFilesystem
from engram.testing.stores import HistoryClock, simulated_store

pytestmark = pytest.mark.anyio

BUDGET_BYTES = 4 << 20
SMALL = Capacities(hot=2_000, warm=2_000, cold=100_000, segment=500)
SAMPLE = re.compile(r'engram_[a-z_]+(\{[a-z_]+="[^"{}]+"(,[a-z_]+="[^"{}]+")*\})?')


async def standing(db: Engram, space: str = "default") -> SpaceHealth:
    (found,) = [each for each in (await db.health()).spaces if each.space == space]
    return found


async def test_a_space_at_work_says_what_it_holds_and_where_its_log_stands() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember_many([f"text {number}" for number in range(7)])
        await db.checkpoint()
        await space.remember("one more")
        found = await standing(db)
        assert (found.phase, found.memories, found.hot) == ("ready", 8, 8)
        assert (found.lsn, found.checkpoint_lsn, found.wal_lag_ms) == (2, 1, 0.0)
        assert found.checkpoint_at is not None
        assert 0 < found.log_bytes_unsaved < found.log_bytes
        assert not found.damage
        assert not found.errors
        assert 0 < found.pressure < 0.1


async def test_a_space_nobody_asked_for_is_closed_and_stays_so() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        await (await db.create_space("other")).remember("x")
    async with simulated_store(disk) as db:
        assert (await standing(db, "other")).phase == "closed"
        assert (await standing(db, "other")).phase == "closed"
        await db.space("other")
        assert (await standing(db, "other")).memories == 1


async def test_a_damaged_space_says_why_and_metrics_say_it_in_a_number() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        await (await db.create_space("hit")).remember("x")
    (log,) = [name for name in disk.list("hit/wal") if name.endswith(".wal")]
    disk.damage(f"hit/wal/{log}", lambda data: data.__setitem__(4096 + 80, data[4176] ^ 1))
    async with simulated_store(disk) as db:
        with pytest.raises(DurabilityError):
            await db.space("hit")
        found = await standing(db, "hit")
        assert found.phase == "unavailable"
        assert log in str(found.reason)
        phases = {
            phase: db.metrics()[f'engram_space_phase{{memory_space="hit",phase="{phase}"}}']
            for phase in ("ready", "unavailable")
        }
        assert phases == {"ready": 0, "unavailable": 1}
        assert (await standing(db)).phase == "ready"


async def test_a_failed_write_makes_the_space_unavailable_with_its_reason() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space()
        disk.plan = lambda _, operation: "EIO" if operation == "sync" else None
        with pytest.raises(DurabilityError):
            await space.remember("x")
        disk.plan = None
        found = await standing(db)
        assert (found.phase, found.memories) == ("unavailable", 0)
        assert found.reason


async def test_lag_is_how_long_the_oldest_write_waits_for_the_disk() -> None:
    disk, reached, released = SimulatedFilesystem(), Event(), Event()

    def hold(_: int, operation: str) -> Fault | None:
        if operation == "sync":
            reached.set()
            released.wait(30)
        return None

    async with simulated_store(disk) as db:
        space = await db.space()
        disk.plan = hold
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(space.remember, "a")
            await anyio.to_thread.run_sync(reached.wait)
            tasks.start_soon(space.remember, "b")
            await anyio.lowlevel.checkpoint()
            first = await standing(db)
            later = await standing(db)
            released.set()
        disk.plan = None
        assert 0 < first.wal_lag_ms < later.wal_lag_ms
        assert first.queue_count == 1
        assert (await standing(db)).wal_lag_ms == 0


async def test_resident_bytes_stay_in_the_budget_while_three_times_as_much_is_written() -> None:
    """The sum of `engram_resident_bytes` is what is compared, after every batch."""
    chance, taken = np.random.default_rng(5), 0
    async with simulated_store(memory_budget=BUDGET_BYTES, capacities=SMALL) as db:
        space = await db.space()
        for batch in range(60):
            rows = chance.standard_normal((50, 1024), np.float32)
            await space.remember_many(
                [f"m{50 * batch + row}" for row in range(50)], embeddings=rows
            )
            taken += rows.nbytes
            found = db.metrics()
            parts = [found[name] for name in found if name.startswith("engram_resident_bytes")]
            assert len(parts) == len(db.resident_bytes)
            assert 0 < sum(parts) <= found["engram_memory_budget_bytes"] == BUDGET_BYTES
    assert taken > 2.9 * BUDGET_BYTES


async def test_groups_of_writes_are_counted_with_their_records_since_the_opening() -> None:
    """Those that come together share a group, of one kind a record; none is from recovery."""
    label = '{memory_space="default"}'
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space()
        made = [await space.remember(f"first {number}") for number in range(5)]
        async with anyio.create_task_group() as tasks:
            for number, each in enumerate(made):
                tasks.start_soon(space.remember, f"text {number}")
                tasks.start_soon(space.forget, each.id)
        found = db.metrics()
        groups = found[f"engram_wal_group_records_count{label}"]
        assert groups == found[f"engram_wal_syncs_total{label}"] < 15
        records = found[f"engram_wal_group_records_sum{label}"]
        assert groups < records == (await space.stats()).lsn
        await db.checkpoint()
        await space.remember("behind the snapshot")
    async with simulated_store(disk) as db:
        await db.space()
        assert db.metrics()[f"engram_wal_group_records_sum{label}"] == 0
        await (await db.space()).remember("one more")
        found = db.metrics()
        for part in ("sum", "count"):
            assert found[f"engram_wal_group_records_{part}{label}"] == 1


async def test_waits_for_the_lock_of_a_space_are_measured() -> None:
    """Of each who takes it, from when they asked for it."""
    clock = FakeClock(tick_ns=0)
    locks = SpaceLocks(clock)
    release = anyio.Event()

    async def hold(name: str) -> None:
        async with locks.held(name):
            await release.wait()

    async with anyio.create_task_group() as tasks:
        for name in ("a", "a", "b"):
            tasks.start_soon(hold, name)
        await anyio.wait_all_tasks_blocked()
        assert (locks.holds_count, locks.waited_ns, len(locks)) == (2, 0, 2)
        clock.advance(3_000_000_000)
        release.set()
    assert (locks.holds_count, locks.waited_ns, len(locks)) == (3, 3_000_000_000, 0)
    async with simulated_store() as db:
        before = db.metrics()["engram_registry_lock_wait_seconds_count"]
        await db.create_space("other")
        assert db.metrics()["engram_registry_lock_wait_seconds_count"] == before + 1


async def test_the_lag_of_links_is_told_in_memories_and_in_seconds() -> None:
    """The age of the oldest that is not linked; nothing once all are, or without vectors."""
    label = '{memory_space="default"}'
    clock = HistoryClock()
    async with simulated_store(clock=clock) as db:
        space = await db.space()
        await space.remember("no vector")
        assert db.metrics()[f"engram_linker_lag_seconds{label}"] == 0
        for number in range(3):
            await space.remember(f"text {number}", embedding=[1.0, float(number)])
            clock.advance(5_000_000_000)
        found = db.metrics()
        assert found[f"engram_linker_lag_memories{label}"] == 3
        assert found[f"engram_linker_lag_seconds{label}"] == pytest.approx(15, abs=0.5)
        assert await space.wait_linked() == 0
        assert db.metrics()[f"engram_linker_lag_seconds{label}"] == 0


async def test_every_metric_is_named_as_prometheus_wants_it() -> None:
    async with simulated_store() as db:
        await (await db.space()).remember("x")
        found = db.metrics()
        assert all(SAMPLE.fullmatch(name) for name in found)
        assert found['engram_memories{memory_space="default"}'] == 1
        assert found['engram_tier_memories{memory_space="default",tier="hot"}'] == 1
        assert found['engram_wal_syncs_total{memory_space="default"}'] == 1
