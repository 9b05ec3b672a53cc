"""Who goes away before the answer stops the work on it; who reads nothing is let go of."""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest

from engram.adapters.local.clock import SystemClock
from engram.edges.http.app import make_app
from engram.edges.http.calls import Call, Endpoint, Nothing
from engram.edges.http.connections import Connection, extensions_with
from engram.edges.http.door import Host
from engram.edges.http.guard import Guard
from engram.edges.http.server import HttpServer
from engram.service.space import Space
from engram.wiring import open_store
from tests.edges.kept_lines import Lines

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio


class Waiting:
    """A handler that waits for ever, and knows how it ended."""

    def __init__(self) -> None:
        self.__name__ = "waiting"
        self.begun, self.was_stopped = anyio.Event(), False

    async def __call__(self, _: Call) -> Nothing:
        """Wait."""
        self.begun.set()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.was_stopped = True
            raise
        return Nothing()


async def nothing_comes() -> MutableMapping[str, Any]:
    """Receive as from a caller that sent everything and waits."""
    await anyio.sleep_forever()
    return {}


@pytest.mark.parametrize("body", [None, Nothing])
@pytest.mark.parametrize("limit", [None, b"100000"])
async def test_work_ends_when_its_caller_goes(
    http: Caller, body: type[Nothing] | None, limit: bytes | None
) -> None:
    """Nothing is sent; the audit has a line with 499, and the metrics count it."""
    lines, handler, sent, connection = Lines(), Waiting(), [], Connection()
    host = Host(http.db, "1", "s", SystemClock(), Guard(SystemClock(), audit=lines))
    endpoint = Endpoint("POST", "/api/v1/wait", "Wait.", handler, Nothing, body=body)
    app = make_app(host, [endpoint])
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/api/v1/wait"}
    scope |= {"query_string": b"", "headers": [(b"content-type", b"application/json")]}
    scope["extensions"] = extensions_with(connection)
    if limit is not None:
        scope["headers"].append((b"x-request-timeout-ms", limit))
    received = iter([{"type": "http.request", "body": b"{}", "more_body": False}])

    async def receive() -> MutableMapping[str, Any]:
        return next(received, None) or await nothing_comes()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, scope, receive, send)
        await handler.begun.wait()
        assert (host.under_way_count, handler.was_stopped) == (1, False)
        connection.lost()
    assert (handler.was_stopped, sent, host.under_way_count) == (True, [], 0)
    assert [(each.status, each.action) for each in lines.lines] == [(499, "POST /api/v1/wait")]
    assert dict(host.own_metrics())["engram_requests_abandoned_total"] == 1


async def test_work_for_a_caller_that_is_gone_already_does_not_begin(http: Caller) -> None:
    """It went while its request waited behind another one of its connection."""
    connection, sent = Connection(), []
    connection.lost()
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/api/v1/memories"}
    scope |= {"query_string": b"", "headers": [], "extensions": extensions_with(connection)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await http.app(scope, nothing_comes, send)
    assert (sent, http.host.abandoned_count) == ([], 1)


async def test_brief_work_is_done_whether_its_caller_waits_or_not(http: Caller) -> None:
    """To watch would take longer than what it could spare."""
    connection, sent = Connection(), []
    connection.lost()
    path = f"/api/v1/memories/{await http.remembered('it rains')}"
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path}
    scope |= {"query_string": b"", "headers": [], "extensions": extensions_with(connection)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await http.app(scope, nothing_comes, send)
    assert (sent[0]["status"], http.host.abandoned_count) == (200, 0)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_closing_a_socket_stops_the_request_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    """The work of one ends, another connection is answered."""
    assert anyio_backend == "asyncio"
    handler = Waiting()
    monkeypatch.setattr(Space, "list", lambda *_, **__: handler(None))  # type: ignore[arg-type]
    async with open_store(tmp_path, embedder=None, kernels="numpy") as db:
        server = HttpServer(db, "1", "s", "127.0.0.1", 0, SystemClock())
        host, port = server.url.removeprefix("http://").split(":")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            async with (
                httpx2.AsyncClient(base_url=server.url) as client,
                await anyio.connect_tcp(host, int(port)) as stream,
            ):
                await stream.send(b"GET /api/v1/memories HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await handler.begun.wait()
                await stream.aclose()
                while server._host.abandoned_count == 0:
                    await anyio.lowlevel.checkpoint()
                assert handler.was_stopped
                assert (await client.get("/health")).status_code == 200
                server.stop()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_who_reads_nothing_of_a_stream_on_a_socket_is_cut_off(
    tmp_path: Path, anyio_backend: str
) -> None:
    """Once what the system keeps for it is full; the server goes on and can stop."""
    assert anyio_backend == "asyncio"
    async with open_store(tmp_path, embedder=None, kernels="numpy") as db:
        server = HttpServer(db, "1", "s", "127.0.0.1", 0, SystemClock())
        server._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        streams = server._host.streams
        streams.stalled_s = 0
        host, port = server.url.removeprefix("http://").split(":")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            with socket.socket() as silent:
                silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                silent.setblocking(False)
                with pytest.raises(BlockingIOError):
                    silent.connect((host, int(port)))
                await anyio.wait_writable(silent)
                silent.send(b"GET /api/v1/stream/memories HTTP/1.1\r\nHost: localhost\r\n\r\n")
                while not streams.count:
                    await anyio.lowlevel.checkpoint()
                space = await db.space()
                number = 0
                while streams.count:
                    await space.remember_many([f"{number} {each}" for each in range(1_000)])
                    number += 1
                assert (streams.dropped_count, number < 20) == (1, True)
            async with httpx2.AsyncClient(base_url=server.url) as client:
                assert (await client.get("/health")).status_code == 200
            server.stop()
