"""The gate: what was measured against what is held.

Rule 1: instruction counts of kernel calls are exact and judge first, at a line of 2 %; those of
        whole operations move by 1 % and are judged at 5 %, under the Python and numpy they were
        counted with.
Rule 2: a kernel call may take 4 % longer than in the frozen library; on any machine, for both are
        measured in one process. What cannot be compared is said, and the counts judge alone.
Rule 3: an end-to-end ratio to its floor is judged at its own line: the p99 of the ratios that
        unchanged code gave against itself when the baseline was made, half of the runs beside
        other work; never under `RATIO_LINE_MIN`, or `DISK_LINE_MIN` where the disk answers. A
        floor is another mix of memory, disk and processor than its subject, and an hour's runs on
        one machine do not show how far those drift apart on the next. These lines are for waits
        and locks, which no count sees; what Python executes is judged by rule 1.
Rule 4: a "must reach" fails beyond its bound times the slack, whatever the baseline says.
Rule 5: what is held and was not measured fails; what is measured and not held is said.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from benches.regression.figures import (
    COUNTS,
    KERNELS,
    OPERATIONS,
    Baseline,
    Figure,
    Held,
    Machine,
    Report,
)

INSTRUCTIONS_LINE: Final = 1.02
OPERATIONS_LINE: Final = 1.05
KERNEL_LINE: Final = 1.04
RATIO_LINE_MIN: Final = 1.5
DISK_LINE_MIN: Final = 2.0
_ON_DISK: Final = "remember"
# A bound missed by less than this is reported and does not fail: it is absolute, so it moves with
# the machine, its disk and its neighbours (the same code took up to 2.6 times as long beside other
# work, and its raw disk as well). What got slower is found by the counts and the ratios.
LIMIT_SLACK: Final = 4.0

INSTRUCTIONS: Final = "instructions"
OF_OPERATION: Final = "instructions, whole"
TO_FROZEN: Final = "ratio to the frozen library"
TO_FLOOR: Final = "ratio to its floor"
Word: TypeAlias = Literal["held", "faster", "missed", "slower", "absent", "new", "not judged"]
FAILING: Final[frozenset[Word]] = frozenset({"slower", "absent"})


class Line(msgspec.Struct, frozen=True):
    """One judgement; `now` and `held` are instructions, a ratio, or a bound's two sides."""

    name: str
    measure: str
    held: float
    now: float
    allowed: float
    word: Word


class Artefact(msgspec.Struct, frozen=True):
    """What a comparison leaves for machines to read."""

    passed: bool
    baseline: Baseline
    lines: list[Line]
    report: Report


def judge(baseline: Baseline, report: Report) -> list[Line]:
    """Return a line for everything that is held or measured, failing ones as `FAILING` lists.

    Ratios to a floor are not comparable between two CPUs, backends or levels: they are said then,
    not judged.
    """
    ratios = _lines(
        TO_FLOOR,
        {name: (held.ratio, held.line) for name, held in baseline.ratios.items()},
        {figure.name: figure.ratio for figure in report.figures},
    )
    if not comparable(baseline.machine, report.machine):
        ratios = [replace(line, word="not judged") for line in ratios]
    return [
        *_instructions(baseline, report),
        *_operations(baseline, report),
        *_kernels(baseline, report),
        *ratios,
        *_limits(report),
    ]


def comparable(one: Machine, other: Machine) -> bool:
    """Whether ratios of two machines can be compared."""
    return (one.cpu, one.kernels, one.isa) == (other.cpu, other.kernels, other.isa)


def same_python(one: Machine, other: Machine) -> bool:
    """Whether instructions of whole operations can be compared."""
    return (one.python, one.numpy) == (other.python, other.numpy)


def failed(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that fail the gate."""
    return [line for line in lines if line.word in FAILING]


def better(first: Report, second: Report) -> Report:
    """Return the better of two attempts, figure by figure: noise only ever makes things slower."""
    return Report(
        first.machine,
        _better_of(first.figures, second.figures),
        _better_of(first.kernels, second.kernels),
        {**first.instructions, **second.instructions},
        _fewer(first.operations, second.operations),
        {**first.skipped, **second.skipped},
        {name: took + second.seconds.get(name, 0) for name, took in first.seconds.items()},
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


def _better_of(first: Sequence[Figure], second: Sequence[Figure]) -> tuple[Figure, ...]:
    again = {figure.name: figure for figure in second}
    kept = tuple(_better(figure, again.pop(figure.name, figure)) for figure in first)
    return kept + tuple(again.values())


def _better(one: Figure, other: Figure) -> Figure:
    def badness(figure: Figure) -> tuple[bool, float]:
        missed = any(limit.shortfall() > LIMIT_SLACK for limit in figure.limits)
        return missed, figure.ratio

    return min(one, other, key=badness)


def _instructions(baseline: Baseline, report: Report) -> list[Line]:
    if COUNTS in report.skipped:
        return []
    held = {name: (count, INSTRUCTIONS_LINE) for name, count in baseline.instructions.items()}
    return _lines(INSTRUCTIONS, held, report.instructions)


def _operations(baseline: Baseline, report: Report) -> list[Line]:
    if OPERATIONS in report.skipped:
        return []
    held = {name: (count, OPERATIONS_LINE) for name, count in baseline.operations.items()}
    lines = _lines(OF_OPERATION, held, report.operations)
    if same_python(baseline.machine, report.machine):
        return lines
    return [replace(line, word="not judged") for line in lines]


def _fewer(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: min(count, second.get(name, count)) for name, count in first.items()}


def _kernels(baseline: Baseline, report: Report) -> list[Line]:
    measured = {figure.name: figure.ratio for figure in report.kernels}
    lines = _lines(TO_FROZEN, dict.fromkeys(baseline.kernels, (1.0, KERNEL_LINE)), measured)
    return [
        replace(line, word="not judged")
        if KERNELS in report.skipped or line.name in report.skipped
        else line
        for line in lines
    ]


def _lines(
    measure: str, held: Mapping[str, tuple[float, float]], measured: Mapping[str, float]
) -> list[Line]:
    """Judge what has a held value and a line, and name what has none."""
    new = [name for name in measured if name not in held]
    return [
        _line(name, measure, value, measured.get(name), line)
        for name, (value, line) in held.items()
    ] + [Line(name, measure, math.nan, measured[name], math.nan, "new") for name in new]


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
