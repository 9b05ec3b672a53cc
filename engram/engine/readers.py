"""Threads that carry out searches, and wake the event loop themselves.

Rule 1: a cancelled caller no longer waits for its call, and the call is asked to stop; one that
        had not begun is dropped.
Rule 2: one event a call, never a future shared by waiters.

After a scan of 150 MB has emptied the caches, the hop through `anyio.to_thread` took 282 us to
reach the thread and 122 us to come back, this one 145 and 124 us (medians of 100, asyncio).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar, cast

import anyio
import anyio.to_thread
from anyio import lowlevel

from engram.engine.replay import RunBlocking
from engram.kernels.cancel import CancelFlag
from engram.model.errors import Closed

T = TypeVar("T")

# 4 threads: two cores are busy with two scans; more callers wait in line instead of thrashing.
THREADS_MAX: Final = 4

# 4 searches: whoever else wants the event loop waits for one part of each, 1 ms in all.
IN_PARTS_MAX: Final = 4


class _Call:
    """One search on its way: what to run, and what came of it."""

    __slots__ = ("cancel", "done", "error", "result", "run")

    def __init__(self, run: Callable[[CancelFlag], Any]) -> None:
        self.run = run
        self.cancel = CancelFlag()
        self.done = anyio.Event()
        self.result: Any = None
        self.error: BaseException | None = None


class _Share:
    """A part of a search, run by a free thread or by who waits for it: whoever is first."""

    __slots__ = ("_claim", "_done", "_error", "_result", "_run")

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        self._claim = threading.Lock()
        self._done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    def work(self) -> None:
        """Run it unless it runs already."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._result = self._run()
        except BaseException as error:  # noqa: BLE001 - it is the waiter's, raised over there
            self._error = error
        self._done.set()

    def result(self) -> Any:
        """Return what it returned, or raise what it raised; blocks until then."""
        self.work()
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result


class Readers:
    """A few threads shared by all spaces of a store. Belongs to the event loop it was made on."""

    def __init__(self, run: RunBlocking | None = None) -> None:
        """Make threads when they are needed, or let `run` say where searches run."""
        self._run_blocking = run
        self._calls: SimpleQueue[_Call | _Share | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._waiting_count = 0
        self._closed = False
        self.turns = anyio.Semaphore(IN_PARTS_MAX, fast_acquire=True)
        """Held by each search that is carried out part by part on the event loop."""
        native = lowlevel.current_token().native_token
        # asyncio's loop and trio's token have the same call under two names.
        self._call_soon: Callable[[Callable[[], object]], object] = getattr(
            native, "call_soon_threadsafe", None
        ) or getattr(native, "run_sync_soon")  # noqa: B009 - the type is the backend's own

    async def run(self, run: Callable[[CancelFlag], T]) -> T:
        """Return what `run` returns, or raise what it raises; Closed when the store is closed.

        `run` is handed a flag that is set when nobody waits for it any more.
        """
        if self._closed:
            raise Closed("the store")
        call = _Call(run)
        if self._run_blocking is not None:
            return await self._run_blocking(lambda: run(call.cancel))
        self._waiting_count += 1
        # One more than searches, to share a long one with.
        while self._waiting_count >= len(self._threads) < THREADS_MAX:
            self._start()
        self._calls.put(call)
        try:
            await call.done.wait()
        except BaseException:
            call.cancel.set()
            raise
        finally:
            self._waiting_count -= 1
        if call.error is not None:
            raise call.error
        return cast("T", call.result)

    def share(self, run: Callable[[], T]) -> Callable[[], T]:
        """Begin `run` in another thread if searches leave one free; return what waits for it.

        For reader threads. While other searches run or wait, `run` is left to the caller, who runs
        it when it asks for the result; so it must not depend on who runs it.
        """
        if self._waiting_count > 1 or self._closed or len(self._threads) <= 1:
            return run
        share = _Share(run)
        self._calls.put(share)
        return share.result

    async def aclose(self) -> None:
        """Finish what runs and end the threads; harmless when repeated."""
        self._closed = True
        for _ in self._threads:
            self._calls.put(None)
        threads, self._threads = self._threads, []
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join)

    def _start(self) -> None:
        name = f"engram reader {len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if isinstance(call, _Share):
                call.work()
                del call
                continue
            try:
                call.cancel.check()
                call.result = call.run(call.cancel)
            except BaseException as error:  # noqa: BLE001 - it is the caller's, raised over there
                call.error = error
            try:
                self._call_soon(call.done.set)
            except RuntimeError:
                return  # the loop has ended; nobody waits any more
            del call
