"""The line to one server, whatever carries it: tries again where that is safe."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import anyio
from anyio import sleep

from engram.edges.client.limits import CONNECT_SECONDS_MAX
from engram.edges.client.parts import Part
from engram.edges.client.retrying import Failure, pauses
from engram.model.errors import Closed, NoAnswerInTime, ServerUnreachable
from engram.ports import Entropy, Tracer
from engram.service.telemetry import REQUEST

T = TypeVar("T")
_CORRELATION: Final = "x-correlation-id"
_KEY_BYTES: Final = 16
_READS: Final = frozenset(("GET", "HEAD"))
_NOTHING: Final[Mapping[str, object]] = {}
_START: Final = (
    "start one there with `engram start`, or check the address (`engram status` shows that of a "
    "server of this machine)"
)
_LOOK: Final = "what was asked for may have been done; look, or repeat it with its request_key"
# What a library says of a connection, and what it means of the address; of other words, the above.
_MEANINGS: Final = {
    "CERTIFICATE_VERIFY_FAILED": "nobody who is trusted vouches for its certificate: name that, or "
    "its authority, with engram.connect(..., authorities='certificate.pem')",
    "WRONG_VERSION_NUMBER": "what listens there shows no certificate: say http or grpc in place of "
    "https or grpcs, or check the port",
    "an http1.x server": "what listens there speaks HTTP: say http in place of grpc, or name the "
    "port of gRPC (`engram status` shows both)",
    "illegal request line": "what listens there may be gRPC: say grpc in place of http, or name "
    "the port of HTTP (`engram status` shows both)",
}
_SILENT: Final = "without sending a response"


class Asked(NamedTuple):
    """One request: what is asked for, of which space, and whether it may come twice."""

    method: str
    path: str
    """Below /api/v1."""
    space: str | None = None
    query: Mapping[str, object] = _NOTHING
    """Fields of a request that only asks."""
    body: Any = None
    """That of a part, as the line made it."""
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


class Event(NamedTuple):
    """What a stream of a server tells: a change, a place, or its end."""

    name: str
    """start, change, heartbeat or end."""
    lsn: int | None
    data: Any
    """As the stream carries it."""


class EventStream(Protocol):
    """A stream of events that was begun."""

    async def next(self) -> Event | None:
        """Return the next one; None when the stream ended, was lost, or is silent for too long."""

    def read(self, event: Event, kind: type[T]) -> T:
        """Return the data of an event as a value of `kind`."""

    async def aclose(self) -> None:
        """Leave it."""


class Line(ABC):
    """Carries requests to the server at a URL; may be shared between tasks."""

    def __init__(
        self, url: str, timeout_s: float | None, entropy: Entropy, tracer: Tracer | None = None
    ) -> None:
        """Take the address; `timeout_s` limits requests, all attempts together.

        With a tracer each request is a span, within which the server's is.
        """
        self.url, self.entropy = url, entropy
        self.timeout_s = math.inf if timeout_s is None else timeout_s
        self._tracer = tracer

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Whether its client was left."""

    @abstractmethod
    async def ask(self, asked: Asked, kind: type[T], body: Any = None) -> T:
        """Send a request until it is answered, and return the answer as a value of `kind`.

        `body` are the fields of the request. Raises what the server says, ServerUnreachable,
        NoAnswerInTime.
        """

    @abstractmethod
    async def follow(self, asked: Asked, last_lsn: int | None) -> EventStream:
        """Begin a stream, behind what was seen of it last; raises what `ask` raises."""

    @abstractmethod
    def carried(
        self, asked: Asked, body: AsyncIterable[bytes] | None = None, media_type: str = ""
    ) -> AbstractAsyncContextManager[Any]:
        """Lend the answer to a request whose body, or answer, is carried as it comes.

        It is sent once, and may take as long as it takes. Raises what `ask` raises.
        """

    @abstractmethod
    def parts(self, items: list[dict[str, Any]]) -> Iterator[Part]:
        """Yield the bodies of requests that carry items, each as large as a server takes."""

    @abstractmethod
    def read(self, answer: bytes, kind: type[T]) -> T:
        """Return what was carried as a value of `kind`; ServerUnreachable when it is none."""

    def new_key(self) -> str:
        """Return a key for a write that no other has."""
        return self.entropy.token(_KEY_BYTES).hex()

    def strange(self, reason: str) -> ServerUnreachable:
        """Return the error of an answer that no Engram server of this release gives."""
        return ServerUnreachable(self.url, reason, "check the address, and the server's release")

    def address_of(self, asked: Asked) -> str:
        """Return what a request is called in errors."""
        return f"{self.url}{asked.path}"

    async def _tried(
        self,
        asked: Asked,
        attempt: Callable[[Asked, dict[str, str], float], Awaitable[T | Failure]],
    ) -> T:
        """Try until there is an answer; attempts are given the headers of the trace.

        Where this is asked for on behalf of a call of a door of this process, such as that of MCP,
        the server's log has it under the same correlation id.
        """
        caller = REQUEST.get()
        named = {} if caller is None or caller.is_over else {_CORRELATION: caller.correlation_id}
        if self._tracer is None:
            return await self._repeated(asked, attempt, named)
        with self._tracer.span(asked.method, asked.space, kind="client") as span:
            span.note("http.request.method", asked.method)
            span.note("url.path", f"/api/v1{asked.path}")
            return await self._repeated(asked, attempt, named | self._tracer.headers())

    async def _repeated(
        self,
        asked: Asked,
        attempt: Callable[[Asked, dict[str, str], float], Awaitable[T | Failure]],
        trace: dict[str, str],
    ) -> T:
        """Try until there is an answer, or no other attempt is safe or in time."""
        self._check_open()
        deadline = anyio.current_time() + self.timeout_s
        rests = pauses(self.entropy)
        while True:
            found = await attempt(asked, trace, deadline)
            if not isinstance(found, Failure):
                return found
            rest = next(rests, None)
            if rest is None or not found.may_be_repeated(is_safe=asked.may_come_twice):
                raise found.error
            rest = max(rest, found.retry_after_s)
            if anyio.current_time() + rest >= deadline:
                raise found.error
            await sleep(rest)

    def _check_open(self) -> None:
        if self.is_closed:
            raise Closed(f"the client of {self.url}")

    def _lost(self, said: str) -> ServerUnreachable:
        """Return the error of a connection that ended before the answer was there."""
        return ServerUnreachable(
            self.url,
            f"the connection was lost ({said})",
            _meaning(said)
            or (f"{_LOOK}; a server with a certificate wants https" if _SILENT in said else _LOOK),
        )

    def _unreachable(self, said: str, *, is_late: bool) -> ServerUnreachable:
        """Return the error of a connection that did not come about."""
        reason = f"no connection ({said})"
        if is_late:
            reason = f"no connection within the connect timeout of {CONNECT_SECONDS_MAX:g} s"
        return ServerUnreachable(self.url, reason, _meaning(said) or _START)

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


def _meaning(said: str) -> str | None:
    """Return what words of a library mean of the address of a server."""
    return next((meaning for words, meaning in _MEANINGS.items() if words in said), None)
