"""What a session recalled a moment ago, and how it fades."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.retrieval.priming import HALF_LIFE_NS, Primed, Priming, left_after, raised, raises
from engram.state.space import SpaceState

EMPTY = SpaceState().view()


def repetition(count: int) -> float:
    rows = np.array([7], np.uint32)
    return float(raises(Primed((), {7: count}), EMPTY, None, rows)[0])


def test_half_of_it_is_left_after_300_ms() -> None:
    assert [left_after(n * 300_000_000) for n in range(4)] == [1.0, 0.5, 0.25, 0.125]


@pytest.mark.parametrize(("count", "by"), [(0, 0.0), (1, 0.05), (4, 0.20), (6, 0.30), (60, 0.30)])
def test_each_repetition_adds_five_percent_up_to_thirty(count: int, by: float) -> None:
    assert repetition(count) == pytest.approx(by)


def test_a_session_knows_only_its_own_recalls() -> None:
    priming = Priming()
    priming.note("a", [1, 2], 0)
    priming.note("a", [2], HALF_LIFE_NS)
    assert priming.of("b", 0) is None
    assert priming.of("a", 2 * HALF_LIFE_NS) == Primed(((0.25, (1, 2)), (0.5, (2,))), {1: 1, 2: 2})


def test_what_was_recalled_long_ago_primes_nothing_and_still_counts_as_repeated() -> None:
    priming = Priming()
    priming.note("a", [1], 0)
    assert priming.of("a", 11 * HALF_LIFE_NS) == Primed((), {1: 1})


def test_an_answer_without_memories_begins_no_session() -> None:
    priming = Priming()
    priming.note("a", [], 0)
    assert priming.of("a", 0) is None


def test_the_session_that_was_quiet_for_longest_makes_room() -> None:
    priming = Priming()
    for number in range(64):
        priming.note(f"s{number}", [1], number)
    priming.note("s0", [1], 64)
    priming.note("new", [1], 65)
    assert priming.of("s1", 66) is None
    assert priming.of("s0", 66) is not None


def test_nothing_is_left_when_rows_get_other_numbers() -> None:
    priming = Priming()
    priming.note("a", [1], 0)
    priming.clear()
    assert priming.of("a", 0) is None


@given(st.lists(st.floats(0, 1, width=32), max_size=30), st.floats(0, 0.4375, width=32))
def test_what_is_raised_stays_a_score_and_keeps_its_order(scores: list[float], by: float) -> None:
    before = np.sort(np.array(scores, np.float32))
    after = raised(before, np.full(len(before), by, np.float32))
    assert (after >= before).all()
    assert (after <= 1).all()
    assert (np.diff(after) >= -1e-6).all()
