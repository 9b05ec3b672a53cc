"""When a recalled memory can be changed, and what a correction carries on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.state import fsrs
from engram.state.reconsolidation import AGE_MAX_NS, AGE_MIN_NS, Window, carried_over, window

HOUR = 3_600_000_000_000
BORN = 1_700_000_000_000_000_000


def test_a_memory_never_recalled_cannot_be_changed() -> None:
    assert window(BORN, 0) is None


@pytest.mark.parametrize(
    ("age", "opens"),
    [
        (AGE_MIN_NS - 1, False),
        (AGE_MIN_NS, True),
        (AGE_MAX_NS, True),
        (AGE_MAX_NS + 1, False),
    ],
)
def test_it_opens_for_memories_of_a_day_to_a_year(age: int, *, opens: bool) -> None:
    found = window(BORN, BORN + age)
    if opens:
        assert found == Window(BORN + age + HOUR, BORN + age + 6 * HOUR)
    else:
        assert found is None


def test_plasticity_is_greatest_in_the_middle_and_nothing_at_both_ends() -> None:
    at = Window(1 * HOUR, 6 * HOUR)
    hours = [0.0, 1.0, 2.25, 3.5, 4.75, 6.0, 7.0]
    found = [at.plasticity(int(hour * HOUR)) for hour in hours]
    assert found == pytest.approx([0.0, 0.0, 0.375, 0.5, 0.375, 0.0, 0.0])


@given(st.integers(-(10**13), 10**14))
def test_plasticity_is_between_nothing_and_a_half(now: int) -> None:
    assert 0.0 <= Window(1 * HOUR, 6 * HOUR).plasticity(now) <= 0.5


_STRENGTHS = st.builds(fsrs.Strength, st.floats(0.001, 36_500.0), st.floats(1.0, 10.0))


@given(_STRENGTHS, _STRENGTHS, st.floats(0.0, 0.5))
def test_what_is_carried_over_lies_between_both(
    old: fsrs.Strength, fresh: fsrs.Strength, share: float
) -> None:
    for was, new, came in zip(old, fresh, carried_over(old, fresh, share), strict=True):
        assert min(was, new) * (1 - 1e-12) <= came <= max(was, new) * (1 + 1e-12)
        assert abs(came - new) <= 0.5 * abs(was - new) + 1e-9
