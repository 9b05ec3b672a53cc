"""How stated probabilities are compared with outcomes, and the weights of relevance fitted."""

from __future__ import annotations

import random

import pytest

from benches.locomo.calibration import Judgement, calibration, fitted, left_out
from engram.model.relevance import Grounds, RelevanceWeights, relevance

TRUE = RelevanceWeights(none=-1.0, likeness=1.5, lead=4.0, rank=-0.8)


def judgements(count: int, seed: int) -> list[Judgement]:
    """Return memories that are right as often as `TRUE` says."""
    chance = random.Random(seed)  # noqa: S311 - repeatable is the point
    found = []
    for number in range(count):
        rank = number % 10
        lead = 0.0 if rank else chance.random()
        grounds = Grounds(chance.random(), chance.random(), lead, rank)
        is_right = chance.random() < relevance(grounds, TRUE)
        found.append(Judgement(number % 3, "static", "hybrid", grounds, 0.5, is_right))
    return found


def test_fitting_finds_the_weights_that_outcomes_came_from() -> None:
    assert fitted(judgements(60_000, 1)) == pytest.approx(TRUE, abs=0.2)


def test_a_small_set_counts_as_much_as_a_large_one() -> None:
    large = judgements(3_000, 2)
    small = [each._replace(is_right=False) for each in judgements(300, 3)]
    once, thrice = fitted(large, small), fitted(large * 3, small)
    assert once == pytest.approx(thrice, abs=1e-6)
    assert fitted(large + small).none > once.none


def test_every_conversation_is_judged_by_the_others() -> None:
    judged = judgements(900, 4)
    others = fitted([each for each in judged if each.conversation != 1])
    stated = left_out(judged)
    assert [stated[place] for place in (1, 4)] == pytest.approx(
        [relevance(judged[place].grounds, others) for place in (1, 4)]
    )


def test_stating_what_happens_has_no_error_and_the_right_order() -> None:
    judged = judgements(200, 5)
    sure = calibration([float(each.is_right) for each in judged], judged)
    assert (sure.error, sure.brier, sure.order, sure.size) == (0.0, 0.0, 1.0, 200)
    same = calibration([0.5] * 200, judged)
    share = sum(each.is_right for each in judged) / 200
    assert same.error == pytest.approx(abs(0.5 - share))
    assert same.brier == pytest.approx(0.25)
    assert same.order == 0.5
