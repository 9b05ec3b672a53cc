"""The few threads that write for all logs of a process.

A job runs on one of them as soon as one is free. A job must not wait for another, and one that has
more to do gives way by submitting itself again.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from engram.wal.limits import APPENDER_THREADS

if TYPE_CHECKING:
    from collections.abc import Callable


class _Wake(Protocol):
    """Counts calls to come; `wait` takes one, or waits for one."""

    def post(self) -> None: ...

    def wait(self) -> None: ...

    def close(self) -> None: ...


class _QueueWake:
    """Works everywhere."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[None] = SimpleQueue()

    def post(self) -> None:
        self._queue.put(None)

    def wait(self) -> None:
        self._queue.get()

    def close(self) -> None:
        return


if sys.platform == "linux":

    class _EventWake:
        """Linux's counter: a thread that waits for it was there 3 us after the call, not 13."""

        def __init__(self) -> None:
            self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_SEMAPHORE)

        def post(self) -> None:
            os.eventfd_write(self._descriptor, 1)

        def wait(self) -> None:
            os.eventfd_read(self._descriptor)

        def close(self) -> None:
            os.close(self._descriptor)


def _make_wake() -> _Wake:
    if sys.platform == "linux" and hasattr(os, "eventfd"):
        return _EventWake()
    return _QueueWake()


class AppenderThreads:
    """Up to `count` threads, begun as they are needed; safe to use from any thread."""

    def __init__(self, count: int = APPENDER_THREADS) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._jobs: deque[Callable[[], None] | None] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self._wake = _make_wake()

    @property
    def has_waiting(self) -> bool:
        """Tell whether a job waits for a thread."""
        return bool(self._jobs)

    def submit(self, job: Callable[[], None]) -> None:
        """Have the job run on one of the threads; it must not raise."""
        with self._lock:
            self._jobs.append(job)
            if self._idle < len(self._jobs) and len(self._threads) < self._count:
                number = len(self._threads)
                thread = threading.Thread(target=self._run, name=f"appender {number}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._wake.post()

    def close(self) -> None:
        """End the threads after the jobs that were submitted; blocks; harmless when repeated."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            threads = list(self._threads)
            self._jobs.extend([None] * len(threads))
        for _ in threads:
            self._wake.post()
        for thread in threads:
            thread.join()
        self._wake.close()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            self._wake.wait()
            with self._lock:
                self._idle -= 1
                job = self._jobs.popleft()
            if job is None:
                return
            job()
