"""The forgetting kernels against what they stand in for, and at the levels of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.kernels.forgetting.protocol import FSRS_DECAY
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.reference import ReferenceBackend
from engram.kernels.zig_backend import ZigBackend
from engram.model.space_settings import FSRS_WEIGHTS
from engram.state import forgetting as model
from engram.testing.kernels.forgetting import curves

if TYPE_CHECKING:
    from engram.kernels.protocol import KernelBackend

DAY = model.NANOSECONDS_PER_DAY


@pytest.mark.parametrize("backend", [ReferenceBackend(), NumpyBackend(), ZigBackend()])
def test_the_fsrs_kernel_is_the_curve_of_the_model(backend: KernelBackend) -> None:
    random = np.random.default_rng(1)
    stability = (10 ** random.uniform(-3, 4, 500)).astype(np.float32)
    reviewed = random.integers(-(10**4) * DAY, DAY, 500)
    own = backend.retrievability_fsrs(0, reviewed, stability)
    assert np.abs(own - model.retrievability(0, reviewed, stability)).max() <= 1e-6
    assert FSRS_WEIGHTS[20] == FSRS_DECAY


def test_levels_with_fused_multiply_add_give_the_same_bits() -> None:
    zig = ZigBackend()
    levels = [level for level in zig.isa_levels if level != "baseline"]
    before = zig.isa
    random = np.random.default_rng(2)
    times = (10 ** random.uniform(-6, 6, 999)).astype(np.float32)
    others = (10 ** random.uniform(-3, 4, 999)).astype(np.float32)
    reviewed = random.integers(-(10**18), 0, 999)
    results = []
    for level in levels:
        zig.select_isa(level)
        results.append([c(zig).tolist() for c in curves(times, others, reviewed, 0).values()])
    zig.select_isa(before)
    assert all(result == results[0] for result in results)


def test_below_avx2_numpy_computes_the_curves() -> None:
    zig = ZigBackend()
    if "baseline" not in zig.isa_levels:
        pytest.skip("this machine has no baseline level of x86")
    before = zig.isa
    times = np.linspace(0, 99, 1000, dtype=np.float32)
    zig.select_isa("baseline")
    own = zig.decay(times, -times)
    zig.select_isa(before)
    assert np.array_equal(own, NumpyBackend().decay(times, -times))


def test_a_stronger_exponent_halves_as_it_should() -> None:
    """(1 + t)^-1 is 1/2 after an hour, and a^(1/2) + (1 - a)^(1/4) at the time constants."""
    zig = ZigBackend()
    hour = np.ones(1, np.float32)
    assert zig.retrievability_power(hour, 1.0)[0] == 0.5
    share = np.full(1, 0.25, np.float32)
    left = zig.retrievability_two_component(hour, share, fast_hours=1.0, slow_hours=0.5)
    assert left[0] == pytest.approx(0.25 * np.exp(-1) + 0.75 * np.exp(-2), abs=1e-6)


def test_columns_the_library_does_not_know_at_sight_give_the_same() -> None:
    """A dtype of its own making is float32 all the same; the library then gets addresses."""
    zig = ZigBackend()
    named = np.dtype(np.float32, metadata={"unit": "days"})
    times, others = np.linspace(0, 90, 333, dtype=np.float32), np.full(333, 7, np.float32)
    reviewed = -(times * 1e14).astype(np.int64)
    odd, out = times.view(named), np.empty(333, named)
    assert odd.dtype is not times.dtype
    assert np.array_equal(zig.decay(odd, -others, out=out), zig.decay(times, -others))
    assert np.array_equal(
        zig.retrievability_exponential(odd, others), zig.retrievability_exponential(times, others)
    )
    assert np.array_equal(
        zig.retrievability_fsrs(0, reviewed, others.view(named), out=out),
        zig.retrievability_fsrs(0, reviewed, others, out=np.empty(333, np.float32)),
    )
