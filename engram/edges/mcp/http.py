"""Serves hosts over streamable HTTP, on one path of a socket; runs on asyncio, as uvicorn does."""

from __future__ import annotations

from typing import Any, Final

import anyio
import msgspec
import uvicorn
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.types import ASGIApp, Receive, Scope, Send

from engram.edges.mcp.lent import Lent, OpenStore
from engram.edges.mcp.server import PRINCIPAL, ToolServer, refusal_of
from engram.model.errors import Unauthorized
from engram.service.access import secret_in
from engram.service.admission import Admission
from engram.service.wire.listening import QuietServer, listening, url_of
from engram.service.wire.refusals import told_of

PATH: Final = "/mcp"
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""16 MiB of one message: as much as the HTTP interface takes in one body."""

DRAIN_SECONDS_MAX: Final = 5
"""5 s for what is under way when the server stops; a stream of events would keep it for ever."""

_ELSEWHERE: Final = "choose another with --port, or stop what listens there"
_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="engram"')


class Gate:
    """Lets nobody in who is not known, and says of every request who sent it; ASGI."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app, self._admission = app, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it with 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        try:
            principal = self._admission.known(
                secret_in(headers.get(b"authorization"), headers.get(b"x-api-key"))
            )
        except Unauthorized as error:
            await _refuse(send, error)
            return
        if principal.name:
            # Sessions belong to who began them: the SDK compares the user of each request.
            token = AccessToken(token="", client_id=principal.name, scopes=[])
            scope["user"] = AuthenticatedUser(token)
        scope[PRINCIPAL] = principal
        await self._app(scope, receive, send)


async def _refuse(send: Send, error: Unauthorized) -> None:
    told = told_of(error)
    body = msgspec.json.encode(refusal_of(told))
    length = b"%d" % len(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", length),
        _CHALLENGE,
    ]
    await send({"type": "http.response.start", "status": told.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class ToolHttpServer:
    """A server that is bound to its address; `run` returns when it was told to stop."""

    def __init__(
        self,
        open_store: OpenStore,
        admission: Admission,
        version: str,
        space: str,
        host: str,
        port: int,
    ) -> None:
        """Bind the socket; InvalidRequest when that cannot be done."""
        self._open_store, self._admission = open_store, admission
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
            tools = ToolServer(lent, self._admission, self._version, self._space, is_local=False)
            app: Any = tools.protocol.streamable_http_app(
                streamable_http_path=PATH, max_request_body_size=BODY_BYTES_MAX, host=self._name
            )
            config = uvicorn.Config(
                Gate(app, self._admission),
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
