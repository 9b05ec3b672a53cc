"""How reviews change stability and difficulty: FSRS-6 as published.

Source: the Free Spaced Repetition Scheduler, version 6 (open-spaced-repetition). The `fsrs` package
is the reference; a test goes through a history beside it. It counts whole days between reviews,
here a day has parts: after whole days both agree. w0 to w20 are its weights.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

AGAIN: Final = 1
GOOD: Final = 3
_EASY: Final = 4
STABILITY_DAYS_MIN: Final = 0.001
_DIFFICULTY_MIN: Final = 1.0
_DIFFICULTY_MAX: Final = 10.0

Weights = tuple[float, ...]


class Strength(NamedTuple):
    """What FSRS knows of a memory: stability in days, and difficulty from 1 to 10."""

    stability_days: float
    difficulty: float


def first(weights: Weights, rating: int = GOOD) -> Strength:
    """Return the strength after a first review; a new memory counts as one rated "good"."""
    difficulty = _first_difficulty(weights, rating)
    stability = max(weights[rating - 1], STABILITY_DAYS_MIN)
    return Strength(stability, _clamped(difficulty))


def retrievability(weights: Weights, days: float, stability_days: float) -> float:
    """Return (1 + F t / S)^-w20 with F = 0.9^(-1 / w20) - 1: the chance to recall after t days."""
    decay = weights[20]
    factor = 0.9 ** (-1.0 / decay) - 1.0
    return float((1.0 + factor * max(days, 0.0) / stability_days) ** -decay)


def reviewed(weights: Weights, before: Strength, days: float, rating: int) -> Strength:
    """Return the strength after a review `days` after the last one.

    The lower retrievability was, the more a good review adds (the spacing effect).
    """
    stability = max(before.stability_days, STABILITY_DAYS_MIN)
    if days < 1.0:
        stability = _same_day(weights, stability, rating)
    else:
        left = retrievability(weights, days, stability)
        if rating == AGAIN:
            stability = _forgotten(weights, before.difficulty, stability, left)
        else:
            stability = _recalled(weights, before.difficulty, stability, left)
    return Strength(
        max(stability, STABILITY_DAYS_MIN), _next_difficulty(weights, before.difficulty, rating)
    )


def _same_day(w: Weights, stability: float, rating: int) -> float:
    growth = math.exp(w[17] * (rating - 3 + w[18])) * stability ** -w[19]
    return float(stability * (growth if rating == AGAIN else max(growth, 1.0)))


def _recalled(w: Weights, difficulty: float, stability: float, left: float) -> float:
    growth = math.exp(w[8]) * (11 - difficulty) * stability ** -w[9]
    return float(stability * (1 + growth * (math.exp((1 - left) * w[10]) - 1)))


def _forgotten(w: Weights, difficulty: float, stability: float, left: float) -> float:
    long_term = w[11] * difficulty ** -w[12] * ((stability + 1) ** w[13] - 1)
    long_term *= math.exp((1 - left) * w[14])
    return float(min(long_term, stability / math.exp(w[17] * w[18])))


def _next_difficulty(w: Weights, difficulty: float, rating: int) -> float:
    damped = difficulty - w[6] * (rating - 3) * (10.0 - difficulty) / 9.0
    return _clamped(w[7] * _first_difficulty(w, _EASY) + (1 - w[7]) * damped)


def _first_difficulty(w: Weights, rating: int) -> float:
    return w[4] - math.exp(w[5] * (rating - 1)) + 1


def _clamped(difficulty: float) -> float:
    return min(max(difficulty, _DIFFICULTY_MIN), _DIFFICULTY_MAX)
