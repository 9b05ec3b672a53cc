"""Serves hosts over streamable HTTP, on one path of a socket; runs on asyncio, as uvicorn does.

Beside it is what the server measures, as Prometheus reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anyio
import msgspec
import uvicorn
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.types import ASGIApp, Receive, Scope, Send

from engram.edges.mcp.calls import Asked, Calls, Refused, Visit
from engram.edges.mcp.lent import Lent, OpenStore
from engram.edges.mcp.server import PRINCIPAL, ToolServer, refusal_of, said_in
from engram.model.errors import EngramError, Forbidden
from engram.service.access import Principal, Role, secret_in
from engram.service.metrics import MEDIA_TYPE, arena_metrics, bounded, text_of
from engram.service.wire.listening import QuietServer, listening, url_of
from engram.service.wire.names import host_of
from engram.service.wire.refusals import Told, told_of

PATH: Final = "/mcp"
METRICS_PATH: Final = "/metrics"
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""16 MiB of one message: as much as the HTTP interface takes in one body."""

DRAIN_SECONDS_MAX: Final = 5
"""5 s for what is under way when the server stops; a stream of events would keep it for ever."""

_ELSEWHERE: Final = "choose another with --port, or stop what listens there"
_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="engram"')
_DONE: Final = 200
_UNKNOWN: Final = 401
_SCRAPE: Final = Asked(f"GET {METRICS_PATH}", METRICS_PATH, "metrics")


class Gate:
    """Lets nobody in who is not known, and says of every request who sent it; ASGI."""

    def __init__(
        self, app: ASGIApp, calls: Calls, lent: Lent, hosts: frozenset[str] | None = None
    ) -> None:
        """Take what answers; `hosts` are the only names by which the server may be called."""
        self._app, self._calls, self._lent, self._hosts = app, calls, lent, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it with 401 or 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = said_in(scope)
        try:
            principal = self._known(said)
        except EngramError as error:
            # Nothing of it is read, so nobody knows what it would have called.
            visit, told = self._calls.visit(Asked("MCP", scope["path"]), said=said), told_of(error)
            visit.status = told.status
            self._calls.tell(visit)
            await _refuse(send, told, visit)
            return
        if scope["path"] == METRICS_PATH and scope["method"] == "GET":
            await self._scraped(principal, said, send)
            return
        if principal.name:
            # Sessions belong to who began them: the SDK compares the user of each request.
            token = AccessToken(token="", client_id=principal.name, scopes=[])
            scope["user"] = AuthenticatedUser(token)
        scope[PRINCIPAL] = principal
        await self._app(scope, receive, send)

    def _known(self, said: Mapping[str, str]) -> Principal:
        """Return who sent a request; raises Forbidden, Unauthorized."""
        host = host_of(said.get("host", ""))
        if self._hosts is not None and host not in self._hosts:
            # A page of another site whose name leads to this machine: DNS rebinding.
            raise Forbidden(f"this server is not called {host!r}")
        secret = secret_in(said.get("authorization"), said.get("x-api-key"))
        return self._calls.admission.known(secret)

    async def _scraped(self, principal: Principal, said: Mapping[str, str], send: Send) -> None:
        visit = self._calls.visit(_SCRAPE, principal, said)

        async def work() -> bytes:
            await self._calls.let_in(visit, Role.READER, None)
            if principal.spaces is not None:
                raise Forbidden("this tells of every memory space; you may ask some only")
            store = self._lent.measured()
            beside = {} if store is None else bounded(store.metrics()) | arena_metrics()
            return text_of((*beside.items(), *self._calls.own_metrics()))

        try:
            text = await self._calls.carried_out(visit, work)
        except Refused as refused:
            await _refuse(send, refused.told, visit)
        else:
            await _send(send, _DONE, text, visit, (b"content-type", MEDIA_TYPE))


async def _refuse(send: Send, told: Told, visit: Visit) -> None:
    body = msgspec.json.encode(msgspec.to_builtins(refusal_of(told)) | visit.names)
    challenge = (_CHALLENGE,) if told.status == _UNKNOWN else ()
    headers = (b"content-type", b"application/json"), *challenge
    await _send(send, told.status, body, visit, *headers)


async def _send(
    send: Send, status: int, body: bytes, visit: Visit, *headers: tuple[bytes, bytes]
) -> None:
    named = (b"x-request-id", visit.request_id.encode())
    length = (b"content-length", b"%d" % len(body))
    whole = [*headers, length, named, (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": whole})
    await send({"type": "http.response.body", "body": body})


class ToolHttpServer:
    """A server that is bound to its address; `run` returns when it was told to stop."""

    def __init__(
        self,
        open_store: OpenStore,
        calls: Calls,
        version: str,
        space: str,
        host: str,
        port: int,
        hosts: frozenset[str] | None = None,
    ) -> None:
        """Bind the socket; InvalidRequest when that cannot be done.

        `hosts` are the only names by which the server may be called; None: any.
        """
        self._open_store, self._calls, self._hosts = open_store, calls, hosts
        self._version, self._space, self._name = version, space, host
        self._socket = listening(host, port, _ELSEWHERE)
        self.url = url_of(self._socket) + PATH
        self._server: QuietServer | None = None

    def stop(self) -> None:
        """Let `run` end."""
        if self._server is not None:
            self._server.should_exit = True

    async def run(self) -> None:
        """Serve until `stop` or a signal."""
        async with anyio.create_task_group() as tasks:
            lent = Lent(self._open_store, tasks)
            tools = ToolServer(lent, self._calls, self._version, self._space, is_local=False)
            app: Any = tools.protocol.streamable_http_app(
                streamable_http_path=PATH, max_request_body_size=BODY_BYTES_MAX, host=self._name
            )
            config = uvicorn.Config(
                Gate(app, self._calls, lent, self._hosts),
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
            )
            self._server = QuietServer(config)
            lent.begin()
            await self._server.serve(sockets=[self._socket])
            lent.end()
