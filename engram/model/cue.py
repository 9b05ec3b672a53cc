"""What a recall asks for: filters that every candidate source honours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, cast

import msgspec

from engram.model.conditions import Condition as RowCondition
from engram.model.errors import InvalidRequest
from engram.model.memory import MemoryKind, to_nanoseconds
from engram.model.metadata_filter import Condition, read_conditions
from engram.model.particulars import PRIORITY_MAX, PRIORITY_MIN

# A datetime names a microsecond: this many nanoseconds lie between its first and its last.
_MICROSECOND_REST: Final = 999


class Filters(msgspec.Struct, frozen=True, gc=False):
    """Conditions a memory must meet; all of them together. Times are nanoseconds, half open.

    `as_of` is the last nanosecond of the moment asked about; None asks about now. Memories that are
    suppressed pass only with `include_suppressed`.
    """

    tags_all: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    kinds: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    occurred_after: int | None = None
    occurred_before: int | None = None
    recorded_after: int | None = None
    recorded_before: int | None = None
    confidence_min: float | None = None
    as_of: int | None = None
    entities_all: tuple[str, ...] = ()
    entities_any: tuple[str, ...] = ()
    entities_none: tuple[str, ...] = ()
    priority_min: int | None = None
    priority_max: int | None = None
    include_expired: bool = False
    include_suppressed: bool = False
    metadata: tuple[Condition, ...] = ()
    where: RowCondition | None = None
    """A condition of the query language, bound."""

    @property
    def priorities(self) -> tuple[int | None, int | None]:
        """The least priority that passes, and the first above that does not."""
        return self.priority_min, None if self.priority_max is None else self.priority_max + 1

    @property
    def empty(self) -> bool:
        """Whether every memory passes."""
        return self == NO_FILTERS


NO_FILTERS = Filters()


def make_filters(
    *,
    tags_all: Sequence[str] = (),
    tags_any: Sequence[str] = (),
    tags_none: Sequence[str] = (),
    kinds: Sequence[str] = (),
    sources: Sequence[str] = (),
    sessions: Sequence[str] = (),
    occurred_after: datetime | None = None,
    occurred_before: datetime | None = None,
    recorded_after: datetime | None = None,
    recorded_before: datetime | None = None,
    confidence_min: float | None = None,
    as_of: datetime | None = None,
    entities_all: Sequence[str] = (),
    entities_any: Sequence[str] = (),
    entities_none: Sequence[str] = (),
    priority_min: int | None = None,
    priority_max: int | None = None,
    include_expired: bool = False,
    metadata: Mapping[str, object] | None = None,
    include_suppressed: bool = False,
) -> Filters:
    """Return the filters a caller wrote; InvalidRequest lists every one that breaks a rule.

    `*_after` is inclusive, `*_before` exclusive, `as_of` the end of its microsecond. A bare string
    where names are expected is refused because it would silently become its letters.
    """
    violations: list[str] = []
    filters = Filters(
        tags_all=_names("tags_all", tags_all, violations),
        tags_any=_names("tags_any", tags_any, violations),
        tags_none=_names("tags_none", tags_none, violations),
        kinds=_kinds(kinds, violations),
        sources=_names("sources", sources, violations),
        sessions=_names("sessions", sessions, violations),
        occurred_after=_nanoseconds("occurred_after", occurred_after, violations),
        occurred_before=_nanoseconds("occurred_before", occurred_before, violations),
        recorded_after=_nanoseconds("recorded_after", recorded_after, violations),
        recorded_before=_nanoseconds("recorded_before", recorded_before, violations),
        confidence_min=_share("confidence_min", confidence_min, violations),
        as_of=_moment("as_of", as_of, violations),
        entities_all=_names("entities_all", entities_all, violations),
        entities_any=_names("entities_any", entities_any, violations),
        entities_none=_names("entities_none", entities_none, violations),
        priority_min=_priority("priority_min", priority_min, violations),
        priority_max=_priority("priority_max", priority_max, violations),
        include_expired=bool(include_expired),
        metadata=read_conditions(metadata, violations),
        include_suppressed=_switch("include_suppressed", include_suppressed, violations),
    )
    if violations:
        raise InvalidRequest(*violations)
    return filters


def _names(field: str, value: object, violations: list[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        violations.append(f"{field} must be a list of strings, not one string; use [{value!r}]")
        return ()
    try:
        names = tuple(cast("Sequence[object]", value))
    except TypeError:
        violations.append(f"{field} is {type(value).__name__}, not a list of strings")
        return ()
    strange = [name for name in names if not isinstance(name, str)]
    if strange:
        violations.append(f"{field} holds {strange[0]!r}, which is no string")
    return tuple(name for name in names if isinstance(name, str))


def _kinds(value: object, violations: list[str]) -> tuple[int, ...]:
    numbers = []
    for name in _names("kinds", value, violations):
        try:
            numbers.append(int(MemoryKind.parse(name)))
        except InvalidRequest as error:
            violations += error.violations
    return tuple(numbers)


def _nanoseconds(field: str, moment: object, violations: list[str]) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        violations.append(f"{field} is {type(moment).__name__}, not a datetime")
        return None
    try:
        return to_nanoseconds(moment)
    except InvalidRequest as error:
        violations += [f"{field}: {violation}" for violation in error.violations]
        return None


def _moment(field: str, moment: object, violations: list[str]) -> int | None:
    """Return the last nanosecond of a datetime, so that a memory's own times show its changes."""
    nanoseconds = _nanoseconds(field, moment, violations)
    return None if nanoseconds is None else nanoseconds + _MICROSECOND_REST


def _priority(field: str, value: object, violations: list[str]) -> int | None:
    if value is None:
        return None
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not PRIORITY_MIN <= cast("int", value) <= PRIORITY_MAX:
        violations.append(
            f"{field} {value!r} is not a whole number from {PRIORITY_MIN} to {PRIORITY_MAX}"
        )
        return None
    return cast("int", value)


def _share(field: str, value: object, violations: list[str]) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        violations.append(f"{field} {value!r} is not a number from 0 to 1")
        return None
    return float(value)


def _switch(field: str, value: object, violations: list[str]) -> bool:
    if not isinstance(value, bool):
        violations.append(f"{field} is {value!r}; it must be True or False")
    return bool(value)
