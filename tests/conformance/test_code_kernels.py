"""Compressed rows of any kind give the reference's answer on every backend."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.testing.kernels import codes

_SPECIAL = (0.0, 1e-45, 1e-38, 3e38, np.inf, -np.inf, np.nan)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 70),
    d=st.integers(1, 200),
    k=st.integers(1, 100),
    exponent=st.integers(-38, 38),
    specials=st.integers(0, 9),
    masked=st.booleans(),
)
def test_codes_are_the_reference_to_the_last_bit(
    *, seed: int, n: int, d: int, k: int, exponent: int, specials: int, masked: bool
) -> None:
    """Random matrices of any scale, with repeated rows and odd numbers, give the same bits."""
    random = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        rows = random.standard_normal((n, d), dtype=np.float32) * np.float32(10.0**exponent)
    if n:
        for value in random.choice(_SPECIAL, specials):
            rows[random.integers(n), random.integers(d)] = value
        rows = rows[random.integers(0, n, n)]
    query = random.standard_normal(d, dtype=np.float32)
    mask = np.packbits(random.random(n) < random.random(), bitorder="little") if masked else None
    for backend in (NumpyBackend(), ZigBackend()):
        codes.check_codes_against_reference(backend, query, rows, k, mask)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 70),
    d=st.integers(1, 200),
    k=st.integers(1, 100),
    exponent=st.integers(-9, 4),
    cosine=st.booleans(),
    masked=st.booleans(),
)
def test_halves_differ_from_the_reference_by_rounding_only(
    *, seed: int, n: int, d: int, k: int, exponent: int, cosine: bool, masked: bool
) -> None:
    """16-bit rows of any scale, with repeated rows, score as the reference says."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n, d), dtype=np.float32) * np.float32(10.0**exponent)
    if n:
        rows = rows[random.integers(0, n, n)]
    query = random.standard_normal(d, dtype=np.float32)
    mask = np.packbits(random.random(n) < random.random(), bitorder="little") if masked else None
    for backend in (NumpyBackend(), ZigBackend()):
        inv_norms = backend.normalize_f32(rows) if cosine else None
        codes.check_half_against_reference(backend, query, rows, k, inv_norms, mask)
