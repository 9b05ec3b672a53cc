"""Problem details of a server (RFC 9457), as the errors of the library they were made of."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engram.model import errors
from engram.model.decoders import json_decoder
from engram.model.errors import (
    ChangesGone,
    Conflict,
    DurabilityError,
    EngramError,
    FellBehind,
    Forbidden,
    InvalidRequest,
    InvariantViolated,
    NoAnswerInTime,
    Overloaded,
    QueryTooCostly,
    RateLimited,
    RequestError,
    ServerUnreachable,
    Unauthorized,
    Unavailable,
)

BY_CODE: Final[dict[str, type[EngramError]]] = {
    "INVALID_REQUEST": InvalidRequest,
    "OVER_BUDGET": QueryTooCostly,
    "UNAUTHORIZED": Unauthorized,
    "FORBIDDEN": Forbidden,
    "CONFLICT": Conflict,
    "GONE": ChangesGone,
    "RATE_LIMITED": RateLimited,
    "OVERLOADED": Overloaded,
    "REQUEST_TIMEOUT": Overloaded,
    "FELL_BEHIND": FellBehind,
    "UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": NoAnswerInTime,
    "DATA_LOSS": DurabilityError,
    "INTERNAL_ERROR": InvariantViolated,
}
"""The error of a problem that names none; of any other code it is the caller's."""

_CHECK: Final = "check the address"
_LATER: Final = "try again later, and look at what stands between here and the server"


class Problem(msgspec.Struct):
    """What a server says of an error."""

    code: str
    detail: str
    request_id: str | None = None
    violations: tuple[str, ...] = ()
    error: str | None = None
    facts: dict[str, Any] = {}


_DECODER: Final = json_decoder(Problem)


def error_of(url: str, status: int, body: bytes) -> EngramError:
    """Return the error that an answer of this status tells of.

    What is no problem of an Engram server becomes ServerUnreachable: something else answered.
    """
    try:
        problem = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if status in {502, 503, 504}:
            return ServerUnreachable(url, f"something on the way answers with {status}", _LATER)
        return ServerUnreachable(url, f"what answers (status {status}) is none", _CHECK)
    return error_of_problem(problem)


def error_of_end(code: str, detail: str) -> EngramError:
    """Return the error that the last event of a stream tells of."""
    return error_of_problem(Problem(code, detail))


def error_of_problem(problem: Problem) -> EngramError:
    """Return the error that a problem tells of."""
    code, detail = problem.code, problem.detail
    kind = _kind_of(problem)
    # An error has been told its facts already, and what it says of them; it is not made of them.
    error = kind.__new__(kind, detail)
    facts = problem.facts.items()
    told = {name: fact for name, fact in facts if not hasattr(EngramError, name)}
    vars(error).update(told)
    if isinstance(error, InvalidRequest):
        error.violations = problem.violations or (detail,)
    error.request_id = problem.request_id
    if code != kind.code:
        vars(error)["code"] = code
    return error


def _kind_of(problem: Problem) -> type[EngramError]:
    named = getattr(errors, problem.error or "", None)
    if isinstance(named, type) and issubclass(named, EngramError) and named.code == problem.code:
        return named
    return BY_CODE.get(problem.code, RequestError)
