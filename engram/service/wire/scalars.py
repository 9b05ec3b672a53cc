"""What protobuf has no type for: vectors as bytes, times with a zone, objects as JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from engram.model.errors import InvalidRequest
from engram.model.memory import to_nanoseconds
from engram.service.wire.plain import plain

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS: Final = 1_000_000_000
_DAY_SECONDS: Final = 86_400
_FLOAT_BYTES: Final = 4


def vector_of(raw: bytes) -> NDArray[np.float32]:
    """Return the float32[n] that bytes are; InvalidRequest when they are none."""
    if len(raw) % _FLOAT_BYTES:
        raise InvalidRequest(f"a vector has {len(raw)} bytes; numbers of float32 take 4 each")
    return np.frombuffer(raw, "<f4")


def rows_of(raw: bytes, count: int) -> NDArray[np.float32]:
    """Return the float32[count, d] that bytes are; InvalidRequest when they are none."""
    found = vector_of(raw)
    if count < 1 or len(found) % count:
        raise InvalidRequest(
            f"embeddings have {len(found):,} numbers; {count:,} memories take as many each"
        )
    return found.reshape(count, -1)


def bytes_of(vector: Any) -> bytes:
    """Return a vector as little-endian float32; InvalidRequest when it is none."""
    try:
        found = np.asarray(vector, "<f4")
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"is no vector: {error}") from None
    if found.ndim != 1:
        raise InvalidRequest(f"has the shape {found.shape}; a vector has one dimension")
    return found.tobytes()


def moment_of(found: Timestamp) -> datetime:
    """Return a time in UTC; InvalidRequest when no calendar has it."""
    try:
        return _EPOCH + timedelta(seconds=found.seconds, microseconds=found.nanos // 1_000)
    except OverflowError:
        raise InvalidRequest(f"{found.seconds} s are no time that a calendar has") from None


def timestamp_of(moment: Any) -> dict[str, int]:
    """Return the fields of a Timestamp for a time with a zone.

    Raises InvalidRequest for anything else.
    """
    if type(moment) is datetime and moment.tzinfo is UTC:
        since = moment - _EPOCH
        seconds, nanos = since.days * _DAY_SECONDS + since.seconds, since.microseconds * 1_000
    elif isinstance(moment, datetime):
        seconds, nanos = divmod(to_nanoseconds(moment), _NS)
    else:
        raise InvalidRequest(f"{moment!r} is no datetime")
    return {"seconds": seconds, "nanos": nanos}


def json_of(value: Any) -> str:
    """Return a value as JSON; InvalidRequest when it has none, or is no object."""
    if isinstance(value, str):
        raise InvalidRequest(f"{value!r} is a text and no JSON object")
    try:
        return msgspec.json.encode(value, enc_hook=plain).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidRequest(f"has no JSON: {error}") from None


def object_of(text: str) -> Any:
    """Return the JSON object that a text is; InvalidRequest when it is none."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidRequest(f"is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidRequest("is no JSON object")
    return found
