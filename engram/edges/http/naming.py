"""Who a request is and which memory space it is about: decided here, and nowhere else.

Handlers, errors and headers of the answer take the space from what `space_of` returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from engram.edges.http.limits import TIMEOUT_MS_MAX
from engram.edges.http.problems import Refused
from engram.model.errors import InvalidRequest
from engram.model.ids import DEFAULT_SPACE
from engram.service.access import secret_in
from engram.service.requests import check_request_key
from engram.service.wire.names import host_of, name_of, trace_id_of
from engram.service.wire.routing import first_named

_SPACE: Final = b"x-memory-space"
_REQUEST: Final = b"x-request-id"
_CORRELATION: Final = b"x-correlation-id"
_TRACE_PARENT: Final = b"traceparent"
_TRACE_STATE: Final = b"tracestate"
_TIMEOUT: Final = b"x-request-timeout-ms"
_KEY: Final = b"idempotency-key"
_LAST: Final = b"last-event-id"
_TYPE: Final = b"content-type"
_LENGTH: Final = b"content-length"
# No number that means anything here is longer; a very long one takes long to read.
_DIGITS_MAX: Final = 15
_AUTHORIZATION: Final = b"authorization"
_HOST: Final = b"host"
_ORIGIN: Final = b"origin"
_API_KEY: Final = b"x-api-key"
_WANTED: Final = frozenset(
    (
        *(_SPACE, _REQUEST, _CORRELATION, _TIMEOUT, _KEY, _LAST, _TYPE, _LENGTH),
        *(_AUTHORIZATION, _API_KEY, _HOST, _ORIGIN, _TRACE_PARENT, _TRACE_STATE),
    )
)


class Head(NamedTuple):
    """What the headers of a request say to the server itself, not read any further yet."""

    found: dict[bytes, bytes]
    twice: bytes | None
    """A header that came twice and said different things."""

    @property
    def space(self) -> str | None:
        """The memory space that the header names."""
        named = self.found.get(_SPACE)
        return None if named is None else named.decode("latin-1")

    @property
    def request_id(self) -> str | None:
        """What the caller calls this request, when that is a name that may be repeated."""
        return _name(self.found.get(_REQUEST))

    @property
    def correlation_id(self) -> str | None:
        """What the caller calls the matter this request belongs to; likewise."""
        return _name(self.found.get(_CORRELATION))

    @property
    def trace_parent(self) -> tuple[str | None, str | None]:
        """W3C traceparent and tracestate, None for what is not said; the tracer checks them."""
        parent, state = self.found.get(_TRACE_PARENT), self.found.get(_TRACE_STATE)
        return (
            None if parent is None else parent.decode("latin-1"),
            None if state is None else state.decode("latin-1"),
        )

    @property
    def trace_id(self) -> str | None:
        """The trace this request belongs to, as `traceparent` says; None when it says none."""
        said = self.found.get(_TRACE_PARENT)
        return None if said is None else trace_id_of(said.decode("latin-1"))

    @property
    def media_type(self) -> str | None:
        """The type of the body without its parameters, in lower case."""
        said = self.found.get(_TYPE)
        return None if said is None else said.split(b";")[0].strip().lower().decode("latin-1")

    @property
    def length(self) -> int:
        """How many bytes the body is said to have; 0 when nothing, or no number, is said."""
        said = self.found.get(_LENGTH, b"")
        return int(said) if said.isdigit() and len(said) <= _DIGITS_MAX else 0

    @property
    def request_key(self) -> str | None:
        """The key that makes this request safe to repeat; InvalidRequest when it is none."""
        said = self.found.get(_KEY)
        if said is None:
            return None
        key = said.decode("latin-1")
        check_request_key(key)
        return key

    @property
    def host(self) -> str:
        """The name by which the server was called, without the port; empty when none is said."""
        return host_of(self.found.get(_HOST, b"").decode("latin-1"))

    @property
    def is_from_elsewhere(self) -> bool:
        """Whether a browser sent it on behalf of a page that is not of this server."""
        said = self.found.get(_ORIGIN)
        return said is not None and said.partition(b"://")[2] != self.found.get(_HOST, b"")

    @property
    def secret(self) -> str | None:
        """What shows who asks: a bearer token, or an API key; None without any."""
        said, key = self.found.get(_AUTHORIZATION), self.found.get(_API_KEY)
        return secret_in(
            None if said is None else said.decode("latin-1"),
            None if key is None else key.decode("latin-1"),
        )

    @property
    def last_lsn(self) -> int | None:
        """The LSN of the last event of a stream that its caller has seen; None when none is named.

        Raises InvalidRequest when that is no number.
        """
        said = self.found.get(_LAST)
        if not said:
            return None
        if not said.isdigit() or len(said) > _DIGITS_MAX:
            raise InvalidRequest(
                f"Last-Event-ID {said.decode('latin-1')!r} is not the LSN of an event of a stream"
            )
        return int(said)

    @property
    def timeout_s(self) -> float | None:
        """How long the request may take, in seconds; InvalidRequest when that is no number."""
        said = self.found.get(_TIMEOUT)
        if said is None:
            return None
        if (
            not said.isdigit()
            or not len(said) <= _DIGITS_MAX
            or not 1 <= int(said) <= TIMEOUT_MS_MAX
        ):
            raise InvalidRequest(
                f"X-Request-Timeout-Ms {said.decode('latin-1')!r} is not a whole number from 1 to "
                f"{TIMEOUT_MS_MAX:,}"
            )
        return int(said) / 1_000


def head_of(headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """Return what the headers of a request say; names come in lower case, as ASGI has them."""
    found: dict[bytes, bytes] = {}
    twice = None
    for name, value in headers:
        if name in _WANTED and found.setdefault(name, value) != value:
            if name == _TRACE_STATE:
                found[name] += b"," + value
            elif name == _TRACE_PARENT:
                found[name] = b""  # of two traces it belongs to neither, which is no mistake
            else:
                twice = name
    return Head(found, twice)


def space_of(
    head: Head,
    query: str | None = None,
    body: str | None = None,
    *,
    resource: str | None = None,
) -> str | None:
    """Return the memory space a request names: by header, else query, else body; None for none.

    `resource` is the space that a request is about as such (`/spaces/{id}`), and beats the others.
    What is named is checked wherever it is named: an invalid id never becomes another one.
    """
    if head.twice is not None:
        name = head.twice.decode("latin-1")
        raise InvalidRequest(f"header {name} came twice and says different things; send it once")
    return first_named(resource, head.space, query, body)


def space_or_default(named: str | None) -> str:
    """Return the space a request works on when it may name none."""
    return DEFAULT_SPACE if named is None else named


def body_space(first: str | None, second: str | None) -> str | None:
    """Return the space a body names in either of its two fields; Refused when they differ."""
    if first is not None and second is not None and first != second:
        raise Refused(
            400,
            "INVALID_REQUEST",
            "memory_space and memory_space_id name different spaces; send one of them",
        )
    return second if first is None else first


def _name(said: bytes | None) -> str | None:
    return None if said is None else name_of(said.decode("latin-1"))
