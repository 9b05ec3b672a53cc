"""A group of plain writes may be decided while the one before it is on its way to the disk."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio import lowlevel

from engram.engine.groups import Group
from engram.engine.readers import Readers
from engram.engine.replay import recover
from engram.engine.space_engine import SpaceEngine
from engram.model.commands import Command, Forget, Remember
from engram.model.errors import DurabilityError, EngramError, LogPoisoned
from engram.state.digest import digest
from engram.state.outcomes import Outcome
from engram.testing.clock import FakeClock
from engram.testing.strategies import content_key
from engram.wal.memory_log import MemoryLog

pytestmark = pytest.mark.anyio

COUNT = 32


class SteppingLog(MemoryLog):
    """A log in RAM whose syncs each wait to be let through, and fail when told to."""

    fails = False
    wanted = 0

    def __init__(self) -> None:
        super().__init__()
        self.through = anyio.Event()

    async def sync(self, upto: int) -> None:
        """Wait; then fail when told to, else make durable what was appended up to there."""
        self.wanted = upto
        await self.through.wait()
        if self.fails:
            raise LogPoisoned("log", "the disk said no")
        await super().sync(upto)


@asynccontextmanager
async def running(log: SteppingLog) -> AsyncIterator[SpaceEngine]:
    readers = Readers()
    engine = SpaceEngine("s", log, FakeClock(), await recover(log), readers)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        try:
            yield engine
        finally:
            log.through.set()
            await engine.aclose()
            await readers.aclose()


def plain(number: int) -> Remember:
    content = f"text {number}".encode()
    chance = number.to_bytes(10, "big")
    return Remember(
        content, content_key(content), 0, 1.0, None, None, None, (), b"", b"", math.nan, "", chance,
        is_plain=True,
    )  # fmt: skip


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await lowlevel.checkpoint()


async def in_two_groups(
    engine: SpaceEngine, log: SteppingLog, second: Sequence[Command]
) -> tuple[list[tuple[Group, int]], list[tuple[Group, int]]]:
    """Have a group of plain texts on its way to the disk, and the second one waiting behind it."""
    first = [engine.enlist(plain(number)) for number in range(COUNT)]
    await until(lambda: log.last_lsn == 1)
    waiting = [engine.enlist(command) for command in second]
    await until(lambda: log.wanted == 1)
    return first, waiting


async def answers(enlisted: Sequence[tuple[Group, int]]) -> list[Outcome | EngramError]:
    found: list[Outcome | EngramError] = []
    for group, position in enlisted:
        await group.done.wait()
        try:
            found.append(group.answer(position)[0])
        except EngramError as error:
            found.append(error)
    return found


async def test_the_next_group_is_in_the_log_before_the_one_before_it_is_durable() -> None:
    log = SteppingLog()
    async with running(log) as engine:
        first, second = await in_two_groups(
            engine, log, [plain(number) for number in range(COUNT, 2 * COUNT)]
        )
        assert log.last_lsn == 2
        assert (log.durable_lsn, engine.view.count, engine.view.lsn) == (0, 0, 0)
        log.through.set()
        outcomes = [*await answers(first), *await answers(second)]
        assert [each.created for each in outcomes if isinstance(each, Outcome)] == [(True,)] * 64
        assert engine.view.count == 2 * COUNT
        texts = [engine.view.content(row) for row in range(2 * COUNT)]
        assert texts == [f"text {number}" for number in range(2 * COUNT)]
        state = engine._state
        assert digest(await recover(log)) == digest(state)


async def test_who_was_decided_ahead_of_a_write_that_fails_is_told_and_leaves_nothing() -> None:
    log = SteppingLog()
    async with running(log) as engine:
        first, second = await in_two_groups(
            engine, log, [plain(number) for number in range(COUNT, 2 * COUNT)]
        )
        log.fails = True
        log.through.set()
        told = [*await answers(first), *await answers(second)]
        assert len(told) == 2 * COUNT
        assert all(isinstance(each, DurabilityError) for each in told)
        assert engine.view.count == 0


async def test_a_text_of_the_group_on_its_way_is_waited_for_and_seen_again() -> None:
    log = SteppingLog()
    async with running(log) as engine:
        again = [plain(number) for number in range(COUNT - 1, 2 * COUNT)]
        first, second = await in_two_groups(engine, log, again)
        assert log.last_lsn == 1
        log.through.set()
        stored, seen = await answers(first), await answers(second)
        last, twin = stored[-1], seen[0]
        assert isinstance(last, Outcome)
        assert isinstance(twin, Outcome)
        assert (twin.ids, twin.created) == (last.ids, (False,))
        assert engine.view.count == 2 * COUNT


async def test_a_command_that_names_a_memory_waits_until_the_one_before_is_durable() -> None:
    log = SteppingLog()
    async with running(log) as engine:
        log.through.set()
        known = (await engine.submit(plain(2 * COUNT)))[0].ids[0]
        log.through = anyio.Event()
        first = [engine.enlist(plain(number)) for number in range(COUNT)]
        await until(lambda: log.last_lsn == 2)
        second = [engine.enlist(plain(number)) for number in range(COUNT, 2 * COUNT)]
        second.append(engine.enlist(Forget(known)))
        await until(lambda: log.wanted == 2)
        assert log.last_lsn == 2
        log.through.set()
        assert len(await answers(first)) == COUNT
        assert all(isinstance(each, Outcome) for each in await answers(second))
        assert engine.view.count == 2 * COUNT + 1


async def test_a_change_between_groups_waits_for_what_was_decided_ahead() -> None:
    log = SteppingLog()
    async with running(log) as engine:
        _, second = await in_two_groups(
            engine, log, [plain(number) for number in range(COUNT, 2 * COUNT)]
        )
        assert log.last_lsn == 2
        counts: list[int] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.between_groups, lambda state: counts.append(state.count))
            await lowlevel.checkpoint()
            log.through.set()
            await answers(second)
        assert counts == [2 * COUNT]
