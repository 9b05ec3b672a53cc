"""Errors as RFC 9457 problem details: one table from the tree of errors to statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from engram.model.errors import (
    ArenaExhausted,
    AssociationNotFound,
    BackendUnavailable,
    BackupNotFound,
    ChangesGone,
    Closed,
    Conflict,
    DurabilityError,
    EmbedderMismatch,
    EngramError,
    FellBehind,
    Forbidden,
    InvalidRequest,
    InvariantViolated,
    KernelCancelled,
    MemoryNotFound,
    NoAnswerInTime,
    Overloaded,
    QueryTooCostly,
    QuotaReached,
    RateLimited,
    RequestError,
    SpaceAlreadyExists,
    SpaceNotFound,
    StoreInUse,
    StoreTooNew,
    Unauthorized,
    Unavailable,
    UnknownEvent,
    VectorsWouldBeLost,
)

PROBLEM_JSON: Final = b"application/problem+json"
Fact: TypeAlias = str | int | float | bool | None

STATUS: Final[dict[type[EngramError], int]] = {
    RequestError: 400,
    QueryTooCostly: 422,
    Unauthorized: 401,
    Forbidden: 403,
    SpaceNotFound: 404,
    MemoryNotFound: 404,
    AssociationNotFound: 404,
    BackupNotFound: 404,
    ChangesGone: 410,
    SpaceAlreadyExists: 409,
    EmbedderMismatch: 409,
    VectorsWouldBeLost: 409,
    Conflict: 409,
    StoreInUse: 409,
    BackendUnavailable: 501,
    ArenaExhausted: 501,
    StoreTooNew: 501,
    UnknownEvent: 501,
    Closed: 503,
    Overloaded: 503,
    RateLimited: 429,
    QuotaReached: 507,
    FellBehind: 503,
    KernelCancelled: 504,
    Unavailable: 503,
    NoAnswerInTime: 504,
    DurabilityError: 500,
    InvariantViolated: 500,
}
"""Of each error its own status, or else that of the nearest error above it in the tree."""

TITLES: Final = {
    "INVALID_REQUEST": "The request breaks a rule",
    "OVER_BUDGET": "The statement would cost more than its budget",
    "UNAUTHORIZED": "Nobody is known by what the request shows",
    "FORBIDDEN": "Who asks may not",
    "NOT_FOUND": "What the request names is not there",
    "METHOD_NOT_ALLOWED": "The path knows no such method",
    "REQUEST_TIMEOUT": "The body did not arrive in time",
    "QUOTA_REACHED": "The memory space holds as much as it may",
    "CONFLICT": "The request contradicts what is stored",
    "GONE": "What the request names is no longer there",
    "PAYLOAD_TOO_LARGE": "The body is too large",
    "UNSUPPORTED_MEDIA_TYPE": "The body is not JSON",
    "UPGRADE_REQUIRED": "The path speaks WebSocket",
    "UNSUPPORTED": "This server is not set up for that",
    "RATE_LIMITED": "The memory space was asked too often",
    "OVERLOADED": "Too much is under way",
    "FELL_BEHIND": "The caller reads a stream too slowly",
    "UNAVAILABLE": "Something the server depends on does not answer",
    "DEADLINE_EXCEEDED": "The time that was allowed is over",
    "DATA_LOSS": "The disk did not do what durability needs",
    "INTERNAL_ERROR": "A bug of the server",
}
"""Every code a problem may carry, and what it says in a line."""

_FACT: Final = (str, int, float)
_CHANGE: Final = "change the request; the same one fails again"
_LATER: Final = "send the same request again later"
REMEDIES: Final = {
    "UNAUTHORIZED": "show an API key or a token: Authorization: Bearer ...",
    "FORBIDDEN": "ask for access to the memory space, or for a role that may do this",
    "QUOTA_REACHED": "forget memories of the space, or let its operator raise the quota",
    "RATE_LIMITED": "wait for as long as Retry-After says, then send the same request again",
    "REQUEST_TIMEOUT": _LATER,
    "OVERLOADED": _LATER,
    "FELL_BEHIND": "come back with Last-Event-ID and read faster",
    "UNAVAILABLE": "send the same request again later, or without what does not answer",
    "DEADLINE_EXCEEDED": "allow it more time with X-Request-Timeout-Ms, or ask for less",
    "DATA_LOSS": "let an operator look at the disk; `engram verify` names all damage",
    "INTERNAL_ERROR": "please report it with the request id, which the server's log has, too",
}
"""Whose move is next, by code; where a code is missing, the caller's."""

RETRY_AFTER_S: Final = {"OVERLOADED": 1, "UNAVAILABLE": 5}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details; `code` is stable, `violations` are all that were found.

    `error` is the library's name of the error and `facts` what it knows, such as the id of the
    memory that took another's place; both are missing where the server itself refuses.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str
    request_id: str
    correlation_id: str
    space: str | None = None
    violations: tuple[str, ...] = ()
    error: str | None = None
    facts: dict[str, Fact] | None = None


class Refused(Exception):
    """A request that the server itself refuses, before anything of the engine is asked."""

    def __init__(
        self,
        status: int,
        code: str,
        *violations: str,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self.status, self.code, self.violations, self.headers = status, code, violations, headers
        super().__init__("; ".join(violations))


class Said(NamedTuple):
    """What of a problem follows from the error alone."""

    status: int
    code: str
    detail: str
    violations: tuple[str, ...]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    error: str | None = None
    facts: dict[str, Fact] | None = None


def status_of(kind: type[EngramError]) -> int:
    """Return the status of an error; 500 of one that no branch of the tree holds."""
    return next((STATUS[each] for each in kind.__mro__ if each in STATUS), 500)


def said_of(error: Exception) -> Said:
    """Return what a caller is told of an error; of a bug nothing but that there is one."""
    if isinstance(error, Refused):
        return Said(error.status, error.code, str(error), error.violations, tuple(error.headers))
    if not isinstance(error, EngramError):
        return Said(500, "INTERNAL_ERROR", "the server met a bug of its own", ())
    violations = tuple(error.violations) if isinstance(error, InvalidRequest) else ()
    # Who asks a server that is stopping asks the right thing at the wrong time.
    is_closed = isinstance(error, Closed)
    code = "UNAVAILABLE" if is_closed else error.code
    retry = getattr(error, "retry_after_s", RETRY_AFTER_S.get(code))
    headers = () if retry is None else ((b"retry-after", b"%d" % retry),)
    name = None if is_closed else type(error).__name__
    status = status_of(type(error))
    return Said(status, code, str(error), violations, headers, name, _facts_of(error) or None)


def _facts_of(error: EngramError) -> dict[str, Fact]:
    """Return what an error was told beside its message, lists aside."""
    found = vars(error).items()
    return {name: fact for name, fact in found if fact is None or isinstance(fact, _FACT)}


def problem_of(said: Said, *, request_id: str, correlation_id: str, space: str | None) -> Problem:
    """Return the problem details of what was said."""
    return Problem(
        type=f"/docs#{said.code}",
        title=TITLES[said.code],
        status=said.status,
        detail=said.detail,
        code=said.code,
        remedy=REMEDIES.get(said.code, _CHANGE),
        request_id=request_id,
        correlation_id=correlation_id,
        space=space,
        violations=said.violations,
        error=said.error,
        facts=said.facts,
    )
