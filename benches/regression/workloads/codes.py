"""Workloads over rows of 16-bit floats, int8 codes and bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from benches.regression.corpus import unit_rows
from benches.regression.workloads.workload import Call, Workload
from engram.kernels.numpy_backend import NumpyBackend

_N, _D = 1_000, 384
_ELEMENTS: Final = _N * _D
_CANDIDATES = 400
_BIT_ROWS, _BIT_BYTES = 10_000, 48
_QUANTIZED = 500 * _D
_numpy: Final = NumpyBackend()


def _f16() -> Call:
    rows = unit_rows(_N, _D)
    query, halves = rows[3].copy(), rows.astype(np.float16)
    return lambda kernels: kernels.top_k_f16(query, halves, 10)


def _bf16() -> Call:
    rows = unit_rows(_N, _D)
    query, halves = rows[3].copy(), _numpy.to_bf16(rows)
    return lambda kernels: kernels.top_k_bf16(query, halves, 10)


def _i8() -> Call:
    rows = unit_rows(_N, _D)
    query = rows[3].copy()
    codes, scales = _numpy.quantize_i8(rows)
    return lambda kernels: kernels.top_k_i8(query, codes, scales, 40)


def _rerank() -> Call:
    rows = unit_rows(500, _D)
    candidates = np.random.default_rng(7).choice(500, _CANDIDATES, replace=False).astype(np.uint32)
    return lambda kernels: kernels.rerank_f32(rows[3], rows, candidates, 10)


def _bits() -> Call:
    codes = np.random.default_rng(7).integers(0, 256, (_BIT_ROWS, _BIT_BYTES), np.uint8)
    return lambda kernels: kernels.bit_top_k(codes[3], codes, 40)


def _to_bf16() -> Call:
    rows = unit_rows(500, _D)
    return lambda kernels: kernels.to_bf16(rows)


def _quantize_i8() -> Call:
    rows = unit_rows(500, _D)
    return lambda kernels: kernels.quantize_i8(rows)


def _quantize_bits() -> Call:
    rows = unit_rows(500, _D)
    return lambda kernels: kernels.quantize_bits(rows)


def _scan(name: str, prepare: Callable[[], Call], bytes_each: int) -> Workload:
    return Workload(f"{name}.{_N}x{_D}", prepare, bytes_each * _ELEMENTS, 2 * _ELEMENTS)


WORKLOADS: Final = (
    _scan("top_k_f16", _f16, 2),
    _scan("top_k_bf16", _bf16, 2),
    _scan("top_k_i8", _i8, 1),
    Workload(f"rerank_f32.{_CANDIDATES}x{_D}", _rerank, _CANDIDATES * _D * 4, 2 * _CANDIDATES * _D),
    Workload(f"bit_top_k.{_BIT_ROWS}x{_D}", _bits, _BIT_ROWS * _BIT_BYTES, 0),
    Workload(f"to_bf16.500x{_D}", _to_bf16, _QUANTIZED * 6, 0),
    Workload(f"quantize_i8.500x{_D}", _quantize_i8, _QUANTIZED * 5, 0),
    Workload(f"quantize_bits.500x{_D}", _quantize_bits, _QUANTIZED * 4 + _QUANTIZED // 8, 0),
)
