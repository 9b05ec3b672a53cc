"""Measures the contenders of a case in turns, in shuffled order: all meet the same noise."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Final

import msgspec

from benches.peers.cases import Call, Case

ENGRAM: Final = "engram"
FLOOR: Final = "floor"
_BLOCK_NS: Final = 400_000  # calls are timed in blocks of this length at least
_ROUNDS_MIN: Final = 9
_ROUNDS_MAX: Final = 301
_TENTHS: Final = 10


class Speed(msgspec.Struct, frozen=True):
    """Microseconds a call, and how many times Engram's: p10, median and p90 of the rounds."""

    call_us: float
    ratio_p10: float
    ratio: float
    ratio_p90: float


class Row(msgspec.Struct, frozen=True):
    """What was measured for one case."""

    name: str
    rounds: int
    speeds: dict[str, Speed]
    rivals: tuple[str, ...]
    goal: float | None
    floor_goal: float | None
    limit_us: float | None
    notes: dict[str, float]

    @property
    def best_peer(self) -> str | None:
        """The fastest of the peers that the goal is about."""
        named = self.rivals or tuple(n for n in self.speeds if n not in (ENGRAM, FLOOR))
        return min(named, key=lambda name: self.speeds[name].ratio, default=None)

    @property
    def is_reached(self) -> bool | None:
        """Whether every goal of the row is reached; None for a row without one."""
        verdicts = []
        if self.goal is not None and self.best_peer is not None:
            verdicts.append(self.speeds[self.best_peer].ratio >= self.goal)
        if self.floor_goal is not None:
            verdicts.append(self.speeds[FLOOR].ratio >= self.floor_goal)
        if self.limit_us is not None:
            verdicts.append(self.speeds[ENGRAM].call_us <= self.limit_us)
        return all(verdicts) if verdicts else None


def measure(case: Case, *, quick: bool) -> Row:
    """Return what the contenders of `case` take, each round in an order of its own."""
    calls: dict[str, Call] = {ENGRAM: case.subject, **case.peers}
    if case.floor is not None:
        calls[FLOOR] = case.floor
    repeats = {name: _repeats(call) for name, call in calls.items()}
    once_ns = sum(_block_ns(call, repeats[name]) * repeats[name] for name, call in calls.items())
    budget_ns = case.budget_s * 1e9 / (4 if quick else 1)
    rounds = int(min(_ROUNDS_MAX, max(_ROUNDS_MIN, budget_ns / once_ns)))
    die = random.Random(1)  # noqa: S311 - an order, no secret
    seen: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for _ in range(rounds):
        die.shuffle(names)
        for name in names:
            seen[name].append(_block_ns(calls[name], repeats[name]))
    return Row(
        case.name,
        rounds,
        _speeds(seen),
        case.rivals,
        case.goal,
        case.floor_goal,
        case.limit_us,
        dict(case.notes),
    )


def _speeds(seen: Mapping[str, list[float]]) -> dict[str, Speed]:
    speeds = {}
    for name, took in seen.items():
        ratios = [theirs / ours for theirs, ours in zip(took, seen[ENGRAM], strict=True)]
        deciles = statistics.quantiles(ratios, n=_TENTHS)
        speeds[name] = Speed(
            statistics.median(took) / 1_000, deciles[0], statistics.median(ratios), deciles[-1]
        )
    return speeds


def _repeats(call: Call) -> int:
    """Return how many calls make a block; the first, which may compile, is not timed."""
    call()
    started = perf_counter_ns()
    call()
    took = max(perf_counter_ns() - started, 1)
    return max(1, _BLOCK_NS // took)


def _block_ns(call: Call, repeats: int) -> float:
    started = perf_counter_ns()
    for _ in range(repeats):
        call()
    return (perf_counter_ns() - started) / repeats
