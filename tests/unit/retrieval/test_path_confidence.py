"""How sure a recall is: paths joined, what they share counted once."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.retrieval.confidence import (
    NO_BELIEF,
    PATHS_MAX,
    Step,
    both,
    either,
    hop,
    joined,
    negated,
    supported,
)
from engram.retrieval.confidence import (
    given as after,
)

shares = st.floats(0, 1)


def as_path(names: list[int], factors: dict[int, float]) -> list[Step]:
    """Return the path of these steps; a step has the same factor wherever it stands."""
    return [(name, factors[name]) for name in names]


steps = st.lists(st.integers(0, 5), min_size=1, max_size=4)
paths = st.tuples(st.lists(steps, max_size=12), st.lists(shares, min_size=6, max_size=6)).map(
    lambda drawn: [as_path(names, dict(enumerate(drawn[1]))) for names in drawn[0]]
)


def test_one_path_is_as_sure_as_its_factors() -> None:
    assert joined([[(1, 0.5), (2, 0.8)]]) == pytest.approx((0.4, 0.4, 0.4))


def test_paths_without_a_common_beginning_are_joined_by_noisy_or() -> None:
    belief = joined([[(1, 0.5)], [(2, 0.5)]])
    assert belief == pytest.approx((0.75, 0.5, 0.75))


def test_a_shared_beginning_counts_once() -> None:
    belief = joined([[(1, 0.5), (2, 0.8)], [(1, 0.5), (3, 0.8)]])
    assert belief.value == pytest.approx(0.5 * (1 - 0.2 * 0.2))
    assert belief.low == pytest.approx(0.4)
    assert belief.high == pytest.approx(1 - 0.6 * 0.6)


def test_nothing_is_believed_without_a_path() -> None:
    assert joined([]) == NO_BELIEF


def test_a_hop_leaves_what_the_formula_says() -> None:
    assert hop(0.9, 0.5) == pytest.approx(0.45 * math.exp(-0.35))


def test_no_more_than_the_best_paths_are_joined() -> None:
    many = [[(number, 0.1)] for number in range(PATHS_MAX + 5)]
    assert joined(many) == pytest.approx(joined(many[:PATHS_MAX]))


@given(paths)
def test_a_belief_lies_in_its_interval_between_0_and_1(found: list[list[Step]]) -> None:
    belief = joined(found)
    assert 0 <= belief.low <= belief.value <= belief.high <= 1


@given(paths, st.randoms())
def test_the_order_of_paths_does_not_matter(found: list[list[Step]], random: object) -> None:
    mixed = list(found)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert joined(mixed) == pytest.approx(joined(found))


@given(paths)
def test_the_same_paths_twice_add_nothing_to_the_belief(found: list[list[Step]]) -> None:
    few = found[: PATHS_MAX // 2]
    assert joined(few + few).value == pytest.approx(joined(few).value)


@given(shares, shares)
def test_either_is_not_neither(a: float, b: float) -> None:
    assert either(a, b) == pytest.approx(negated(both(negated(a), negated(b))))


@given(st.floats(0.01, 0.99), st.floats(0.01, 1), st.floats(0.01, 1))
def test_evidence_that_is_likelier_where_it_holds_makes_surer(
    base_rate: float, if_true: float, if_false: float
) -> None:
    sure = after(base_rate, if_true, if_false)
    assert 0 <= sure <= 1
    assert (sure >= base_rate - 1e-12) == (if_true >= if_false) or math.isclose(sure, base_rate)


def test_without_any_evidence_the_base_rate_stands() -> None:
    assert after(0.3, 0.0, 0.0) == 0.3


@given(shares, shares, shares)
def test_what_a_memory_shares_itself_is_joined_like_any_paths(
    confidence: float, meaning: float, words: float
) -> None:
    own = [[(-3, confidence), step] for step in ((-1, meaning), (-2, words)) if step[1] > 0]
    assert supported(confidence, meaning, words) == joined(own)
