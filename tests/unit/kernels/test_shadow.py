"""The shadow: a wrong kernel is caught, counted and logged, and no answer is ever changed."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from engram.kernels import selection
from engram.kernels.cancel import CancelFlag
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.records.columns import Column, PagedColumns
from engram.kernels.shadow import COPY_BYTES_MAX, QUEUE_COUNT_MAX, ShadowBackend, kernel_names
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import InvalidRequest, KernelCancelled
from engram.testing.kernels.suite import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.arrays import F32, U32
    from engram.kernels.protocol import KernelBackend

ROWS = np.random.default_rng(1).standard_normal((40, 12), dtype=np.float32)
QUERY = ROWS[3] / np.linalg.norm(ROWS[3])


class Wrong(NumpyBackend):
    """The numpy kernels, one answer bent a little."""

    def __init__(self, bend: Callable[[F32, U32], tuple[F32, U32]]) -> None:
        self._bend = bend

    def top_k_f32(self, *arguments: Any, **named: Any) -> tuple[F32, U32]:
        """Answer wrongly."""
        return self._bend(*super().top_k_f32(*arguments, **named))


def shadow_of(primary: KernelBackend, share: float = 1.0) -> ShadowBackend:
    return ShadowBackend(primary, NumpyBackend(), share)


def kernels_of(shadow: ShadowBackend) -> KernelBackend:
    """Return the shadow as what it stands for."""
    return cast("KernelBackend", shadow)


def test_a_sound_backend_differs_nowhere() -> None:
    shadow = shadow_of(ZigBackend())
    for k in range(1, 41):
        kernels_of(shadow).top_k_f32(QUERY, ROWS, k)
        shadow.wait_checked()
    stats = shadow.stats()
    assert (stats.calls, stats.sampled, stats.checked, stats.differences) == (40, 40, 40, 0)
    assert stats.by_kernel == {"top_k_f32": (40, 0)}


@pytest.mark.parametrize(
    "bend",
    [
        lambda scores, rows: (scores + np.float32(1e-3), rows),
        lambda scores, rows: (scores, rows[::-1].copy()),
        lambda scores, rows: (scores[:-1], rows[:-1]),
        lambda scores, rows: (scores, np.full_like(rows, rows[0])),
        lambda scores, rows: (scores, np.append(rows[:-1], np.uint32(39))),
        lambda scores, rows: (scores * np.float32(np.nan), rows),
        lambda scores, rows: (scores.astype(np.float64), rows),
    ],
    ids=["scores", "order", "too few", "one row twice", "another row", "NaN", "dtype"],
)
def test_a_wrong_answer_is_caught_counted_and_logged_and_still_given(
    bend: Callable[[F32, U32], tuple[F32, U32]], caplog: pytest.LogCaptureFixture
) -> None:
    wrong = Wrong(bend)
    shadow = shadow_of(wrong)
    with caplog.at_level(logging.WARNING, "engram.kernels"):
        answer = kernels_of(shadow).top_k_f32(QUERY, ROWS, 5)
        shadow.wait_checked()
    stats = shadow.stats()
    assert (stats.checked, stats.differences) == (1, 1)
    assert stats.by_kernel == {"top_k_f32": (1, 1)}
    (record,) = caplog.records
    assert "kernel top_k_f32 of numpy" in record.getMessage()
    assert "rows float32[40, 12], k 5" in record.getMessage()
    for given, own in zip(answer, wrong.top_k_f32(QUERY, ROWS, 5), strict=True):
        assert np.array_equal(given, own, equal_nan=True)


def test_a_wrong_field_of_a_record_is_caught() -> None:
    class Bent(NumpyBackend):
        def gather_records(self, columns: PagedColumns, rows: U32) -> Any:
            records = super().gather_records(columns, rows)
            records["b"][1] += 1
            return records

    fields = [("a", np.arange(4, dtype=np.uint32)), ("b", np.full(4, np.nan, np.float32))]
    fields[1][1][2] = 7
    columns = PagedColumns([Column(n, v.dtype.str, (v,), 4) for n, v in fields], 4)
    for primary, differences in ((ZigBackend(), 0), (Bent(), 1)):
        shadow = shadow_of(primary)
        kernels_of(shadow).gather_records(columns, np.array([0, 2, 3], np.uint32))
        shadow.wait_checked()
        assert shadow.stats().by_kernel == {"gather_records": (1, differences)}


def test_near_ties_may_change_places() -> None:
    rows = np.ones((6, 4), np.float32)
    rows[2:4] *= np.float32(1 + 3e-7)

    def swap(scores: F32, numbers: U32) -> tuple[F32, U32]:
        return scores, numbers[[1, 0, *range(2, len(numbers))]]

    shadow = shadow_of(Wrong(swap))
    kernels_of(shadow).top_k_f32(np.full(4, 0.5, np.float32), rows, 4)
    shadow.wait_checked()
    assert shadow.stats()[2:4] == (1, 0)


def test_a_flood_of_differences_is_not_a_flood_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    shadow = shadow_of(Wrong(lambda scores, rows: (-scores, rows)))
    with caplog.at_level(logging.WARNING, "engram.kernels"):
        for _ in range(40):
            kernels_of(shadow).top_k_f32(QUERY, ROWS, 2)
            shadow.wait_checked()
    assert shadow.stats().differences == 40
    assert len(caplog.records) == 12, "ten, the 16th and the 32nd"


def test_one_call_in_n_of_each_kernel_is_checked_the_first_of_all() -> None:
    shadow = shadow_of(ZigBackend(), 0.25)
    for _ in range(9):
        kernels_of(shadow).top_k_f32(QUERY, ROWS, 2)
    kernels_of(shadow).normalize_f32(ROWS)
    shadow.wait_checked()
    assert (shadow.stats().calls, shadow.stats().one_in) == (10, 4)
    assert shadow.stats().by_kernel == {"normalize_f32": (1, 0), "top_k_f32": (3, 0)}


class Waiting(NumpyBackend):
    """A judge that takes its time."""

    def __init__(self) -> None:
        self.may_go = threading.Event()

    def normalize_f32(self, rows: F32) -> F32:
        """Wait; then answer."""
        assert self.may_go.wait(10)
        return super().normalize_f32(rows)


def test_a_full_queue_skips_samples_and_says_how_many() -> None:
    judge = Waiting()
    shadow = ShadowBackend(ZigBackend(), judge, 1.0)
    for _ in range(QUEUE_COUNT_MAX + 5):
        kernels_of(shadow).normalize_f32(ROWS)
    judge.may_go.set()
    shadow.wait_checked()
    stats = shadow.stats()
    assert stats.sampled == QUEUE_COUNT_MAX + 5
    assert stats.checked in (QUEUE_COUNT_MAX, QUEUE_COUNT_MAX + 1), "one may be at work already"
    assert stats.checked + stats.skipped == stats.sampled


def test_a_small_argument_may_be_written_to_after_the_call() -> None:
    judge = Waiting()
    shadow = ShadowBackend(ZigBackend(), judge, 1.0)
    rows = ROWS.copy()
    kernels_of(shadow).normalize_f32(rows)
    rows[:] = 7
    judge.may_go.set()
    shadow.wait_checked()
    assert shadow.stats()[2:6] == (1, 0, 0, 0)


def test_a_large_argument_that_was_written_to_is_no_difference() -> None:
    judge = Waiting()
    shadow = ShadowBackend(ZigBackend(), judge, 1.0)
    rows = np.ones((COPY_BYTES_MAX // 16 + 1, 4), np.float32)
    kernels_of(shadow).normalize_f32(rows)
    rows[:] = 7
    judge.may_go.set()
    shadow.wait_checked()
    stats = shadow.stats()
    assert (stats.checked, stats.differences, stats.changed) == (0, 0, 1)


class Failing(NumpyBackend):
    """A judge that cannot judge."""

    def normalize_f32(self, rows: F32) -> F32:
        """Run out of memory."""
        raise MemoryError(len(rows))


def test_a_judge_that_fails_is_counted_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shadow = ShadowBackend(ZigBackend(), Failing(), 1.0)
    with caplog.at_level(logging.WARNING, "engram.kernels"):
        answer = kernels_of(shadow).normalize_f32(ROWS)
        shadow.wait_checked()
    assert np.array_equal(answer, ZigBackend().normalize_f32(ROWS))
    assert (shadow.stats().checked, shadow.stats().skipped) == (0, 1)
    assert "no answer is affected" in caplog.text


def test_errors_of_the_call_reach_the_caller_and_are_no_samples() -> None:
    shadow = shadow_of(ZigBackend())
    with pytest.raises(InvalidRequest):
        kernels_of(shadow).top_k_f32(QUERY, ROWS, 0)
    with pytest.raises(KernelCancelled):
        kernels_of(shadow).top_k_f32(QUERY, ROWS, 1, cancel=CancelFlag().set())
    with pytest.raises(TypeError):
        kernels_of(shadow).top_k_f32(QUERY)  # type: ignore[call-arg]
    shadow.wait_checked()
    assert shadow.stats().checked == 0


def test_the_check_is_not_stopped_with_the_call() -> None:
    flag = CancelFlag()
    shadow = shadow_of(ZigBackend())
    kernels_of(shadow).top_k_f32(QUERY, ROWS, 1, cancel=flag)
    flag.set()
    shadow.wait_checked()
    assert shadow.stats().checked == 1


def test_what_is_no_kernel_is_the_primarys() -> None:
    zig = ZigBackend()
    shadow = shadow_of(zig)
    assert (shadow.name, shadow.isa, shadow.isa_levels) == ("shadow", zig.isa, zig.isa_levels)


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="share of 0"):
        shadow_of(ZigBackend(), 0)


def test_selection_gives_one_shadow_a_share_and_lists_its_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "_shadows", {})
    backend = selection.select_backend("shadow", shadow_share=0.5)
    assert backend is selection.select_backend("shadow", shadow_share=0.5)
    before = selection.shadow_stats()
    assert [stats.one_in for stats in before] == [2]
    backend.normalize_f32(ROWS)
    assert selection.shadow_stats()[0].calls == before[0].calls + 1


def test_every_kernel_of_the_suite_passes_under_the_shadow_and_none_differs() -> None:
    """The whole suite, its extremes included: no false alarm, and no kernel unwatched."""
    shadow = shadow_of(ZigBackend())
    for check in CHECKS:
        check(kernels_of(shadow))
        shadow.wait_checked()
    assert shadow.stats().differences == 0
    assert set(shadow.stats().by_kernel) == set(kernel_names())
