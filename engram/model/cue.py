"""What a recall asks for: filters that every candidate source honours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec

from engram.model.errors import InvalidRequest
from engram.model.memory import MemoryKind, to_nanoseconds


class Filters(msgspec.Struct, frozen=True, gc=False):
    """Conditions a memory must meet; all of them together. Times are nanoseconds, half open."""

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
) -> Filters:
    """Return the filters a caller wrote; InvalidRequest names the first that breaks a rule.

    `*_after` is inclusive, `*_before` exclusive. A bare string where names are expected is refused
    because it would silently become its letters.
    """
    names = {
        "tags_all": tags_all,
        "tags_any": tags_any,
        "tags_none": tags_none,
        "kinds": kinds,
        "sources": sources,
        "sessions": sessions,
    }
    for field, value in names.items():
        if isinstance(value, str):
            raise InvalidRequest(
                f"{field} must be a list of strings, not one string; use [{value!r}]"
            )
    if confidence_min is not None and not (
        math.isfinite(confidence_min) and 0.0 <= confidence_min <= 1.0
    ):
        raise InvalidRequest(f"confidence_min {confidence_min} is outside 0 to 1")
    return Filters(
        tags_all=tuple(tags_all),
        tags_any=tuple(tags_any),
        tags_none=tuple(tags_none),
        kinds=tuple(int(MemoryKind.parse(kind)) for kind in kinds),
        sources=tuple(sources),
        sessions=tuple(sessions),
        occurred_after=_nanoseconds(occurred_after),
        occurred_before=_nanoseconds(occurred_before),
        recorded_after=_nanoseconds(recorded_after),
        recorded_before=_nanoseconds(recorded_before),
        confidence_min=confidence_min,
    )


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else to_nanoseconds(moment)
