"""The way in for WebSockets: placed, let in and counted like a request, before it is accepted."""

from __future__ import annotations

from engram.edges.http.connections import connection_of
from engram.edges.http.conversation import Conversation
from engram.edges.http.door import Host, Scope, problem_answer, send_whole
from engram.edges.http.naming import Head, head_of, space_of, space_or_default
from engram.edges.http.problems import Refused
from engram.edges.http.reading import query_of
from engram.edges.http.sockets import SOCKET, SWITCHING
from engram.edges.http.streamed import Receive, Send
from engram.edges.http.traced import request_span
from engram.edges.http.visits import Visit


class SocketDoor:
    """The path of WebSockets; an ASGI application."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept one WebSocket and converse over it, or refuse it with problem details."""
        host, head = self._host, head_of(scope["headers"])
        visit, tracer = host.visit(head), host.tracer
        await receive()  # websocket.connect
        if tracer is None:
            is_open = await self._opened(scope, head, visit, send)
        else:
            with request_span(tracer, SOCKET, SOCKET.method, head, visit):
                is_open = await self._opened(scope, head, visit, send)
        if is_open:
            await Conversation(host, head, visit, receive, send, connection_of(scope)).run()

    async def _opened(self, scope: Scope, head: Head, visit: Visit, send: Send) -> bool:
        """Accept it, or say why not; whether it was accepted."""
        host, started, refused = self._host, self._host.clock.monotonic(), None
        try:
            await self._admit(head, visit, scope["query_string"])
        except Exception as error:  # noqa: BLE001 - rule 3 of the door
            refused = problem_answer(error, visit)
        status = SWITCHING if refused is None else refused.status
        host.tell(visit, SOCKET, scope["path"], status, started)
        try:
            if refused is not None:
                await send_whole(send, refused, visit, "websocket.")
                return False
            await send({"type": "websocket.accept", "headers": visit.answer_headers()})
        except OSError:  # as ASGI says of a caller that is gone
            return False
        return True

    async def _admit(self, head: Head, visit: Visit, query: bytes) -> None:
        host = self._host
        host.guard.let_in(SOCKET, head, visit)
        if head.is_from_elsewhere:
            # Browsers let a page of any site open WebSockets to any other, and read what comes.
            raise Refused(403, "FORBIDDEN", "pages of other sites may not open WebSockets here")
        named = space_of(head)
        if named is not None:
            host.guard.admit(SOCKET, visit, named)
        found = query_of(SOCKET.query, query)
        named = space_of(head, getattr(found, "space", None))
        host.guard.admit(SOCKET, visit, space_or_default(named))
        host.streams.check_room()
        await host.guard.count(SOCKET, visit)
