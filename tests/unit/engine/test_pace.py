"""Long work in the background goes in pieces, and callers go first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio
import pytest
from anyio import lowlevel

from engram.engine.activity import Activity
from engram.engine.pace import Pace
from engram.testing.clock import FakeClock
from engram.testing.stores import in_calling_task

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

pytestmark = pytest.mark.anyio

T = TypeVar("T")
MILLISECOND = 1_000_000


class _Work:
    """Ten steps of a millisecond each, and how many were taken."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.taken = 0

    def steps(self) -> Generator[None, None, str]:
        for _ in range(10):
            self._clock.advance(MILLISECOND)
            self.taken += 1
            yield
        return "done"


class _Threads:
    """Runs pieces in the calling task, and counts them."""

    def __init__(self) -> None:
        self.pieces = 0

    async def run(self, call: Callable[[], T], /) -> T:
        self.pieces += 1
        return await in_calling_task(call)


async def test_steps_are_taken_in_short_pieces_while_callers_are_served() -> None:
    clock, activity, threads = FakeClock(tick_ns=0), Activity(), _Threads()
    pace = Pace(clock, activity, threads.run, rest_share=1)
    assert await pace.work_off(_Work(clock).steps(), lambda: True) == "done"
    alone, threads.pieces = threads.pieces, 0
    activity.begin()
    assert await pace.work_off(_Work(clock).steps(), lambda: True) == "done"
    assert 3 * alone < threads.pieces


async def test_after_a_piece_a_recall_under_way_is_let_through() -> None:
    clock, activity = FakeClock(tick_ns=0), Activity()
    pace, work = Pace(clock, activity, _Threads().run, rest_share=1), _Work(clock)
    activity.begin_recall()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pace.work_off, work.steps(), lambda: True)
        for _ in range(50):
            await lowlevel.checkpoint()
        assert work.taken == 1
        activity.end_recall()
    assert work.taken == 10


@pytest.mark.parametrize(("is_urgent", "rests"), [(False, 2), (True, 0)])
async def test_it_rests_where_others_are_served_unless_it_is_urgent(
    is_urgent: bool, rests: int
) -> None:
    clock, activity = FakeClock(tick_ns=0), Activity()
    pace = Pace(clock, activity, _Threads().run, rest_share=2)
    activity.begin()
    before = clock.monotonic()
    await pace.give_way(MILLISECOND, is_urgent=is_urgent)
    assert clock.monotonic() - before == rests * MILLISECOND
    await pace.give_way(MILLISECOND, is_urgent=is_urgent)
    assert clock.monotonic() - before == rests * MILLISECOND


async def test_in_a_burst_it_rests_four_times_as_long() -> None:
    clock, activity = FakeClock(tick_ns=0), Activity()
    pace = Pace(clock, activity, _Threads().run, rest_share=2)
    for served, rests in ((10, 4 * 2), (3, 2)):
        await pace.give_way(0, is_urgent=True)
        clock.advance(MILLISECOND)
        activity.begun += served
        before = clock.monotonic()
        await pace.give_way(MILLISECOND, is_urgent=False)
        assert clock.monotonic() - before == rests * MILLISECOND
