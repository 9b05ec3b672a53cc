"""Callers of WebSockets in this process, without a network."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import MutableMapping
from typing import Any, Protocol

import anyio
from anyio.abc import TaskGroup
from starlette.routing import Router

from engram.edges.http.connections import Connection, extensions_with

PATH = "/api/v1/stream"


class Peer:
    """The caller of one WebSocket in this process; the server waits while too much is unread."""

    def __init__(self, unread_max: int) -> None:
        self.sent_count = 0
        self._unread_max = unread_max
        self._unread: deque[MutableMapping[str, Any]] = deque()
        self._to_server: deque[MutableMapping[str, Any]] = deque([{"type": "websocket.connect"}])
        self._changed = anyio.Event()

    async def to_caller(self, message: MutableMapping[str, Any]) -> None:
        """Take what the server sends."""
        while len(self._unread) >= self._unread_max:
            await self._changed.wait()
        self._unread.append(message)
        self._change()

    async def to_server(self) -> MutableMapping[str, Any]:
        """Hand the server what was said."""
        while not self._to_server:
            await self._changed.wait()
        self.sent_count += 1
        return self._to_server.popleft()

    def say(self, kind: str, seq: int | None = None, /, **fields: Any) -> None:
        """Say something, in words of the protocol."""
        number = {} if seq is None else {"seq": seq}
        outside = {name: fields.pop(name) for name in ("key", "timeout_ms") if name in fields}
        self.say_text(json.dumps({"type": kind} | number | outside | {"body": fields}))

    def say_text(self, text: str) -> None:
        """Say anything."""
        self._hand({"type": "websocket.receive", "text": text})

    def say_bytes(self, data: bytes) -> None:
        """Say something in a binary frame."""
        self._hand({"type": "websocket.receive", "bytes": data})

    def leave(self) -> None:
        """Go."""
        self._hand({"type": "websocket.disconnect", "code": 1000})

    async def next(self) -> dict[str, Any]:
        """Return the next message of the server, as ASGI has it unless it is text."""
        while not self._unread:
            await self._changed.wait()
        message = self._unread.popleft()
        self._change()
        found: dict[str, Any] = json.loads(message["text"]) if "text" in message else dict(message)
        return found

    async def until(self, kind: str) -> dict[str, Any]:
        """Return the next message of a type; others are passed over."""
        while (message := await self.next())["type"] != kind:
            pass
        return message

    def _hand(self, message: MutableMapping[str, Any]) -> None:
        self._to_server.append(message)
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class Application(Protocol):
    """Somebody who has an application to call."""

    @property
    def app(self) -> Router:
        """The ASGI application."""


def opened(
    http: Application,
    tasks: TaskGroup,
    query: str = "",
    unread_max: int = 1_000,
    connection: Connection | None = None,
    headers: dict[str, str] | None = None,
) -> Peer:
    """Ask for a WebSocket."""
    peer = Peer(unread_max)
    named = [
        (name.replace("_", "-").encode(), each.encode()) for name, each in (headers or {}).items()
    ]
    scope: dict[str, Any] = {"type": "websocket", "path": PATH, "query_string": query.encode()}
    scope |= {"headers": named, "subprotocols": []}
    scope["extensions"] = extensions_with(connection or Connection())
    tasks.start_soon(http.app, scope, peer.to_server, peer.to_caller)
    return peer


async def welcomed(http: Application, tasks: TaskGroup, query: str = "", **rest: Any) -> Peer:
    """Return a caller whose WebSocket was accepted, and who was welcomed."""
    peer = opened(http, tasks, query, **rest)
    assert (await peer.next())["type"] == "websocket.accept"
    assert (await peer.next())["type"] == "welcome"
    return peer
