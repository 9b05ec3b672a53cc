"""The path that speaks WebSocket; a request that does not is told so."""

from __future__ import annotations

from typing import Final

from engram.edges.http.calls import Call, Endpoint, Nothing
from engram.edges.http.messages import Answer
from engram.edges.http.problems import Refused

SWITCHING: Final = 101


async def converse(call: Call) -> Answer:  # noqa: ARG001 - handlers are called alike
    """Refuse a request that asks for no WebSocket; `SocketDoor` takes those that do."""
    raise Refused(
        426,
        "UPGRADE_REQUIRED",
        "this path speaks WebSocket: open ws://.../api/v1/stream; for server-sent events there are "
        "the paths below it",
        headers=[(b"upgrade", b"websocket"), (b"connection", b"upgrade")],
    )


SOCKET: Final = Endpoint(
    "GET",
    "/api/v1/stream",
    "Open a WebSocket: remember, recall and observe a space over one connection.",
    converse,
    Answer,
    query=Nothing,
    status=SWITCHING,
)
ENDPOINTS: Final = (SOCKET,)
