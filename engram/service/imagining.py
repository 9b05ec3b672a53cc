"""IMAGINE: episodes that were not, each of whose fields is copied from a memory that is cited.

What the cue brings to mind is blended: each of it in its turn is the ground, and the share of the
fields that novelty asks for is taken from what else came to mind, the best of it first. A field
that the ground has not comes first; then how, why, where, who, and what it is about last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from engram.model.completion import EPISODE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from engram.model.memory import Memory
    from engram.model.recollection import Recollection

NOVELTY: Final = 0.5
SOURCES_MAX: Final = 32
"""Memories that are blended, at most: the best ones that the cue brings to mind."""

_TAKEN: Final = ("how", "why", "where", "who", "what")

Value = str | tuple[str, ...]


class Source(NamedTuple):
    """A memory that may be blended: its fields, and how sure the recall is of it."""

    id: str
    fields: dict[str, Value]
    confidence: float


class Imagined(NamedTuple):
    """One blend: its fields with the id of the memory each was copied from.

    `novelty` is the share of its fields that are not the ground's; `confidence` is how sure it is
    that all it is made of was asked for: that of its memories, multiplied.
    """

    fields: dict[str, Value]
    sources: dict[str, str]
    novelty: float
    confidence: float

    @property
    def evidence(self) -> tuple[str, ...]:
        """The ids of the memories it is made of, each once."""
        return tuple(dict.fromkeys(self.sources.values()))


def sources_of(hits: Iterable[Recollection]) -> list[Source]:
    """Return what may be blended, the best first."""
    return [Source(hit.memory.id, _fields(hit.memory), hit.confidence) for hit in hits]


def _fields(memory: Memory) -> dict[str, Value]:
    """Return what a memory tells; of one that tells nothing apart the text is what it is about."""
    episode = memory.episode
    told = {} if episode is None else {name: getattr(episode, name) for name in EPISODE_FIELDS}
    found = {name: value for name, value in told.items() if value}
    return found or ({"what": memory.content} if memory.content else {})


def imagined(
    sources: Sequence[Source], novelty: float, holds: Callable[[float], bool], limit: int
) -> list[Imagined]:
    """Return blends, the surest first, no two alike; ties in the order of their grounds."""
    known = {name for each in sources for name in each.fields}
    taken = round(novelty * len(known))
    found: dict[tuple[tuple[str, Value], ...], Imagined] = {}
    for place in range(len(sources)):
        blend = _blend(sources, place, known, taken)
        found.setdefault(tuple(sorted(blend.fields.items())), blend)
    kept = [each for each in found.values() if each.fields and holds(each.confidence)]
    return sorted(kept, key=lambda each: -each.confidence)[:limit]


def _blend(sources: Sequence[Source], place: int, known: set[str], taken: int) -> Imagined:
    """Return the blend on the ground of one source."""
    ground = sources[place]
    others = [*sources[:place], *sources[place + 1 :]]
    fields, origin = dict(ground.fields), dict.fromkeys(ground.fields, ground)
    order = sorted((name for name in _TAKEN if name in known), key=lambda name: name in fields)
    left = taken
    for name in order:
        if not left:
            break
        donor = next((each for each in others if _differs(each, name, fields.get(name))), None)
        if donor is not None:
            fields[name], origin[name] = donor.fields[name], donor
            left -= 1
    confidence = 1.0
    for each in {source.id: source for source in origin.values()}.values():
        confidence *= each.confidence
    new = sum(each is not ground for each in origin.values())
    return Imagined(
        fields,
        {name: origin[name].id for name in EPISODE_FIELDS if name in origin},
        new / max(1, len(fields)),
        confidence,
    )


def _differs(source: Source, name: str, value: Value | None) -> bool:
    return name in source.fields and source.fields[name] != value
