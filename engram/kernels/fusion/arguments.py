"""Checks the arguments of score fusion once a call; one sentence a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.fusion.protocol import PARTS_MAX
from engram.kernels.violations import array_violations, k_violations
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from engram.kernels.arrays import F32

_FLOAT32 = np.dtype(np.float32)
_DENSE = (4,)  # strides of a contiguous float32[n]
_CANDIDATES_MAX = 2**32 - 1  # positions are uint32


def check_score_fuse(parts: F32, weights: F32, floors: F32, k: int) -> None:
    """Raise InvalidRequest that lists every argument that breaks the contract."""
    if (
        type(parts) is type(weights) is type(floors) is np.ndarray
        and parts.dtype is weights.dtype is floors.dtype is _FLOAT32
        and parts.ndim == 2  # noqa: PLR2004 - parts and candidates
        and weights.strides == floors.strides == _DENSE
        and 0 < len(parts) == len(weights) <= PARTS_MAX
        and len(floors) <= len(parts)
        and type(k) is int
        and k >= 1
        and parts.shape[1] <= _CANDIDATES_MAX
        and parts.flags.c_contiguous
    ):
        return  # the common case, at a tenth of the cost
    violations = [
        *array_violations("parts", parts, 2, _FLOAT32),
        *array_violations("weights", weights, 1, _FLOAT32),
        *array_violations("floors", floors, 1, _FLOAT32),
        *k_violations(k),
    ]
    if not violations:
        violations = _shape_violations(parts, weights, floors)
    if violations:
        raise InvalidRequest(*violations)


def _shape_violations(parts: F32, weights: F32, floors: F32) -> list[str]:
    p, n = parts.shape
    violations = []
    if not 1 <= p <= PARTS_MAX:
        violations.append(f"parts must be 1 to {PARTS_MAX}, not {p}")
    if len(weights) != p:
        violations.append(f"weights has {len(weights)} elements but there are {p} parts")
    if len(floors) > p:
        violations.append(f"floors has {len(floors)} elements but there are {p} parts")
    if n > _CANDIDATES_MAX:
        violations.append(f"candidates must be at most {_CANDIDATES_MAX}, not {n}")
    return violations
