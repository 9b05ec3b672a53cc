"""A server that says what it is told to, on a real socket, and keeps what it was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import anyio
import anyio.abc

LOST: Final = b""
"""The connection is closed without a word."""

SILENCE: Final = b"silence"
"""Nothing is said, and nothing ends."""


def answer(status: int, body: str, *headers: str, kind: str = "application/json") -> bytes:
    """Return one answer as it goes over a socket."""
    content = body.encode()
    lines = [
        f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(content)}",
        *headers,
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode() + content


def events(*texts: str, is_open: bool = False) -> bytes:
    """Return a stream of server-sent events, after which the connection is closed or kept."""
    content = "".join(f"{each}\n\n" for each in texts).encode()
    length = f"content-length: {len(content) + 1}\r\n" if is_open else ""
    head = f"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n{length}\r\n"
    return head.encode() + content


def problem(status: int, code: str, *headers: str) -> bytes:
    """Return a refusal as an Engram server writes it."""
    body = f'{{"code": "{code}", "detail": "it says {code}", "request_id": "r-1"}}'
    return answer(status, body, *headers, kind="application/problem+json")


class Sent(NamedTuple):
    """One request that came."""

    line: str
    headers: dict[str, str]
    body: bytes


class Script:
    """What will be said, answer by answer; the last is said again and again."""

    def __init__(self, url: str, answers: Sequence[bytes], stop: Callable[[], None]) -> None:
        self.url, self.sent, self.stop = url, list[Sent](), stop
        self._answers = list(answers)

    async def serve(self, stream: anyio.abc.SocketStream) -> None:
        """Answer the requests of one connection."""
        async with stream:
            try:
                while await self._answer(stream):
                    pass
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    async def _answer(self, stream: anyio.abc.SocketStream) -> bool:
        head, body = b"", b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive()
        head, body = head.split(b"\r\n\r\n", 1)
        line, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += await stream.receive()
        self.sent.append(Sent(line.removesuffix(" HTTP/1.1"), headers, body))
        said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if said == SILENCE:
            await anyio.sleep_forever()
        if said == LOST:
            return False
        await stream.send(said)
        return b"content-length" in said


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[Script]:
    """Serve a script until the block is left."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra_attributes[anyio.abc.SocketAttribute.local_port]()
    async with listener, anyio.create_task_group() as tasks:
        serving = anyio.CancelScope()
        script = Script(f"http://127.0.0.1:{port}", answers, serving.cancel)

        async def serve() -> None:
            with serving:
                await listener.serve(script.serve)
            await listener.aclose()

        tasks.start_soon(serve)
        yield script
        tasks.cancel_scope.cancel()
