"""One moment that many callers wait for.

Rule: never a future shared by waiters; cancelling one would cancel all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import anyio
from anyio import lowlevel

# Of fewer two groups would cost more of the processor than what the disk takes meanwhile.
_HALVED_MIN: Final = 48


class Pace:
    """Whether two halves of the callers in turn get more done than all of them together.

    They do when the disk takes less time than all need to prepare: then it never waits. A slower
    disk is better off with few large groups. Times are monotonic, in nanoseconds.
    """

    __slots__ = ("_begun", "_ended", "_preparing_ns", "_writing_ns")

    def __init__(self) -> None:
        self._begun = self._ended = self._preparing_ns = self._writing_ns = 0

    def begin(self, now: int) -> None:
        """Note that a group is on its way to the disk."""
        self._begun, self._preparing_ns = now, now - self._ended

    def end(self, now: int) -> None:
        """Note that it is durable."""
        self._ended, self._writing_ns = now, now - self._begun

    def go_on(self) -> None:
        """Note that the next group was ready, and is on its way since the last one was durable."""
        self._begun, self._preparing_ns = self._ended, 0

    @property
    def is_for_halves(self) -> bool:
        """Whether who has waited for one group should become two."""
        return self._writing_ns < self._preparing_ns

    def is_for_one(self, latest: int) -> bool:
        """Whether two groups should become one: those of the one that waits came until `latest`.

        To prepare a write, from then to its answer, takes about twice as long as for its caller to
        come again; and there are two groups of them.
        """
        return self._writing_ns > 4 * (latest - self._begun)


class Moments:
    """Makes moments on the event loop that it was made on.

    Where the loop hands out futures each waiter has its own: an anyio.Event does as much behind
    three more calls and a system call (7 to 10 % of a burst of 64 writers). Elsewhere it is one.
    """

    __slots__ = ("_create_future",)

    def __init__(self) -> None:
        native = lowlevel.current_token().native_token
        self._create_future: Callable[[], Any] | None = getattr(native, "create_future", None)

    def next(self) -> Moment:
        """Return a moment that has not come yet."""
        return Moment(self._create_future)


class Moment:
    """Comes once, to many in two halves. Belongs to its event loop."""

    __slots__ = ("_count", "_create_future", "_events", "_futures", "_has_come")

    def __init__(self, create_future: Callable[[], Any] | None) -> None:
        self._create_future = create_future
        self._events = None if create_future is not None else (anyio.Event(), anyio.Event())
        self._futures: list[Any] = []
        self._count = 0
        self._has_come = False

    def wait(self) -> Awaitable[None]:
        """Return what one caller awaits, once."""
        self._count += 1
        if self._events is not None:
            return self._events[self._count & 1].wait()
        future: Any = self._create_future()  # type: ignore[misc]
        if self._has_come:
            future.set_result(None)
        else:
            self._futures.append(future)
        waited: Awaitable[None] = future
        return waited

    def come(self, *, in_halves: bool = False) -> bool:
        """Let who waits go on; who was cancelled meanwhile is passed over.

        When it is to come in halves to many, only the first half goes on; then this returns True,
        and `come_to_the_rest` must be called soon.
        """
        self._has_come = True
        is_halved = in_halves and self._count >= _HALVED_MIN
        if self._events is not None:
            self._events[0].set()
            if not is_halved:
                self._events[1].set()
            return is_halved
        futures = self._futures
        half = len(futures) // 2 if is_halved else len(futures)
        _release(futures[:half])
        self._futures = futures[half:]
        return is_halved

    def come_to_the_rest(self) -> None:
        """Let the second half go on."""
        if self._events is not None:
            self._events[1].set()
        _release(self._futures)
        self._futures = []


def _release(futures: Sequence[Any]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
