"""WebSocket on one connection, as uvicorn runs it: RFC 6455, with what it leaves to be decided.

Runs on asyncio only, as uvicorn does.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from engram.edges.http.connections import Connection, extensions_with
from engram.edges.http.limits import LAST_EVENT_SECONDS_MAX

_SAID: Final = b"This is no request for a WebSocket that can be read: GET, few and short headers."
_UNREADABLE: Final = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_SAID), _SAID)
)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket; tells when its caller is gone, and is cut when that reads nothing."""

    _connection = Connection()

    def connection_made(self, transport: Any) -> None:
        """Take the connection over from HTTP."""
        super().connection_made(transport)
        self._connection = Connection(transport.abort)

    def data_received(self, data: bytes) -> None:
        """Take what comes; a head that cannot be read is refused, not waited for."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = self.handshake_complete = True
            self.transport.write(_UNREADABLE)
            self.transport.close()

    def handle_connect(self, event: Any) -> None:
        """Begin, and let what answers know the connection."""
        super().handle_connect(event)
        if not self.close_sent:
            scope: dict[str, Any] = self.scope  # type: ignore[assignment]
            scope["extensions"] |= extensions_with(self._connection)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what is being done for the caller: it is gone."""
        super().connection_lost(exc)
        self._connection.lost()

    def shutdown(self) -> None:
        """Leave the end to the conversation, which was told and says from where to go on."""
        if not self.handshake_complete:
            super().shutdown()

    def keepalive_timeout(self) -> None:
        """Cut the connection of a caller that answers no ping, unless it is we who do not read."""
        if self.read_paused:
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        # What it did not take until now it will not take any more.
        self.loop.call_later(LAST_EVENT_SECONDS_MAX, self.transport.abort)

    async def send(self, message: Any) -> None:
        """Send as ASGI has it; who does not answer a close in time is cut off."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # it was refused; nothing is missing
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(LAST_EVENT_SECONDS_MAX, self.transport.abort)
