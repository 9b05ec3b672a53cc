"""Checks the arguments of the sketch kernels once a call; one sentence a mistake."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.sketches.encoding import BLOCK_ROWS
from engram.kernels.sketches.protocol import PLANE_BITS_MAX, PLANE_WORD_BITS, SketchPart
from engram.kernels.violations import array_violations, k_violations
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32

_FLOAT32: Final = np.dtype(np.float32)
_UINT8: Final = np.dtype(np.uint8)
_NUMBERS_MAX: Final = 2**32
_FACTORS: Final = 3
_AXES_OF_ROWS: Final = 2
_AXES_OF_BLOCKS: Final = 3


def check_top_k_sketches(parts: Sequence[SketchPart], k: int) -> None:
    """Raise InvalidRequest that lists what of `top_k_sketches` breaks its contract."""
    violations = k_violations(k)
    bits = len(parts[0].query) if parts and isinstance(parts[0].query, np.ndarray) else 0
    for number, part in enumerate(parts):
        if not _is_plain(part, bits):
            violations += [f"part {number}: {it}" for it in _part_violations(part, bits)]
    if not violations:
        violations = _order_violations(parts)
    if violations:
        raise InvalidRequest(*violations)


def check_bound_sketches(part: SketchPart, out: F32 | None) -> None:
    """Raise InvalidRequest that lists what of `bound_sketches` breaks its contract."""
    check_top_k_sketches((part,), 1)
    if out is None:
        return
    violations = array_violations("out", out, 1, _FLOAT32)
    if not violations and len(out) != len(part.magnitudes):
        violations.append(f"out has {len(out)} elements but there are {len(part.magnitudes)} rows")
    if not violations and not out.flags.writeable:
        violations.append("out must be writeable")
    if violations:
        raise InvalidRequest(*violations)


def _is_plain(part: SketchPart, bits: int) -> bool:
    """Whether nothing is wrong with a part, at a fifth of the cost of saying what."""
    query, signs, magnitudes, factors, mask = part[0], part[3], part[4], part[5], part[7]
    arrays: tuple[object, ...] = (query, signs, magnitudes, factors)
    if not all(type(array) is np.ndarray for array in arrays):
        return False
    n = len(magnitudes)
    return (
        query.dtype is factors.dtype is _FLOAT32
        and signs.dtype is magnitudes.dtype is _UINT8
        and query.shape == (bits,)
        and 0 < bits <= PLANE_BITS_MAX
        and bits % PLANE_WORD_BITS == 0
        and magnitudes.shape == (n, bits >> 3)
        and signs.shape == ((n + BLOCK_ROWS - 1) // BLOCK_ROWS, bits >> 3, BLOCK_ROWS)
        and factors.shape == (_FACTORS, n)
        and query.flags.c_contiguous
        and signs.flags.c_contiguous
        and magnitudes.flags.c_contiguous
        and factors.flags.c_contiguous
        and type(part.first) is int
        and 0 <= part.first <= _NUMBERS_MAX - n
        and (
            mask is None
            or (
                type(mask) is np.ndarray
                and mask.dtype is _UINT8
                and mask.shape == ((n + 7) >> 3,)
                and mask.flags.c_contiguous
            )
        )
    )


def _part_violations(part: SketchPart, bits: int) -> list[str]:
    violations = array_violations("query", part.query, 1, _FLOAT32)
    violations += array_violations("signs", part.signs, _AXES_OF_BLOCKS, _UINT8)
    violations += array_violations("magnitudes", part.magnitudes, _AXES_OF_ROWS, _UINT8)
    violations += array_violations("factors", part.factors, _AXES_OF_ROWS, _FLOAT32)
    if part.mask is not None:
        violations += array_violations("mask", part.mask, 1, _UINT8)
    if violations:
        return violations
    n = len(part.magnitudes)
    blocks = (-(-n // BLOCK_ROWS), bits // 8, BLOCK_ROWS)
    if part.query.shape != (bits,):
        violations.append(f"query has {len(part.query)} bits, that of the first part {bits}")
    if not 0 < bits <= PLANE_BITS_MAX or bits % PLANE_WORD_BITS:
        sentence = f"query must have a multiple of {PLANE_WORD_BITS} bits up to {PLANE_BITS_MAX}"
        violations.append(f"{sentence}, not {bits}")
    shapes = (
        ("signs", part.signs, blocks),
        ("magnitudes", part.magnitudes, (n, bits // 8)),
    )
    for name, plane, wanted in shapes:
        if plane.shape != wanted:
            violations.append(f"{name} must be of shape {wanted}, not {plane.shape}")
    if part.factors.shape != (_FACTORS, n):
        violations.append(f"factors must be of shape {(_FACTORS, n)}, not {part.factors.shape}")
    if part.mask is not None and len(part.mask) != (n + 7) // 8:
        violations.append(f"mask has {len(part.mask)} bytes but {n} rows need {(n + 7) // 8}")
    if type(part.first) is not int or not 0 <= part.first <= _NUMBERS_MAX - n:
        violations.append(f"first must be a row number that leaves room for {n} rows")
    return violations


def _order_violations(parts: Sequence[SketchPart]) -> list[str]:
    return [
        f"part {number}: first is {after.first}, within or before the part before it"
        for number, (before, after) in enumerate(pairwise(parts), 1)
        if after.first < before.first + len(before.magnitudes)
    ]
