"""Stability is the time after which nine tenths are left, and time takes, it never gives."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from engram.edges.cli.psychology.laboratory import DAY, MINUTE
from engram.edges.cli.psychology.outcome import Chart, Claim, Line, Outcome, Point

if TYPE_CHECKING:
    from engram.edges.cli.psychology.laboratory import Laboratory

DEFINED: Final = ("fsrs", "exponential")
ALL: Final = ("fsrs", "exponential", "power", "two_component", "savings", "none")
_TOLERANCE: Final = 0.001
_AT_STABILITY: Final = 0.9
# Reviews found useful before the interval is measured, and how long before: each makes S another.
_HISTORIES: Final = ((), (3 * DAY,), (3 * DAY, 20 * DAY))
# From a minute to 11 years, each 16 ninths of the last.
_MOMENTS: Final = 28
_GROWTH: Final = 16 / 9


async def stability(laboratory: Laboratory) -> Outcome:
    """Measure what is left after S days, and whether more is left at any later moment."""
    left = [
        await _left_at_stability(laboratory, curve, history)
        for curve in DEFINED
        for history in _HISTORIES
    ]
    curves = {curve: await _course(laboratory, curve) for curve in ALL}
    rises = {curve: _largest_rise(points) for curve, points in curves.items()}
    furthest = max(left, key=lambda each: abs(each - _AT_STABILITY))
    rising = max(rises, key=lambda curve: rises[curve])
    return Outcome(
        name="stability",
        source="definition of FSRS",
        claims=(
            Claim(
                f"R after S days is {furthest:.4f} where it is furthest off",
                f"{_AT_STABILITY:.2f} +- {_TOLERANCE}",
                abs(furthest - _AT_STABILITY) <= _TOLERANCE,
            ),
            Claim(
                f"largest rise in time {rises[rising]:.1e}",
                "none, of six curves",
                rises[rising] <= 0,
            ),
        ),
        chart=Chart(
            "days",
            "share that is left",
            tuple(Line(curve, points) for curve, points in curves.items()),
            is_x_logarithmic=True,
        ),
    )


async def _left_at_stability(
    laboratory: Laboratory, curve: str, history: tuple[float, ...]
) -> float:
    space = await laboratory.space()
    await space.configure(forgetting=curve)
    memory = (await space.remember("the ferry leaves at noon")).id
    for interval in history:
        laboratory.wait(interval)
        await space.feedback(memory, "useful")
    laboratory.wait((await space.get(memory)).stability_days * DAY)
    return (await space.get(memory)).retrievability


async def _course(laboratory: Laboratory, curve: str) -> tuple[Point, ...]:
    space = await laboratory.space()
    await space.configure(forgetting=curve)
    memory = (await space.remember("the ferry leaves at noon")).id
    points, passed = [], 0.0
    for number in range(_MOMENTS):
        moment = MINUTE * _GROWTH**number
        laboratory.wait(moment - passed)
        passed = moment
        points.append(Point(moment / DAY, (await space.get(memory)).retrievability))
    return tuple(points)


def _largest_rise(points: tuple[Point, ...]) -> float:
    return max(after.y - before.y for before, after in pairwise(points))
