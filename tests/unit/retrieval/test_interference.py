"""How much similar memories take from one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.retrieval.interference import PROACTIVE_NS, RETROACTIVE_NS, Similar, factors

HOUR = 3_600_000_000_000


def left(*pairs: tuple[float, int]) -> float:
    """Return what interference leaves of one memory with these similar ones."""
    similarities, apart = np.array(pairs).reshape(-1, 2).T
    places = np.zeros(len(pairs), np.int64)
    (found,) = factors(Similar(places, similarities, apart.astype(np.int64)), 1)
    return float(found)


def test_nothing_similar_takes_nothing() -> None:
    assert left() == 1.0


@pytest.mark.parametrize(("count", "factor"), [(1, 0.95), (3, 0.85), (6, 0.70), (12, 0.70)])
def test_earlier_ones_take_five_percent_each_up_to_thirty(count: int, factor: float) -> None:
    assert left(*[(0.9, -HOUR)] * count) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("count", "similarity", "factor"),
    [(1, 0.8, 0.88), (2, 0.8, 0.830294), (3, 0.7, 0.818135), (4, 1.0, 0.75), (9, 0.8, 0.75)],
)
def test_later_ones_take_more_the_more_there_are(
    count: int, similarity: float, factor: float
) -> None:
    assert left(*[(similarity, HOUR)] * count) == pytest.approx(factor, abs=1e-6)


@pytest.mark.parametrize(
    ("apart", "counts"),
    [
        (-PROACTIVE_NS, True),
        (-PROACTIVE_NS - 1, False),
        (0, False),
        (RETROACTIVE_NS, True),
        (RETROACTIVE_NS + 1, False),
    ],
)
def test_what_lies_further_apart_does_not_interfere(apart: int, *, counts: bool) -> None:
    assert (left((0.8, apart)) < 1.0) == counts


_PAIRS = st.lists(st.tuples(st.floats(0.7, 1.0), st.integers(-8 * HOUR, 26 * HOUR)), max_size=40)


@given(_PAIRS)
def test_it_takes_less_than_half(pairs: list[tuple[float, int]]) -> None:
    assert 0.7 * 0.75 - 1e-6 <= left(*pairs) <= 1.0


@given(st.lists(st.floats(0.7, 1.0), max_size=20), st.floats(0.7, 1.0))
def test_one_more_like_the_others_never_takes_less(before: list[float], similarity: float) -> None:
    same = [(similarity, HOUR)] * len(before)
    assert left(*same, (similarity, HOUR)) <= left(*same) + 1e-6
    earlier = [(each, -HOUR) for each in before]
    assert left(*earlier, (similarity, -HOUR)) <= left(*earlier) + 1e-6
