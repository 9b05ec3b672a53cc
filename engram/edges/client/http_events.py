"""Server-sent events of an answer over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio
import httpx2

from engram.edges.client.limits import EVENT_BYTES_MAX, SILENCE_SECONDS_MAX
from engram.edges.client.line import Event
from engram.model.decoders import json_decoder

T = TypeVar("T")


class HttpEvents:
    """The events of one answer."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._answer, self._events = answer, _events(answer)

    async def next(self) -> Event | None:
        """Return the next one; None when the stream ended, was lost, or is silent for too long."""
        return await anext(self._events, None)

    def read(self, event: Event, kind: type[T]) -> T:
        """Return the data of an event as a value of `kind`."""
        return json_decoder(kind).decode(event.data)

    async def aclose(self) -> None:
        """Leave it."""
        await self._events.aclose()
        await self._answer.aclose()


async def _events(stream: httpx2.Response) -> AsyncGenerator[Event]:
    """Yield the events of a stream until it ends, is lost, or is silent for too long."""
    waiting = b""
    async with left_well(stream.aiter_bytes()) as parts:
        while len(waiting) <= EVENT_BYTES_MAX:
            part = b""
            with anyio.move_on_after(SILENCE_SECONDS_MAX), suppress(httpx2.HTTPError):
                part = await anext(parts, b"")
            if not part:
                return
            *events, waiting = (waiting + part).split(b"\n\n")
            for event in events:
                yield _event_of(event)


@asynccontextmanager
async def left_well(parts: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Lend an iterator over a stream, and end it with all that it iterates over itself.

    Closing it would leave those to the collector of garbage, of which trio warns; a cancellation
    reaches all of them.
    """
    try:
        yield parts
    finally:
        with anyio.CancelScope() as scope, suppress(httpx2.HTTPError):
            scope.cancel()
            async for _ in parts:
                pass


def _event_of(text: bytes) -> Event:
    """Return the event that a block of lines is."""
    fields = dict(line.split(b": ", 1) for line in text.split(b"\n") if b": " in line)
    lsn = fields.get(b"id", b"")
    name = fields.get(b"event", b"").decode()
    return Event(name, int(lsn) if lsn.isdigit() else None, fields.get(b"data", b""))
