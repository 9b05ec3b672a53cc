"""Keeps connections busy with one request each, and notes how long each answer took.

Asks nothing of an answer but its status and its length: the less the client takes of the machine's
two cores, the more the servers that are compared have.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Final, NamedTuple

_HEAD_ENDS: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


class Load(NamedTuple):
    """What came of one go: answers a second, times in ns, and bytes of the last answer's body."""

    per_s: float
    times_ns: list[int]
    body_bytes: int


class RefusedError(Exception):
    """Raised when a server answers otherwise than with success."""


def request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _HEAD_ENDS + body


class _Connection(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the one before is whole."""

    def __init__(self, next_request: Callable[[], bytes | None]) -> None:
        self._next = next_request
        self.times_ns: list[int] = []
        self.body_bytes = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type alone
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, ends, body = self._got.partition(_HEAD_ENDS)
        if not ends:
            return
        _, found, rest = head.lower().partition(_LENGTH)
        length = int(rest.split(b"\r\n", 1)[0]) if found else 0
        if len(body) < length:
            return
        self.times_ns.append(time.perf_counter_ns() - self._asked)
        self._got, self.body_bytes = b"", length
        if head[9:10] != b"2":
            self._end(RefusedError((head + _HEAD_ENDS + body).decode()))
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or RefusedError("the server closed the connection"))

    def _ask(self) -> None:
        following = self._next()
        if following is None:
            self._end(None)
        else:
            self._asked = time.perf_counter_ns()
            self._transport.write(following)

    def _end(self, error: Exception | None) -> None:
        if not self.done.done():
            self._transport.close()
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)


async def load(port: int, connections: int, seconds: float, make: Callable[[int], bytes]) -> Load:
    """Return what came of `connections` that asked for `seconds`; `make` gives the n-th request."""
    numbers, started = count(), time.perf_counter()

    def following() -> bytes | None:
        if time.perf_counter() - started >= seconds:
            return None
        return make(next(numbers))

    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Connection(following), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in opened))
    took = time.perf_counter() - started
    times = sorted(each for _, protocol in opened for each in protocol.times_ns)
    return Load(len(times) / took, times, opened[-1][1].body_bytes)


def json_body(value: object) -> bytes:
    """Return the JSON of a body."""
    return json.dumps(value, separators=(",", ":")).encode()
