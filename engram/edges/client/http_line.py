"""The line to one server over HTTP."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import anyio
import httpx2
import msgspec

from engram.edges.client.arguments import encoded, header_of_key, json_of
from engram.edges.client.http_events import HttpEvents
from engram.edges.client.limits import SERVER_TIMEOUT_MS_MAX
from engram.edges.client.line import Asked, EventStream, Line
from engram.edges.client.parts import Part, parts
from engram.edges.client.refused import error_of
from engram.edges.client.retrying import Failure, seconds_of
from engram.model.decoders import json_decoder
from engram.ports import Clock, Entropy, Tracer

T = TypeVar("T")
Headers = dict[bytes, bytes]
_NO_TRACE: Final[Mapping[str, str]] = {}


class HttpLine(Line):
    """Carries requests as HTTP; see `Line`."""

    def __init__(
        self,
        url: str,
        http: httpx2.AsyncClient,
        streams: httpx2.AsyncClient,
        timeout_s: float | None,
        clock: Clock,
        entropy: Entropy,
        tracer: Tracer | None = None,
    ) -> None:
        """Take HTTP clients that wait for nothing but connections."""
        super().__init__(url, timeout_s, entropy, tracer)
        self._http, self._streams, self._clock = http, streams, clock

    @property
    def is_closed(self) -> bool:
        """Whether its client was left."""
        return self._http.is_closed

    async def ask(self, asked: Asked, kind: type[T], body: Any = None) -> T:
        """Send a request until it is answered, and return the answer as a value of `kind`.

        `body` is sent as JSON. Raises what the server says, ServerUnreachable, NoAnswerInTime.
        """
        if body is not None:
            asked = asked._replace(body=json_of(body))
        return self.read(await self._tried(asked, self._attempt), kind)

    def read(self, answer: bytes, kind: type[T]) -> T:
        """Return the body of an answer as a value of `kind`; ServerUnreachable when it is none."""
        try:
            return json_decoder(kind).decode(answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.strange(f"its answer cannot be read: {error}") from error

    def parts(self, items: list[dict[str, Any]]) -> Iterator[Part]:
        """Yield the bodies of requests that carry items; see `Line.parts`."""
        return parts(items)

    async def follow(self, asked: Asked, last_lsn: int | None) -> EventStream:
        """Begin a stream, behind what was seen of it last, and return it; its caller closes it.

        Raises what `ask` raises.
        """
        if last_lsn is not None:
            asked = asked._replace(last_lsn=last_lsn)
        return HttpEvents(await self._tried(asked, self._begun))

    @asynccontextmanager
    async def carried(
        self, asked: Asked, body: AsyncIterable[bytes] | None = None, media_type: str = ""
    ) -> AsyncIterator[httpx2.Response]:
        """Lend the answer to a request whose body, or answer, is carried as it comes.

        It is sent once, and may take as long as it takes. Raises what `ask` raises.
        """
        self._check_open()
        headers = self.headers_of(asked)
        if body is not None:
            headers[b"Content-Type"] = media_type.encode()
        address = self.address_of(asked)
        try:
            async with self._streams.stream(
                asked.method, address, headers=headers, content=body
            ) as answer:
                if not answer.is_success:
                    said = await answer.aread()
                    raise self.refusal_of(answer.status_code, said, answer.headers).error
                yield answer
        except httpx2.HTTPError as error:
            raise self.failure_of(error).error from error

    def headers_of(self, asked: Asked, trace: Mapping[str, str] = _NO_TRACE) -> Headers:
        """Return the headers that are the same at each attempt."""
        headers: Headers = {name.encode(): value.encode() for name, value in trace.items()}
        if asked.space is not None:
            headers[b"X-Memory-Space"] = asked.space.encode()
        if asked.body is not None:
            headers[b"Content-Type"] = b"application/json"
        if asked.key is not None:
            headers[b"Idempotency-Key"] = header_of_key(asked.key)
        if asked.last_lsn is not None:
            headers[b"Last-Event-ID"] = b"%d" % asked.last_lsn
        return headers

    async def _begun(
        self, asked: Asked, trace: dict[str, str], deadline: float
    ) -> httpx2.Response | Failure:
        """Return a stream whose head is there, or why there is none."""
        address, headers = self.address_of(asked), self.headers_of(asked, trace)
        with anyio.CancelScope(deadline=deadline):
            try:
                request = self._streams.build_request(asked.method, address, headers=headers)
                answer = await self._streams.send(request, stream=True)
                if answer.is_success:
                    return answer
                body = await answer.aread()
            except httpx2.HTTPError as error:
                return self.failure_of(error)
            return self.refusal_of(answer.status_code, body, answer.headers)
        return Failure(self._late(asked), is_final=True)

    async def _attempt(
        self, asked: Asked, trace: dict[str, str], deadline: float
    ) -> bytes | Failure:
        """Return the body of the answer, or why there is none."""
        headers = self.headers_of(asked, trace)
        left_ms = 1e3 * (deadline - anyio.current_time())
        if asked.deadline_ms is not None:
            left_ms = min(left_ms, asked.deadline_ms)
        if left_ms <= SERVER_TIMEOUT_MS_MAX:
            headers[b"X-Request-Timeout-Ms"] = b"%d" % max(1, math.ceil(left_ms))
        with anyio.CancelScope(deadline=deadline):
            try:
                answer = await self._http.request(
                    asked.method, self.address_of(asked), headers=headers, content=asked.body
                )
            except httpx2.HTTPError as error:
                return self.failure_of(error)
            if answer.is_success:
                return answer.content
            return self.refusal_of(answer.status_code, answer.content, answer.headers)
        return Failure(self._late(asked), is_final=True)

    def address_of(self, asked: Asked) -> str:
        """Return the URL of a request."""
        query = f"?{encoded(asked.query)}" if asked.query else ""
        return f"{self.url}/api/v1{asked.path}{query}"

    def refusal_of(self, status: int, body: bytes, headers: httpx2.Headers) -> Failure:
        """Return what an answer that is no success tells."""
        rest = seconds_of(headers.get("retry-after"), self._clock)
        return Failure(error_of(self.url, status, body), retry_after_s=rest)

    def failure_of(self, error: httpx2.HTTPError) -> Failure:
        """Return what it means that a request could not be sent, or its answer not be read."""
        was_not_sent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        said = str(error) or type(error).__name__
        is_late = isinstance(error, httpx2.ConnectTimeout)
        found = self._unreachable(said, is_late=is_late) if was_not_sent else self._lost(said)
        found.__cause__ = error
        return Failure(found, was_not_sent=was_not_sent)
