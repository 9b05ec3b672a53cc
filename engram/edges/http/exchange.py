"""The endpoints that carry memories as lines of files: a space out, and lines in."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable, Coroutine
from typing import Annotated, Any, Final, cast

import anyio
import anyio.from_thread
from anyio import lowlevel
from msgspec import Meta

from engram.edges.http.asked import FilterFields, MetadataText, SpaceId
from engram.edges.http.calls import Call, Endpoint, given
from engram.edges.http.conditions import with_metadata
from engram.edges.http.connections import Connection
from engram.edges.http.limits import REJECTED_COUNT_MAX, STALLED_SECONDS_MAX
from engram.edges.http.lines import MEDIA_TYPE
from engram.edges.http.streamed import Headers, Receive, Send, StreamedAnswer, leave_with_caller
from engram.model.errors import EngramError, Overloaded
from engram.model.exchange import Imported
from engram.service.access import Role
from engram.service.space import Space

_LOGGER: Final = logging.getLogger("engram.http")

After = Annotated[str, Meta(description="A memory's id: only what was recorded after that one.")]


class ExportQuery(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """Which memories are exported; suppressed and expired ones are, too, unless said otherwise."""

    after: After | None = None
    metadata: MetadataText | None = None
    space: SpaceId | None = None


class _Outgoing:
    """A file that hands on what is written into it; for worker threads."""

    def __init__(self, take: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        self._take = take
        self._kept: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep what is written until it is flushed."""
        self._kept.append(data)
        return len(data)

    def flush(self) -> None:
        """Hand on what was written; returns when it is taken."""
        data = b"".join(self._kept)
        self._kept.clear()
        if data:
            anyio.from_thread.run(self._take, data)


class _Incoming:
    """A body as a file that is read line by line; for worker threads.

    Of a line that is longer than what is asked for the rest is thrown away, but for its end.
    """

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(chunks)
        self._kept = bytearray()
        self._is_over = self._is_skipping = False

    def readline(self, size: int) -> bytes:
        """Return the next line with its end, or as much of it as `size`; empty at the end."""
        searched = 0
        while (end := self._kept.find(b"\n", searched)) < 0 and not self._is_over:
            if self._is_skipping:
                self._kept.clear()
            elif len(self._kept) >= size:
                break
            searched = len(self._kept)
            chunk = anyio.from_thread.run(self._next)
            self._is_over = chunk is None
            self._kept += chunk or b""
        last = len(self._kept) if end < 0 else end + 1
        if self._is_skipping:
            del self._kept[:last]
            self._is_skipping = False
            return b"\n" if end >= 0 else b""
        last = min(last, size)
        line = bytes(self._kept[:last])
        del self._kept[:last]
        self._is_skipping = bool(line) and not line.endswith(b"\n") and not self._is_over
        return line

    async def _next(self) -> bytes | None:
        return await anext(self._chunks, None)


class ExportStream(StreamedAnswer):
    """Memories on their way to a caller, a line each."""

    def __init__(self, space: Space, chosen: dict[str, Any], total: int) -> None:
        """Take what to export, which was looked at already, and how many memories it is."""
        self._space, self._chosen, self._total = space, chosen, total

    async def send(
        self, names: Headers, method: str, receive: Receive, send: Send, connection: Connection
    ) -> None:
        """Answer with lines; cut the connection when they cannot all be sent."""
        headers = [*names, (b"content-type", MEDIA_TYPE.encode())]
        headers.append((b"x-total-count", b"%d" % self._total))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if method == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return

        async def take(data: bytes) -> None:
            with anyio.move_on_after(STALLED_SECONDS_MAX):
                await send({"type": "http.response.body", "body": data, "more_body": True})
                return
            raise Overloaded("seconds in which nothing of an export is taken", 30)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave_with_caller, receive, tasks.cancel_scope)
            try:
                await self._space.export_to(
                    cast("Any", _Outgoing(take)), format="ndjson", **self._chosen
                )
            except EngramError as error:
                _LOGGER.error("an export broke off on its way: %s", error)  # noqa: TRY400 - told
                # Lines without an end; their caller must not take them for all there are.
                connection.drop()
                await lowlevel.checkpoint()
            else:
                await send({"type": "http.response.body", "body": b""})
            tasks.cancel_scope.cancel()


async def export(call: Call) -> ExportStream:
    """Export memories."""
    chosen = with_metadata(given(call.query))
    space = await call.space()
    # What is wrong with them is told before the answer begins.
    return ExportStream(space, chosen, await space.exported_count(**chosen))


async def import_lines(call: Call) -> Imported:
    """Remember what lines say that are not there."""
    call.streams.check_upload()
    call.streams.uploads_count += 1
    try:
        space = await call.space()
        file = cast("Any", _Incoming(call.chunks))
        return await space.import_lines(file, REJECTED_COUNT_MAX)
    finally:
        call.streams.uploads_count -= 1


_OUT: Any = str
ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/api/v1/export",
        "Export the memories of a space, a line each, with associations and given vectors.",
        export,
        _OUT,
        query=ExportQuery,
        sends=MEDIA_TYPE,
    ),
    Endpoint(
        "POST",
        "/api/v1/import",
        "Remember what such lines say that is not there; sent again it stores what is missing.",
        import_lines,
        Imported,
        takes=MEDIA_TYPE,
        writes=True,
        needs=Role.AGENT,
    ),
)
