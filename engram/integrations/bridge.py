"""Calls a space from tasks and from threads, whichever way its store was opened.

Frameworks call the same object with `await` in one place and without it in another. What is to be
done is written once, as a coroutine function of a space; a `Bridge` carries it out.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from engram.model.errors import InvalidRequest, InvariantViolated, SpaceNotFound
from engram.model.limits import CUE_CHARACTERS_MAX, LIMIT_MAX
from engram.model.memory import Memory
from engram.model.recollection import Recollection
from engram.service.space import Space

if TYPE_CHECKING:
    import engram.sync
    from engram.edges.client import waited
    from engram.edges.client.space import RemoteSpace
    from engram.service.questions import FilterArguments, RecallArguments

    AnySpace = Space | RemoteSpace | engram.sync.Space | waited.RemoteSpace

T = TypeVar("T")

Work = Callable[[Space], Coroutine[Any, Any, T]]


class _Inline:
    """A space without `await`, whose verbs are awaited and are done when they are."""

    def __init__(self, space: object) -> None:
        self._space = space

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        verb = getattr(self._space, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            return verb(*arguments, **named)

        return call


def _done(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise InvariantViolated("work with a space that needs no await waited for something")


class Bridge:
    """One space, for callers with and without `await`.

    Takes a space of `engram.open` or `engram.connect`, on the event loop where that was entered, or
    one of `engram.sync`, anywhere. InvalidRequest when it is none.
    """

    def __init__(self, space: AnySpace) -> None:
        remember = getattr(type(space), "remember", None)
        if remember is None:
            raise InvalidRequest(
                f"{type(space).__name__} is no memory space; pass what db.space(...) returned"
            )
        self.space = space
        self._waits = inspect.iscoroutinefunction(remember)
        self._token = _running() if self._waits else None
        self._thread_lock, self._lock = Lock(), anyio.Lock()

    async def arun(self, work: Work[T], *, alone: bool = False) -> T:
        """Carry out work with the space and return what it returns.

        Args:
            work: a coroutine function of a space that waits for nothing but verbs of it.
            alone: while no other work that is done alone is; two callers do not meet.

        Raises:
            What the verbs raise.
        """
        here = _running()
        if self._waits and self._token is None:
            self._token = here
        if not self._waits or self._token != here:
            return await anyio.to_thread.run_sync(partial(self.run, work, alone=alone))
        if alone:
            async with self._lock:
                return await work(cast("Space", self.space))
        return await work(cast("Space", self.space))

    def run(self, work: Work[T], *, alone: bool = False) -> T:
        """Do what `arun` does from a thread, and wait for it.

        Raises:
            InvalidRequest: this is the thread of the event loop that would have to do it, or it is
                not known yet which one has.
        """
        if self._waits:
            if self._token is None:
                raise InvalidRequest(
                    "a space of engram.open belongs to an event loop, and none ran where it was "
                    "passed on; do so where the store was opened, or open it with engram.sync"
                )
            if self._token == _running():
                raise InvalidRequest(
                    "this would wait for its own event loop; await the method with the same name "
                    "and an a before it, call it from a thread, or open the store with engram.sync"
                )
            carried = partial(self.arun, work, alone=alone)
            return anyio.from_thread.run(carried, token=self._token)
        inline = cast("Space", _Inline(self.space))
        if alone:
            with self._thread_lock:
                return _done(work(inline))
        return _done(work(inline))


def _running() -> anyio.lowlevel.EventLoopToken | None:
    """Return the event loop of this thread, None when it runs none."""
    try:
        return anyio.lowlevel.current_token()
    except RuntimeError:
        return None


async def every(space: Space, **filters: Unpack[FilterArguments]) -> list[Memory]:
    """Return all memories that pass the filters, in the order they were recorded.

    A space that nothing was written to has none.
    """
    found: list[Memory] = []
    cursor = None
    while True:
        try:
            page = await space.list(limit=LIMIT_MAX, cursor=cursor, **filters)
        except SpaceNotFound:
            return found
        found += page.memories
        cursor = page.cursor
        if cursor is None:
            return found


async def recalled(
    space: Space, cue: str, limit: int, **arguments: Unpack[RecallArguments]
) -> tuple[Recollection, ...]:
    """Return what a cue brings to mind, best first; nothing in a space nothing was written to.

    As much of the cue counts as the engine takes, its end: frameworks pass whole conversations.
    """
    try:
        found = await space.recall(cue[-CUE_CHARACTERS_MAX:], limit=limit, **arguments)
    except SpaceNotFound:
        return ()
    return found.recollections
