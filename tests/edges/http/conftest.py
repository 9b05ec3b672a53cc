"""The HTTP application of a store of its own, called in this process without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from starlette.routing import Route, Router

from engram.adapters.local.clock import SystemClock
from engram.edges.http.app import make_app
from engram.edges.http.door import Host
from engram.edges.http.server import HttpServer
from engram.service.store import Engram
from engram.serving import make_transfers
from engram.wiring import open_store


class Caller:
    """Sends requests to the application; `host` and `db` are what it stands on."""

    def __init__(self, db: Engram, host: Host, client: httpx2.AsyncClient, app: Router) -> None:
        self.db, self.host, self.client, self.app = db, host, client, app

    @property
    def routes(self) -> list[Route]:
        """Every route of the application."""
        return [each for each in self.app.routes if isinstance(each, Route)]

    async def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        """Send one request; `_` in the name of a header stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return await self.client.request(method, path, headers=named)
        return await self.client.request(method, path, headers=named, json=body)

    async def answered(
        self,
        method: str,
        path: str,
        headers: list[tuple[bytes, bytes]],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        query: bytes = b"",
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """Send one request as ASGI has it; return status, headers and body of the answer."""
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": headers,
        }
        await self.app(scope, receive, send)
        start, body = sent
        return start["status"], dict(start["headers"]), body["body"]

    async def remembered(self, content: str, **fields: Any) -> str:
        """Remember a text and return its id."""
        answer = await self("POST", "/api/v1/memories", {"content": content} | fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@pytest.fixture
async def http(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Caller]:  # noqa: ARG001 - loop
    """The application on an empty store, on asyncio and on trio."""
    async with open_store(tmp_path / "store", embedder=None, kernels="numpy") as db:
        transfers = await make_transfers(db, tmp_path / "store")
        host = Host(db, "9.9.9", "test", SystemClock(), transfers=transfers)
        app = make_app(host)
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Caller(db, host, client, app)


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[HttpServer]:
    """Serve a store on a free port until the block is left."""
    async with open_store(path, embedder=None, kernels="numpy") as db:
        server = HttpServer(db, "1", "s", "127.0.0.1", 0, SystemClock())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            try:
                yield server
            finally:
                server.stop()
