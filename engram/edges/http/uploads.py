"""Many memories as lines of NDJSON: stored while they come, acknowledged batch by batch.

Rule 1: what a line of the answer tells is durable, and the next batch is read only then: a space
that is slow makes its caller slow, and a caller that takes no answers is let go of.
Rule 2: the last line of an answer says that it is the last, and why; an answer without one was cut.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final

import anyio
import msgspec
from anyio import lowlevel

from engram.edges.http.asked import SpaceId
from engram.edges.http.calls import Call, Endpoint
from engram.edges.http.connections import Connection
from engram.edges.http.limits import LINGER_SECONDS
from engram.edges.http.lines import MEDIA_TYPE, Batch, LineReader
from engram.edges.http.problems import REMEDIES, Refused, said_of
from engram.edges.http.storing import Stored, Storing
from engram.edges.http.streamed import CUT, Gone, Headers, Receive, Send, StreamedAnswer
from engram.model.errors import Closed, EngramError
from engram.service.access import Role
from engram.service.wire.refusals import remedy_of

_LOGGER: Final = logging.getLogger("engram.http")
_ENCODER: Final = msgspec.json.Encoder()


class Broken(msgspec.Struct, frozen=True):
    """Why no more of a body was stored."""

    code: str
    detail: str
    remedy: str


class Ended(msgspec.Struct, frozen=True, tag="end"):
    """The last line: how many lines were read, and what became of them.

    With an `error`, `lines` are those of the batches before it; what comes behind them was not
    stored, or was not acknowledged.
    """

    lines: int
    remembered: int
    created: int
    refused: int
    error: Broken | None = None


class UploadQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What an upload is answered with."""

    space: SpaceId | None = None
    ids: Annotated[
        bool,
        msgspec.Meta(
            description="Of a body of lines: false leaves ids out of the answer, which then is so "
            "short that it need not be read before all lines are sent."
        ),
    ] = True


class Upload(StreamedAnswer):
    """The answer to a body of lines."""

    def __init__(self, call: Call, storing: Storing) -> None:
        self._call, self._storing = call, storing
        self._reader = LineReader(aiter(call.chunks))
        self._is_brief = not call.query.ids
        self._lines = self._remembered = self._created = self._refused = 0
        self._first: Stored | None = None
        self._failure: Exception | None = None

    async def begin(self) -> None:
        """Store the first batch; what refuses all of it is raised, as for any other request."""
        batch = await self._reader.next()
        if batch is None:
            return
        self._first = await self._stored(batch)
        if self._failure is not None and not self._remembered:
            raise self._failure

    async def _stored(self, batch: Batch) -> Stored:
        done, self._failure = await self._storing.store(batch)
        known = sum(each is not None for each in done.ids)
        self._remembered += known
        self._created += done.created
        self._refused += len(done.errors)
        if self._failure is None:
            self._lines = batch.last
        return msgspec.structs.replace(done, ids=[]) if self._is_brief else done

    async def send(
        self,
        names: Headers,
        method: str,  # noqa: ARG002 - only POST has such a body
        receive: Receive,  # noqa: ARG002 - the chunks receive
        send: Send,
        connection: Connection,
    ) -> None:
        """Answer line by line until all is stored, something fails, or the server stops."""
        # Whether all of the body will have been read is not known yet.
        headers = [*names, (b"content-type", MEDIA_TYPE.encode()), CUT]
        uploads = self._call.streams
        try:
            start = {"type": "http.response.start", "status": self.status, "headers": headers}
            await send(start)
            error = await self._all(send)
            await self._told(send, self._end(error))
            if error is not None:
                await self._thrown_away()
            await send({"type": "http.response.body", "body": b""})
        except Gone:
            return
        except _Stalled:
            _LOGGER.warning(
                "a caller that reads nothing was let go of: an upload to space %s",
                self._call.space_id,
            )
            uploads.dropped_count += 1
            connection.drop()
            await lowlevel.checkpoint()
        finally:
            uploads.uploads_count -= 1

    async def _all(self, send: Send) -> Exception | None:
        """Store and acknowledge all; return why that could not be. Raises Gone and _Stalled."""
        streams = self._call.streams
        if self._first is not None:
            await self._told(send, self._first)
        error: Exception = Closed("the server")
        with anyio.CancelScope() as telling:
            streams.begin(telling)
            try:
                while self._failure is None:
                    batch = await self._next()
                    if batch is None:
                        return None
                    # What is begun is told, though the server stops.
                    with anyio.CancelScope(shield=True):
                        await self._told(send, await self._stored(batch))
                error = self._failure
            except (Refused, EngramError) as met:
                error = met
            finally:
                streams.end(telling)
        return error

    async def _next(self) -> Batch | None:
        """Return the next batch, when its caller may ask for one more."""
        while rest := await self._call.wait_for_more():  # noqa: ASYNC110 - a rate, not an event
            await anyio.sleep(rest)
        await lowlevel.checkpoint()  # what is there already is taken without one
        return await self._reader.next()

    async def _told(self, send: Send, line: Stored | Ended) -> None:
        if isinstance(line, Stored) and not (line.errors or line.lsn):
            return  # nothing became of it
        body = _ENCODER.encode(line) + b"\n"
        with anyio.move_on_after(self._call.streams.stalled_s):
            await send({"type": "http.response.body", "body": body, "more_body": True})
            return
        raise _Stalled

    async def _thrown_away(self) -> None:
        try:
            with anyio.move_on_after(LINGER_SECONDS):
                async for _ in self._call.chunks:
                    pass
        except Refused:
            pass

    def _end(self, error: Exception | None) -> Ended:
        counts = self._lines, self._remembered, self._created, self._refused
        if error is None:
            return Ended(*counts)
        said = said_of(error)
        if said.code == "INTERNAL_ERROR":
            _LOGGER.error("an upload to space %s failed", self._call.space_id, exc_info=error)
        again = "send it again with the same Idempotency-Key, or what is behind these lines"
        remedy = REMEDIES.get(said.code) or remedy_of(said.code)
        return Ended(*counts, Broken(said.code, said.detail, f"{remedy}; {again}"))


class _Stalled(Exception):
    """The caller takes nothing of the answer."""


async def remember_lines(call: Call) -> Upload:
    """Remember the memories of a body of lines, the first batch before anything is answered."""
    call.streams.check_upload()
    call.streams.uploads_count += 1
    try:
        upload = Upload(call, Storing(await call.space(), call.request_key))
        await upload.begin()
    except BaseException:
        call.streams.uploads_count -= 1
        raise
    return upload


LINES: Any = Stored | Ended
REMEMBER_LINES: Final = Endpoint(
    "POST",
    "/api/v1/memories/batch",
    "Remember a memory a line, in any number; good lines are kept, bad ones told by number.",
    remember_lines,
    LINES,
    query=UploadQuery,
    takes=MEDIA_TYPE,
    takes_bytes_max=float("inf"),
    takes_key=True,
    writes=True,
    needs=Role.AGENT,
)
