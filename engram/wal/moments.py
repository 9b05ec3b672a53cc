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
