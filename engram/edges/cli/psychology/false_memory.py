"""Roediger and McDermott 1995: what all words of a list are about is remembered as one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.edges.cli.psychology.laboratory import MINUTE
from engram.edges.cli.psychology.outcome import Chart, Claim, Line, Outcome, Point
from engram.edges.cli.psychology.word_lists import LISTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engram.edges.cli.psychology.laboratory import Laboratory
    from engram.service.space import Space

# Of each list those of the first, the eighth and the tenth place are tested (Roediger and McDermott
# 1995, experiment 2).
_TESTED: Final = (0, 7, 9)
# The share of unrelated words that are called old, by which the one criterion is set, and that of
# the words all lists are about: 224 estimates, of false alarms from 0.13 to 0.19 ("False
# recognition with the Deese-Roediger-McDermott-Reid-Solso procedure: a quantitative summary").
_FALSE_ALARMS: Final = 0.15
_PUBLISHED_RATE: Final = 0.59
# False recognition after the strongest lists and the weakest one (Stadler et al. 1999): over 0.8
# after `window` and `sleep`, 0.27 after `king`.
_STRONGEST, _WEAKEST = ("window", "sleep"), "king"
# Of a normal distribution, on either side, within which 95 % lie.
_DEVIATIONS: Final = 1.96

Heard = dict[str, float]


async def false_memory(laboratory: Laboratory) -> Outcome:
    """Study every other list, and ask for words of all of them and for those they are about."""
    lures, unrelated, studied = Heard(), Heard(), list[float]()
    names = list(LISTS)
    for first in (0, 1):
        space = await _studied(laboratory, names[first::2])
        for name in names[first::2]:
            lures[name] = await _familiarity(space, name)
            studied += [await _familiarity(space, LISTS[name][place]) for place in _TESTED]
        for name in names[1 - first :: 2]:
            unrelated[name] = await _familiarity(space, name)
    return _outcome(lures, unrelated, studied)


async def _studied(laboratory: Laboratory, names: Sequence[str]) -> Space:
    """Return a space where some lists were studied, word after word."""
    space = await laboratory.space()
    await space.remember_many([word for name in names for word in LISTS[name]])
    laboratory.wait(MINUTE)
    return space


async def _familiarity(space: Space, word: str) -> float:
    return (await space.recognize(word)).familiarity


def _outcome(lures: Heard, unrelated: Heard, studied: Sequence[float]) -> Outcome:
    by_rank = sorted(unrelated.values(), reverse=True)
    criterion = by_rank[round(_FALSE_ALARMS * len(by_rank))]
    rate, low, high = _rate(lures.values(), criterion)
    of_studied, _, _ = _rate(studied, criterion)
    means = [sum(each) / len(each) for each in (lures.values(), unrelated.values(), studied)]
    strong = [lures[name] for name in _STRONGEST]
    claims = (
        Claim(
            f"familiarity {means[0]:.2f} of lures, {means[1]:.2f} of unrelated words",
            "lures far above unrelated words",
            low > 2 * _FALSE_ALARMS,
        ),
        Claim(
            f"{rate:.2f} of lures called old ({low:.2f} to {high:.2f}), "
            f"{of_studied:.2f} of studied words",
            f"lures ({_PUBLISHED_RATE} of them) not above studied words",
            rate <= of_studied and means[0] <= means[2],
        ),
        Claim(
            f"{' and '.join(_STRONGEST)} at {' and '.join(f'{each:.2f}' for each in strong)}, "
            f"{_WEAKEST} at {lures[_WEAKEST]:.2f}",
            "over 0.8 of people after the first two, 0.27 after the last",
            min(strong) > lures[_WEAKEST],
        ),
    )
    ordered = sorted(lures.values(), reverse=True)
    lines = (
        Line("lures", tuple(Point(float(n), each) for n, each in enumerate(ordered, 1))),
        Line("unrelated", tuple(Point(float(n), each) for n, each in enumerate(by_rank, 1))),
    )
    return Outcome(
        name="false memory",
        source="Roediger and McDermott 1995",
        claims=claims,
        chart=Chart("list, by its familiarity", "familiarity", lines),
    )


def _rate(values: Iterable[float], criterion: float) -> tuple[float, float, float]:
    """Return the share above the criterion and its 95 % interval (Wilson 1927)."""
    called = [value > criterion for value in values]
    n, share, z = len(called), sum(called) / len(called), _DEVIATIONS
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return share, middle - half, middle + half
