"""Reader threads: answers come back, and nobody's work is stopped when nobody waits."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from engram.engine.readers import THREADS_MAX, Readers
from engram.kernels.cancel import CancelFlag
from engram.model.errors import Closed, KernelCancelled

pytestmark = pytest.mark.anyio
PATIENCE_SECONDS = 10


@asynccontextmanager
async def open_readers() -> AsyncIterator[Readers]:
    readers = Readers()
    try:
        yield readers
    finally:
        await readers.aclose()


class Scan:
    """A search that goes on until it is asked to stop."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended = threading.Event()
        self.stopped = False

    def __call__(self, cancel: CancelFlag) -> None:
        """Go on until asked to stop, or told that it is done."""
        self.began.set()
        try:
            while not self.ended.wait(0.001):
                cancel.check()
        except KernelCancelled:
            self.stopped = True
            raise
        finally:
            self.ended.set()

    async def wait_begun(self) -> None:
        """Wait until a thread carries it out."""
        assert await anyio.to_thread.run_sync(self.began.wait, PATIENCE_SECONDS)

    async def wait_ended(self) -> None:
        """Wait until its thread is free again."""
        assert await anyio.to_thread.run_sync(self.ended.wait, PATIENCE_SECONDS)


async def test_an_answer_comes_back_and_the_flag_stays_unset() -> None:
    async with open_readers() as readers:
        assert await readers.run(lambda cancel: cancel.is_set) is False


async def test_a_cancelled_caller_stops_its_call() -> None:
    scan = Scan()
    async with open_readers() as readers, anyio.create_task_group() as tasks:
        tasks.start_soon(readers.run, scan)
        await scan.wait_begun()
        tasks.cancel_scope.cancel()
    assert scan.stopped


async def test_a_deadline_stops_its_call() -> None:
    scan = Scan()
    async with open_readers() as readers:
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.05):
                await readers.run(scan)
        await scan.wait_ended()
        assert scan.stopped
        assert await readers.run(lambda _: "next") == "next"


async def test_calls_in_line_of_cancelled_callers_are_never_begun() -> None:
    scans = [Scan() for _ in range(THREADS_MAX)]
    late = Scan()
    async with open_readers() as readers, anyio.create_task_group() as tasks:
        for scan in scans:
            tasks.start_soon(readers.run, scan)
        for scan in scans:
            await scan.wait_begun()
        tasks.start_soon(readers.run, late)
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert all(scan.stopped for scan in scans)
    assert not late.began.is_set()


async def test_one_cancelled_caller_leaves_the_others_alone() -> None:
    scan, other = Scan(), Scan()
    async with open_readers() as readers, anyio.create_task_group() as tasks:
        tasks.start_soon(readers.run, other)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as inner:
                inner.start_soon(readers.run, scan)
                await scan.wait_begun()
                scope.cancel()
        await scan.wait_ended()
        await other.wait_begun()
        assert not other.ended.is_set()
        other.ended.set()
    assert (scan.stopped, other.stopped) == (True, False)


async def test_closed_readers_refuse() -> None:
    async with open_readers() as readers:
        pass
    with pytest.raises(Closed):
        await readers.run(lambda _: None)


async def test_a_long_search_is_shared_with_a_thread_that_is_free() -> None:
    async with open_readers() as readers:

        def search(_cancel: CancelFlag) -> tuple[int, int]:
            other = threading.Event()

            def part() -> int:
                other.set()
                return threading.get_ident()

            began = readers.share(part)
            assert other.wait(PATIENCE_SECONDS)
            return threading.get_ident(), began()

        mine, others = await readers.run(search)
        assert mine != others


async def test_while_other_searches_run_nothing_is_shared() -> None:
    async with open_readers() as readers, anyio.create_task_group() as group:
        scan = Scan()
        group.start_soon(readers.run, scan)
        await scan.wait_begun()

        def search(_cancel: CancelFlag) -> tuple[int, int]:
            return threading.get_ident(), readers.share(threading.get_ident)()

        mine, others = await readers.run(search)
        assert mine == others
        scan.ended.set()


async def test_who_waits_for_a_share_does_it_when_nobody_came_and_gets_its_error() -> None:
    async with open_readers() as readers:
        stop = Scan()

        def fail() -> None:
            raise ValueError("shared")

        def search(cancel: CancelFlag) -> None:
            readers.share(partial(stop, cancel))
            assert stop.began.wait(PATIENCE_SECONDS), "the only other thread is busy"
            began = readers.share(fail)
            try:
                began()
            finally:
                stop.ended.set()

        with pytest.raises(ValueError, match="shared"):
            await readers.run(search)


async def test_a_share_left_behind_by_a_search_that_was_cancelled_ends() -> None:
    async with open_readers() as readers:
        scan = Scan()

        def search(cancel: CancelFlag) -> None:
            readers.share(lambda: scan(cancel))
            while True:
                cancel.check()

        async with anyio.create_task_group() as group:
            group.start_soon(readers.run, search)
            await scan.wait_begun()
            group.cancel_scope.cancel()
        await scan.wait_ended()
        assert scan.stopped
