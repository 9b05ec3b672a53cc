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

_ONE = np.frombuffer(abi.SKETCH_PART.pack(*_PART), np.uint8)
_ROWS = np.frombuffer(abi.SCORED_ROWS.pack(_AT, _AT, 1), np.uint8)
_NO_ROWS = np.frombuffer(abi.SCORED_ROWS.pack(_AT, 0, 1), np.uint8)
_SCRATCH, _FOUND = np.empty(3, np.float32), np.empty(4, np.int64)


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


def _search(**changed: int) -> int:
    words = {
        "query": _AT, "dimensions": 4, "bits": 128, "parts": address(_ONE), "rows": address(_ROWS),
        "parts_count": 1, "known": 0, "known_count": 0, "sure": 1, "first_count": 1, "groups": 1,
        "scratch": address(_SCRATCH), "scratch_count": 3, "scores": address(_FOUND),
        "numbers": address(_FOUND[1:]), "capacity": 1, "scored": address(_FOUND[2:]), "cancel": 0,
    }  # fmt: skip
    call = abi.SKETCHED_CALL.pack(*(words | changed).values())
    code: int = _LIBRARY.engram_top_k_sketched(call)
    return code


def test_the_boundary_of_the_search_refuses_each_null_and_each_wrong_size() -> None:
    assert _search() == 1
    wrong: list[dict[str, int]] = [
        {name: 0}
        for name in (
            "query", "dimensions", "bits", "parts", "rows", "sure", "first_count", "groups",
            "scratch", "scores", "numbers", "capacity", "scored",
        )
    ]  # fmt: skip
    wrong += [{"bits": 100}, {"bits": 1 << 16}, {"groups": 2}, {"scratch_count": 2}]
    wrong += [{"known_count": 1}, {"rows": address(_NO_ROWS)}]
    for changed in wrong:
        assert _search(**changed) == abi.STATUS_INVALID_ARGUMENT, changed
    assert _LIBRARY.engram_top_k_sketched(None) == abi.STATUS_INVALID_ARGUMENT
    assert _search(parts_count=0) == 0


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
