"""Checks kernel arguments once a call, before an address is taken; one sentence a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.violations import array_violations, k_violations
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.vectors.protocol import Page

_ARRAY = np.ndarray
_FLOAT32 = np.dtype(np.float32)
_UINT8 = np.dtype(np.uint8)
_UINT32 = np.dtype(np.uint32)
_ROWS_MAX = 2**32 - 1  # row numbers are uint32


def check_top_k(query: F32, rows: F32, k: int, inv_norms: F32 | None, mask: U8 | None) -> None:
    """Raise InvalidRequest that lists every argument of `top_k_f32` that breaks its contract."""
    if are_common(query, 1, rows, inv_norms, mask) and type(k) is int and k >= 1:
        return
    _refuse(("query", query, 1), rows, inv_norms, mask, k=k)


def check_top_k_many(
    queries: F32, rows: F32, k: int, inv_norms: F32 | None, mask: U8 | None
) -> None:
    """Raise InvalidRequest that lists every argument of `top_k_many_f32` that is wrong."""
    if are_common(queries, 2, rows, inv_norms, mask) and type(k) is int and k >= 1:
        return
    _refuse(("queries", queries, 2), rows, inv_norms, mask, k=k)


def check_similarity(query: F32, rows: F32, inv_norms: F32 | None, out: F32 | None) -> None:
    """Raise InvalidRequest that lists every argument of `similarity_f32` that is wrong."""
    if are_common(query, 1, rows, inv_norms, None) and (
        out is None or (_is_vector(out, _FLOAT32, len(rows)) and out.flags.writeable)
    ):
        return
    _refuse(("query", query, 1), rows, inv_norms, None, out=out)


def check_similarity_at(query: F32, pages: Sequence[Page], page_rows: int, numbers: U32) -> None:
    """Raise InvalidRequest that lists every argument of `similarity_at_f32` that is wrong.

    Whether each number is in a page is not looked at (`refuse_numbers`).
    """
    if (
        all(are_common(query, 1, rows, inv_norms, None) for rows, inv_norms in pages)
        and all(len(rows) == page_rows for rows, _ in pages[:-1])
        and type(page_rows) is int
        and page_rows >= 1
        and type(numbers) is _ARRAY
        and numbers.dtype is _UINT32
        and numbers.ndim == 1
        and numbers.flags.c_contiguous
    ):
        return
    violations = array_violations("numbers", numbers, 1, _UINT32)
    if type(page_rows) is not int or page_rows < 1:
        violations.append(f"page_rows must be a count of 1 or more, not {page_rows!r}")
    for number, (rows, _) in enumerate(pages[:-1]):
        if not violations and len(rows) != page_rows:
            violations.append(f"page {number} has {len(rows)} rows, not page_rows, {page_rows}")
    if violations:
        raise InvalidRequest(*violations)
    for rows, inv_norms in pages:
        _refuse(("query", query, 1), rows, inv_norms, None)


def refuse_numbers(pages: Sequence[Page], numbers: U32) -> None:
    """Raise InvalidRequest when one of the numbers is in no page."""
    rows_count = sum(len(rows) for rows, _ in pages)
    if len(numbers) and int(numbers.max()) >= rows_count:
        sentence = f"numbers name row {int(numbers.max())} but there are {rows_count} rows"
        raise InvalidRequest(sentence)


def are_common(
    query: F32, query_axes: int, rows: F32, inv_norms: F32 | None, mask: U8 | None
) -> bool:
    """Return True only for valid arrays, at a tenth of the cost of naming what is wrong."""
    return (
        type(query) is type(rows) is _ARRAY
        and query.dtype is rows.dtype is _FLOAT32
        and query.ndim == query_axes
        and rows.ndim == 2  # noqa: PLR2004 - rows and dimensions
        and 0 < (len(query) if query_axes == 1 else query.shape[1]) == rows.shape[1]
        and len(rows) <= _ROWS_MAX
        and query.flags.c_contiguous
        and rows.flags.c_contiguous
        and (inv_norms is None or _is_vector(inv_norms, _FLOAT32, len(rows)))
        and (mask is None or _is_vector(mask, _UINT8, (len(rows) + 7) >> 3))
    )


def _is_vector(
    value: NDArray[np.generic], dtype: np.dtype[np.generic], elements_count: int
) -> bool:
    return (
        type(value) is _ARRAY
        and value.dtype is dtype
        and value.shape == (elements_count,)
        and value.flags.c_contiguous
    )


def _refuse(
    query: tuple[str, F32, int],
    rows: F32,
    inv_norms: F32 | None,
    mask: U8 | None,
    *,
    k: object = 1,
    out: F32 | None = None,
) -> None:
    violations = [
        *array_violations(*query, _FLOAT32),
        *array_violations("rows", rows, 2, _FLOAT32),
        *([] if inv_norms is None else array_violations("inv_norms", inv_norms, 1, _FLOAT32)),
        *([] if mask is None else array_violations("mask", mask, 1, _UINT8)),
        *([] if out is None else array_violations("out", out, 1, _FLOAT32)),
        *k_violations(k),
    ]
    if not violations:
        violations = _shape_violations(query[0], query[1], rows, inv_norms, mask, out)
    if violations:
        raise InvalidRequest(*violations)


def check_rows(rows: F32) -> None:
    """Raise InvalidRequest unless `rows` is C-contiguous float32[n, d]."""
    violations = array_violations("rows", rows, 2, _FLOAT32)
    if violations:
        raise InvalidRequest(*violations)


def _shape_violations(
    name: str, query: F32, rows: F32, inv_norms: F32 | None, mask: U8 | None, out: F32 | None
) -> list[str]:
    n, d = rows.shape
    violations = []
    if d == 0:
        violations.append("rows must have 1 dimension or more, not 0")
    if query.shape[-1] != d:
        violations.append(f"{name} has {query.shape[-1]} dimensions but rows have {d}")
    if n > _ROWS_MAX:
        violations.append(f"rows must be at most {_ROWS_MAX}, not {n}")
    if inv_norms is not None and len(inv_norms) != n:
        violations.append(f"inv_norms has {len(inv_norms)} elements but there are {n} rows")
    if mask is not None and len(mask) != (n + 7) // 8:
        violations.append(f"mask has {len(mask)} bytes but {n} rows need {(n + 7) // 8}")
    if out is not None and len(out) != n:
        violations.append(f"out has {len(out)} elements but there are {n} rows")
    if out is not None and not out.flags.writeable:
        violations.append("out must be writeable")
    return violations
