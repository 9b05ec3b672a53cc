"""The line to one server: sends requests, waits for answers, tries again where that is safe."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeVar

import anyio
import httpx2
import msgspec
from anyio import sleep

from engram.edges.client.arguments import header_of_key, json_of
from engram.edges.client.limits import CONNECT_SECONDS_MAX, SERVER_TIMEOUT_MS_MAX
from engram.edges.client.refused import error_of
from engram.edges.client.retrying import Failure, pauses, seconds_of
from engram.model.decoders import json_decoder
from engram.model.errors import Closed, NoAnswerInTime, ServerUnreachable
from engram.ports import Clock, Entropy, Tracer

T = TypeVar("T")
Headers = dict[bytes, bytes]
_KEY_BYTES: Final = 16
_READS: Final = frozenset(("GET", "HEAD"))


class Asked(NamedTuple):
    """One request: what is asked for, of which space, and whether it may come twice."""

    method: str
    path: str
    """Below /api/v1."""
    space: str | None = None
    query: str = ""
    body: bytes | None = None
    key: str | None = None
    """Makes a write safe to repeat."""
    is_safe: bool = False
    """Whether it may come twice without a key."""
    deadline_ms: float | None = None
    """How long the server may work on it, beside the timeout of the line."""
    last_lsn: int | None = None
    """Behind which a stream goes on."""

    @property
    def may_come_twice(self) -> bool:
        """Whether nothing is done twice when it does."""
        return self.is_safe or self.key is not None or self.method in _READS


class Line:
    """Carries requests to the server at a URL; may be shared between tasks."""

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
        """Take HTTP clients that wait for nothing but connections; `timeout_s` limits requests.

        With a tracer each request is a span, within which the server's is.
        """
        self._tracer = tracer
        self.url, self.entropy = url, entropy
        self._http, self._streams, self._clock = http, streams, clock
        self.timeout_s = math.inf if timeout_s is None else timeout_s

    def new_key(self) -> str:
        """Return a key for a write that no other has."""
        return self.entropy.token(_KEY_BYTES).hex()

    async def ask(self, asked: Asked, kind: type[T], body: object = None) -> T:
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

    def strange(self, reason: str) -> ServerUnreachable:
        """Return the error of an answer that no Engram server of this release gives."""
        return ServerUnreachable(self.url, reason, "check the address, and the server's release")

    async def follow(self, asked: Asked, last_lsn: int | None) -> httpx2.Response:
        """Begin a stream, behind what was seen of it last, and return it; its caller closes it.

        Raises what `ask` raises.
        """
        if last_lsn is not None:
            asked = asked._replace(last_lsn=last_lsn)
        return await self._tried(asked, self._begun)

    async def _tried(
        self, asked: Asked, attempt: Callable[[Asked, Headers, float], Awaitable[T | Failure]]
    ) -> T:
        if self._tracer is None:
            return await self._repeated(asked, attempt, self.headers_of(asked))
        with self._tracer.span(asked.method, asked.space, kind="client") as span:
            span.note("http.request.method", asked.method)
            span.note("url.path", f"/api/v1{asked.path}")
            headers = self.headers_of(asked)
            for name, value in self._tracer.headers().items():
                headers[name.encode()] = value.encode()
            return await self._repeated(asked, attempt, headers)

    async def _repeated(
        self,
        asked: Asked,
        attempt: Callable[[Asked, Headers, float], Awaitable[T | Failure]],
        headers: Headers,
    ) -> T:
        """Try until there is an answer, or no other attempt is safe or in time."""
        if self._http.is_closed:
            raise Closed(f"the client of {self.url}")
        deadline = anyio.current_time() + self.timeout_s
        rests = pauses(self.entropy)
        while True:
            found = await attempt(asked, headers, deadline)
            if not isinstance(found, Failure):
                return found
            rest = next(rests, None)
            if rest is None or not found.may_be_repeated(is_safe=asked.may_come_twice):
                raise found.error
            rest = max(rest, found.retry_after_s)
            if anyio.current_time() + rest >= deadline:
                raise found.error
            await sleep(rest)

    @asynccontextmanager
    async def carried(
        self, asked: Asked, body: AsyncIterable[bytes] | None = None, media_type: str = ""
    ) -> AsyncIterator[httpx2.Response]:
        """Lend the answer to a request whose body, or answer, is carried as it comes.

        It is sent once, and may take as long as it takes. Raises what `ask` raises.
        """
        if self._http.is_closed:
            raise Closed(f"the client of {self.url}")
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

    def headers_of(self, asked: Asked) -> Headers:
        """Return the headers that are the same at each attempt."""
        headers: Headers = {}
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
        self, asked: Asked, headers: Headers, deadline: float
    ) -> httpx2.Response | Failure:
        """Return a stream whose head is there, or why there is none."""
        address = self.address_of(asked)
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

    async def _attempt(self, asked: Asked, headers: Headers, deadline: float) -> bytes | Failure:
        """Return the body of the answer, or why there is none."""
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
        query = f"?{asked.query}" if asked.query else ""
        return f"{self.url}/api/v1{asked.path}{query}"

    def refusal_of(self, status: int, body: bytes, headers: httpx2.Headers) -> Failure:
        """Return what an answer that is no success tells."""
        rest = seconds_of(headers.get("retry-after"), self._clock)
        return Failure(error_of(self.url, status, body), retry_after_s=rest)

    def failure_of(self, error: httpx2.HTTPError) -> Failure:
        """Return what it means that a request could not be sent, or its answer not be read."""
        was_not_sent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        if was_not_sent:
            found = self._unreachable(error)
        else:
            said = str(error) or type(error).__name__
            found = ServerUnreachable(
                self.url,
                f"the connection was lost ({said})",
                "what was asked for may have been done; look, or repeat it with its request_key",
            )
        found.__cause__ = error
        return Failure(found, was_not_sent=was_not_sent)

    def _unreachable(self, error: Exception) -> ServerUnreachable:
        if isinstance(error, httpx2.ConnectTimeout):
            reason = f"no connection within the connect timeout of {CONNECT_SECONDS_MAX:g} s"
        else:
            reason = f"no connection ({str(error) or type(error).__name__})"
        return ServerUnreachable(
            self.url,
            reason,
            "start one there with `engram start`, or check the address (`engram status` shows that "
            "of a server of this machine)",
        )

    def _late(self, asked: Asked) -> NoAnswerInTime:
        advice = "allow it more time with engram.connect(..., timeout=...), or ask for less"
        if asked.key is not None:
            advice = (
                "it may have been done: the same request with "
                f"request_key={asked.key!r} tells what became of it, and does it if it was not"
            )
        elif not asked.may_come_twice:
            advice = "it may have been done; look before asking again"
        return NoAnswerInTime(f"{asked.method} {self.address_of(asked)}", self.timeout_s, advice)
