"""Reads what a request carries: its query and its body, with every violation at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec

from engram.edges.http.limits import BODY_BYTES_MAX, PARAMETERS_COUNT_MAX
from engram.edges.http.naming import Head
from engram.edges.http.problems import Refused
from engram.edges.http.streamed import CUT, Gone, Receive
from engram.model.decoders import converted, json_decoder
from engram.model.errors import InvalidRequest
from engram.service.wire.violations import violations_of

T = TypeVar("T", bound=msgspec.Struct)
_INVALID: Final = "INVALID_REQUEST"


async def read_body(head: Head, receive: Receive) -> bytes:
    """Return the whole body; Refused when it is no JSON by its type, or too large."""
    if head.length > BODY_BYTES_MAX:
        raise _too_large()
    parts, size = [], 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise _too_large()
        parts.append(part)
        more = message.get("more_body", False)
    if size and not _is_json(head.media_type):
        # A page of another site can make a browser send a body of any type but this without asking.
        raise Refused(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"Content-Type is {head.media_type or 'missing'}; send application/json",
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _is_json(media_type: str | None) -> bool:
    return media_type is not None and (
        media_type == "application/json" or media_type.endswith("+json")
    )


def _too_large() -> Refused:
    return Refused(
        413,
        "PAYLOAD_TOO_LARGE",
        f"the body has more than body_bytes_max of {BODY_BYTES_MAX:,} bytes; send it in parts",
        # What is left of it is not read, so the connection cannot carry another request.
        headers=[CUT],
    )


def body_of(kind: type[T], body: bytes, what: str = "the body") -> T:
    """Return a body as a value of `kind`; an empty one is an empty object.

    `what` is what it is called in what is said of it.

    Raises InvalidRequest that lists every violation.
    """
    try:
        return _decoded(kind, body or b"{}", what)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{what} is not JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest(f"{what} is nested too deeply to be read") from None


def _decoded(kind: type[T], body: bytes, what: str) -> T:
    try:
        read: T = json_decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        given = msgspec.json.decode(body)
        raise InvalidRequest(*violations_of(given, kind, error, what=what)) from None
    return read


def query_of(kind: type[T], query: bytes) -> T:
    """Return query parameters as a value of `kind`; InvalidRequest lists every violation.

    A parameter that takes a list is repeated, any other comes once.
    """
    if not query and not _needs_some(kind):
        return kind()
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=PARAMETERS_COUNT_MAX,
        )
    except ValueError as error:
        raise InvalidRequest(f"the query cannot be read: {error}") from None
    lists = list_fields(kind)
    given: dict[str, Any] = {}
    twice = []
    for name, value in pairs:
        if name in lists:
            given.setdefault(name, []).append(value)
        elif name in given:
            twice.append(f"{name} comes more than once; give it once")
        else:
            given[name] = value
    if twice:
        raise InvalidRequest(*dict.fromkeys(twice))
    try:
        return converted(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(*violations_of(given, kind, error, strict=False)) from None


@lru_cache(maxsize=256)
def _needs_some(kind: type[msgspec.Struct]) -> bool:
    return any(each.required for each in msgspec.structs.fields(kind))


@lru_cache(maxsize=256)
def list_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Return the fields of `kind` that hold a list."""
    found = msgspec.structs.fields(kind)
    return frozenset(each.name for each in found if _holds_list(each.type))


def _holds_list(kind: Any) -> bool:
    if get_origin(kind) in {tuple, list}:
        return True
    return any(_holds_list(each) for each in get_args(kind) if not isinstance(each, msgspec.Meta))
