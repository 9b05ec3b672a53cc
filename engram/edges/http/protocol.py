"""HTTP/1.1 on one connection of uvicorn, with what a server of many short answers spares.

Rule 1: the head of an answer whose length is known waits for its body, and both are one write; any
other head goes out at once, for its body may take long to come.
Rule 2: a timer runs only while a head is awaited that has begun, or that is the first: none where a
request comes in one piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from engram.edges.http.connections import Connection, extensions_with
from engram.edges.http.limits import HEAD_SECONDS_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

Header = tuple[bytes, bytes]
_LENGTH: Final = b"content-length"
_ENDS: Final = b"\r\n"


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection, closed when the head of a request does not come in time."""

    head_seconds_max = HEAD_SECONDS_MAX
    _timer: Any = None
    _connection = Connection()
    _extensions = extensions_with(_connection)
    _is_in_head = False

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the head of the first request."""
        super().connection_made(transport)
        self._connection = Connection(transport.abort)
        self._extensions = extensions_with(self._connection)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head that these bytes begin, if they do not end it."""
        super().data_received(data)
        if self._is_in_head and self._timer is None:
            self._wait()

    def on_message_begin(self) -> None:
        """Note that a head has begun; what was awaited until now was its first byte."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._is_in_head, self._connection.is_read = True, False
        self._stop_waiting()

    def on_headers_complete(self) -> None:
        """Note that the head is there."""
        self._is_in_head = False
        self._stop_waiting()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # no upgrade: its task runs after this, and finds another
            self.cycle.__class__ = _Cycle

    def on_message_complete(self) -> None:
        """Note that nothing more of the request is to come."""
        super().on_message_complete()
        self._connection.is_read = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and what is being done for the caller: it is gone."""
        self._stop_waiting()
        super().connection_lost(exc)
        self._connection.lost()

    def _wait(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self.head_seconds_max, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class _Cycle(RequestResponseCycle):
    """One request and its answer; uvicorn makes it, and it becomes this before its task begins."""

    _held: Any = None

    async def send(self, message: Any) -> None:
        """Send a part of the answer, as ASGI has it."""
        held = self._held
        if held is None or "status" in message:
            headers = message.get("headers")
            if headers and not self.response_started and headers[-1][0] == _LENGTH:
                self._held = message
                return
            await super().send(message)
            return
        self._held = None
        body = message.get("body", b"")
        if not (
            message.get("more_body") or self.flow.write_paused or self.scope["method"] == "HEAD"
        ):
            head = _head(held["status"], [*self.default_headers, *held["headers"]])
            if head is not None and self.keep_alive and int(held["headers"][-1][1]) == len(body):
                self._write(head + body)
                return
        await super().send(held)
        await super().send(message)

    def _write(self, whole: bytes) -> None:
        """Write a whole answer and let the next request come."""
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(whole)
        self.message_event.set()
        self.on_response()


def _head(status: int, headers: Sequence[Header]) -> bytes | None:
    """Return a head; None when a header ends the connection, or breaks the rules of headers."""
    lines = _ENDS.join([b"%b: %b" % header for header in headers])
    count = len(headers) - 1
    are_sound = lines.count(b"\r") == lines.count(b"\n") == count and b"\0" not in lines
    if not are_sound or b"connection: " in lines:
        return None
    return b"%b%b\r\n\r\n" % (STATUS_LINE[status], lines)
