"""Errors as a google.rpc.Status with details; what they say is `engram.service.wire.refusals`."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

import msgspec
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from engram.service.wire.refusals import REMEDIES, Told, remedy_of, told_of

DOMAIN: Final = "engram"
DETAILS: Final = "grpc-status-details-bin"
"""The trailing metadata that holds the Status, as grpc-status has it."""

CODES: Final = {
    "INVALID_REQUEST": StatusCode.INVALID_ARGUMENT,
    "OVER_BUDGET": StatusCode.FAILED_PRECONDITION,
    "UNAUTHORIZED": StatusCode.UNAUTHENTICATED,
    "FORBIDDEN": StatusCode.PERMISSION_DENIED,
    "NOT_FOUND": StatusCode.NOT_FOUND,
    "QUOTA_REACHED": StatusCode.RESOURCE_EXHAUSTED,
    # The same call fails again until what is stored is another; a space alone exists as such.
    "CONFLICT": StatusCode.FAILED_PRECONDITION,
    "GONE": StatusCode.OUT_OF_RANGE,
    "PAYLOAD_TOO_LARGE": StatusCode.RESOURCE_EXHAUSTED,
    "UNSUPPORTED": StatusCode.UNIMPLEMENTED,
    "RATE_LIMITED": StatusCode.RESOURCE_EXHAUSTED,
    "OVERLOADED": StatusCode.RESOURCE_EXHAUSTED,
    "FELL_BEHIND": StatusCode.ABORTED,
    "UNAVAILABLE": StatusCode.UNAVAILABLE,
    "DEADLINE_EXCEEDED": StatusCode.DEADLINE_EXCEEDED,
    "DATA_LOSS": StatusCode.DATA_LOSS,
    "INTERNAL_ERROR": StatusCode.INTERNAL,
}
"""The status of gRPC for each code of a refusal that this front end may tell."""

OWN_REMEDIES: Final = REMEDIES | {
    "UNAUTHORIZED": "show an API key or a token: metadata authorization: Bearer ...",
    "RATE_LIMITED": "wait for as long as RetryInfo says, then send the same request again",
    "DEADLINE_EXCEEDED": "allow it more time with a later deadline, or ask for less",
    "FELL_BEHIND": "begin again behind the LSN in facts, and read faster",
    "INTERNAL_ERROR": "please report it with the request id, which the server's log has, too",
}
"""Whose move is next, by code, in the words of gRPC."""

_EXISTS: Final = "SpaceAlreadyExists"
# "memory space id 'A' breaks ..." is about memory_space_id, and not about a field called memory.
_FIELD: Final = re.compile(
    r"(?:item (?P<item>\d+): )?(?P<name>memory(?: space)? id|(?!memory space\b)[a-z_]+)\b"
)


class Refusal(NamedTuple):
    """What a call ends with that was refused."""

    code: StatusCode
    told: Told
    details: bytes
    """The serialised Status."""


def refusal_of(
    error: Exception, request_id: str, space: str | None, fields: Collection[str] = ()
) -> Refusal:
    """Return what a caller is told of an error; `fields` are those that its request has."""
    told = told_of(error)
    code = CODES.get(told.code, StatusCode.UNKNOWN)
    if told.error == _EXISTS:
        code = StatusCode.ALREADY_EXISTS
    metadata = {"remedy": OWN_REMEDIES.get(told.code) or remedy_of(told.code)}
    if told.error is not None:
        metadata["error"] = told.error
    if told.facts:
        metadata["facts"] = msgspec.json.encode(told.facts).decode()
    if space is not None:
        metadata["memory_space"] = space
    status = Status(code=code.value[0], message=told.detail)
    details = [
        ErrorInfo(reason=told.code, domain=DOMAIN, metadata=metadata),
        RequestInfo(request_id=request_id),
    ]
    if told.violations:
        details.append(
            BadRequest(field_violations=[_violation(each, fields) for each in told.violations])
        )
    if told.retry_after_s is not None:
        details.append(RetryInfo(retry_delay=Duration(seconds=told.retry_after_s)))
    for each in details:
        packed = Packed()
        packed.Pack(each)
        status.details.append(packed)
    return Refusal(code, told, status.SerializeToString())


def _violation(said: str, fields: Collection[str]) -> BadRequest.FieldViolation:
    """Return a violation with the field that it begins with, where that is one of the request."""
    found = _FIELD.match(said)
    field = ""
    name = "" if found is None else found["name"].replace(" ", "_")
    if found is not None and name in fields:
        item = "" if found["item"] is None else f"memories[{found['item']}]."
        field = f"{item}{name}"
    return BadRequest.FieldViolation(field=field, description=said)
