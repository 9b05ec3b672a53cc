"""Measure a subject and its floor in turns, in shuffled order, so that both meet the same noise."""

from __future__ import annotations

import operator
import random
import statistics
from collections.abc import Awaitable, Callable
from time import perf_counter_ns, process_time_ns
from typing import NamedTuple

from benches.regression.figures import Figure, Limit


class Took(NamedTuple):
    """Nanoseconds of one round: on the clock, and of processor time in all threads."""

    clock_ns: int
    processor_ns: int


Timed = Callable[[], Awaitable[Took]]


class Stopwatch:
    """Measures from where it was made."""

    def __init__(self) -> None:
        self._processor = process_time_ns()
        self._clock = perf_counter_ns()

    def took(self) -> Took:
        """Return what has passed."""
        clock, processor = perf_counter_ns(), process_time_ns()
        return Took(clock - self._clock, processor - self._processor)


class Pairs:
    """Subject and floor, a pair a round."""

    def __init__(self) -> None:
        self.subject: list[Took] = []
        self.floor: list[Took] = []

    @property
    def subject_us(self) -> float:
        """Median of the subject in microseconds on the clock."""
        return statistics.median(took.clock_ns for took in self.subject) / 1_000

    @property
    def subject_us_min(self) -> float:
        """Fastest round of the subject in microseconds on the clock."""
        return min(took.clock_ns for took in self.subject) / 1_000

    @property
    def floor_us(self) -> float:
        """Median of the floor in microseconds on the clock."""
        return statistics.median(took.clock_ns for took in self.floor) / 1_000

    def figure(
        self,
        name: str,
        floor: str,
        *,
        waits: bool = False,
        extras: dict[str, float] | None = None,
        limits: tuple[Limit, ...] = (),
    ) -> Figure:
        """Return the figure of these rounds.

        Its ratio is the median over the rounds of the subject over its neighbour: on the clock when
        the subject `waits` for the disk, else of processor time, which has no part in what other
        processes take and in how soon threads are woken beside them.
        """
        mine, other = (
            [took.clock_ns if waits else took.processor_ns for took in side]
            for side in (self.subject, self.floor)
        )
        ratio = float(statistics.median(map(operator.truediv, mine, other)))
        return Figure(name, self.subject_us, self.floor_us, floor, ratio, extras or {}, limits)


async def paired(rounds: int, subject: Timed, floor: Timed, *, seed: int = 1) -> Pairs:
    """Run both `rounds` times. One round goes unseen.

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
