"""Cepeda et al. 2006: two study sessions some time apart beat two at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.edges.cli.psychology.laboratory import DAY, MINUTE
from engram.edges.cli.psychology.outcome import Chart, Claim, Line, Outcome, Point

if TYPE_CHECKING:
    from engram.edges.cli.psychology.laboratory import Laboratory

# Days between the two sessions; massed is two minutes, as less counts as one.
_MASSED: Final = 2 * MINUTE / DAY
GAPS: Final = (_MASSED, 1.0, 2.0, 4.0, 7.0, 11.0, 14.0, 21.0, 28.0, 56.0, 105.0)
# Days from the second session to the test: the bands of the meta-analysis that reach days and more
# (1 day, 2 to 7, 8 to 30, 31 and more), and the longest of Cepeda et al. 2008.
RETENTIONS: Final = (1.0, 7.0, 30.0, 70.0, 180.0, 350.0)
_GAIN_MIN, _GAIN_MAX = 0.10, 0.50


async def spacing(laboratory: Laboratory) -> Outcome:
    """Study twice with each gap, and test after each retention interval."""
    recalled = {gap: await _tested(laboratory, gap) for gap in GAPS}
    best = {
        retention: max(GAPS, key=lambda gap: recalled[gap][place])
        for place, retention in enumerate(RETENTIONS)
    }
    gains = {
        retention: recalled[best[retention]][place] / recalled[_MASSED][place] - 1
        for place, retention in enumerate(RETENTIONS)
    }
    claims = [
        Claim(
            f"{gains[retention]:.1%} more after {retention:g} d, best gap {best[retention]:g} d",
            f"{_GAIN_MIN:.0%} to {_GAIN_MAX:.0%} more",
            _GAIN_MIN <= gains[retention] <= _GAIN_MAX,
        )
        for retention in RETENTIONS
    ]
    order = [best[retention] for retention in RETENTIONS]
    claims.append(
        Claim(
            "best gaps " + ", ".join(f"{gap:g}" for gap in order) + " d",
            "the best gap grows with the interval",
            order == sorted(order) and order[0] < order[-1],
        )
    )
    lines = tuple(
        Line(
            f"tested after {retention:g} days",
            tuple(Point(gap, recalled[gap][place]) for gap in GAPS),
        )
        for place, retention in enumerate(RETENTIONS)
    )
    return Outcome(
        name="spacing effect",
        source="Cepeda et al. 2006",
        claims=tuple(claims),
        chart=Chart("days between the sessions", "share recalled", lines, is_x_logarithmic=True),
    )


async def _tested(laboratory: Laboratory, gap: float) -> list[float]:
    """Return the share recalled at each retention interval after two sessions `gap` days apart.

    In the second session the learner recalls as many of items alike as the share that is left of
    them, and is shown the others, which are learnt again. So one item stands for those that were
    recalled and one for those that were not, each for its share.
    """
    space = await laboratory.space()
    recalled = (await space.remember("a word that is recalled in the second session")).id
    shown = (await space.remember("a word that is shown in the second session")).id
    laboratory.wait(gap * DAY)
    share = (await space.get(recalled)).retrievability
    await space.feedback(recalled, "useful")
    await space.feedback(shown, "wrong")
    shares, passed = [], 0.0
    for retention in RETENTIONS:
        laboratory.wait((retention - passed) * DAY)
        passed = retention
        first, second = [(await space.get(item)).retrievability for item in (recalled, shown)]
        shares.append(share * first + (1 - share) * second)
    return shares
