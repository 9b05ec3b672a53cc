from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine.indexing import index
from engram.engine.readers import Readers
from engram.engine.replay import recover
from engram.engine.space_engine import SpaceEngine
from engram.kernels.numpy_backend import NumpyBackend
from engram.model.collecting import collect
from engram.model.commands import Command, Forget, Remember
from engram.model.errors import (
    Closed,
    DurabilityError,
    InvalidRequest,
    LogPoisoned,
    MemoryNotFound,
    Overloaded,
)
from engram.model.ids import MemoryId
from engram.model.limits import QUEUE_COUNT_MAX
from engram.state.digest import digest
from engram.testing.clock import FakeClock
from engram.wal.memory_log import MemoryLog

pytestmark = pytest.mark.anyio


class CountingLog(MemoryLog):
    """A log in RAM that counts its syncs, can hold them back, and can fail them."""

    syncs = 0
    fails = False
    held: anyio.Event | None = None

    async def sync(self, upto: int) -> None:
        """Count, wait while held, fail when told to; else sync."""
        self.syncs += 1
        if self.held is not None:
            await self.held.wait()
        if self.fails:
            raise LogPoisoned("log", "the disk said no")
        await super().sync(upto)


@asynccontextmanager
async def running(log: MemoryLog) -> AsyncIterator[SpaceEngine]:
    readers = Readers()
    engine = SpaceEngine("s", log, FakeClock(), await recover(log), readers)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        tasks.start_soon(index, engine, NumpyBackend(), FakeClock())
        try:
            yield engine
        finally:
            held = getattr(log, "held", None)
            if held is not None:
                held.set()
            await engine.aclose()
            await readers.aclose()


