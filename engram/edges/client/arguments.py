"""What callers write, as requests carry it. What a server would not understand is refused here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlencode

import msgspec

from engram.model.cue import make_filters
from engram.model.errors import InvalidRequest
from engram.model.limits import REQUEST_KEY_CHARACTERS_MAX
from engram.service.wire.plain import plain

# What a recall takes besides filters.
_ASKED: Final = ("memory_ids", "mode", "reinforce", "session", "deadline_ms")
_JSON: Final = msgspec.json.Encoder(enc_hook=plain)


def json_of(value: object) -> bytes:
    """Return a value as JSON; InvalidRequest when it has none."""
    try:
        return _JSON.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidRequest(f"the request cannot be sent: {error}") from None


def given(**fields: object) -> dict[str, object]:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def checked_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters as they are sent, without what says nothing.

    Raises InvalidRequest that lists every rule they break, TypeError for one there is not.
    """
    listed: dict[str, Any] = {name: _listed(value) for name, value in filters.items()}
    make_filters(**listed)
    return {name: value for name, value in listed.items() if value is not None and value != ()}


def _listed(value: object) -> object:
    """Return what can be gone through but once as something that can be again."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return tuple(value)
    return value


def recall_fields(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], float | None]:
    """Return what a recall is told besides its cue, and its deadline in milliseconds."""
    more = dict(arguments)
    asked = {name: more.pop(name) for name in _ASKED if name in more}
    deadline_ms = asked.pop("deadline_ms", None)
    check_deadline(deadline_ms)
    memory_ids = asked.get("memory_ids")
    if memory_ids is not None:
        asked["memory_ids"] = _listed(memory_ids)
    return given(**asked) | checked_filters(more), deadline_ms


def check_deadline(deadline_ms: object) -> None:
    """Refuse a deadline that is no number of milliseconds above 0; None is none."""
    is_number = isinstance(deadline_ms, int | float) and not isinstance(deadline_ms, bool)
    if deadline_ms is not None and not (is_number and cast("float", deadline_ms) > 0):
        raise InvalidRequest(f"deadline_ms {deadline_ms!r} is not a number above 0")


def names(field: str, value: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return names as they are sent; InvalidRequest for one text in the place of a list."""
    if isinstance(value, str):
        raise InvalidRequest(f"{field} must be a list of strings, not one string; use [{value!r}]")
    return None if value is None else tuple(value)


def query_of(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a request that only asks; None is left out."""
    return given(**fields)


def encoded(fields: Mapping[str, object]) -> str:
    """Return fields as the query of a URL: lists repeat their name."""
    pairs = []
    for name, value in fields.items():
        several = value if isinstance(value, tuple | list) else (value,)
        pairs += [(name, _text_of(each)) for each in several]
    try:
        return urlencode(pairs)
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"the request cannot be sent: {error}") from None


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    return json_of(value).decode() if isinstance(value, Mapping) else str(value)


def header_of_key(key: object) -> bytes:
    """Return a request key as a header carries it.

    Raises InvalidRequest when it breaks the rule for keys, or holds what no header can.
    """
    if not isinstance(key, str) or not 1 <= len(key) <= REQUEST_KEY_CHARACTERS_MAX:
        raise InvalidRequest(
            f"request_key must be text of 1 to {REQUEST_KEY_CHARACTERS_MAX} characters; a UUID does"
        )
    if not key.isprintable() or key != key.strip():
        raise InvalidRequest(
            f"request_key {key!r} cannot be sent to a server: it has white space at an end, or "
            "characters that cannot be printed; a UUID does"
        )
    try:
        return key.encode("latin-1")
    except UnicodeEncodeError:
        return key.encode()
