"""What every front end says of an error: one table from the tree of errors to codes and remedies.

Statuses are those of HTTP (RFC 9110); fronts without them write them into the audit all the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

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
"""Every code a refusal may carry, and what it says in a line."""

_FACT: Final = (str, int, float)
_CHANGE: Final = "change the request; the same one fails again"
LATER: Final = "send the same request again later"
REMEDIES: Final = {
    "UNAUTHORIZED": "show an API key or a token: Authorization: Bearer ...",
    "FORBIDDEN": "ask for access to the memory space, or for a role that may do this",
    "QUOTA_REACHED": "forget memories of the space, or let its operator raise the quota",
    "RATE_LIMITED": "wait, then send the same request again",
    "OVERLOADED": LATER,
    "FELL_BEHIND": "go on from where it ended, and read faster",
    "UNAVAILABLE": "send the same request again later, or without what does not answer",
    "DEADLINE_EXCEEDED": "allow it more time, or ask for less",
    "DATA_LOSS": "let an operator look at the disk; `engram verify` names all damage",
    "INTERNAL_ERROR": "please report it with what the log of the server says of it",
}
"""Whose move is next, by code; where a code is missing, the caller's."""

RETRY_AFTER_S: Final = {"OVERLOADED": 1, "UNAVAILABLE": 5}


class Told(NamedTuple):
    """What is told of an error, whatever it is told by."""

    status: int
    code: str
    detail: str
    violations: tuple[str, ...] = ()
    error: str | None = None
    """The library's name of the error; None of what is no error of the library."""
    facts: dict[str, Fact] | None = None
    retry_after_s: int | None = None


def status_of(kind: type[EngramError]) -> int:
    """Return the status of an error; 500 of one that no branch of the tree holds."""
    return next((STATUS[each] for each in kind.__mro__ if each in STATUS), 500)


def remedy_of(code: str) -> str:
    """Return whose move is next after a refusal with this code, and which."""
    return REMEDIES.get(code, _CHANGE)


def told_of(error: Exception) -> Told:
    """Return what a caller is told of an error; of a bug nothing but that there is one."""
    if not isinstance(error, EngramError):
        return Told(500, "INTERNAL_ERROR", "the server met a bug of its own")
    violations = tuple(error.violations) if isinstance(error, InvalidRequest) else ()
    # Who asks a server that is stopping asks the right thing at the wrong time.
    is_closed = isinstance(error, Closed)
    code = "UNAVAILABLE" if is_closed else error.code
    retry = getattr(error, "retry_after_s", RETRY_AFTER_S.get(code))
    name = None if is_closed else type(error).__name__
    facts = _facts_of(error) or None
    return Told(status_of(type(error)), code, str(error), violations, name, facts, retry)


def _facts_of(error: EngramError) -> dict[str, Fact]:
    """Return what an error was told beside its message, lists aside."""
    found = vars(error).items()
    return {name: fact for name, fact in found if fact is None or isinstance(fact, _FACT)}
