"""How many of the ten nearest rows a search of compressed rows finds, in clustered rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.kernels.zig_backend import ZigBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.arrays import F32, U32

_ROWS, _DIMENSIONS, _K = 20_000, 128, 10
_QUERIES = 100


@pytest.fixture(scope="module")
def rows() -> F32:
    """Give unit rows around a centre for every hundred of them."""
    random = np.random.default_rng(31)
    centres = _unit(random.standard_normal((_ROWS // 100, _DIMENSIONS), np.float32))
    noise = _unit(random.standard_normal((_ROWS, _DIMENSIONS), np.float32))
    return _unit(centres[random.integers(0, len(centres), _ROWS)] + np.float32(0.5) * noise)


@pytest.fixture(scope="module")
def queries(rows: F32) -> F32:
    """Give unit queries, each near a row."""
    random = np.random.default_rng(32)
    noise = _unit(random.standard_normal((_QUERIES, _DIMENSIONS), np.float32))
    return _unit(rows[random.integers(0, _ROWS, _QUERIES)] + np.float32(0.5) * noise)


def test_int8_codes_alone_find_nearly_all(rows: F32, queries: F32) -> None:
    zig = ZigBackend()
    codes, scales = zig.quantize_i8(rows)
    found = _recall_at_10(rows, queries, lambda query: zig.top_k_i8(query, codes, scales, _K)[1])
    assert found >= 0.96


def test_int8_codes_with_four_times_as_many_candidates_find_all(rows: F32, queries: F32) -> None:
    """The first pass gives 4 k rows, of which float32 scores choose k."""
    zig = ZigBackend()
    codes, scales = zig.quantize_i8(rows)

    def search(query: F32) -> U32:
        _, candidates = zig.top_k_i8(query, codes, scales, 4 * _K)
        return zig.rerank_f32(query, rows, candidates, _K)[1]

    assert _recall_at_10(rows, queries, search) >= 0.999


@pytest.mark.parametrize("name", ["f16", "bf16"])
def test_halves_find_nearly_all(name: str, rows: F32, queries: F32) -> None:
    zig = ZigBackend()
    halves, bfloats = rows.astype(np.float16), zig.to_bf16(rows)

    def search(query: F32) -> U32:
        if name == "f16":
            return zig.top_k_f16(query, halves, _K)[1]
        return zig.top_k_bf16(query, bfloats, _K)[1]

    assert _recall_at_10(rows, queries, search) >= 0.99


def test_bits_are_a_first_pass_only(rows: F32, queries: F32) -> None:
    """A sign a dimension keeps most of the nearest ten among the first two hundred."""
    zig = ZigBackend()
    bits = zig.quantize_bits(rows)

    def search(query: F32) -> U32:
        _, candidates = zig.bit_top_k(zig.quantize_bits(query[None])[0], bits, 20 * _K)
        return zig.rerank_f32(query, rows, candidates, _K)[1]

    assert _recall_at_10(rows, queries, search) >= 0.95


def _recall_at_10(rows: F32, queries: F32, search: Callable[[F32], U32]) -> float:
    """Return which share of the ten exactly nearest rows is found, over all queries."""
    found = 0
    for query in queries:
        nearest = np.argpartition(rows @ query, -_K)[-_K:]
        found += len(np.intersect1d(nearest, search(query)))
    return found / (_K * len(queries))


def _unit(vectors: F32) -> F32:
    unit: F32 = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
