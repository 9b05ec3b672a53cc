"""Decoders of structures, made one at a time.

msgspec works out what the fields of a structure are when its type is decoded for the first time. A
thread that decodes the type meanwhile finds it half done and ends the process (a null pointer, seen
with msgspec 0.22.0). So every decoder is made here, and what is decoded was worked out before.
"""

from __future__ import annotations

import threading
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

_ONE_AT_A_TIME: Final = threading.RLock()
_JSON: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


def msgpack_decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T]:
    """Return a decoder of MessagePack, to be kept."""
    with _ONE_AT_A_TIME:
        return msgspec.msgpack.Decoder(kind)


def json_decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Return the decoder of JSON for a type; each is made once."""
    decoder = _JSON.get(kind)
    if decoder is None:
        with _ONE_AT_A_TIME:
            decoder = _JSON.setdefault(kind, msgspec.json.Decoder(kind))
    return decoder


def converted(given: object, kind: type[T], *, strict: bool = True) -> T:
    """Return what was read without a type as a value of that type.

    Raises:
        msgspec.ValidationError: it is none.
    """
    json_decoder(kind)  # works the type out, if nobody has
    return msgspec.convert(given, kind, strict=strict)
