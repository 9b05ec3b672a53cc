"""The curves a space can choose: their values, their shape, and that kernels compute the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.kernels.numpy_backend import NumpyBackend
from engram.model.errors import InvalidRequest
from engram.model.space_settings import (
    BETA,
    FAST_HOURS,
    FAST_SHARE,
    FORGETTING_MODELS,
    SLOW_HOURS,
    SpaceSettings,
    check_settings,
)
from engram.retrieval.strength import retrievability
from engram.state.forgetting import NANOSECONDS_PER_DAY, strength_left
from engram.state.reading import ACCESSES

HOUR = NANOSECONDS_PER_DAY // 24
# Hours and what relearning saved, Ebbinghaus 1885, chapter 7.
EBBINGHAUS = np.array(
    [(1 / 3, 0.58), (1, 0.44), (9, 0.36), (24, 0.33), (48, 0.28), (144, 0.25), (744, 0.21)]
)
SETTINGS = [SpaceSettings(forgetting=model) for model in FORGETTING_MODELS]
NAMES = pytest.mark.parametrize("settings", SETTINGS, ids=FORGETTING_MODELS)


def left(settings: SpaceSettings, hours: list[float], accesses: int = 0) -> list[float]:
    reviewed = np.array([-round(each * HOUR) for each in hours], np.int64)
    stability = np.full(len(hours), 2.3065, np.float32)
    counts = np.full(len(hours), accesses, np.uint32)
    found: list[float] = strength_left(settings, 0, reviewed, stability, counts).tolist()
    return found


@NAMES
@given(hours=st.lists(st.floats(0, 1e6), min_size=2, max_size=8))
def test_time_never_raises_what_is_left(settings: SpaceSettings, hours: list[float]) -> None:
    curve = left(settings, sorted(hours))
    assert all(0 <= later <= earlier <= 1 for earlier, later in pairwise(curve))


@NAMES
def test_a_moment_more_changes_little(settings: SpaceSettings) -> None:
    hours = np.geomspace(1e-3, 1e5, 2_000)
    curve = np.array(left(settings, hours.tolist()))
    assert np.abs(np.diff(curve)).max() < 0.01


@pytest.mark.parametrize("model", ["fsrs", "exponential"])
def test_after_stability_days_nine_tenths_are_left(model: str) -> None:
    (share,) = left(SpaceSettings(forgetting=model), [24 * 2.3065])
    assert share == pytest.approx(0.9, abs=1e-6)


def test_the_savings_curve_stays_near_what_ebbinghaus_measured() -> None:
    curve = left(SpaceSettings(forgetting="savings"), EBBINGHAUS[:, 0].tolist())
    errors = np.abs(np.array(curve) - EBBINGHAUS[:, 1])
    assert errors.mean() <= 0.03
    assert errors.max() <= 0.06


def test_the_default_exponent_of_the_power_law_is_its_fit_to_ebbinghaus() -> None:
    betas = np.linspace(0.05, 1.5, 1_451)
    errors = (1 + EBBINGHAUS[:, :1]) ** -betas - EBBINGHAUS[:, 1:]
    assert betas[(errors**2).sum(axis=0).argmin()] == pytest.approx(BETA, abs=0.005)


def test_the_default_components_are_their_fit_to_ebbinghaus() -> None:
    hours, saved = EBBINGHAUS.T

    def error(fast: float, slow: float, share: float) -> float:
        fitted = share * np.exp(-hours / fast) + (1 - share) * np.exp(-hours / slow)
        return float(((fitted - saved) ** 2).sum())

    best = error(FAST_HOURS, SLOW_HOURS, FAST_SHARE)
    around = (0.9, 0.95, 1.0, 1.05, 1.1)
    others = [error(FAST_HOURS * a, SLOW_HOURS * b, FAST_SHARE) for a in around for b in around]
    others += [error(FAST_HOURS, SLOW_HOURS, FAST_SHARE + d) for d in (-0.03, 0.03)]
    assert best <= min(others) + 1e-4


def test_of_two_components_the_one_that_stays_grows_with_accesses() -> None:
    settings = SpaceSettings(forgetting="two_component")
    curve = [left(settings, [24.0], accesses)[0] for accesses in (0, 1, 5, 100)]
    assert curve == sorted(curve)
    assert curve[0] < curve[-1]


@NAMES
def test_kernels_compute_what_single_memories_show(settings: SpaceSettings) -> None:
    chance = np.random.default_rng(1)
    reviewed = -(chance.random(300) * 2_000 * HOUR).astype(np.int64)
    stability = chance.uniform(0.1, 100, 300).astype(np.float32)
    counts = chance.integers(1, 9, 300).astype(np.uint32)
    records = np.zeros(300, [("reviewed_at", "i8"), ("stability_days", "f4"), (ACCESSES, "u4")])
    records["reviewed_at"], records["stability_days"] = reviewed, stability
    records[ACCESSES] = counts
    out = retrievability(NumpyBackend(), settings, records, 0, np.empty(300, np.float32))
    expected = strength_left(settings, 0, reviewed, stability, counts)
    assert out == pytest.approx(expected, abs=2e-6)


def test_settings_that_break_a_rule_are_all_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_settings({"forgetting": "never", "beta": -1, "weights": [1.0], "interference": 1})  # type: ignore[typeddict-item]
    assert len(caught.value.violations) == 4
    assert "fsrs, exponential" in str(caught.value)


def test_a_weight_out_of_the_bounds_of_the_reference_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"weights\[20\] is 0.9; it must be a number from 0.1"):
        check_settings({"weights": [*SpaceSettings().weights[:20], 0.9]})
