from __future__ import annotations

import numpy as np
import pytest

from engram.kernels.arrays import I64
from engram.retrieval.named_times import (
    NAMED_TIMES_MAX,
    SPAN_DAYS,
    NamedTime,
    closeness,
    named_times,
)


def moments(*written: str) -> I64:
    return np.array([np.datetime64(each, "ns") for each in written]).astype(np.int64)


@pytest.mark.parametrize(
    ("cue", "times"),
    [
        ("what did we see on 3 May, 2023?", [(2023, 5, 3)]),
        ("the letter of the 3rd of May 2023", [(2023, 5, 3)]),
        ("May 3rd, 2023: who came?", [(2023, 5, 3)]),
        ("on 21 Sept", [(None, 9, 21)]),
        ("the Dec 2 party", [(None, 12, 2)]),
        ("a trip in August\n2022", [(2022, 8, None)]),
        ("early March", [(None, 3, None)]),
        ("what happened in 2019", [(2019, None, None)]),
        ("2023-05-03 or 2023-06", [(2023, 5, 3), (2023, 6, None)]),
        ("5 May and 5 May", [(None, 5, 5)]),
    ],
)
def test_times_are_read_as_they_are_often_written(
    cue: str, times: list[tuple[int | None, int | None, int | None]]
) -> None:
    assert named_times(cue) == [NamedTime(*time) for time in times]


@pytest.mark.parametrize(
    "cue",
    [
        "you may march on",
        "walk 2000 steps",
        "31 February 2020",
        "2023-13-01",
        "room 12023-05",
        "in mayhem",
        "0 May",
        " and ".join(f"{day} May" for day in range(1, NAMED_TIMES_MAX + 2)),
    ],
)
def test_other_words_and_numbers_name_no_time(cue: str) -> None:
    assert named_times(cue) == []


def test_within_a_time_everything_is_equally_close() -> None:
    said = moments("2023-05-01", "2023-05-31T23:59", "2023-06-01")
    assert closeness([NamedTime(2023, 5, None)], said).tolist()[:2] == [1, 1]
    assert closeness([NamedTime(2023, None, None)], said).tolist() == [1, 1, 1]


def test_closeness_falls_evenly_to_nothing() -> None:
    days = [f"2023-05-{day:02}" for day in range(3, 3 + SPAN_DAYS + 2)]
    near = closeness([NamedTime(2023, 5, 3)], moments(*days))
    falling = [1 - day / SPAN_DAYS for day in range(SPAN_DAYS)]
    np.testing.assert_allclose(near, [*falling, 0, 0], atol=1e-6)


def test_a_day_without_a_year_is_that_of_any_year() -> None:
    said = moments("1969-01-01", "2024-01-01", "2023-12-31", "2023-07-01")
    near = closeness([NamedTime(None, 1, 1)], said)
    np.testing.assert_allclose(near, [1, 1, 1 - 1 / SPAN_DAYS, 0], atol=1e-6)


def test_the_closest_of_several_times_counts() -> None:
    times = [NamedTime(2023, 5, 3), NamedTime(2021, None, None)]
    assert closeness(times, moments("2021-03-03", "2023-05-03", "2022-05-03")).tolist() == [1, 1, 0]


def test_the_first_and_the_last_moment_there_are_lie_far_from_it() -> None:
    info = np.iinfo(np.int64)
    ends = np.array([info.min, info.max], np.int64)
    assert not closeness([NamedTime(2023, 5, 3)], ends).any()
    assert not closeness([NamedTime(None, 7, None)], ends).any()
