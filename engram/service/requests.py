"""Requests that a caller may repeat: the digest of their key, and of what they asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from engram.model.commands import Remember, Request
from engram.model.errors import InvalidRequest
from engram.model.limits import REQUEST_KEY_CHARACTERS_MAX

_KEY_BYTES: Final = 16
_BODY_BYTES: Final = 8
_ENCODER: Final = msgspec.msgpack.Encoder()


def check_request_key(key: object) -> None:
    """Raise InvalidRequest unless `key` is None or text of 1 to 255 characters."""
    if key is None:
        return
    if not isinstance(key, str) or not 1 <= len(key) <= REQUEST_KEY_CHARACTERS_MAX:
        raise InvalidRequest(
            f"request_key must be text of 1 to {REQUEST_KEY_CHARACTERS_MAX} characters; a UUID does"
        )
    if any("\ud800" <= character <= "\udfff" for character in key):
        raise InvalidRequest("request_key holds a lone surrogate, which is no text")


def request_of(principal: str, key: str, body: bytes, part: int = 0) -> Request:
    """Return the request a principal calls `key`; `body` is the digest of what it asks for.

    `part` numbers the parts of a bulk request, each of which has an answer of its own.
    """
    hasher = hashlib.blake2b(_ENCODER.encode((principal, key, part)), digest_size=_KEY_BYTES)
    digest = hasher.digest()
    return Request(
        (int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")),
        int.from_bytes(body, "little"),
    )


def body_of(verb: str, *fields: object) -> bytes:
    """Return the digest of a request of few fields."""
    return hashlib.blake2b(_ENCODER.encode((verb, *fields)), digest_size=_BODY_BYTES).digest()


def body_of_remember(command: Remember) -> bytes:
    """Return the digest of what `remember` was given; the vector is part of it when it was."""
    return body_of("remember", *_fields(command), command.vector)


def body_of_remember_many(
    commands: Sequence[Remember], vectors: memoryview | None, ends: Sequence[int]
) -> bytes:
    """Return the digest of what `remember_many` was given, and of where its parts end."""
    hasher = hashlib.blake2b(body_of("remember_many", list(ends)), digest_size=_BODY_BYTES)
    for command in commands:
        hasher.update(_ENCODER.encode(_fields(command)))
    if vectors is not None:
        hasher.update(vectors)
    return hasher.digest()


def _fields(command: Remember) -> tuple[object, ...]:
    fields: tuple[object, ...] = (
        command.content,
        command.kind,
        command.confidence,
        command.occurred_at,
        command.source,
        command.session,
        command.tags,
        command.metadata,
    )
    if command.particulars is not None:
        fields = (*fields, command.particulars)
    return fields if command.associate else (*fields, "no associations")
