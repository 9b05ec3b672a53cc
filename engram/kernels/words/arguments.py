"""Checks the arguments of the word kernels once a call; one sentence a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.violations import array_violations, k_violations
from engram.kernels.words.columns import WordColumns
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from engram.kernels.arrays import U8, U32

_UINT32 = np.dtype(np.uint32)
_UINT8 = np.dtype(np.uint8)


def check_top_k(
    columns: WordColumns, terms: U32, repeats: U32, k: int, mask: U8 | None = None
) -> None:
    """Raise InvalidRequest that lists every argument of `bm25_top_k` that breaks its contract."""
    is_usual = type(k) is int and k >= 1 and _is_cue(columns, terms, repeats)
    if is_usual and _is_mask(mask):
        return
    violations = _cue_violations(columns, terms, repeats)
    violations += k_violations(k)
    if mask is not None:
        violations += array_violations("mask", mask, 1, _UINT8)
    if violations:
        raise InvalidRequest(*violations)


def check_scores(columns: WordColumns, terms: U32, repeats: U32, rows: U32) -> None:
    """Raise InvalidRequest that lists every argument of `bm25_scores` that breaks its contract."""
    if (
        _is_cue(columns, terms, repeats)
        and type(rows) is np.ndarray
        and rows.dtype is _UINT32
        and rows.ndim == 1
        and rows.flags.c_contiguous
    ):
        return
    violations = _cue_violations(columns, terms, repeats)
    violations += array_violations("rows", rows, 1, _UINT32)
    if violations:
        raise InvalidRequest(*violations)


def _is_cue(columns: WordColumns, terms: U32, repeats: U32) -> bool:
    return (
        type(columns) is WordColumns
        and type(terms) is type(repeats) is np.ndarray
        and terms.dtype is repeats.dtype is _UINT32
        and terms.ndim == repeats.ndim == 1
        and terms.size == repeats.size
        and terms.flags.c_contiguous
        and repeats.flags.c_contiguous
    )


def _is_mask(mask: U8 | None) -> bool:
    return mask is None or (
        type(mask) is np.ndarray
        and mask.dtype is _UINT8
        and mask.ndim == 1
        and mask.flags.c_contiguous
    )


def _cue_violations(columns: object, terms: U32, repeats: U32) -> list[str]:
    violations = []
    if not isinstance(columns, WordColumns):
        violations.append(f"columns must be WordColumns, not {type(columns).__name__}")
    violations += array_violations("terms", terms, 1, _UINT32)
    violations += array_violations("repeats", repeats, 1, _UINT32)
    if not violations and np.shape(terms) != np.shape(repeats):
        violations.append("repeats must have one element for each of terms")
    return violations
