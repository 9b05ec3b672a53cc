"""How records of other programs become memories: one table, and what carries it out.

Rule 1: a format's field names stand in `MAPPINGS` and nowhere else.
Rule 2: what a record says besides goes into the metadata, what is the user's own as it is, what is
the program's under the name of the format, so that neither hides the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from engram.model.limits import LABEL_CHARACTERS_MAX

_DIGEST_CHARACTERS: Final = 16
# From here on a number of an epoch counts milliseconds, and microseconds: the year 5138 in seconds.
_MILLISECONDS_MIN: Final = 100_000_000_000
_MICROSECONDS_MIN: Final = 100_000_000_000_000


class Fault(ValueError):
    """Raised when a record is no memory; told with its place, it stops no other record."""


class Names(NamedTuple):
    """What a format calls the fields of a memory; of several names the first that is there."""

    kind: str
    own: str
    """The field of the metadata that holds what the format says besides."""
    content: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    expires: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    is_strict: bool = False
    """Whether the format promises these fields; else users made them, and what does not fit is
    left where it stands."""


_TIMES: Final = ("occurred_at", "created_at", "timestamp", "date")
_SESSIONS: Final = ("session", "session_id", "conversation_id", "thread_id")
_CHAT: Final = Names(
    "episodic",
    "chat",
    content=("content",),
    time=("created_at", "timestamp", "create_time", "created"),
    session=("conversation_id", "session_id", "thread_id", "custom_id", "id"),
    is_strict=True,
)
MAPPINGS: Final[Mapping[str, Names]] = {
    "csv": Names(
        "episodic",
        "csv",
        content=("content", "text"),
        time=(*_TIMES, "time"),
        session=_SESSIONS,
        source=("source",),
        tags=("tags", "tag"),
    ),
    "mem0": Names(
        "semantic",
        "mem0",
        content=("memory",),
        time=("created_at",),
        expires=("expiration_date",),
        session=("run_id",),
        tags=("categories",),
        is_strict=True,
    ),
    "chroma": Names(
        "semantic",
        "chroma",
        content=("document",),
        time=_TIMES,
        session=_SESSIONS,
        source=("source",),
        tags=("tags",),
    ),
    "openai-chat": _CHAT,
    "anthropic-chat": _CHAT,
    "markdown": Names(
        "semantic",
        "markdown",
        time=("date", "created", "created_at"),
        session=("session",),
        tags=("tags",),
    ),
}


def column_of(name: str) -> str:
    """Return the field that a column of a table says, by any of its names."""
    plain, names = name.strip().casefold(), MAPPINGS["csv"]
    for field in ("content", "session", "source", "tags"):
        if plain in getattr(names, field):
            return field
    return "occurred_at" if plain in names.time else plain


def fields_from(
    kind: str,
    record: Mapping[str, Any],
    content: object,
    *,
    source: str,
    session: str | None = None,
    time: object = None,
    metadata: object = None,
    own: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the fields of the memory that a record is.

    `source`, `session` and `time` are for a record that names none; `metadata` is the user's, `own`
    is what the format says besides. Raises Fault that says what is wrong.
    """
    names = MAPPINGS[kind]
    if not isinstance(content, str):
        raise Fault(f"{'/'.join(names.content)} is {_type(content)}, not text")
    found: dict[str, Any] = {
        "content": content,
        "kind": names.kind,
        "occurred_at": _time(names.time, record, is_strict=names.is_strict)
        or _time(("time",), {"time": time}, is_strict=True),
        "expires_at": _time(names.expires, record, is_strict=names.is_strict),
        "session": label_of(_first(names.session, record)) or label_of(session),
        "source": label_of(_first(names.source, record)) or label_of(source),
        "tags": _tags(_first(names.tags, record), is_strict=names.is_strict),
    }
    said = {} if metadata is None else metadata
    if not isinstance(said, dict):
        raise Fault(f"metadata is {_type(said)}, not an object")
    besides = {name: value for name, value in (own or {}).items() if value is not None}
    if besides and names.own in said:
        raise Fault(f"metadata has a field {names.own!r} of its own, which has to be free")
    if said or besides:
        found["metadata"] = {**said, **({names.own: besides} if besides else {})}
    return {name: value for name, value in found.items() if value is not None and value != []}


def _first(names: Sequence[str], record: Mapping[str, Any]) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def label_of(value: object) -> str | None:
    """Return a label of a text or number; one too long ends with the digest of all of it."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    if len(text) <= LABEL_CHARACTERS_MAX:
        return text or None
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_DIGEST_CHARACTERS // 2)
    return f"{text[: LABEL_CHARACTERS_MAX - _DIGEST_CHARACTERS - 1]}~{digest.hexdigest()}"


def _tags(value: object, *, is_strict: bool) -> list[str]:
    """Return tags of a list, or of words between commas or semicolons."""
    found = re.split("[,;]", value) if isinstance(value, str) else value
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return [str(label_of(tag)) for each in found if (tag := each.strip().removeprefix("#"))]
    if is_strict and value is not None:
        raise Fault("tags are not a list of texts")
    return []


def _time(names: Sequence[str], record: Mapping[str, Any], *, is_strict: bool) -> str | None:
    """Return the first time that can be read, in ISO 8601."""
    for name in names:
        value = record.get(name)
        if value in (None, ""):
            continue
        try:
            return _moment(value).isoformat()
        except (ValueError, TypeError, OverflowError, OSError):
            if is_strict:
                raise Fault(f"{name} {value!r} is not a time") from None
    return None


def _moment(value: object) -> datetime:
    """Return a time; a number counts seconds, milliseconds or microseconds since the epoch."""
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, int | float):
        size = abs(value)
        parts = 1e6 if size >= _MICROSECONDS_MIN else 1e3 if size >= _MILLISECONDS_MIN else 1
        return datetime.fromtimestamp(value / parts, UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime | str):
        raise TypeError
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _type(value: object) -> str:
    return "missing" if value is None else type(value).__name__
