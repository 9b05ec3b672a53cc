"""How often what a recall lists is what was asked for, by how likely it says it is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from engram.edges.cli.psychology.judged_cues import SETS
from engram.edges.cli.psychology.outcome import Chart, Claim, Line, Outcome, Point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.edges.cli.psychology.judged_cues import Judged
    from engram.edges.cli.psychology.laboratory import Laboratory

_BINS: Final = 10
_DIAGONAL: Final = tuple(Point(number / _BINS, number / _BINS) for number in range(_BINS + 1))
_ERROR_MAX: Final = 0.05
_BY_CHANCE: Final = 0.5
_DAY_AFTER: Final = 86_400.0


class Said(NamedTuple):
    """One memory of an answer: how likely the recall held it, and whether it was asked for."""

    relevance: float
    is_right: bool


class Bin(NamedTuple):
    """Memories about as likely as each other: how many, how likely, and which share was right."""

    size: int
    relevance: float
    share: float


async def calibration(laboratory: Laboratory) -> Outcome:
    """Store each set, a day later recall by its cues, and compare with what they ask for."""
    claims, lines, orders = [], [], []
    for make in SETS:
        judged = make()
        said = await _said(laboratory, judged)
        bins = _binned(said)
        error = sum(each.size * abs(each.relevance - each.share) for each in bins) / len(said)
        right = sum(each.is_right for each in said) / len(said)
        claims.append(
            Claim(
                f"{judged.name}: expected error {error:.3f} over {len(said):,} memories, "
                f"{right:.2f} of them right",
                f"at most {_ERROR_MAX}",
                error <= _ERROR_MAX,
            )
        )
        orders.append(_in_order(said))
        points = tuple(Point(each.relevance, each.share) for each in bins)
        lines.append(Line(judged.name, points))
    claims.append(
        Claim(
            f"of a right one and a wrong one the right one is likelier in "
            f"{', '.join(f'{share:.2f}' for share in orders)} of pairs",
            "in more than half",
            min(orders) > _BY_CHANCE,
        )
    )
    lines.append(Line("as likely as right", _DIAGONAL, is_published=True))
    return Outcome(
        name="calibration",
        source="stated relevance against outcome",
        claims=tuple(claims),
        chart=Chart("relevance", "share that was asked for", tuple(lines)),
    )


async def _said(laboratory: Laboratory, judged: Judged) -> list[Said]:
    space = await laboratory.space()
    await space.remember_many(judged.memories)
    await space.wait_linked()
    laboratory.wait(_DAY_AFTER)
    said: list[Said] = []
    for cue, right in judged.asked:
        found = await space.recall(cue, limit=judged.listed, reinforce=False)
        said += [Said(hit.relevance, hit.memory.content in right) for hit in found]
    return said


def _in_order(said: Sequence[Said]) -> float:
    """Return in which share of pairs the right one is likelier than the wrong one; ties half."""
    wrong = sorted(each.relevance for each in said if not each.is_right)
    right = [each.relevance for each in said if each.is_right]
    below = sum(bisect_left(wrong, each) + bisect_right(wrong, each) for each in right)
    return below / (2 * len(right) * len(wrong))


def _binned(said: Sequence[Said]) -> list[Bin]:
    """Return ten equal bins of relevance, those that are empty left out."""

    def number(each: Said) -> int:
        return min(int(each.relevance * _BINS), _BINS - 1)

    found = []
    for _, group in groupby(sorted(said, key=number), key=number):
        some = list(group)
        found.append(
            Bin(
                len(some),
                sum(each.relevance for each in some) / len(some),
                sum(each.is_right for each in some) / len(some),
            )
        )
    return found
