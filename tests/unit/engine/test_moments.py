"""One moment that many wait for, on every backend."""

from __future__ import annotations

import anyio
import pytest

from engram.engine.group_times import GroupTimes
from engram.wal.moments import Moment, Moments

pytestmark = pytest.mark.anyio


async def _wait(moment: Moment, came: list[int], number: int) -> None:
    await moment.wait()
    came.append(number)


async def test_all_who_wait_for_a_moment_go_on_when_it_comes() -> None:
    came: list[int] = []
    moment = Moments().next()
    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(_wait, moment, came, number)
        await anyio.wait_all_tasks_blocked()
        assert came == []
        moment.come()
    assert sorted(came) == [0, 1, 2]


async def test_who_asks_after_the_moment_has_come_goes_on_at_once() -> None:
    moment = Moments().next()
    moment.come()
    await moment.wait()


async def test_a_waiter_that_is_cancelled_takes_no_other_with_it() -> None:
    came: list[int] = []
    moment = Moments().next()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_wait, moment, came, 1)
        with anyio.CancelScope() as gone:
            tasks.start_soon(_wait, moment, came, 2)
            await anyio.wait_all_tasks_blocked()
            gone.cancel()
            await moment.wait()
        moment.come()
    assert gone.cancelled_caught
    assert sorted(came) == [1, 2]


async def test_of_many_the_first_half_goes_on_before_the_rest() -> None:
    came: list[int] = []
    moment = Moments().next()
    async with anyio.create_task_group() as tasks:
        for number in range(130):
            tasks.start_soon(_wait, moment, came, number)
        await anyio.wait_all_tasks_blocked()
        assert moment.come(in_halves=True)
        await anyio.wait_all_tasks_blocked()
        assert len(came) == 65
        moment.come_to_the_rest()
    assert sorted(came) == list(range(130))


def test_callers_are_halved_when_the_disk_is_quicker_than_they_are() -> None:
    times = GroupTimes()
    times.end(100)
    times.begin(500)
    times.end(800)
    assert times.is_for_halves
    times.begin(1_000)
    times.end(1_300)
    assert not times.is_for_halves


def test_two_groups_become_one_when_the_disk_is_slower_than_all_who_prepare() -> None:
    times = GroupTimes()
    times.begin(1_000)
    times.end(2_000)
    assert times.is_for_one(1_200)
    assert not times.is_for_one(1_300)


def test_a_group_that_was_ready_is_written_since_the_one_before_was_durable() -> None:
    times = GroupTimes()
    times.begin(1_000)
    times.end(2_000)
    times.go_on()
    assert not times.is_for_halves
    assert times.is_for_one(2_200)
    assert not times.is_for_one(2_300)
    times.end(2_100)
    assert not times.is_for_one(2_100)
