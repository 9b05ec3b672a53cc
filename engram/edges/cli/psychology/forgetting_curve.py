"""Ebbinghaus 1885: what is left of nonsense syllables after minutes, hours and days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.edges.cli.psychology.laboratory import DAY, HOUR, MINUTE
from engram.edges.cli.psychology.outcome import Chart, Claim, Line, Outcome, Point

if TYPE_CHECKING:
    from engram.edges.cli.psychology.laboratory import Laboratory
    from engram.service.space import Space

# Chapter 7: the share of the work of learning that was saved at relearning.
PUBLISHED: Final = (
    (20 * MINUTE, 0.58),
    (1 * HOUR, 0.44),
    (9 * HOUR, 0.36),
    (1 * DAY, 0.33),
    (2 * DAY, 0.28),
    (6 * DAY, 0.25),
    (31 * DAY, 0.21),
)
# His lists had 13 syllables: consonant, vowel, consonant.
SYLLABLES: Final = (
    "zof", "wux", "jik", "vep", "qat", "dob", "luh", "mib", "fek", "gax", "ruj", "pyn", "teb",
)  # fmt: skip
_MEAN_MAX: Final = 0.03
_EACH_MAX: Final = 0.06


async def forgetting_curve(laboratory: Laboratory) -> Outcome:
    """Learn 13 syllables, and recall each of them after seven intervals."""
    space = await laboratory.space()
    await space.configure(forgetting="savings")
    for syllable in SYLLABLES:
        await space.remember(syllable)
    measured, passed = [], 0.0
    for interval, _ in PUBLISHED:
        laboratory.wait(interval - passed)
        passed = interval
        left = [await _left_of(space, syllable) for syllable in SYLLABLES]
        measured.append(sum(left) / len(left))
    errors = [abs(one - saved) for one, (_, saved) in zip(measured, PUBLISHED, strict=True)]
    mean = sum(errors) / len(errors)
    days = [interval / DAY for interval, _ in PUBLISHED]
    return Outcome(
        name="forgetting curve",
        source="Ebbinghaus 1885",
        claims=(
            Claim(f"mean absolute error {mean:.3f}", f"at most {_MEAN_MAX:.2f}", mean <= _MEAN_MAX),
            Claim(
                f"largest error {max(errors):.3f}",
                f"at most {_EACH_MAX:.2f}",
                max(errors) <= _EACH_MAX,
            ),
        ),
        chart=Chart(
            "days",
            "share that is left",
            (
                Line("Engram, savings preset", tuple(map(Point, days, measured))),
                Line(
                    "Ebbinghaus 1885",
                    tuple(map(Point, days, [saved for _, saved in PUBLISHED])),
                    is_published=True,
                ),
            ),
            is_x_logarithmic=True,
        ),
    )


async def _left_of(space: Space, syllable: str) -> float:
    (hit, *_) = await space.recall(syllable, limit=1, reinforce=False)
    return hit.parts["retrievability"]
