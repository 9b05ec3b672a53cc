"""The gate judges doctored measurements as it should."""

from __future__ import annotations

import pytest

from benches.regression import verdict
from benches.regression.counting import instructions_of
from benches.regression.figures import Baseline, Figure, Held, Limit, Machine, Report

HERE = Machine("cpu", "zig", "avx2", "3.11", "2.4")


def report(*, count: int = 1_000, ratio: float = 2.0, limit: float = 1.0) -> Report:
    figure = Figure("recall", 2.0, 1.0, "kernel", ratio, {}, (Limit("s", limit, 1.0),))
    return Report(HERE, (figure,), {"top_k": count})


def words(measured: Report, machine: Machine = HERE) -> list[str]:
    held = Baseline("c", "d", "r", machine, {"top_k": 1_000}, {"recall": Held(2.0, 1.05)})
    return [line.word for line in verdict.judge(held, measured)]


def test_unchanged_code_is_held() -> None:
    assert words(report()) == ["held", "held", "held"]


@pytest.mark.parametrize(("count", "word"), [(1_060, "slower"), (1_019, "held"), (900, "faster")])
def test_six_per_cent_more_instructions_fail_and_two_per_cent_do_not(count: int, word: str) -> None:
    assert words(report(count=count))[0] == word


def test_a_ratio_six_per_cent_up_fails_where_the_line_is_five() -> None:
    assert words(report(ratio=2.12))[1] == "slower"


def test_ratios_of_another_machine_are_said_and_not_judged() -> None:
    other = Machine("another", "zig", "avx2", "3.11", "2.4")
    assert words(report(ratio=9.0), other) == ["held", "not judged", "held"]


@pytest.mark.parametrize(("limit", "word"), [(1.0, "held"), (3.9, "missed"), (4.1, "slower")])
def test_a_bound_fails_beyond_its_slack_only(limit: float, word: str) -> None:
    assert words(report(limit=limit))[2] == word


def test_what_is_held_and_was_not_measured_fails() -> None:
    assert words(Report(HERE)) == ["absent", "absent"]


def test_the_better_of_two_attempts_is_kept() -> None:
    kept = verdict.better(report(ratio=3.0), report(ratio=2.0))
    assert [figure.ratio for figure in kept.figures] == [2.0]


def test_the_line_is_never_under_five_per_cent_and_covers_what_was_seen() -> None:
    assert verdict.line_of("recall", [1.0, 1.0, 1.0]) == 1.15
    assert verdict.line_of("remember.lone", [1.0, 1.0, 1.0]) == 1.5
    assert verdict.line_of("recall", [1.0, 1.2]) == pytest.approx(1.2)


def test_instructions_of_other_libraries_and_of_calls_are_left_out() -> None:
    profile = "ob=(1) /x/python\n3 100\nob=(2) /x/k.so\n4 7\ncalls=1 9\n4 500\n+1 5\nob=(1)\n1 9\n"
    assert instructions_of(profile, "k.so") == 12
