"""Checks kernel arguments once a call, before an address is taken; one sentence a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engram.kernels.codes.protocol import BIT_ROW_BYTES_MAX, I8_DIMENSIONS_MAX
from engram.kernels.violations import array_violations, k_violations
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I8, U8, U32

_FLOAT16 = np.dtype(np.float16)
_FLOAT32 = np.dtype(np.float32)
_INT8 = np.dtype(np.int8)
_UINT8 = np.dtype(np.uint8)
_UINT16 = np.dtype(np.uint16)
_UINT32 = np.dtype(np.uint32)
_ROWS_MAX = 2**32 - 1  # row numbers are uint32
_AXES_OF_ROWS = 2


def check_top_k_f16(
    query: F32, rows: NDArray[np.float16], k: int, inv_norms: F32 | None, mask: U8 | None
) -> None:
    """Raise InvalidRequest that lists every argument of `top_k_f16` that breaks its contract."""
    names = ("query", "rows", "inv_norms")
    if not _is_plain(query, rows, _FLOAT32, _FLOAT16, k) or not _are_extras(rows, inv_norms, mask):
        _refuse(names, (query, rows, inv_norms), (_FLOAT32, _FLOAT16, _FLOAT32), k, mask)


def check_top_k_bf16(
    query: F32, rows: NDArray[np.uint16], k: int, inv_norms: F32 | None, mask: U8 | None
) -> None:
    """Raise InvalidRequest that lists every argument of `top_k_bf16` that breaks its contract."""
    names = ("query", "rows", "inv_norms")
    if not _is_plain(query, rows, _FLOAT32, _UINT16, k) or not _are_extras(rows, inv_norms, mask):
        _refuse(names, (query, rows, inv_norms), (_FLOAT32, _UINT16, _FLOAT32), k, mask)


def check_top_k_i8(query: F32, codes: I8, scales: F32, k: int, mask: U8 | None) -> None:
    """Raise InvalidRequest that lists every argument of `top_k_i8` that breaks its contract."""
    if (
        not _is_plain(query, codes, _FLOAT32, _INT8, k)
        or type(scales) is not np.ndarray
        or not _are_extras(codes, scales, mask)
    ):
        names = ("query", "codes", "scales")
        _refuse(names, (query, codes, scales), (_FLOAT32, _INT8, _FLOAT32), k, mask, needed=True)
    if len(query) > I8_DIMENSIONS_MAX:
        sentence = f"codes must have at most {I8_DIMENSIONS_MAX} dimensions, not {len(query)}"
        raise InvalidRequest(sentence)


def check_bit_top_k(query_bits: U8, codes: U8, k: int, mask: U8 | None) -> None:
    """Raise InvalidRequest that lists every argument of `bit_top_k` that breaks its contract."""
    if not _is_plain(query_bits, codes, _UINT8, _UINT8, k) or not _are_extras(codes, None, mask):
        names = ("query_bits", "codes", "")
        _refuse(names, (query_bits, codes, None), (_UINT8, _UINT8, _UINT8), k, mask)
    if len(query_bits) > BIT_ROW_BYTES_MAX:
        sentence = f"codes must have at most {BIT_ROW_BYTES_MAX} bytes a row, not {len(query_bits)}"
        raise InvalidRequest(sentence)


def check_rerank(query: F32, rows: F32, candidates: U32, k: int, inv_norms: F32 | None) -> None:
    """Raise InvalidRequest for what breaks the contract of `rerank_f32`, but for row numbers."""
    if (
        not _is_plain(query, rows, _FLOAT32, _FLOAT32, k)
        or not _are_extras(rows, inv_norms, None)
        or type(candidates) is not np.ndarray
        or candidates.dtype is not _UINT32
        or candidates.ndim != 1
        or not candidates.flags.c_contiguous
    ):
        violations = array_violations("candidates", candidates, 1, _UINT32)
        names = ("query", "rows", "inv_norms")
        dtypes = (_FLOAT32, _FLOAT32, _FLOAT32)
        _refuse(names, (query, rows, inv_norms), dtypes, k, None, found=violations)


def check_candidates(candidates: U32, rows_count: int) -> None:
    """Raise InvalidRequest when one of the candidates is no row."""
    if len(candidates) and int(candidates.max()) >= rows_count:
        sentence = f"candidates name row {int(candidates.max())} but there are {rows_count} rows"
        raise InvalidRequest(sentence)


def check_float_rows(rows: F32) -> None:
    """Raise InvalidRequest unless `rows` is C-contiguous float32[n, d], 1 <= d."""
    violations = array_violations("rows", rows, _AXES_OF_ROWS, _FLOAT32)
    if not violations and rows.shape[1] == 0:
        violations = ["rows must have 1 dimension or more, not 0"]
    if violations:
        raise InvalidRequest(*violations)


def _is_plain(
    query: NDArray[Any],
    rows: NDArray[Any],
    query_dtype: np.dtype[Any],
    rows_dtype: np.dtype[Any],
    k: int,
) -> bool:
    """Whether nothing is wrong with what every call has, at a tenth of the cost of saying what."""
    return (
        type(query) is type(rows) is np.ndarray
        and query.dtype is query_dtype
        and rows.dtype is rows_dtype
        and query.ndim == 1
        and rows.ndim == _AXES_OF_ROWS
        and type(k) is int
        and k >= 1
        and 0 < len(query) == rows.shape[1]
        and len(rows) <= _ROWS_MAX
        and query.flags.c_contiguous
        and rows.flags.c_contiguous
    )


def _are_extras(rows: NDArray[Any], factors: F32 | None, mask: U8 | None) -> bool:
    return (
        factors is None
        or (
            type(factors) is np.ndarray
            and factors.dtype is _FLOAT32
            and factors.shape == (len(rows),)
            and factors.flags.c_contiguous
        )
    ) and (
        mask is None
        or (
            type(mask) is np.ndarray
            and mask.dtype is _UINT8
            and mask.shape == ((len(rows) + 7) // 8,)
            and mask.flags.c_contiguous
        )
    )


def _refuse(
    names: tuple[str, str, str],
    arrays: tuple[object, object, object],
    dtypes: tuple[np.dtype[Any], np.dtype[Any], np.dtype[Any]],
    k: object,
    mask: object,
    *,
    needed: bool = False,
    found: Sequence[str] = (),
) -> None:
    """Raise InvalidRequest naming what is wrong with a query, rows, a factor a row, k and mask."""
    violations = [*found, *array_violations(names[0], arrays[0], 1, dtypes[0])]
    violations += array_violations(names[1], arrays[1], _AXES_OF_ROWS, dtypes[1])
    if needed or arrays[2] is not None:
        violations += array_violations(names[2], arrays[2], 1, dtypes[2])
    if mask is not None:
        violations += array_violations("mask", mask, 1, _UINT8)
    violations += k_violations(k)
    if not violations:
        violations = _shape_violations(names, arrays, mask)
    if violations:
        raise InvalidRequest(*violations)


def _shape_violations(names: tuple[str, str, str], arrays: Any, mask: Any) -> list[str]:
    query, rows, factors = arrays
    n, width = rows.shape
    violations = []
    if width == 0:
        violations.append(f"{names[1]} must have 1 column or more, not 0")
    if len(query) != width:
        violations.append(f"{names[0]} has {len(query)} elements but {names[1]} have {width}")
    if n > _ROWS_MAX:
        violations.append(f"{names[1]} must be at most {_ROWS_MAX}, not {n}")
    if factors is not None and len(factors) != n:
        violations.append(f"{names[2]} has {len(factors)} elements but there are {n} rows")
    if mask is not None and len(mask) != (n + 7) // 8:
        violations.append(f"mask has {len(mask)} bytes but {n} rows need {(n + 7) // 8}")
    return violations
