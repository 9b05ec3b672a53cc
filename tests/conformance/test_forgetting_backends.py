"""The forgetting curves of numpy and Zig differ from the reference by rounding only."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.testing.kernels import forgetting

FLOATS = st.floats(width=32)
TIMES = st.integers(-(2**63), 2**63 - 1)


@given(data=st.data(), n=st.integers(0, 130), now=TIMES)
def test_any_columns_give_the_curves_of_the_reference(
    *, data: st.DataObject, n: int, now: int
) -> None:
    values = data.draw(arrays.arrays(np.float32, n, elements=FLOATS))
    others = data.draw(arrays.arrays(np.float32, n, elements=FLOATS))
    reviewed_at = data.draw(arrays.arrays(np.int64, n, elements=TIMES))
    for backend in (NumpyBackend(), ZigBackend()):
        forgetting.check_against_reference(backend, values, others, reviewed_at, now)


@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(-10, 10),
    n=st.integers(1, 130),
)
def test_usual_columns_give_the_curves_of_the_reference(*, seed: int, scale: float, n: int) -> None:
    random = np.random.default_rng(seed)
    times = (10**scale * random.random(n)).astype(np.float32)
    stability = (10 ** random.uniform(-3, 4, n)).astype(np.float32)
    reviewed_at = random.integers(-(10**18), 10**18, n)
    for backend in (NumpyBackend(), ZigBackend()):
        forgetting.check_against_reference(backend, times, stability, reviewed_at, 10**18)
        rates = np.float32(-1) / stability
        near = backend.decay(times, rates) - np.exp(times.astype(np.float64) * rates)
        assert np.abs(near).max() <= forgetting.TOLERANCE


@given(
    first=st.floats(0, 1e9, width=32),
    later=st.floats(0, 1e9, width=32),
    stability=st.floats(2.0**-20, 2.0**20, width=32),
)
def test_time_never_raises_what_is_left(*, first: float, later: float, stability: float) -> None:
    times = np.array(sorted((first, later)), np.float32)
    reviewed_at = -(times.astype(np.float64) * 1e9).astype(np.int64)
    stabilities = np.full(2, stability, np.float32)
    for name, curve in forgetting.curves(times, stabilities, reviewed_at, 0).items():
        if name != "decay":  # stabilities are no rates
            before, after = curve(ZigBackend()).tolist()
            assert after <= before
    before, after = ZigBackend().decay(times, -stabilities).tolist()
    assert after <= before
