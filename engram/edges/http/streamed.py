"""Answers that are sent as they come to be, and bodies that are read as they arrive."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import anyio

from engram.edges.http.connections import Connection
from engram.edges.http.limits import CHUNK_SECONDS_MAX
from engram.edges.http.problems import Refused

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CUT: Final = (b"connection", b"close")
"""Says that what is left of a body is not read, so that the connection carries no more."""


class Gone(Exception):
    """The caller went away before its request was whole; nobody waits for an answer."""


class StreamedAnswer(ABC):
    """An answer that takes its time; what it sends is its own matter once it has begun."""

    status = 200

    @abstractmethod
    async def send(
        self, names: Headers, method: str, receive: Receive, send: Send, connection: Connection
    ) -> None:
        """Answer, with these headers and others, until all is said or the caller goes."""


async def leave_with_caller(receive: Receive, work: anyio.CancelScope) -> None:
    """End the work on an answer when its caller is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    work.cancel()


class Chunks:
    """The body of a request, in the chunks that it arrives in; it can be read once."""

    def __init__(self, receive: Receive, bytes_max: float, deadline: float = math.inf) -> None:
        """Take where it comes from, how many bytes it may have, and until when it may come."""
        self._receive, self._bytes_max, self._deadline = receive, bytes_max, deadline
        self._count, self._has_more = 0, True

    def __aiter__(self) -> Chunks:
        """Iterate over the chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk.

        Raises:
            Gone: the caller goes.
            Refused: 408 when nothing comes for a while, 413 when too much has come, 504 when the
                time is over.
        """
        while self._has_more:
            message = None
            until = min(anyio.current_time() + CHUNK_SECONDS_MAX, self._deadline)
            with anyio.CancelScope(deadline=until):
                message = await self._receive()
            if anyio.current_time() >= self._deadline:
                late = "the time that was allowed was over before all of the body was there"
                raise Refused(504, "DEADLINE_EXCEEDED", late)
            if message is None:
                slow = f"no byte of the body came for {CHUNK_SECONDS_MAX:g} s"
                raise Refused(408, "REQUEST_TIMEOUT", slow)
            if message["type"] != "http.request":
                raise Gone
            self._has_more = message.get("more_body", False)
            part: bytes = message.get("body", b"")
            self._count += len(part)
            if self._count > self._bytes_max:
                large = f"the body has more than {self._bytes_max:,} bytes; send it in parts"
                raise Refused(413, "PAYLOAD_TOO_LARGE", large)
            if part:
                return part
        raise StopAsyncIteration


def check_type(said: str | None, wanted: str) -> None:
    """Raise Refused unless a body is of the media type that is wanted."""
    if said != wanted:
        raise Refused(
            415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type is {said or 'missing'}; send {wanted}"
        )
