"""Measure a subject and its floor in turns, in shuffled order, so that both meet the same noise."""

from __future__ import annotations

import random
import statistics
from collections.abc import Awaitable, Callable

from benches.regression.figures import Figure, Limit

Timed = Callable[[], Awaitable[int]]


class Pairs:
    """Nanoseconds of subject and floor, a pair a round."""

    def __init__(self) -> None:
        self.subject: list[int] = []
        self.floor: list[int] = []

    @property
    def subject_us(self) -> float:
        """Median of the subject in microseconds."""
        return statistics.median(self.subject) / 1_000

    @property
    def floor_us(self) -> float:
        """Median of the floor in microseconds."""
        return statistics.median(self.floor) / 1_000

    @property
    def least_ratio(self) -> float:
        """Fastest subject over fastest floor: for work without I/O, where noise only adds."""
        return min(self.subject) / min(self.floor)

    @property
    def median_ratio(self) -> float:
        """Median subject over median floor: for work that waits for the disk."""
        return self.subject_us / self.floor_us

    def figure(
        self,
        name: str,
        floor: str,
        *,
        waits: bool = False,
        extras: dict[str, float] | None = None,
        limits: tuple[Limit, ...] = (),
    ) -> Figure:
        """Return the figure of these rounds; `waits` says that the subject waits for the disk."""
        ratio = self.median_ratio if waits else self.least_ratio
        extra = extras or {}
        return Figure(name, self.subject_us, self.floor_us, floor, ratio, extra, limits)


async def paired(rounds: int, subject: Timed, floor: Timed, *, seed: int = 1) -> Pairs:
    """Run both `rounds` times; each returns the nanoseconds that count. One round goes unseen.

    A fixed order biases one of two equal subjects by up to 3 %, so a die decides who goes first.
    """
    die = random.Random(seed)  # noqa: S311 - an order, no secret
    pairs = Pairs()
    await subject()
    await floor()
    for _ in range(rounds):
        if die.random() < 0.5:  # noqa: PLR2004 - a coin
            pairs.subject.append(await subject())
            pairs.floor.append(await floor())
        else:
            pairs.floor.append(await floor())
            pairs.subject.append(await subject())
    return pairs
