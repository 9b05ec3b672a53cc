"""Server-sent events: one follower of a space at the other end of a connection.

WHATWG HTML, "Server-sent events". Rule 1: every event carries the LSN to come back with. Rule 2: a
stream that ends says why and from which LSN to go on, unless its caller reads nothing any more: who
takes nothing for a while is let go of.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final

import anyio
import msgspec
from anyio import lowlevel

from engram.edges.http.connections import Connection
from engram.edges.http.limits import (
    HEARTBEAT_SECONDS,
    LAST_EVENT_SECONDS_MAX,
    RECONNECT_MS,
    STALLED_SECONDS_MAX,
    STREAMS_AT_ONCE_MAX,
    UPLOADS_AT_ONCE_MAX,
)
from engram.edges.http.problems import said_of
from engram.edges.http.streamed import Headers, Receive, Send, StreamedAnswer
from engram.model.errors import Closed, EngramError, Overloaded
from engram.service.subscription import Subscription

_LOGGER: Final = logging.getLogger("engram.http")
_JSON: Final = msgspec.json.Encoder()
_TYPE: Final = b"text/event-stream; charset=utf-8"


class Place(msgspec.Struct, frozen=True):
    """What an event says that tells of no change: how far the stream is."""

    space: str
    lsn: int


class End(msgspec.Struct, frozen=True):
    """What the last event of a stream says: why it ends, and where to go on."""

    space: str
    code: str
    detail: str
    resume_after: int


class Streams:
    """The streams of one server: how many there are, and the end of all of them."""

    def __init__(self) -> None:
        self.at_once_max = STREAMS_AT_ONCE_MAX
        self.heartbeat_s = HEARTBEAT_SECONDS
        self.stalled_s = STALLED_SECONDS_MAX
        self.dropped_count = 0
        """Callers that were let go of because they took nothing."""
        self.count = 0
        """How many there are; a WebSocket is one, and so is each of its observations."""
        self.sockets_count = 0
        """How many WebSockets there are."""
        self.uploads_count = 0
        """How many bodies of lines are under way."""
        self._is_stopping = False
        self._telling: set[anyio.CancelScope] = set()

    def check_room(self) -> None:
        """Raise Overloaded when there are as many as there may be, Closed when they end."""
        if self._is_stopping:
            raise Closed("the server")
        if self.count >= self.at_once_max:
            raise Overloaded("streams_at_once_max", self.at_once_max)

    def check_upload(self) -> None:
        """Raise Overloaded when there are as many uploads as there may be, Closed at the end."""
        if self._is_stopping:
            raise Closed("the server")
        if self.uploads_count >= UPLOADS_AT_ONCE_MAX:
            raise Overloaded("uploads_at_once_max", UPLOADS_AT_ONCE_MAX)

    def stop(self) -> None:
        """End all of them; each says from which LSN to go on."""
        self._is_stopping = True
        for scope in list(self._telling):
            scope.cancel()

    def begin(self, telling: anyio.CancelScope) -> None:
        """Count one more, which tells what happens within `telling`."""
        self.count += 1
        self._telling.add(telling)
        if self._is_stopping:
            telling.cancel()

    def end(self, telling: anyio.CancelScope) -> None:
        """Count one less."""
        self.count -= 1
        self._telling.discard(telling)


class EventStream(StreamedAnswer):
    """The answer to a request for a stream."""

    def __init__(self, space: str, changes: Subscription, streams: Streams) -> None:
        """Take what to follow, which has found its place already."""
        self._space, self._changes, self._streams = space, changes, streams
        self._told = changes.lsn

    async def send(
        self, names: Headers, method: str, receive: Receive, send: Send, connection: Connection
    ) -> None:
        """Answer with events until the caller goes, the space ends or the server stops."""
        headers = [*names, (b"content-type", _TYPE), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        last: MutableMapping[str, Any] = {"type": "http.response.body", "body": b""}
        if method == "HEAD":
            await send(last)
        else:
            async with self._changes, anyio.create_task_group() as tasks:
                tasks.start_soon(_leave_with_caller, receive, tasks.cancel_scope)
                end = await self._until_the_end(send)
                is_taken = False
                if end is not None:
                    with anyio.move_on_after(LAST_EVENT_SECONDS_MAX):
                        await send(_event("end", end, None))
                        await send(last)
                        is_taken = True
                if not is_taken:
                    _LOGGER.warning(
                        "a caller that reads nothing was let go of: a stream of space %s behind "
                        "LSN %d",
                        *(self._space, self._told),
                    )
                    self._streams.dropped_count += 1
                    # Closing would wait for what it does not take.
                    connection.drop()
                    await lowlevel.checkpoint()
                tasks.cancel_scope.cancel()

    async def _until_the_end(self, send: Send) -> End | None:
        """Send what happens; return why that ended, None when the caller takes nothing."""
        error: Exception = Closed("the server")
        with anyio.CancelScope() as telling:
            self._streams.begin(telling)
            try:
                await self._tell(send)
            except Stalled:
                return None
            except Exception as met:
                error = met
                if not isinstance(met, EngramError):
                    _LOGGER.exception("a stream of space %s failed", self._space)
            finally:
                self._streams.end(telling)
        said = said_of(error)
        return End(self._space, said.code, said.detail, self._told)

    async def _tell(self, send: Send) -> None:
        changes = self._changes
        place = Place(self._space, changes.lsn)
        await self._sent(send, _event("start", place, place.lsn, retry=RECONNECT_MS))
        while True:
            change = await changes.next(self._streams.heartbeat_s)
            if change is None:
                place = Place(self._space, changes.lsn)
                await self._sent(send, _event("heartbeat", place, place.lsn))
            else:
                await self._sent(send, _event("change", change, change.lsn))
            # Only now: a stop may come while the caller takes it, and it is not sent then.
            self._told = changes.lsn

    async def _sent(self, send: Send, event: dict[str, Any]) -> None:
        """Send an event; Stalled when the caller does not take it in time."""
        with anyio.move_on_after(self._streams.stalled_s):
            await send(event)
            return
        raise Stalled


class Stalled(Exception):
    """The caller of a stream takes nothing."""


async def _leave_with_caller(receive: Receive, stream: anyio.CancelScope) -> None:
    """End a stream when its caller is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.cancel()


def _event(
    name: str, value: msgspec.Struct, lsn: int | None, retry: int | None = None
) -> dict[str, Any]:
    """Return one event as ASGI sends it; JSON has no line breaks of its own."""
    lines = [] if retry is None else [b"retry: %d" % retry]
    lines += [] if lsn is None else [b"id: %d" % lsn]
    lines += [b"event: " + name.encode(), b"data: " + _JSON.encode(value), b"", b""]
    return {"type": "http.response.body", "body": b"\n".join(lines), "more_body": True}
