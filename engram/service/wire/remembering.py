"""What every front end tells of a memory that was just stored, and how it stores an episode."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from engram.model.association import NEAR_DUPLICATE
from engram.model.categories import NUMBERS
from engram.model.limits import LIMIT_MAX
from engram.model.memory import Remembered
from engram.model.particulars import PRIORITY_MAX, PRIORITY_MIN
from engram.service.space import Space
from engram.service.wire.answered import RememberedValue

# What makes associations in the same commit; without any there are none to be counted.
_LINKING: Final = frozenset(("tags", "entities", "session"))


async def remembered_value(
    space: Space, done: Remembered, fields: dict[str, Any]
) -> RememberedValue:
    """Return what is told of a memory that was stored with these fields."""
    confidence = fields.get("confidence", 1.0)
    links = 0
    duplicates: tuple[str, ...] = ()
    if not (done.created and _LINKING.isdisjoint(fields)):
        links, duplicates = await links_of(space, done)
    return RememberedValue(
        id=done.id,
        space=space.id,
        lsn=done.lsn,
        created=done.created,
        confidence=NUMBERS[confidence] if isinstance(confidence, str) else confidence,
        links=links,
        near_duplicates=duplicates,
    )


async def corrected_value(space: Space, done: Remembered) -> RememberedValue:
    """Return what is told of a memory that took another's place."""
    memory = await space.get(done.id)
    links, duplicates = await links_of(space, done)
    return RememberedValue(
        done.id, space.id, done.lsn, done.created, memory.confidence, links, duplicates
    )


async def links_of(space: Space, done: Remembered) -> tuple[int, tuple[str, ...]]:
    """Return how many associations leave a memory, and which memories may say the same."""
    found = await space.associations(done.id, limit=LIMIT_MAX)
    same = (each.target_id for each in found if each.why == NEAR_DUPLICATE)
    return len(found), tuple(each for each in same if each is not None)


def episode_fields(
    parts: dict[str, Any],
    who: Collection[str],
    when: datetime | None,
    importance: float | None,
    emotional_valence: float | None,
) -> dict[str, Any]:
    """Return an episode as fields of a memory; what happened is its text, too.

    `parts` are what, where, why and how. Importance, from 0 to 1, is kept as a priority; valence,
    from -1 to 1, in the metadata.
    """
    fields: dict[str, Any] = {"content": parts["what"]}
    episode = {name: part for name, part in parts.items() if part}
    if who:
        episode["who"] = list(who)
    fields["episode"] = episode
    if importance is not None:
        fields["priority"] = PRIORITY_MIN + round(importance * (PRIORITY_MAX - PRIORITY_MIN))
    if emotional_valence is not None:
        fields["metadata"] = {"emotional_valence": emotional_valence}
    if when is not None:
        fields["occurred_at"] = when
    return fields
