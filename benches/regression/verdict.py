"""The gate: what was measured against what is held.

Rule 1: instruction counts are exact and judge first, at a line of 2 %.
Rule 2: a ratio to its floor is judged at its own line: the p99 of the ratios that unchanged code
        gave against itself when the baseline was made, never under 15 %, and never under 50 %
        where the disk answers: ten runs of an hour do not show what a disk does in a month. What
        is exact to 5 % are the counts.
Rule 3: a "must reach" fails beyond its bound times the slack, whatever the baseline says.
Rule 4: what is held and was not measured fails; what is measured and not held is said.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from benches.regression.figures import Baseline, Figure, Held, Machine, Report

INSTRUCTIONS_LINE: Final = 1.02
RATIO_LINE_MIN: Final = 1.15
DISK_LINE_MIN: Final = 1.5
_ON_DISK: Final = ("remember", "open")
# A bound missed by less than this is reported and does not fail: it is absolute, so it moves with
# the machine, its disk and its neighbours (the same code took up to 2.6 times as long beside other
# work, and its raw disk as well). What got slower is found by the counts and the ratios.
LIMIT_SLACK: Final = 4.0

Word = Literal["held", "faster", "missed", "slower", "absent", "new", "not judged"]
FAILING: Final[frozenset[Word]] = frozenset({"slower", "absent"})


class Line(NamedTuple):
    """One judgement; `now` and `held` are instructions, a ratio, or a bound's two sides."""

    name: str
    measure: str
    held: float
    now: float
    allowed: float
    word: Word


def judge(baseline: Baseline, report: Report) -> list[Line]:
    """Return a line for everything that is held or measured, failing ones as `FAILING` lists.

    Ratios of another CPU, backend or level are not comparable: they are said, not judged.
    """
    ratios = _ratios(baseline, report)
    if not comparable(baseline.machine, report.machine):
        ratios = [line._replace(word="not judged") for line in ratios]
    return [*_instructions(baseline, report), *ratios, *_limits(report)]


def comparable(one: Machine, other: Machine) -> bool:
    """Whether ratios of two machines can be compared."""
    return (one.cpu, one.kernels, one.isa) == (other.cpu, other.kernels, other.isa)


def failed(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that fail the gate."""
    return [line for line in lines if line.word in FAILING]


def better(first: Report, second: Report) -> Report:
    """Return the better of two attempts, figure by figure: noise only ever makes things slower."""
    again = {figure.name: figure for figure in second.figures}
    kept = tuple(_better(figure, again.pop(figure.name, figure)) for figure in first.figures)
    return Report(
        first.machine,
        kept + tuple(again.values()),
        {**first.instructions, **second.instructions},
        {**first.skipped, **second.skipped},
    )


def held_of(runs: Sequence[Report]) -> dict[str, Held]:
    """Return the ratio to hold for each figure of several runs of the same code, and its line."""
    ratios: dict[str, list[float]] = {}
    for run in runs:
        for figure in run.figures:
            ratios.setdefault(figure.name, []).append(figure.ratio)
    return {
        name: Held(statistics.median(seen), line_of(name, seen)) for name, seen in ratios.items()
    }


def line_of(name: str, ratios: Sequence[float]) -> float:
    """Return the p99 of one run over another run of the same code, at least the least line."""
    least = DISK_LINE_MIN if name.startswith(_ON_DISK) else RATIO_LINE_MIN
    quotients = sorted(one / other for one, other in itertools.permutations(ratios, 2))
    if not quotients:
        return least
    p99 = quotients[math.ceil(0.99 * len(quotients)) - 1]
    return max(least, p99)


def _better(one: Figure, other: Figure) -> Figure:
    def badness(figure: Figure) -> tuple[bool, float]:
        missed = any(limit.shortfall() > LIMIT_SLACK for limit in figure.limits)
        return missed, figure.ratio

    return min(one, other, key=badness)


def _instructions(baseline: Baseline, report: Report) -> list[Line]:
    return [
        _line(name, "instructions", before, report.instructions.get(name), INSTRUCTIONS_LINE)
        for name, before in baseline.instructions.items()
    ] + [
        Line(name, "instructions", math.nan, now, math.nan, "new")
        for name, now in report.instructions.items()
        if name not in baseline.instructions
    ]


def _ratios(baseline: Baseline, report: Report) -> list[Line]:
    measured = {figure.name: figure.ratio for figure in report.figures}
    return [
        _line(name, "ratio to its floor", held.ratio, measured.get(name), held.line)
        for name, held in baseline.ratios.items()
    ] + [
        Line(name, "ratio to its floor", math.nan, now, math.nan, "new")
        for name, now in measured.items()
        if name not in baseline.ratios
    ]


def _line(name: str, measure: str, held: float, now: float | None, line: float) -> Line:
    if now is None:
        return Line(name, measure, held, math.nan, held * line, "absent")
    word: Word = "held"
    if now > held * line:
        word = "slower"
    elif now < held / line:
        word = "faster"
    return Line(name, measure, held, now, held * line, word)


def _limits(report: Report) -> list[Line]:
    lines = []
    for figure in report.figures:
        for limit in figure.limits:
            slack = 1 / LIMIT_SLACK if limit.at_least else LIMIT_SLACK
            short = limit.shortfall()
            word: Word = "held" if short <= 1 else "missed" if short <= LIMIT_SLACK else "slower"
            lines.append(
                Line(figure.name, limit.what, limit.bound, limit.value, limit.bound * slack, word)
            )
    return lines
