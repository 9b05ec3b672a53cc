"""What few memories have, checked: entities, priority, an end, an episode, a fact, reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypedDict

from engram.model.details import Details, Episode
from engram.model.errors import InvalidRequest
from engram.model.limits import (
    DETAIL_CHARACTERS_MAX,
    ENTITIES_COUNT_MAX,
    EPISODE_WHO_COUNT_MAX,
)
from engram.model.memory import to_nanoseconds
from engram.model.particulars import PRIORITY_DEFAULT, PRIORITY_MAX, PRIORITY_MIN, Particulars
from engram.service.labels import encodes, label, labels


class EpisodeParts(TypedDict, total=False):
    """The parts of an episode; each may be left out. "When" is `occurred_at`."""

    what: str
    where: str
    who: str | Sequence[str]
    why: str
    how: str


class ParticularArguments(TypedDict, total=False):
    """Fields of a memory that may be left out without any cost."""

    entities: Sequence[str]
    priority: int
    expires_at: datetime | None
    episode: EpisodeParts | None
    confidence_reason: str | None
    fact_key: str | None
    fact_value: str | None


FIELDS: Final = frozenset(ParticularArguments.__annotations__)
_EPISODE_FIELDS: Final = frozenset(EpisodeParts.__annotations__)
_NONE: Final = Particulars()


def read_particulars(
    given: Mapping[str, object], violations: list[str]
) -> tuple[Particulars | None, Details]:
    """Return what a caller wrote; every broken rule is added to `violations`."""
    unknown = given.keys() - FIELDS
    if unknown:
        known = ", ".join(sorted(FIELDS))
        violations.append(f"unknown field {min(unknown)!r}; besides those there are {known}")
    fact_key = label("fact_key", given.get("fact_key"), violations)
    fact_value = _text("fact_value", given.get("fact_value"), violations)
    if given.get("fact_value") is not None and given.get("fact_key") is None:
        violations.append("fact_value comes without a fact_key; say what it is the value of")
    particulars = Particulars(
        entities=_entities(given.get("entities") or (), violations),
        fact_key=fact_key,
        priority=_priority(given.get("priority"), violations),
        expires_at=_expires_at(given.get("expires_at"), violations),
    )
    details = Details(
        episode=_episode(given.get("episode"), violations),
        confidence_reason=_text("confidence_reason", given.get("confidence_reason"), violations),
        fact_value=fact_value,
    )
    return (None if particulars == _NONE else particulars), details


def _entities(value: object, violations: list[str]) -> tuple[str, ...]:
    return labels("entities", "entity", value, ENTITIES_COUNT_MAX, violations)


def _priority(value: object, violations: list[str]) -> int:
    if value is None:
        return PRIORITY_DEFAULT
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not (PRIORITY_MIN <= value <= PRIORITY_MAX)
    ):
        violations.append(
            f"priority {value!r} is not a whole number from {PRIORITY_MIN} to {PRIORITY_MAX}"
        )
        return PRIORITY_DEFAULT
    return value


def _expires_at(moment: object, violations: list[str]) -> int:
    if moment is None:
        return 0
    if not isinstance(moment, datetime):
        violations.append(f"expires_at is {type(moment).__name__}, not a datetime")
        return 0
    try:
        nanoseconds = to_nanoseconds(moment)
    except InvalidRequest as error:
        violations += error.violations
        return 0
    if nanoseconds <= 0:
        violations.append(f"expires_at {moment.isoformat()} lies before 1970")
        return 0
    return nanoseconds


def _text(field: str, value: object, violations: list[str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= DETAIL_CHARACTERS_MAX:
        violations.append(f"{field} must be text of 1 to {DETAIL_CHARACTERS_MAX:,} characters")
        return None
    if not encodes(value):
        violations.append(f"{field} holds a lone surrogate, which is no text")
        return None
    return value


def _episode(value: object, violations: list[str]) -> Episode | None:
    if value is None:
        return None
    if isinstance(value, Episode):
        value = {name: getattr(value, name) for name in _EPISODE_FIELDS}
    if not isinstance(value, Mapping):
        violations.append(f"episode is {type(value).__name__}, not a mapping")
        return None
    unknown = {str(name) for name in value} - _EPISODE_FIELDS
    if unknown:
        known = ", ".join(sorted(_EPISODE_FIELDS))
        violations.append(f"an episode has no {min(unknown)!r}; it has {known}")
    who = value.get("who") or ()
    episode = Episode(
        what=_text("what", value.get("what"), violations),
        where=_text("where", value.get("where"), violations),
        who=labels(
            "who",
            "a name in who",
            (who,) if isinstance(who, str) else who,
            EPISODE_WHO_COUNT_MAX,
            violations,
        ),
        why=_text("why", value.get("why"), violations),
        how=_text("how", value.get("how"), violations),
    )
    return None if episode == Episode() else episode