def text(content: str | bytes, number: int = 0, tags: tuple[str, ...] = ()) -> Remember:
    raw = content if isinstance(content, bytes) else content.encode()
    key = hash(raw) & 0xFFFF_FFFF_FFFF_FFFF or 1
    chance = number.to_bytes(10, "little")
    return Remember(raw, key, 0, 1.0, None, None, None, tags, b"", b"", math.nan, "", chance)


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until the condition holds."""
    with anyio.fail_after(10):
        while not condition():
            await lowlevel.checkpoint()


def waiting_count(engine: SpaceEngine) -> int:
    return engine.queue.commands_count


def waits_for_more(engine: SpaceEngine, before: int) -> bool:
    return engine.queue.commands_count > before


async def refused(engine: SpaceEngine, command: Command) -> None:
    with pytest.raises(MemoryNotFound):
        await engine.submit(command)


async def submit_all(
    engine: SpaceEngine, log: CountingLog, commands: Sequence[Command]
) -> list[object]:
    """Let commands wait in their order behind one on its way; return each outcome or error."""
    answers: list[object] = [None] * len(commands)

    async def one(position: int, command: Command) -> None:
        try:
            answers[position] = (await engine.submit(command))[0]
        except Exception as error:  # noqa: BLE001 - it is the answer
            answers[position] = error

    log.held, syncs = anyio.Event(), log.syncs
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.submit, text("on its way", 1 << 40))
        await until(lambda: log.syncs == syncs + 1)
        for position, command in enumerate(commands):
            before = waiting_count(engine)
            tasks.start_soon(one, position, command)
            await until(partial(waits_for_more, engine, before))
        log.held.set()
    return answers


async def test_writers_that_wait_together_share_one_sync() -> None:
    log = CountingLog()
    async with running(log) as engine:
        log.held = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.submit, text("first"))
            await until(lambda: log.syncs == 1)
            for n in range(64):
                tasks.start_soon(engine.submit, text(f"t{n}", n + 1))
            await until(lambda: engine.queue.commands_count == 64)
            log.held.set()
        assert log.syncs == 2
        assert engine.view.count == 65


async def test_nothing_is_visible_before_its_sync_returned() -> None:
    log = CountingLog()
    async with running(log) as engine:
        log.held = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.submit, text("a"))
            await until(lambda: log.syncs == 1)
            assert log.last_lsn == 1
            assert engine.view.count == 0
            assert engine.view.lsn == 0
            log.held.set()
        assert engine.view.count == 1


async def test_a_write_is_visible_when_its_answer_comes() -> None:
    async with running(MemoryLog()) as engine:
        outcome, lsn = await engine.submit(text("a"))
        high, low = outcome.ids[0]
        assert engine.view.row_of(int(high), int(low)) == 0
        assert engine.view.lsn == lsn == 1


async def test_after_a_failed_sync_every_waiter_is_told_and_the_space_refuses() -> None:
    log = CountingLog()
    async with running(log) as engine:
        await engine.submit(text("safe"))
        log.fails, log.held = True, anyio.Event()
        answers: list[object] = []

        async def write(number: int) -> None:
            try:
                answers.append(await engine.submit(text(f"t{number}", number)))
            except DurabilityError as error:
                answers.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, 1)
            await until(lambda: log.syncs == 2)
            for number in range(2, 12):
                tasks.start_soon(write, number)
            await until(lambda: engine.queue.commands_count == 10)
            log.held.set()
        assert len(answers) == 11
        assert all(isinstance(answer, LogPoisoned) for answer in answers)
        for _ in range(2):
            with pytest.raises(LogPoisoned):
                await engine.submit(text("later", 99))
        assert engine.view.count == 1
        assert isinstance(engine.failure, LogPoisoned)
    async with running(log.reopened()) as engine:
        await engine.submit(text("later", 99))
        assert engine.view.count == 2


async def test_a_caller_that_gives_up_loses_only_its_answer() -> None:
    log = CountingLog()
    async with running(log) as engine:
        log.held = anyio.Event()
        async with anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()

            async def impatient() -> None:
                with scope:
                    await engine.submit(text("gave up", 1))

            tasks.start_soon(engine.submit, text("first"))
            await until(lambda: log.syncs == 1)
            tasks.start_soon(impatient)
            await until(lambda: engine.queue.commands_count == 1)
            tasks.start_soon(engine.submit, text("patient", 2))
            await until(lambda: engine.queue.commands_count == 2)
            scope.cancel()
            await lowlevel.checkpoint()
            log.held.set()
        await until(lambda: engine.view.count == 3)
        assert [engine.view.content(row) for row in range(3)] == ["first", "gave up", "patient"]


async def test_closing_finishes_what_waits_and_then_refuses() -> None:
    log = CountingLog()
    async with running(log) as engine:
        log.held = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.submit, text("first"))
            await until(lambda: log.syncs == 1)
            for n in range(3):
                tasks.start_soon(engine.submit, text(f"t{n}", n + 1))
            await until(lambda: engine.queue.commands_count == 3)
            tasks.start_soon(engine.aclose)
            await until(lambda: engine._closing)
            with pytest.raises(Closed, match="'s'"):
                await engine.submit(text("too late", 10))
            log.held.set()
        await engine.aclose()
        assert engine.view.count == 4


async def test_a_full_queue_refuses_and_takes_more_later() -> None:
    log = CountingLog()
    async with running(log) as engine:
        log.held = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.submit, text("first"))
            await until(lambda: log.syncs == 1)
            unknown = Forget(MemoryId(1, 2))
            for _ in range(QUEUE_COUNT_MAX):
                tasks.start_soon(refused, engine, unknown)
            await until(lambda: engine.queue.commands_count == QUEUE_COUNT_MAX)
            with pytest.raises(Overloaded, match="queue_count_max of 8192"):
                await engine.submit(text("a", 1))
            log.held.set()
        await engine.submit(text("a", 1))
        assert engine.view.count == 2


async def test_more_bytes_than_the_queue_holds_are_refused_until_it_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engram.engine.groups.QUEUE_BYTES_MAX", 10_000)
    log = CountingLog()
    async with running(log) as engine:
        log.held = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.submit, text("first"))
            await until(lambda: log.syncs == 1)
            tasks.start_soon(engine.submit, text("x" * 20_000, 1))
            await until(lambda: engine.queue.commands_count == 1)
            with pytest.raises(Overloaded, match="queue_bytes_max of 10000"):
                await engine.submit(text("a", 2))
            log.held.set()
        await engine.submit(text("a", 2))
        assert engine.view.count == 3


async def test_writes_wait_for_the_word_index_once_it_is_too_far_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engram.engine.space_engine.WORDS_BACKLOG_ROWS_MAX", 1_500)
    async with running(CountingLog()) as engine:
        for first in range(0, 6_000, 1_000):
            items = [text(f"word{n}", n + 1) for n in range(first, first + 1_000)]
            await engine.submit(collect(items, "", 0))
            assert engine.view.count - engine.words.rows_indexed <= 1_500


async def test_commands_are_carried_out_in_the_order_they_came_lone_or_bulk() -> None:
    log = CountingLog()
    async with running(log) as engine:
        log.held = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.submit, text("0"))
            await until(lambda: log.syncs == 1)
            commands: list[Command] = [text("1", 1), text("2", 2)]
            commands.append(collect([text("3", 3), text("1", 4), text("4", 5)], "", 0))
            commands += [text("5", 6), text("3", 7)]
            for command in commands:
                before = waiting_count(engine)
                tasks.start_soon(engine.submit, command)
                await until(partial(waits_for_more, engine, before))
            log.held.set()
        assert [engine.view.content(row) for row in range(engine.view.count)] == list("012345")
        assert [int(engine.view.value("seen_count", row)) for row in range(6)] == [1, 2, 1, 2, 1, 1]


async def test_one_group_may_remember_and_forget_the_same_memory() -> None:
    log = CountingLog()
    async with running(log) as engine:
        outcome, _ = await engine.submit(text("a"))
        memory = MemoryId(*map(int, outcome.ids[0]))
        commands: list[Command] = [Forget(memory), text("a", 1), text("a", 2), Forget(memory)]
        gone, fresh, twin, refused = await submit_all(engine, log, commands)
        contents = [getattr(answer, "ids", None) for answer in (gone, fresh, twin)]
        assert contents[0] == (memory,)
        assert contents[1] == contents[2] != (memory,)
        assert isinstance(refused, MemoryNotFound)
        assert engine.view.count - engine.view.forgotten_count == 2


async def test_a_refusal_leaves_its_companions_alone() -> None:
    log = CountingLog()
    async with running(log) as engine:
        answers = await submit_all(
            engine,
            log,
            [text("a", 1), Forget(MemoryId(1, 2)), text("b", 2), Forget(MemoryId(3, 4))],
        )
        kinds = [type(answer).__name__ for answer in answers]
        assert kinds == ["Outcome", "MemoryNotFound", "Outcome", "MemoryNotFound"]


async def test_more_text_than_one_record_holds_becomes_several_groups() -> None:
    """A group used to be bounded by count alone; the log refused it and the space stopped."""
    log = CountingLog()
    async with running(log) as engine:
        commands = [text(b"%d" % n + bytes(100_000), n) for n in range(300)]
        answers = await submit_all(engine, log, commands)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert engine.view.count == 301
        assert log.syncs == 4


async def test_labels_count_towards_what_a_record_holds() -> None:
    log = CountingLog()
    async with running(log) as engine:
        tags = [tuple(f"{n:04}{t:02}" + "\U0001f436" * 120 for t in range(64)) for n in range(600)]
        answers = await submit_all(
            engine, log, [text(f"{n}", n, own) for n, own in enumerate(tags)]
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert engine.view.count == 601


async def test_what_is_too_long_for_a_log_of_short_records_is_refused_and_the_space_serves() -> (
    None
):
    async with running(MemoryLog(record_bytes_max=2_000)) as engine:
        with pytest.raises(InvalidRequest):
            await engine.submit(text("x" * 3_000))
        await engine.submit(text("short", 1))
        assert engine.view.count == 1


async def test_new_texts_are_indexed_while_nothing_else_is_to_do() -> None:
    async with running(MemoryLog()) as engine:
        await engine.submit(collect([text(f"word{n}", n) for n in range(500)], "", 0))
        with anyio.fail_after(10):
            while engine.words.rows_indexed < 500:  # noqa: ASYNC110 - it works in a thread
                await anyio.sleep(0.001)
        words = engine.words.at(engine.view)
        _, rows = words.top_k(NumpyBackend(), words.asked("word77"), 5)
        assert rows.tolist() == [77]


async def test_recovery_leads_to_the_state_that_was_acknowledged() -> None:
    log = MemoryLog()
    async with running(log) as engine:
        outcome, _ = await engine.submit(text("a"))
        await engine.submit(collect([text("b", 1), text("c", 2), text("a", 3)], "", 0))
        await engine.submit(Forget(MemoryId(*map(int, outcome.ids[0]))))
        expected = digest(engine._state)
    assert digest(await recover(log.reopened())) == expected


async def test_a_view_held_while_writing_keeps_what_it_showed() -> None:
    async with running(MemoryLog()) as engine:
        outcome, _ = await engine.submit(text("a"))
        held = engine.view
        flags = held.gather("flags", np.arange(1)).tolist()
        await engine.submit(Forget(MemoryId(*map(int, outcome.ids[0]))))
        await engine.submit(collect([text(f"b{n}", n) for n in range(1_000)], "", 0))
        assert held.count == 1
        assert held.gather("flags", np.arange(1)).tolist() == flags
