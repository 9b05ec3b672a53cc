"""What an endpoint is, and what it is handed: a request that is read, checked and placed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.edges.http.asked import SpaceId
from engram.edges.http.event_stream import Streams
from engram.edges.http.limits import ARCHIVE_BYTES_MAX
from engram.edges.http.problems import Refused
from engram.service.access import ANYONE, Principal, Role
from engram.service.space import Space
from engram.service.store import Engram
from engram.service.transfers import Transfers

Target = Literal["request", "path", "body"]
"""Where a request says which space it is about: as all do, or as the resource it is about."""


_NAMES_OF_SPACE: Final = frozenset(("space", "memory_space", "memory_space_id"))


class Nothing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The query of an endpoint that takes no parameter but the space."""

    space: SpaceId | None = None


class _NoChunks:
    """The body of a request that has none to be read as it comes."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over nothing."""
        for each in _NOTHING:
            yield each


_NOTHING: Final[tuple[bytes, ...]] = ()
_NO_CHUNKS: Final = _NoChunks()


async def _no_wait() -> float:
    return 0.0


class Call(NamedTuple):
    """One request on its way to a handler."""

    db: Engram
    space_id: str
    is_named: bool
    """Whether the request names its space; else `space_id` is the default."""
    path: dict[str, str]
    query: Any
    body: Any
    request_key: str | None
    is_ready: Callable[[], bool]
    """Whether every space that was found at the start has been opened, or failed to be."""
    streams: Streams
    version: str = ""
    principal: Principal = ANYONE
    own_metrics: Callable[[], Iterator[tuple[str, float]]] = partial(iter, ())
    """What the server itself measures, beside the store."""
    last_lsn: int | None = None
    """The last event of a stream that its caller has seen, from `Last-Event-ID`."""
    chunks: AsyncIterable[bytes] = _NO_CHUNKS
    """The body of an endpoint that reads it as it comes."""
    transfers: Transfers | None = None
    """What carries backups over the network, where the server is set up for that."""
    wait_for_more: Callable[[], Awaitable[float]] = _no_wait
    """Counts what is done beyond one request as one more; returns how long to wait for it, in
    seconds."""

    def is_about(self, space: str) -> bool:
        """Whether an answer about several spaces is to tell of this one."""
        if self.is_named:
            return space == self.space_id
        return self.principal.may_ask(space)

    async def space(self) -> Space:
        """Return the memory space that the request is about."""
        return await self.db.space(self.space_id, principal=self.principal.name)


class Raw(NamedTuple):
    """An answer that is not JSON, or does not come with the status of its endpoint."""

    body: bytes
    media_type: bytes = b"application/json"
    status: int = 200


class Endpoint(NamedTuple):
    """One method of one path: what it takes, what it answers, and who does it."""

    method: str
    path: str
    summary: str
    handle: Callable[[Call], Awaitable[Any]]
    answer: Any
    """The type of the answer; its JSON schema is made of it."""
    query: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] | None = None
    status: int = 200
    target: Target = "request"
    needs: Role = Role.READER
    is_public: bool = False
    """Whether it tells nothing that anybody may not know."""
    is_about_store: bool = False
    """Whether it is about no space in particular unless one is named."""
    takes_key: bool = False
    """Whether it takes an Idempotency-Key."""
    writes: bool = False
    streams: bool = False
    """Whether the answer is a stream of events, each of the type of the answer."""
    takes: str | None = None
    """The media type of a body that its handler reads as it comes, in place of JSON."""
    sends: str | None = None
    """The media type of an answer that is text but no JSON."""
    takes_bytes_max: float = ARCHIVE_BYTES_MAX
    """How many bytes such a body may have."""
    is_brief: bool = False
    """Whether its work is over before its caller could be missed: nothing watches for that."""
    by_lines: Endpoint | None = None
    """What answers the same path and method when a body is of the media type this one takes."""
    brief_with: str | None = None
    """The field of a body with which the work is brief: what took long without it is spared."""

    @property
    def route(self) -> str:
        """What the audit and the log call it, whatever ids its path has."""
        return f"{self.method} {self.path}"

    @property
    def operation(self) -> str:
        """What metrics call it: the same verb for all ways to ask for it."""
        name: str = getattr(self.handle, "__name__", "operation")
        return name


def given(value: msgspec.Struct, *without: str) -> dict[str, Any]:
    """Return the fields of a request that were given, the names of its space aside.

    Raises Refused when bytes are no vector.
    """
    fields = zip(value.__struct_fields__, msgspec.structs.astuple(value), strict=True)
    return {
        name: _vector(each) if type(each) is bytes else each
        for name, each in fields
        if each is not None
        and each is not msgspec.UNSET
        and name not in _NAMES_OF_SPACE
        and name not in without
    }


def _vector(raw: bytes) -> NDArray[np.float32]:
    """Return the float32[n] that a request gives as bytes."""
    if len(raw) % 4:
        why = f"a vector in base64 has {len(raw)} bytes; numbers of float32 take 4 each"
        raise Refused(400, "INVALID_REQUEST", why)
    return np.frombuffer(raw, "<f4")
