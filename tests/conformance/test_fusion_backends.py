"""Score fusion of numpy and Zig differs from the reference by rounding only."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.testing.kernels import fusion


@given(
    seed=st.integers(0, 2**32 - 1),
    p=st.integers(1, 8),
    shares=st.integers(0, 8),
    n=st.integers(0, 130),
    k=st.integers(1, 140),
    levels=st.integers(1, 50),
)
def test_any_parts_give_the_scores_of_the_reference(
    *, seed: int, p: int, shares: int, n: int, k: int, levels: int
) -> None:
    """Few levels make ties, many make none; some floors are absent."""
    random = np.random.default_rng(seed)
    parts = (random.integers(0, levels, (p, n)) / levels).astype(np.float32)
    weights = random.random(p, dtype=np.float32)
    floors = (random.random(min(shares, p)) * 0.8).astype(np.float32)
    floors[random.random(len(floors)) < 0.3] = np.nan
    for backend in (NumpyBackend(), ZigBackend()):
        fusion.check_against_reference(backend, parts, weights, floors, k)
