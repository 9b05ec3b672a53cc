"""Days, months and years that a cue names: "on 3 May 2023", "May 3rd", "in May", "2023-05".

A memory of that time is preferred, as one is that was said by somebody whom the cue names; what
else the cue says still decides. English names of months, and dates as ISO 8601 writes them; days
are those of UTC. Times that depend on when the cue is asked ("yesterday") are not read: a filter
(`occurred_after`, `occurred_before`) says those exactly.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.kernels.arrays import F32, I64

NAMED_TIMES_MAX: Final = 8
"""More of them in one cue prefer nothing: it is a list of dates."""

SPAN_DAYS: Final = 7
"""What is told a few days later still tells of that day; a week away counts as any other time.

On three conversations of LoCoMo spans of 7 to 30 days did equally well.
"""

_DAY_NS: Final = 86_400_000_000_000
_EPOCH: Final = 1970
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sept", "sep"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}

_YEAR: Final = r"(?P<year>(?:19|20)[0-9]{2})"
_DAY: Final = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)})"
# A month or a year alone is often another word or number: "you may", "2000 steps".
_IN: Final = r"(?:in|during|of|this|last|early|late|mid)"
_PATTERNS: Final = (
    rf"{_YEAR}-(?P<month>[0-9]{{2}})(?:-(?P<day>[0-9]{{2}}))?",
    rf"{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?",
    rf"{_MONTH} {_DAY}(?:,? {_YEAR})?",
    rf"{_MONTH},? {_YEAR}",
    rf"{_IN} {_MONTH}",
    rf"{_IN} {_YEAR}",
)
_may_name_a_time: Final = re.compile(rf"[0-9]|\b{_IN}\s", re.IGNORECASE).search


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Return what is looked for, compiled when a cue first may name a time."""
    return tuple(re.compile(rf"\b{pattern}\b") for pattern in _PATTERNS)


class NamedTime(NamedTuple):
    """A day, a month or a year; without `year` that of any year."""

    year: int | None
    month: int | None
    day: int | None


def named_times(cue: str) -> list[NamedTime]:
    """Return the times that `cue` names, none of them twice."""
    if not _may_name_a_time(cue):
        return []
    found = dict.fromkeys(_named(" ".join(cue.lower().split())))
    return list(found) if len(found) <= NAMED_TIMES_MAX else []


def _named(text: str) -> Iterator[NamedTime]:
    for pattern in _patterns():
        for match in pattern.finditer(text):
            groups = match.groupdict()
            year, month, day = (groups.get(name) for name in ("year", "month", "day"))
            time = NamedTime(
                None if year is None else int(year),
                None if month is None else _MONTHS.get(month) or int(month),
                None if day is None else int(day),
            )
            if _is_there(time):
                yield time
        text = pattern.sub(" | ", text)  # "May 3, 2023" names neither all of May nor all of 2023


def _is_there(time: NamedTime) -> bool:
    if time.month is None:
        return True
    if not 1 <= time.month <= len(_DAYS):
        return False
    return time.day is None or 1 <= time.day <= _DAYS[time.month - 1]


def closeness(times: list[NamedTime], moments: I64) -> F32:
    """Return f32[n]: 1 for `moments` (i64[n], nanoseconds since the epoch) within one of `times`.

    It falls evenly to 0 over `SPAN_DAYS` before and after.
    """
    days = moments // _DAY_NS
    distances = np.full(len(days), SPAN_DAYS, np.int64)
    own = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + _EPOCH
    for time in times:
        years = (own - 1, own, own + 1) if time.year is None else (np.full_like(own, time.year),)
        for year in years:
            first, last = _days_of(time, year)
            np.minimum(distances, np.maximum(first - days, days - last), out=distances)
    shares = 1 - np.maximum(distances, 0) / SPAN_DAYS
    return np.asarray(shares, np.float32)


def _days_of(time: NamedTime, years: I64) -> tuple[I64, I64]:
    """Return the first and the last day of a time in each of `years`, counted from the epoch.

    29 February is 1 March in a year without it.
    """
    months = (years - _EPOCH) * 12 + (time.month or 1) - 1
    first = _first_days(months)
    if time.day is not None:
        first += time.day - 1
        return first, first
    return first, _first_days(months + (12 if time.month is None else 1)) - 1


def _first_days(months: I64) -> I64:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
