"""Underwood 1957, McGeoch 1942: what is similar and was learnt before or after is in the way."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from engram.edges.cli.psychology.laboratory import DAY, MINUTE
from engram.edges.cli.psychology.outcome import Chart, Claim, Line, Outcome, Point

if TYPE_CHECKING:
    from engram.edges.cli.psychology.laboratory import Laboratory
    from engram.service.preparing import NewMemory
    from engram.service.space import Space

COUNTS: Final = (0, 1, 2, 4, 8, 16)
_TARGETS: Final = 12
# Memories of other days that the cue brings to mind as well, one a day, of many kinds.
_RIVALS: Final = 10
_DIMENSIONS: Final = 48
# Cosines with the cue: of the target and what is similar to it, and of rivals from and to.
_SIMILAR: Final = 0.92
_RIVAL_FROM, _RIVAL_TO = 0.70, 0.91
_LIMIT: Final = 60
# Bytes that are added up to one coordinate, so that it is spread as by chance.
_BYTES: Final = 12

Vector = list[float]


async def interference(laboratory: Laboratory) -> Outcome:
    """Learn items before, or after, a target and cue it a day later; compare unlike items."""
    ranks = {
        (when, alike): [
            await _mean_rank(laboratory, count, before=when == "earlier", alike=alike)
            for count in COUNTS
        ]
        for when in ("earlier", "later")
        for alike in (True, False)
    }
    claims = []
    for when, source in (("earlier", "Underwood 1957"), ("later", "McGeoch 1942")):
        similar, unlike = ranks[when, True], ranks[when, False]
        falls = all(a <= b for a, b in pairwise(similar))
        claims.append(
            Claim(
                f"rank {similar[0]:.1f} alone, {similar[-1]:.1f} with {COUNTS[-1]} similar {when}",
                f"the more similar {when} items, the worse ({source})",
                falls and similar[-1] > similar[0],
            )
        )
        claims.append(
            Claim(
                f"rank {unlike[-1]:.1f} with {COUNTS[-1]} unlike {when}",
                f"unlike {when} items are less in the way",
                unlike[-1] < similar[-1],
            )
        )
    lines = tuple(
        Line(
            f"{'similar' if alike else 'unlike'} {when}",
            tuple(Point(float(count), rank) for count, rank in zip(COUNTS, found, strict=True)),
        )
        for (when, alike), found in ranks.items()
    )
    return Outcome(
        name="interference",
        source="Underwood 1957, McGeoch 1942",
        claims=tuple(claims),
        chart=Chart("other items learnt", "mean rank of the target", lines),
    )


async def _mean_rank(laboratory: Laboratory, count: int, *, before: bool, alike: bool) -> float:
    space = await laboratory.space()
    materials = [_material(number) for number in range(_TARGETS)]
    for day in range(_RIVALS):
        await _learn(space, [rivals[day] for _, _, rivals, _, _ in materials], f"rival {day}")
        laboratory.wait(DAY)
    others = [(like if alike else unlike)[:count] for _, _, _, like, unlike in materials]
    if before:
        await _study(laboratory, space, others)
    (targets, *_) = [await _learn(space, [target for _, target, *_ in materials], "target")]
    laboratory.wait(MINUTE)
    if not before:
        await _study(laboratory, space, others)
    await space.wait_linked()
    laboratory.wait(DAY)
    ranks = []
    for (cue, *_), target in zip(materials, targets, strict=True):
        found = await space.recall(embedding=cue, limit=_LIMIT, reinforce=False)
        ids = [hit.memory.id for hit in found]
        ranks.append(ids.index(target) + 1 if target in ids else _LIMIT + 1)
    return sum(ranks) / len(ranks)


async def _study(laboratory: Laboratory, space: Space, others: list[list[Vector]]) -> None:
    """Learn one more item for each target, minute after minute."""
    for number, items in enumerate(zip(*others, strict=True)):
        await _learn(space, list(items), f"other {number}")
        laboratory.wait(MINUTE)


async def _learn(space: Space, vectors: list[Vector], name: str) -> list[str]:
    items: list[NewMemory | str] = [
        {"content": f"{name} of list {number}", "embedding": vector}
        for number, vector in enumerate(vectors)
    ]
    return list((await space.remember_many(items)).ids)


def _material(number: int) -> tuple[Vector, Vector, list[Vector], list[Vector], list[Vector]]:
    """Return a cue, its target, rivals, items similar to the target, and as many unlike ones.

    The same ones for the same number, in every condition.
    """
    cue = _direction(f"cue {number}")
    step = (_RIVAL_TO - _RIVAL_FROM) / (_RIVALS - 1)
    # Of the cosines from least to most, another one comes first for each target.
    cosines = [_RIVAL_FROM + step * ((day + number) % _RIVALS) for day in range(_RIVALS)]
    rivals = [_near(cue, f"rival {number} {day}", each) for day, each in enumerate(cosines)]
    target = _near(cue, f"target {number}", _SIMILAR)
    most = range(COUNTS[-1])
    like = [_near(cue, f"similar {number} {each}", _SIMILAR) for each in most]
    unlike = [_direction(f"unlike {number} {each}") for each in most]
    return cue, target, rivals, like, unlike


def _direction(name: str) -> Vector:
    """Return a direction that has nothing to do with that of any other name."""
    data = hashlib.shake_256(name.encode()).digest(_DIMENSIONS * _BYTES)
    parts = [data[at : at + _BYTES] for at in range(0, len(data), _BYTES)]
    return _unit([sum(part) - _BYTES * 127.5 for part in parts])


def _near(cue: Vector, name: str, cosine: float) -> Vector:
    """Return a direction with that cosine to the cue, and else that of `name`."""
    other = _direction(name)
    along = sum(a * b for a, b in zip(cue, other, strict=True))
    across = _unit([b - along * a for a, b in zip(cue, other, strict=True)])
    rest = math.sqrt(1 - cosine * cosine)
    return [cosine * a + rest * b for a, b in zip(cue, across, strict=True)]


def _unit(values: Vector) -> Vector:
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]
