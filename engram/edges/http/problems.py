"""Errors as RFC 9457 problem details; what they say is `engram.service.wire.refusals`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from engram.service.wire import refusals
from engram.service.wire.refusals import LATER, TITLES, Fact, remedy_of, told_of

PROBLEM_JSON: Final = b"application/problem+json"

REMEDIES: Final = refusals.REMEDIES | {
    "RATE_LIMITED": "wait for as long as Retry-After says, then send the same request again",
    "REQUEST_TIMEOUT": LATER,
    "FELL_BEHIND": "come back with Last-Event-ID and read faster",
    "DEADLINE_EXCEEDED": "allow it more time with X-Request-Timeout-Ms, or ask for less",
    "INTERNAL_ERROR": "please report it with the request id, which the server's log has, too",
}
"""Whose move is next, by code, in the words of HTTP."""


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


def said_of(error: Exception) -> Said:
    """Return what a caller is told of an error; of a bug nothing but that there is one."""
    if isinstance(error, Refused):
        return Said(error.status, error.code, str(error), error.violations, tuple(error.headers))
    told = told_of(error)
    retry = told.retry_after_s
    headers = () if retry is None else ((b"retry-after", b"%d" % retry),)
    return Said(
        told.status, told.code, told.detail, told.violations, headers, told.error, told.facts
    )


def problem_of(said: Said, *, request_id: str, correlation_id: str, space: str | None) -> Problem:
    """Return the problem details of what was said."""
    return Problem(
        type=f"/docs#{said.code}",
        title=TITLES[said.code],
        status=said.status,
        detail=said.detail,
        code=said.code,
        remedy=REMEDIES.get(said.code) or remedy_of(said.code),
        request_id=request_id,
        correlation_id=correlation_id,
        space=space,
        violations=said.violations,
        error=said.error,
        facts=said.facts,
    )
