"""Reviews beside the reference implementation of FSRS-6."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import fsrs as reference
import pytest

from engram.model.space_settings import FSRS_WEIGHTS
from engram.state.fsrs import AGAIN, GOOD, Strength, first, reviewed

OTHER_WEIGHTS = tuple(
    w if n == 7 else w * (0.9 if n % 2 else 1.05) for n, w in enumerate(FSRS_WEIGHTS)
)
PINNED = (4.402127563453909, 9.679898268845658)
HISTORY = [
    (0.5, 3),
    (1, 3),
    (3, 3),
    (10, 1),
    (0.25, 1),
    (1, 3),
    (4, 3),
    (30, 3),
    (365, 3),
    (900, 1),
]


def by_reference(
    weights: tuple[float, ...], reviews: list[tuple[float, int]]
) -> list[tuple[float, float]]:
    """Return stability and difficulty of a card rated "good" first, after each of the reviews."""
    scheduler = reference.Scheduler(parameters=weights, enable_fuzzing=False)
    now = datetime(2024, 1, 1, tzinfo=UTC)
    card, _ = scheduler.review_card(reference.Card(), reference.Rating.Good, now)
    found = []
    for days, rating in reviews:
        now += timedelta(days=days)
        card, _ = scheduler.review_card(card, reference.Rating(rating), now)
        assert card.stability is not None
        assert card.difficulty is not None
        found.append((card.stability, card.difficulty))
    return found


def by_engram(
    weights: tuple[float, ...], reviews: list[tuple[float, int]]
) -> list[tuple[float, float]]:
    """Return the same by our own formulas."""
    strength, found = first(weights), list[tuple[float, float]]()
    for days, rating in reviews:
        strength = reviewed(weights, strength, days, rating)
        found.append((strength.stability_days, strength.difficulty))
    return found


@pytest.mark.parametrize("weights", [FSRS_WEIGHTS, OTHER_WEIGHTS])
def test_a_history_of_reviews_leads_to_what_the_reference_says(weights: tuple[float, ...]) -> None:
    for ours, theirs in zip(
        by_engram(weights, HISTORY), by_reference(weights, HISTORY), strict=True
    ):
        assert ours == pytest.approx(theirs, rel=1e-12)


def test_every_short_history_leads_to_what_the_reference_says() -> None:
    for ratings in itertools.product((AGAIN, GOOD), repeat=4):
        reviews = list(zip((0.1, 1, 7, 60), ratings, strict=True))
        theirs = by_reference(FSRS_WEIGHTS, reviews)
        for mine, other in zip(by_engram(FSRS_WEIGHTS, reviews), theirs, strict=True):
            assert mine == pytest.approx(other, rel=1e-12)


def test_the_pinned_history_has_the_numbers_it_always_had() -> None:
    """Computed with the package `fsrs` 6.3.2."""
    stability, difficulty = by_engram(FSRS_WEIGHTS, HISTORY)[-1]
    assert (stability, difficulty) == pytest.approx(PINNED, rel=1e-6)


def test_the_gain_of_a_good_review_grows_with_the_time_before_it() -> None:
    gains = [reviewed(FSRS_WEIGHTS, Strength(5.0, 5.0), days, GOOD)[0] for days in (1, 3, 9, 30)]
    assert gains == sorted(gains)
    assert gains[0] > 5.0


def test_a_wrong_memory_loses_stability_and_gets_more_difficult() -> None:
    for days in (0.1, 1, 5, 100):
        after = reviewed(FSRS_WEIGHTS, Strength(5.0, 5.0), days, AGAIN)
        assert after.stability_days < 5.0
        assert after.difficulty > 5.0
