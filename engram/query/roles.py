"""What a value may be at each place of a statement, whether it is written there or a parameter.

A check returns the value as it is kept, or raises ValueError with what is expected.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final, cast

import numpy as np

from engram.model.association import AssociationKind
from engram.model.completion import HYPOTHESES_MAX
from engram.model.conditions import Ago, Moment, Span
from engram.model.errors import InvalidRequest
from engram.model.ids import parse_id
from engram.model.limits import (
    CONCEPT_NAME_CHARACTERS_MAX,
    DIMENSIONS_MAX,
    LIMIT_MAX,
    PATH_HOPS_MAX,
    PATHS_COUNT_MAX,
)
from engram.model.memory import MemoryKind, to_nanoseconds

_AGO: Final = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*(ms|[smhdw]|seconds?|minutes?|hours?|days?|weeks?|months?|years?)"
    r"\s+ago\s*",
    re.IGNORECASE | re.ASCII,
)
UNITS: Final = {
    "second": (1, "s"), "minute": (1, "m"), "hour": (1, "h"), "day": (1, "d"), "week": (1, "w"),
    "month": (30, "d"), "year": (365, "d"), "ms": (1, "ms"), "s": (1, "s"), "m": (1, "m"),
    "h": (1, "h"), "d": (1, "d"), "w": (1, "w"),
}  # fmt: skip
"""How many of which unit of a span a word means; a month is 30 days and a year 365."""

_YEAR_DIGITS: Final = 4
_DATE_DIGITS: Final = 8
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_A_TIME: Final = (
    "a time: ISO 8601 like 2026-03-14T15:09+01:00 (without a zone it is UTC), seconds since the "
    'epoch, or "3 days ago"'
)


def is_unit(word: str) -> bool:
    """Whether a word names a unit of time."""
    return word.lower() in UNITS or word.lower().removesuffix("s") in UNITS


def ago_of(amount: float, unit: str) -> Ago:
    """Return so many units before now."""
    word = unit.lower()
    times, kept = UNITS.get(word) or UNITS[word.removesuffix("s")]
    return Ago(amount * times, kept)


def time(value: object) -> Moment | Ago:
    """Return a time."""
    if isinstance(value, Moment | Ago):
        return value
    if isinstance(value, str):
        return _time_of(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError("a datetime with a zone")
        return _moment(value)
    if _is_number(value):
        day = _day_meant(value)
        if day is not None:
            raise ValueError(f"{_A_TIME}; not {value} but {day}, for those seconds are of 1970")
        try:
            return _moment(_EPOCH + timedelta(seconds=cast("float", value)))
        except OverflowError:
            raise ValueError(_A_TIME) from None
    raise ValueError(_A_TIME)


def _day_meant(value: object) -> str | None:
    """Return the day that a year or a date without its hyphens means, None of another number.

    As seconds since the epoch 2026 and 20260314 are of the year 1970, which nobody asks for so.
    """
    digits = str(value) if isinstance(value, int) else ""
    if len(digits) == _YEAR_DIGITS:
        return f"{digits}-01-01"
    try:
        return date.fromisoformat(digits).isoformat() if len(digits) == _DATE_DIGITS else None
    except ValueError:
        return None


def _time_of(text: str) -> Moment | Ago:
    if text.strip().lower() == "now":
        return Ago(0, "s")
    relative = _AGO.fullmatch(text)
    if relative is not None:
        return ago_of(plain(float(relative[1])), relative[2])
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(_A_TIME) from None
    return _moment(read if read.tzinfo else read.replace(tzinfo=UTC))


def _moment(moment: datetime) -> Moment:
    try:
        to_nanoseconds(moment)
    except (InvalidRequest, OverflowError):
        raise ValueError("a time in the years 1678 to 2261") from None
    return Moment((moment - _EPOCH) // _MICROSECOND)


def plain(number: float) -> int | float:
    """Return a whole number as an integer."""
    return int(number) if number.is_integer() else number


def moment_of(ago: Ago, now: int) -> Moment:
    """Return what lies so far before `now` (nanoseconds); ValueError where no time is kept."""
    us = now // 1_000 - round(Span(ago.amount, ago.unit).seconds * 1_000_000)
    if not -(1 << 63) <= us * 1_000 < 1 << 63:
        raise ValueError("a time in the years 1678 to 2261")
    return Moment(us)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _number(wanted: str, low: float, high: float, value: object) -> int | float:
    if not _is_number(value) or not low <= cast("float", value) <= high:
        raise ValueError(wanted)
    return cast("int | float", value)


def _whole(low: int, high: int, value: object) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not low <= cast("int", value) <= high:
        raise ValueError(f"a whole number from {low:,} to {high:,}")
    return cast("int", value)


def _base_rate(value: object) -> int | float:
    if not _is_number(value) or not 0 < cast("float", value) < 1:
        raise ValueError("a number above 0 and below 1")
    return cast("int | float", value)


def _days(value: object) -> int | float | Span:
    if isinstance(value, timedelta):
        return value / timedelta(days=1)
    if isinstance(value, Span) or _is_number(value):
        return cast("int | float | Span", value)
    raise ValueError("a number of days, or a duration like 90s, 2h or 7d")


def _duration(value: object) -> Span:
    if isinstance(value, timedelta) and value >= timedelta(0):
        return Span(plain(value.total_seconds()), "s")
    if isinstance(value, Span):
        return value
    raise ValueError("a duration like 90s, 2h or 7d")


def _deadline(value: object) -> Span:
    span = _duration(value)
    if not span.seconds > 0:
        raise ValueError("a duration above 0, like 50ms or 2s")
    return span


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


def _memory_kind(value: object) -> str:
    try:
        return MemoryKind.parse(cast("str", value)).name.lower()
    except InvalidRequest:
        known = ", ".join(kind.name.lower() for kind in MemoryKind)
        raise ValueError(f"a kind of memory: {known}") from None


def _association_kind(value: object) -> str:
    try:
        return AssociationKind.parse(_text(value)).label
    except (InvalidRequest, ValueError):
        known = ", ".join(kind.label for kind in AssociationKind)
        raise ValueError(f"a kind of association: {known}") from None


def _scalar(value: object) -> str | int | float | bool:
    if isinstance(value, str | bool) or _is_number(value):
        return cast("str | int | float | bool", value)
    raise ValueError("a text, a number, true or false")


def _ordered(value: object) -> str | int | float:
    if isinstance(value, str) or _is_number(value):
        return cast("str | int | float", value)
    raise ValueError("a text or a number")


def _memory(value: object) -> str:
    try:
        parse_id(cast("str", value))
    except InvalidRequest:
        raise ValueError("the id of a memory, like 0190a6b4-5c1e-7d3a-9f00-0123456789ab") from None
    return cast("str", value)


def _concept(value: object) -> str:
    if isinstance(value, str) and value.strip():
        name = value.strip()
        if len(name) <= CONCEPT_NAME_CHARACTERS_MAX:
            return name
    raise ValueError(f"the name of a concept, of at most {CONCEPT_NAME_CHARACTERS_MAX} characters")


def _cue(value: object) -> str | tuple[float, ...]:
    """Return words, or a vector: a sequence of numbers or an array of one dimension."""
    if isinstance(value, str) and value.strip():
        return value
    try:
        return _vector(value)
    except ValueError as error:
        raise ValueError(f"a text, or {error}") from None


def _vector(value: object) -> tuple[float, ...]:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    numbers = cast("Sequence[Any]", value) if is_list else ()
    if 1 <= len(numbers) <= DIMENSIONS_MAX and all(map(_is_number, numbers)):
        return tuple(map(float, numbers))
    raise ValueError(f"a vector of 1 to {DIMENSIONS_MAX:,} numbers")


CHECKS: Final[dict[str, Callable[[object], Any]]] = {
    "number": partial(_number, "a number", -math.inf, math.inf),
    "share": partial(_number, "a number from 0 to 1", 0, 1),
    "cosine": partial(_number, "a cosine, from -1 to 1", -1, 1),
    "decay": partial(_number, "a number, 0 or more", 0, math.inf),
    "spread threshold": partial(_number, "a number from 0.000001 to 1", 1e-6, 1),
    "base rate": _base_rate,
    "limit": partial(_whole, 1, LIMIT_MAX),
    "offset": partial(_whole, 0, LIMIT_MAX - 1),
    "hops": partial(_whole, 1, PATH_HOPS_MAX),
    "hypotheses": partial(_whole, 1, HYPOTHESES_MAX),
    "paths": partial(_whole, 1, PATHS_COUNT_MAX),
    "days": _days,
    "duration": _duration,
    "deadline": _deadline,
    "time": time,
    "text": _text,
    "memory kind": _memory_kind,
    "association kind": _association_kind,
    "scalar": _scalar,
    "ordered": _ordered,
    "memory": _memory,
    "space": _text,
    "concept": _concept,
    "cue": _cue,
    "vector": _vector,
}
"""By role, what checks a value."""
