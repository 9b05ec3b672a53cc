"""Bodies of a space at work find the tiers they belong in, and the store keeps to its budget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import anyio
import anyio.to_thread
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine.activity import Activity
from engram.engine.housekeeping import Housekeeping, Tiers, TierStatus
from engram.engine.indexing import index
from engram.engine.readers import Readers
from engram.engine.replay import in_thread
from engram.engine.segments import Segments
from engram.engine.space_engine import SpaceEngine
from engram.kernels.numpy_backend import NumpyBackend
from engram.model.capacities import Capacities
from engram.model.commands import Forget
from engram.model.errors import Overloaded, StorageFailed
from engram.model.ids import MemoryId
from engram.model.limits import MEMORY_BUDGET_BYTES_MIN
from engram.state.bodies import SEALED
from engram.state.columns import Array
from engram.state.digest import digest
from engram.state.space import SpaceState
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.filling import batch_of, fill
from engram.wal.memory_log import MemoryLog

pytestmark = pytest.mark.anyio
BUSY_ROUNDS = 100
SMALL = Capacities(hot=100, warm=200, cold=2_000, segment=50)


class Kept(NamedTuple):
    """A space at work, and who looks after it."""

    engine: SpaceEngine
    housekeeping: Housekeeping
    segments: Segments
    disk: SimulatedFilesystem

    async def until(self, holds: Callable[[TierStatus], bool]) -> None:
        """Wait until something holds of where the bodies are."""
        with anyio.fail_after(20):
            while not holds(self.housekeeping.status_of(self.engine)):
                await anyio.to_thread.run_sync(lambda: None)

    def sealed(self, rows: Array | None = None) -> int:
        """Return how many of the rows, or of all, have their bodies on disk."""
        view = self.engine.view
        rows = np.arange(view.count) if rows is None else rows
        return int(np.count_nonzero(view.gather("place", rows) & np.uint32(SEALED)))


class BusyClock(FakeClock):
    """A clock on which no time passes for who waits, and somebody is always served meanwhile."""

    def __init__(self, activity: Activity) -> None:
        super().__init__(tick_ns=0)
        self._activity = activity

    async def sleep_until(self, deadline: int) -> None:  # noqa: ARG002 - no time passes
        """Serve somebody and come back at once, whatever the deadline."""
        self._activity.begin()
        await lowlevel.checkpoint()


@asynccontextmanager
async def kept(
    capacities: Capacities = SMALL,
    budget_bytes: int = 1 << 30,
    clock: FakeClock | None = None,
    activity: Activity | None = None,
) -> AsyncIterator[Kept]:
    disk, readers = SimulatedFilesystem(), Readers()
    clock, activity = clock or FakeClock(), activity or Activity()
    segments = Segments(disk)
    tiers = Tiers(segments, budget_bytes, lambda _: capacities, lambda: None)
    housekeeping = Housekeeping(tiers, clock, activity, in_thread)
    engine = SpaceEngine("s", MemoryLog(), clock, SpaceState(), readers, activity, housekeeping)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        tasks.start_soon(housekeeping.run)
        try:
            yield Kept(engine, housekeeping, segments, disk)
        finally:
            await housekeeping.aclose()
            await engine.aclose()
            await readers.aclose()


async def test_what_is_needed_least_is_sealed_when_a_segment_is_over() -> None:
    async with kept() as space:
        for seed in range(3):
            await space.engine.submit(batch_of(49, 4, seed))
        await lowlevel.checkpoint()
        assert space.sealed() == 0
        await space.engine.submit(batch_of(3, 4, 9))
        await space.until(lambda tiers: tiers.steps == 1)
        assert space.sealed() == space.sealed(np.arange(50)) == 50
        assert space.housekeeping.status_of(space.engine)[:3] == (100, 50, 0)


async def test_a_move_waits_for_a_quiet_moment_only_until_two_segments_are_over() -> None:
    activity = Activity()
    async with kept(clock=BusyClock(activity), activity=activity) as space:
        await space.engine.submit(batch_of(150, 4))
        while activity.begun < BUSY_ROUNDS:
            await anyio.to_thread.run_sync(lambda: None)
        assert space.sealed() == 0
        await space.engine.submit(batch_of(50, 4, 1))
        await space.until(lambda tiers: tiers.steps == 1)
        assert space.sealed() == 50


async def test_no_move_changes_what_a_space_holds() -> None:
    plain = SpaceState()
    async with kept() as space:
        for seed in range(20):
            batch = batch_of(40, 4, seed, metadata=b"{}")
            await space.engine.submit(batch)
            fill(plain, batch, now=seed)
        await space.until(lambda tiers: tiers.hot < 150 and tiers.warm < 250)
        view = space.engine.view
        hot, warm, cold = space.housekeeping.status_of(space.engine)[:3]
        assert hot + warm + cold == 800
        assert cold
        rows = np.arange(800)
        assert view.contents(rows) == plain.view().contents(rows)
        assert (view.vectors_of(rows) == plain.view().vectors_of(rows)).all()
        assert (view.norms_of(rows) == plain.view().norms_of(rows)).all()


async def test_what_is_recalled_comes_up_again() -> None:
    async with kept() as space:
        await space.engine.submit(batch_of(160, 4))
        await space.until(lambda tiers: tiers.steps == 1)
        wanted = np.array([3, 4, 20])
        assert space.sealed(wanted) == 3
        before = digest(space.engine.view)
        space.engine.recalled(space.engine.view, wanted.tolist())
        await space.until(lambda tiers: tiers.steps == 2)
        assert space.sealed(wanted) == 0
        assert digest(space.engine.view) == before


async def test_a_segment_that_lost_a_quarter_is_rewritten_without_it() -> None:
    async with kept() as space:
        await space.engine.submit(batch_of(160, 4))
        await space.until(lambda tiers: tiers.steps == 1)
        space.engine.recalled(space.engine.view, list(range(20)))
        await space.until(lambda tiers: tiers.steps == 3)
        parts = [part for part in space.engine.view.sealed if part is not None]
        assert [part.segment.count for part in parts] == [30]


async def test_a_repeated_text_is_known_though_it_is_sealed() -> None:
    async with kept() as space:
        await space.engine.submit(batch_of(160, 4))
        await space.until(lambda tiers: tiers.steps == 1)
        outcome, _ = await space.engine.submit(batch_of(160, 4))
        assert not np.asarray(outcome.created).any()


async def test_over_cold_capacity_a_write_is_refused_by_name() -> None:
    async with kept(SMALL._replace(cold=150)) as space:
        await space.engine.submit(batch_of(150, 4))
        with pytest.raises(Overloaded, match="cold_capacity of memory space 's' of 150"):
            await space.engine.submit(batch_of(1, 4, 1))


async def test_a_step_that_fails_is_told_and_tried_again() -> None:
    async with kept() as space:
        broken = True
        space.disk.plan = lambda _, name: "ENOSPC" if broken and name == "write" else None
        await space.engine.submit(batch_of(160, 4))
        await space.until(lambda tiers: tiers.error is not None)
        assert space.sealed() == 0
        broken = False
        await space.until(lambda tiers: tiers.steps == 1)
        assert space.housekeeping.status_of(space.engine).error is None
        assert space.sealed() == 50


async def test_writes_wait_for_room_in_the_budget_and_all_is_kept() -> None:
    huge = Capacities(hot=10**6)
    async with kept(huge, MEMORY_BUDGET_BYTES_MIN) as space:
        total = 0
        for seed in range(30):
            batch = batch_of(500, 256, seed, text_bytes=4_000)
            total += len(batch.vectors) + len(batch.contents)
            await space.engine.submit(batch)
            assert space.housekeeping.resident().total <= MEMORY_BUDGET_BYTES_MIN
        assert total > 2 * MEMORY_BUDGET_BYTES_MIN
        view = space.engine.view
        for seed, row in ((0, 7), (13, 499), (29, 0)):
            text = f"memory {seed} {row} "
            assert view.content(500 * seed + row).startswith(text)


async def test_writes_are_refused_when_no_room_can_be_made_and_forgetting_is_not() -> None:
    huge = Capacities(hot=10**6)
    async with kept(huge, MEMORY_BUDGET_BYTES_MIN) as space:
        space.disk.plan = lambda _, name: "ENOSPC" if name == "write" else None

        async def fill_up() -> None:
            for seed in range(30):
                await space.engine.submit(batch_of(500, 256, seed, text_bytes=4_000))

        with pytest.raises(Overloaded, match="memory_budget"):
            await fill_up()
        view = space.engine.view
        halves = [int(view.gather(f"id_{half}", np.array([0]))[0]) for half in ("high", "low")]
        await space.engine.submit(Forget(MemoryId(*halves)))
        assert space.engine.view.forgotten_count == 1


async def test_a_text_that_cannot_be_read_for_its_words_stops_nothing() -> None:
    async with kept() as space, anyio.create_task_group() as tasks:
        await space.engine.submit(batch_of(160, 4))
        await space.until(lambda tiers: tiers.steps == 1)
        space.disk.plan = lambda *_: "power"
        with pytest.raises(StorageFailed):
            space.disk.create_exclusive("the power goes off")
        tasks.start_soon(index, space.engine, NumpyBackend(), FakeClock())
        for _ in range(20):
            await anyio.to_thread.run_sync(lambda: None)
        assert space.engine.words.rows_indexed == 0
        space.disk.plan = None
        space.disk.crash(keep_all=True)
        await space.engine.submit(batch_of(1, 4, 7))
        with anyio.fail_after(20):
            while space.engine.words.rows_indexed < 161:
                await anyio.to_thread.run_sync(lambda: None)
        await space.engine.aclose()


async def test_what_a_closed_space_held_counts_no_more() -> None:
    async with kept() as space:
        await space.engine.submit(batch_of(150, 4))
        await space.until(lambda tiers: tiers.steps == 1)
        assert space.housekeeping.resident().columns > 0
        await space.housekeeping.remove("s")
        held = space.housekeeping.resident()
        assert held.total == held.cache + held.moving
        space.housekeeping.add(space.engine)
        assert space.housekeeping.resident().hot > 0
