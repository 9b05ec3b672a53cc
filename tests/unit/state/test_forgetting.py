from __future__ import annotations

from datetime import UTC, datetime, timedelta

import fsrs
import numpy as np
import pytest

from engram.state.forgetting import (
    DIFFICULTY_FIRST,
    NANOSECONDS_PER_DAY,
    STABILITY_DAYS_FIRST,
    retrievability,
)

DAY = NANOSECONDS_PER_DAY


def strength(days: float, stability: float) -> float:
    reviewed, stabilities = np.zeros(1, np.int64), np.full(1, stability, np.float32)
    return float(retrievability(round(days * DAY), reviewed, stabilities)[0])


@pytest.mark.parametrize("stability", [0.01, 2.3065, 1.0, 365.0, 36_500.0])
def test_after_stability_days_nine_tenths_are_left(stability: float) -> None:
    assert strength(stability, stability) == pytest.approx(0.9, abs=1e-6)


def test_retrievability_falls_and_stays_within_0_and_1() -> None:
    reviewed = -np.arange(0, 5_000 * DAY, DAY // 2, dtype=np.int64)
    curve = retrievability(0, reviewed, np.full(len(reviewed), 2.3065, np.float32))
    assert curve[0] == 1
    assert (np.diff(curve) < 0).all()
    assert (curve > 0).all()


def test_a_review_in_the_future_counts_as_now() -> None:
    assert strength(-5, 2.3065) == 1


@pytest.mark.parametrize(
    ("days", "expected"),
    [(1, 0.9468475), (2.3065, 0.9), (10, 0.7743674), (100, 0.5589067)],
)
def test_the_curve_has_the_values_of_its_published_formula(days: float, expected: float) -> None:
    """(1 + F t / S)^-0.1542, computed apart with F = 0.9^(-1 / 0.1542) - 1 and S = 2.3065."""
    assert strength(days, 2.3065) == pytest.approx(expected, abs=2e-6)


def test_a_new_memory_is_what_the_reference_makes_of_a_first_good_review() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    scheduler = fsrs.Scheduler(enable_fuzzing=False)
    card, _ = scheduler.review_card(fsrs.Card(), fsrs.Rating.Good, start)
    assert card.stability == pytest.approx(STABILITY_DAYS_FIRST)
    assert card.difficulty == pytest.approx(DIFFICULTY_FIRST)
    for days in (0, 1, 7, 30, 365, 3650):
        reference = scheduler.get_card_retrievability(card, start + timedelta(days=days))
        assert strength(days, STABILITY_DAYS_FIRST) == pytest.approx(reference, abs=1e-6)
