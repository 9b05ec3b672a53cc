"""WebSockets on a real socket: frames too large, callers that answer nothing, stops."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Origin

from engram.edges.http import server as module
from engram.edges.http.limits import MESSAGE_BYTES_MAX
from engram.edges.http.server import HttpServer
from tests.edges.http.conftest import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Uvicorn knows asyncio alone."""
    return "asyncio"


def socket_of(server: HttpServer, query: str = "") -> Any:
    """Return a WebSocket of a server, to be entered."""
    return connect(f"{server.url.replace('http', 'ws')}/api/v1/stream{query}", max_size=None)


async def said(socket: ClientConnection) -> dict[str, Any]:
    """Return the next message of the server."""
    found: dict[str, Any] = json.loads(await socket.recv())
    return found


async def tell(socket: ClientConnection, kind: str, seq: int, **body: Any) -> None:
    """Say something."""
    await socket.send(json.dumps({"type": kind, "seq": seq, "body": body}))


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """Read to the end; return how the server closed."""
    with suppress(ConnectionClosedError):
        async for _ in socket:
            pass
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def test_two_spaces_are_remembered_recalled_and_observed_apart(tmp_path: Path) -> None:
    """Each socket is told of its own alone; a stop says where it ended and closes with 1001."""
    async with serving(tmp_path) as server, socket_of(server, "?space=a") as one:
        async with socket_of(server, "?space=b") as other:
            for name, socket in (("a", one), ("b", other)):
                assert (await said(socket))["body"]["space"] == name
                await tell(socket, "remember", 1, content=f"the kettle of {name}")
                assert (await said(socket))["body"]["space"] == name
                await tell(socket, "observe", 2, after=0)
                assert [(await said(socket))["type"] for _ in "12"] == ["observing", "change"]
            for number in range(3, 200):
                await tell(one, "remember", number, content=f"text {number}")
            kinds = [(await said(one))["type"] for _ in range(197)]
            assert set(kinds) <= {"remembered", "change"}
            await tell(other, "recall", 3, query="kettle text", limit=50)
            found = await said(other)
            texts = [each["memory"]["content"] for each in found["body"]["recollections"]]
            assert texts == ["the kettle of b"]
            server.stop()
            end = await said(other)
            assert (end["type"], end["body"]["resume_after"]) == ("end", 1)
            code, reason = await closed(other)
            assert code == 1001
            assert reason.startswith("UNAVAILABLE: the server is closed")
        code, _ = await closed(one)
        assert code == 1001
    assert server._host.streams.count == 0


async def test_frames_that_are_too_large_or_no_text_end_the_conversation(tmp_path: Path) -> None:
    """Each with its close code; the server goes on."""
    async with serving(tmp_path) as server:
        async with socket_of(server) as socket:
            await socket.send("x" * (MESSAGE_BYTES_MAX + 1))
            assert (await closed(socket))[0] == 1009
        async with socket_of(server) as socket:
            await socket.send(b"\x00")
            assert (await closed(socket))[0] == 1003
        async with socket_of(server) as socket:
            await socket.send([b"\xff\xfe"], text=True)
            assert (await closed(socket))[0] == 1007
        async with socket_of(server) as socket:  # in pieces, and as large as may be
            await said(socket)
            text = json.dumps({"type": "recall", "seq": 1, "body": {"query": "x"}})
            await socket.send([text, " " * (MESSAGE_BYTES_MAX - len(text))])
            assert (await said(socket))["type"] == "recalled"


async def test_who_is_refused_gets_problem_details_in_place_of_a_socket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also pages of other sites, and what is no handshake of a WebSocket."""
    async with serving(tmp_path) as server:
        with pytest.raises(InvalidStatus) as met:
            async with socket_of(server, "?space=No"):
                pass
        answer = met.value.response
        assert (answer.status_code, answer.headers["content-type"]) == (
            400,
            "application/problem+json",
        )
        assert json.loads(answer.body)["code"] == "INVALID_REQUEST"
        url = f"{server.url.replace('http', 'ws')}/api/v1/stream"
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url, origin=Origin("https://evil.example"))
        with pytest.raises(InvalidStatus, match="404"):
            await connect(url.replace("stream", "nowhere"))
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with httpx2.AsyncClient(base_url=server.url) as client:
            for method, headers in (
                ("GET", {}),
                ("POST", {}),
                ("GET", {"Sec-WebSocket-Version": "7"}),
                ("GET", {f"X-{number}": "x" for number in range(200)}),
            ):
                refused = await client.request(method, "/api/v1/stream", headers=upgrade | headers)
                assert 400 <= refused.status_code < 500, (method, len(headers))
            assert (await client.get("/health")).status_code == 200
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_a_caller_that_answers_no_ping_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not there any more; its observations end."""
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(module, "STALLED_SECONDS_MAX", 0.01)
    async with serving(tmp_path) as server:
        host, port = server.url.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(
                b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert (await stream.receive()).startswith(b"HTTP/1.1 101")
            received = b"".join([part async for part in stream])
            assert b"keepalive ping timeout" in received
        while server._host.streams.count:
            await anyio.lowlevel.checkpoint()
        assert server._host.streams.sockets_count == 0


async def test_a_caller_that_leaves_without_a_word_stops_its_work(tmp_path: Path) -> None:
    """A connection that is cut ends observations at once."""
    async with serving(tmp_path) as server:
        async with socket_of(server) as socket:
            await said(socket)
            await tell(socket, "observe", 1)
            assert (await said(socket))["type"] == "observing"
            assert server._host.streams.count == 2
            socket.transport.abort()
        while server._host.streams.count:
            await anyio.lowlevel.checkpoint()
        assert server._host.under_way_count == 0
