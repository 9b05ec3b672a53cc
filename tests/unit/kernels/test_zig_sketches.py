from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path, load_library
from engram.testing.kernels.sketches import check_sketches_against_reference, random_parts

_LIBRARY = load_library(library_path())
_SPACE = np.zeros(256, np.float32)  # zeros of any type, long enough for one row
_AT = address(_SPACE)
_PART = (_AT, _AT, _AT, _AT, 0, 1, 0, 0.0, 0.0, 0)


def _call(part: tuple[int | float, ...], *rest: int | None) -> int:
    code: int = _LIBRARY.engram_top_k_sketches(abi.SKETCH_PART.pack(*part), *rest)
    return code


def test_the_boundary_refuses_each_null_and_each_wrong_size() -> None:
    assert _call(_PART, 1, 128, _AT, _AT, 1, None) == 1
    for position in range(4):
        part = list(_PART)
        part[position] = 0
        assert _call(tuple(part), 1, 128, _AT, _AT, 1, None) == abi.STATUS_INVALID_ARGUMENT
    wrong: list[tuple[int | None, ...]] = [
        (1, 0, _AT, _AT, 1, None),
        (1, 100, _AT, _AT, 1, None),
        (1, 1 << 16, _AT, _AT, 1, None),
        (1, 128, None, _AT, 1, None),
        (1, 128, _AT, None, 1, None),
        (1, 128, _AT, _AT, 0, None),
    ]
    for rest in wrong:
        assert _call(_PART, *rest) == abi.STATUS_INVALID_ARGUMENT
    null = _LIBRARY.engram_top_k_sketches(None, 1, 128, _AT, _AT, 1, None)
    assert null == abi.STATUS_INVALID_ARGUMENT
    assert _call(_PART, 0, 128, _AT, _AT, 1, None) == 0
    assert _call((*_PART[:5], 0, *_PART[6:]), 1, 128, _AT, _AT, 1, None) == 0


def test_the_boundary_of_bounds_refuses_each_null_and_each_wrong_size() -> None:
    part = abi.SKETCH_PART.pack(*_PART)
    assert _LIBRARY.engram_bound_sketches(part, 128, _AT, None) == 0
    for position in range(4):
        odd = abi.SKETCH_PART.pack(*_PART[:position], 0, *_PART[position + 1 :])
        assert _LIBRARY.engram_bound_sketches(odd, 128, _AT, None) == abi.STATUS_INVALID_ARGUMENT
    for arguments in (
        (None, 128, _AT, None),
        (part, 0, _AT, None),
        (part, 100, _AT, None),
        (part, 1 << 16, _AT, None),
        (part, 128, None, None),
    ):
        assert _LIBRARY.engram_bound_sketches(*arguments) == abi.STATUS_INVALID_ARGUMENT
    empty = abi.SKETCH_PART.pack(*_PART[:5], 0, *_PART[6:])
    assert _LIBRARY.engram_bound_sketches(empty, 128, None, None) == 0


@pytest.mark.parametrize("backend", [NumpyBackend(), ZigBackend()], ids=["numpy", "zig"])
@settings(deadline=None)  # the reference is slow
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.lists(st.integers(0, 20), max_size=3),
    d=st.integers(1, 130),
    k=st.integers(1, 30),
    masked=st.booleans(),
)
def test_estimates_are_the_reference_to_the_last_bit(
    *,
    backend: NumpyBackend | ZigBackend,
    seed: int,
    counts: list[int],
    d: int,
    k: int,
    masked: bool,
) -> None:
    parts = random_parts(np.random.default_rng(seed), counts, d, masked=masked)
    check_sketches_against_reference(backend, parts, k)
