"""What an experiment came to, beside what was published."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from engram.edges.cli.psychology.laboratory import Laboratory


class Point(NamedTuple):
    """A measured or published value."""

    x: float
    y: float


class Line(msgspec.Struct, frozen=True):
    """Points that are drawn together: as a line, or each by itself; black what is published."""

    label: str
    points: tuple[Point, ...]
    is_published: bool = False
    is_connected: bool = True


class Chart(msgspec.Struct, frozen=True):
    """A picture of an outcome."""

    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    is_x_logarithmic: bool = False


class Claim(msgspec.Struct, frozen=True):
    """One thing that an experiment must show: what came out, what was to, and whether it did."""

    measured: str
    published: str
    comes_out: bool


class Outcome(msgspec.Struct, frozen=True):
    """All that an experiment came to."""

    name: str
    source: str
    claims: tuple[Claim, ...]
    chart: Chart

    @property
    def comes_out(self) -> bool:
        """Whether everything came out as published."""
        return all(claim.comes_out for claim in self.claims)


Experiment = Callable[["Laboratory"], Awaitable[Outcome]]


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Pearson's r of two series of the same length, which must both vary."""
    mean_one, mean_other = sum(one) / len(one), sum(other) / len(other)
    rests = [(a - mean_one, b - mean_other) for a, b in zip(one, other, strict=True)]
    both = sum(a * b for a, b in rests)
    squares = sum(a * a for a, _ in rests) * sum(b * b for _, b in rests)
    return float(both / squares**0.5)


def fitted(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return intercept and slope of the least-squares line that gives `other` from `one`."""
    mean_one, mean_other = sum(one) / len(one), sum(other) / len(other)
    rests = [(a - mean_one, b - mean_other) for a, b in zip(one, other, strict=True)]
    slope = sum(a * b for a, b in rests) / sum(a * a for a, _ in rests)
    return mean_other - slope * mean_one, slope
