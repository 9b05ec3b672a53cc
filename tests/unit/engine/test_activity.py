"""When a store counts as idle, and who looks at the clock for that."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio import wait_all_tasks_blocked

import engram
from engram.engine.activity import Activity

pytestmark = pytest.mark.anyio


class _Held:
    """A clock whose sleepers go on when told to, and that counts them."""

    def __init__(self) -> None:
        self.slept = 0
        self._gate = anyio.Event()

    def now(self) -> int:
        return 0

    def monotonic(self) -> int:
        return 0

    async def sleep_until(self, deadline: int) -> None:
        del deadline
        self.slept += 1
        await self._gate.wait()

    def let_pass(self) -> None:
        self._gate.set()
        self._gate = anyio.Event()


async def _waiting(activity: Activity, clock: _Held, came: list[int], number: int) -> None:
    await activity.idle(clock)
    came.append(number)


async def test_of_a_hundred_that_wait_one_looks_at_the_clock() -> None:
    activity, clock, came = Activity(), _Held(), list[int]()
    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(_waiting, activity, clock, came, number)
        await wait_all_tasks_blocked()
        assert (clock.slept, came) == (1, [])
        activity.begin()
        clock.let_pass()
        await wait_all_tasks_blocked()
        assert (clock.slept, came) == (2, [])
        clock.let_pass()
    assert sorted(came) == [*range(100)]
    assert clock.slept == 2


async def test_who_looks_at_the_clock_may_be_cancelled_and_no_other_waits_on() -> None:
    activity, clock, came = Activity(), _Held(), list[int]()
    async with anyio.create_task_group() as tasks, anyio.create_task_group() as first:
        first.start_soon(_waiting, activity, clock, came, 1)
        await wait_all_tasks_blocked()
        tasks.start_soon(_waiting, activity, clock, came, 2)
        await wait_all_tasks_blocked()
        first.cancel_scope.cancel()
    assert came == [2]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_waiting, activity, clock, came, 3)
        await wait_all_tasks_blocked()
        clock.let_pass()
    assert came == [2, 3]


async def test_opening_a_space_is_work_that_others_give_way_to(tmp_path: Path) -> None:
    async with engram.open(tmp_path, embedder=None) as db:
        activity = db._core.registry._activity
        begun = activity.begun
        await db.create_space("another")
        assert activity.begun > begun
