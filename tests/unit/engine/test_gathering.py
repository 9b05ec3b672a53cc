"""How long a group of writes is held back for those on their way: turns of the loop, no timer."""

from __future__ import annotations

from typing import Any, cast

import anyio
import pytest
from anyio import lowlevel

from engram.engine.gathering import (
    GATHERED_COUNT_MAX,
    GATHERING_NS_MAX,
    IDLE_TURNS_MAX,
    Gathering,
)
from engram.engine.group_times import GroupTimes
from engram.engine.groups import Group
from engram.state.outcomes import Outcome
from engram.testing.clock import StandingClock
from engram.wal.moments import Moments
from tests.unit.engine.test_decided_ahead import SteppingLog, answers, plain, running, until

pytestmark = pytest.mark.anyio

_COMMAND = cast("Any", object())  # it is counted, and nothing else


class _Scene:
    """A writer whose last group was durable at 1,000 ns, and callers that come turn by turn."""

    def __init__(self, clock: StandingClock | None = None) -> None:
        self.times = GroupTimes()
        self.times.begin(0)
        self.times.end(1_000)
        self.gathering = Gathering(clock or StandingClock())

    async def write(
        self, come: int, *, every: int = 1, crowded: bool = True, first: int = 1
    ) -> int:
        """Gather one group that so many more come to, each so many turns after the last.

        Returns how many writes it had.
        """
        begun = 500 if crowded else 2_000
        group = Group(begun, Moments().next(), is_lone=True)
        group.commands = [_COMMAND] * first

        async def callers() -> None:
            for _ in range(come):
                for _ in range(every):
                    await lowlevel.checkpoint()
                group.commands.append(_COMMAND)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(callers)
            await self.gathering.gather(group, self.times)
            found = len(group.commands)
            tasks.cancel_scope.cancel()
        return found


async def test_writes_that_come_turns_apart_become_one_group() -> None:
    assert await _Scene().write(9, every=IDLE_TURNS_MAX // 2) == 10


async def test_no_more_are_waited_for_than_make_a_group_worth_its_while() -> None:
    assert await _Scene().write(GATHERED_COUNT_MAX + 9) in (
        GATHERED_COUNT_MAX,
        GATHERED_COUNT_MAX + 1,
    )


async def test_turns_that_bring_nobody_end_it() -> None:
    assert await _Scene().write(9, every=2 * IDLE_TURNS_MAX) == 1


async def test_a_caller_that_is_alone_does_not_wait() -> None:
    scene = _Scene()
    for _ in range(3):
        assert await scene.write(9, crowded=False) == 1


async def test_once_many_have_come_as_many_are_waited_for() -> None:
    scene = _Scene()
    await scene.write(9)
    assert await scene.write(9, crowded=False) in (10, 11)


async def test_who_is_alone_again_soon_waits_no_more() -> None:
    scene = _Scene()
    await scene.write(30)
    for _ in range(6):
        await scene.write(0, crowded=False)
    assert await scene.write(9, crowded=False) == 1


async def test_what_was_not_worth_it_is_tried_again_less_and_less_often() -> None:
    scene = _Scene()
    # A second write comes if it is waited for; two are too few to be worth it.
    found = [await scene.write(1) for _ in range(40)]
    assert [group for group, count in enumerate(found) if count == 2] == [0, 2, 6, 14, 30]


async def test_large_groups_and_bulk_commands_are_written_at_once() -> None:
    scene = _Scene()
    assert await scene.write(9, first=GATHERED_COUNT_MAX) == GATHERED_COUNT_MAX
    bulk = Group(500, Moments().next(), is_lone=False)
    bulk.commands = [_COMMAND]
    with anyio.CancelScope() as scope:
        scope.cancel()
        await scene.gathering.gather(bulk, scene.times)  # gives no turn, so it is not cancelled
        await scene.gathering.gather(None, scene.times)
    assert not scope.cancelled_caught


async def test_where_turns_take_long_it_ends_after_a_time() -> None:
    clock = StandingClock()
    scene = _Scene(clock)
    group = Group(500, Moments().next(), is_lone=True)
    group.commands = [_COMMAND]

    async def slowly() -> None:
        while True:
            await lowlevel.checkpoint()
            clock.advance(GATHERING_NS_MAX // 3)
            group.commands.append(_COMMAND)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(slowly)
        await scene.gathering.gather(group, scene.times)
        assert 4 <= len(group.commands) <= 6
        tasks.cancel_scope.cancel()


async def test_the_writer_holds_a_small_group_back_for_writes_that_come_one_by_one() -> None:
    log = SteppingLog()
    async with running(log) as engine:
        enlisted = [engine.enlist(plain(0))]
        await until(lambda: log.wanted == 1)
        enlisted.append(engine.enlist(plain(1)))  # crowded: it came meanwhile
        log.through.set()
        for number in range(2, 12):
            for _ in range(4):
                await lowlevel.checkpoint()
            enlisted.append(engine.enlist(plain(number)))
        assert all(isinstance(each, Outcome) for each in await answers(enlisted))
        assert engine.groups_committed == 2
