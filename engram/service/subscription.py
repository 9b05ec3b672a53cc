"""Follows a space: its past from the log, then what is committed, without a gap between them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Self, cast

import anyio
from anyio import lowlevel

from engram.engine.space_engine import SpaceEngine
from engram.model.changes import Change, change_of, check_topic
from engram.model.errors import ChangesGone, Closed, Conflict, FellBehind, InvalidRequest, check
from engram.model.events import decode
from engram.model.limits import FOLLOWER_READ_COUNT_MAX
from engram.wal.protocol import Record


class Subscription:
    """One follower of one space; `async with` it, then iterate or call `next`.

    Belongs to one task at a time. A cancelled `next` loses nothing.
    """

    def __init__(
        self, engine: Callable[[], Awaitable[SpaceEngine]], topic: str, after: int | None
    ) -> None:
        """Take what opens the space, what to follow, and behind which LSN to begin."""
        self._open_engine, self._topic, self._after = engine, check_topic(topic), after
        self._found: SpaceEngine | None = None
        self._lsn = 0
        self._past: deque[Change] = deque()
        self._is_live = False
        self._behind: FellBehind | None = None

    @property
    def lsn(self) -> int:
        """The LSN up to which everything was given out, or was of no concern; go on from here."""
        return self._lsn

    async def open(self) -> Self:
        """Find the place to begin at, unless that was done; `async with` does so, too.

        Raises what `FollowedSpace.subscribe` says of entering.
        """
        if self._found is None:
            engine = await self._open_engine()
            last = engine.view.lsn
            after = last if self._after is None else self._after
            if not 0 <= after <= last:
                raise InvalidRequest(
                    f"after LSN {after}: the log of memory space {engine.space!r} ends at LSN "
                    f"{last}; if the space was restored or made anew, list what it holds and leave "
                    "the LSN out"
                )
            if after < last and after + 1 < engine.log.first_lsn:
                raise ChangesGone(engine.space, after, engine.log.first_lsn)
            self._found, self._lsn = engine, after
        return self

    async def __aenter__(self) -> Self:
        """Begin to follow."""
        await self.open()
        self._engine.feed.begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Follow no longer."""
        self._engine.feed.end()

    def __aiter__(self) -> Self:
        """Return itself: it is an iterator over changes."""
        return self

    async def __anext__(self) -> Change:
        """Return the next change, however long it takes to come."""
        change = await self.next()
        check(change is not None, "without a time limit a change is waited for")
        return cast("Change", change)

    async def next(self, timeout: float | None = None) -> Change | None:  # noqa: ASYNC109 - it returns
        """Return the next change; None when none came within `timeout` seconds.

        Raises what `FollowedSpace.subscribe` says of the way.
        """
        engine = self._engine
        deadline = math.inf if timeout is None else anyio.current_time() + timeout
        await lowlevel.checkpoint()
        while True:
            change = await self._at_hand()
            if change is not None:
                self._lsn = change.lsn
                told = change.about(self._topic)
                if told is not None:
                    return told
                continue
            if engine.failure is not None:
                raise engine.failure.with_traceback(None)
            if engine.is_closing:
                raise Closed(f"memory space {engine.space!r}")
            with anyio.CancelScope(deadline=deadline) as waiting:
                await engine.grown.wait()
            if waiting.cancelled_caught:
                return None

    @property
    def _engine(self) -> SpaceEngine:
        check(self._found is not None, "a subscription is entered before it is used")
        return cast("SpaceEngine", self._found)

    async def _at_hand(self) -> Change | None:
        """Return the change behind the last one; None when there is none yet."""
        engine = self._engine
        while True:
            if self._past:
                return self._past.popleft()
            change = engine.feed.next(self._lsn)
            if change is not None or engine.view.lsn <= self._lsn:
                self._is_live = True
                return change
            if self._is_live:
                if self._behind is None:  # what it misses is counted once
                    self._behind = engine.feed.fell_behind(self._lsn, engine.view.lsn)
                raise self._behind.with_traceback(None)
            await self._read_on()

    async def _read_on(self) -> None:
        """Read the next changes from the log, none that the view does not show yet."""
        engine, upto, count = self._engine, self._engine.view.lsn, 0
        found: deque[Change] = deque()
        records = cast("AsyncGenerator[Record]", engine.log.read(self._lsn))
        try:
            async with aclosing(records):
                async for lsn, kind, _, payload in records:
                    if lsn > upto:
                        break
                    found.append(change_of(decode(kind, payload)[0], lsn, engine.space))
                    count += 1 + found[-1].ids_count
                    if count >= FOLLOWER_READ_COUNT_MAX:
                        break
        except Conflict as error:
            raise ChangesGone(engine.space, self._lsn, engine.log.first_lsn) from error
        check(found, "the log holds what the view shows")
        self._past = found
