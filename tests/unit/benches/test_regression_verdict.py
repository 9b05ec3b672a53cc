"""The gate judges doctored measurements as it should."""

from __future__ import annotations

import pytest

from benches.regression import verdict
from benches.regression.figures import COUNTS, KERNELS, Baseline, Figure, Held, Limit, Machine
from benches.regression.figures import Report as Measured

HERE = Machine("cpu", "zig", "avx2", "3.11", "2.4")


def report(
    *, count: int = 1_000, kernel: float = 1.0, ratio: float = 2.0, limit: float = 1.0
) -> Measured:
    figure = Figure("recall", 2.0, 1.0, "kernel", ratio, {}, (Limit("s", limit, 1.0),))
    call = Figure("top_k", kernel, 1.0, "frozen", kernel)
    return Measured(HERE, (figure,), (call,), {"top_k": count})


def words(measured: Measured, machine: Machine = HERE) -> list[str]:
    held = {"recall": Held(2.0, 1.05)}
    baseline = Baseline("c", "d", "r", machine, {"top_k": 1_000}, {"top_k": 1.001}, held)
    return [line.word for line in verdict.judge(baseline, measured)]


def of_operation(count: int, machine: Machine) -> str:
    baseline = Baseline("c", "d", "r", machine, {}, {}, {}, {"get": 1_000})
    [line] = verdict.judge(baseline, Measured(HERE, operations={"get": count}))[:1]
    return line.word


def test_unchanged_code_is_held() -> None:
    assert words(report()) == ["held", "held", "held", "held"]


@pytest.mark.parametrize(("count", "word"), [(1_060, "slower"), (1_019, "held"), (900, "faster")])
def test_six_per_cent_more_instructions_fail_and_two_per_cent_do_not(count: int, word: str) -> None:
    assert words(report(count=count))[0] == word


@pytest.mark.parametrize(("ratio", "word"), [(1.05, "slower"), (1.039, "held"), (0.9, "faster")])
def test_five_per_cent_over_the_frozen_library_fails(ratio: float, word: str) -> None:
    assert words(report(kernel=ratio))[1] == word


def test_a_ratio_six_per_cent_up_fails_where_the_line_is_five() -> None:
    assert words(report(ratio=2.12))[2] == "slower"


def test_another_machine_is_judged_by_counts_and_by_the_frozen_library_alone() -> None:
    other = Machine("another", "zig", "avx2", "3.11", "2.4")
    assert words(report(ratio=9.0), other) == ["held", "held", "not judged", "held"]
    assert words(report(kernel=1.06), other)[1] == "slower"


@pytest.mark.parametrize(("limit", "word"), [(1.0, "held"), (3.9, "missed"), (4.1, "slower")])
def test_a_bound_fails_beyond_its_slack_only(limit: float, word: str) -> None:
    assert words(report(limit=limit))[3] == word


@pytest.mark.parametrize(("count", "word"), [(1_060, "slower"), (1_040, "held"), (900, "faster")])
def test_six_per_cent_more_instructions_of_a_whole_operation_fail(count: int, word: str) -> None:
    assert of_operation(count, HERE) == word


def test_an_operation_is_not_judged_under_another_python() -> None:
    assert of_operation(1_060, Machine("another", "zig", "avx2", "3.11", "2.4")) == "slower"
    assert of_operation(1_060, Machine("cpu", "zig", "avx2", "3.12", "2.4")) == "not judged"


def test_the_fewer_instructions_of_two_attempts_are_kept() -> None:
    first, second = (Measured(HERE, operations={"get": count}) for count in (9, 8))
    assert verdict.better(first, second).operations == {"get": 8}


def test_what_is_held_and_was_not_measured_fails() -> None:
    assert words(Measured(HERE)) == ["absent", "absent", "absent"]


def test_what_cannot_be_measured_is_not_judged() -> None:
    """Nothing is counted without valgrind, nothing is compared without the commit."""
    assert words(Measured(HERE, skipped={COUNTS: "no valgrind", KERNELS: "no commit"})) == [
        "not judged",
        "absent",
    ]
    assert words(Measured(HERE, skipped={"top_k": "another signature"}))[1] == "not judged"


def test_what_is_measured_and_not_held_is_said() -> None:
    """A new kernel does not fail the gate before it has a baseline."""
    baseline = Baseline("c", "d", "r", HERE, {}, {}, {})
    lines = verdict.judge(baseline, report())
    assert [line.word for line in lines] == ["new", "new", "new", "held"]
    assert verdict.failed(lines) == []


def test_the_better_of_two_attempts_is_kept() -> None:
    kept = verdict.better(report(ratio=3.0, kernel=1.0), report(ratio=2.0, kernel=1.1))
    assert [figure.ratio for figure in (*kept.figures, *kept.kernels)] == [2.0, 1.0]


def test_the_line_is_never_under_its_least_and_covers_what_was_seen() -> None:
    assert verdict.line_of("recall", [1.0, 1.0, 1.0]) == verdict.RATIO_LINE_MIN
    assert verdict.line_of("remember.lone", [1.0, 1.0, 1.0]) == verdict.DISK_LINE_MIN
    assert verdict.line_of("recall", [1.0, 1.6]) == pytest.approx(1.6)
