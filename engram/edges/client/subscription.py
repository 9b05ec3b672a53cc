"""Follows a memory space of a server; a stream that ends is begun anew where it ended.

Rule 1: every change is given out once, in order, whatever happens to connections in between.
Rule 2: what another connection would not change is raised.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

import anyio
import msgspec
from anyio import lowlevel
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from engram.edges.client.arguments import query_of
from engram.edges.client.limits import (
    CHANGES_WAITING_MAX,
    RECONNECT_SECONDS,
)
from engram.edges.client.line import Asked, EventStream, Line
from engram.edges.client.refused import error_of_end
from engram.edges.client.retrying import part_at_random
from engram.model.changes import Change, check_topic
from engram.model.errors import Closed, EngramError, InvariantViolated, Overloaded, Unavailable

_KNOWN: Final = frozenset(("start", "change", "heartbeat"))


class _End(msgspec.Struct):
    code: str
    detail: str


class _Place(NamedTuple):
    """How far the stream is without telling of a change."""

    lsn: int


_Told: TypeAlias = Change | _Place | Exception


class RemoteSubscription:
    """One follower of one space; `async with` it, then iterate or call `next`.

    Belongs to one task at a time. A cancelled `next` loses nothing.
    """

    def __init__(self, line: Line, space: str, topic: str, after: int | None) -> None:
        query = query_of({"after": after})
        self._asked = Asked("GET", f"/stream/{check_topic(topic)}", space, query)
        self._line = line
        self._lsn = 0
        self._read_lsn: int | None = None
        self._failure: Exception | None = None
        self._tasks: TaskGroup | None = None
        self._sender: MemoryObjectSendStream[_Told] | None = None
        self._changes: MemoryObjectReceiveStream[_Told] | None = None

    @property
    def lsn(self) -> int:
        """The LSN up to which everything was given out, or was of no concern; go on from here."""
        return self._lsn

    async def __aenter__(self) -> Self:
        """Begin to follow; raises what `engram.Space.subscribe` says of entering."""
        stream = await self._line.follow(self._asked, None)
        sender, changes = anyio.create_memory_object_stream[_Told](CHANGES_WAITING_MAX)
        self._sender, self._changes = sender, changes
        tasks = anyio.create_task_group()
        await tasks.__aenter__()
        self._tasks = tasks
        tasks.start_soon(self._follow, stream, sender)
        try:
            self._taken(await changes.receive())
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Follow no longer."""
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.cancel_scope.cancel()
            await tasks.__aexit__(None, None, None)
        for each in (self._sender, self._changes):
            if each is not None:
                each.close()
        self._failure = self._failure or Closed("the subscription")

    def __aiter__(self) -> Self:
        """Return itself: it is an iterator over changes."""
        return self

    async def __anext__(self) -> Change:
        """Return the next change, however long it takes to come."""
        while True:
            change = await self.next()
            if change is not None:
                return change

    async def next(self, timeout: float | None = None) -> Change | None:  # noqa: ASYNC109 - it returns
        """Return the next change; None when none came within `timeout` seconds.

        Raises what the server says, ServerUnreachable when it is gone for longer than the timeout
        of the client.
        """
        changes = self._changes
        if changes is None:
            raise InvariantViolated("a subscription is entered before it is used")
        deadline = math.inf if timeout is None else anyio.current_time() + timeout
        await lowlevel.checkpoint()
        while True:
            try:
                told = changes.receive_nowait()
            except anyio.WouldBlock:
                with anyio.CancelScope(deadline=deadline) as waiting:
                    told = await changes.receive()
                if waiting.cancelled_caught:
                    return None
            except anyio.ClosedResourceError:
                raise self._failure or Closed("the subscription") from None
            change = self._taken(told)
            if change is not None:
                return change

    def _taken(self, told: _Told) -> Change | None:
        """Return what is told when that is a change; raise it when it is an error."""
        if isinstance(told, Exception):
            self._failure = told
            if self._changes is not None:
                self._changes.close()
            raise told
        self._lsn = told.lsn
        return told if isinstance(told, Change) else None

    async def _follow(self, stream: EventStream, sender: MemoryObjectSendStream[_Told]) -> None:
        """Read streams, one after the other, until an error says that no other will do."""
        try:
            while True:
                try:
                    await self._read(stream, sender)
                finally:
                    with anyio.CancelScope(shield=True):
                        await stream.aclose()
                stream = await self._resumed()
        except EngramError as error:
            await sender.send(error)
        except Exception as error:  # noqa: BLE001 - it is raised where the changes are waited for
            found = InvariantViolated(f"a stream could not be read: {error!r}")
            found.__cause__ = error
            await sender.send(found)

    async def _resumed(self) -> EventStream:
        """Return a stream that goes on; raises why there is none, when time does not help."""
        deadline = anyio.current_time() + self._line.timeout_s
        while True:
            await anyio.sleep(RECONNECT_SECONDS * part_at_random(self._line.entropy))
            try:
                return await self._line.follow(self._asked, self._read_lsn)
            except (Unavailable, Overloaded):
                if anyio.current_time() >= deadline:
                    raise

    async def _read(self, stream: EventStream, sender: MemoryObjectSendStream[_Told]) -> None:
        """Hand on what a stream tells until it ends; raises an end that is for good."""
        while (event := await stream.next()) is not None:
            if event.name == "end":
                end = stream.read(event, _End)
                error = error_of_end(end.code, end.detail)
                if isinstance(error, Unavailable | Overloaded):
                    return
                raise error
            if event.lsn is None or event.name not in _KNOWN:
                continue
            known = -1 if self._read_lsn is None else self._read_lsn
            if event.name != "change":
                await sender.send(_Place(max(event.lsn, known)))
            elif event.lsn > known:
                await sender.send(stream.read(event, Change))
            self._read_lsn = max(event.lsn, known)
