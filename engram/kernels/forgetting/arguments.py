"""Checks the arguments of the forgetting kernels once a call; one sentence a mistake."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from engram.kernels.forgetting.protocol import (
    FSRS_DECAY_MAX,
    FSRS_DECAY_MIN,
    HOURS_MAX,
    HOURS_MIN,
)
from engram.kernels.violations import array_violations
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I64

_FLOAT32 = np.dtype(np.float32)
_INT64 = np.dtype(np.int64)
_DENSE_FLOAT32 = (4,)  # strides of a contiguous float32[n], which tell its axes too
_DENSE_INT64 = (8,)
_INT64_MAX = 2**63 - 1


def check_column(name: str, column: F32, out: F32 | None) -> F32:
    """Return where the result goes; InvalidRequest lists what is wrong with the arrays."""
    if (
        type(column) is np.ndarray
        and column.dtype is _FLOAT32
        and column.strides == _DENSE_FLOAT32
        and out is None
    ):
        return np.empty(len(column), _FLOAT32)  # the common case, at a tenth of the cost
    _refuse(array_violations(name, column, 1, _FLOAT32))
    return _checked_out(out, len(column))


def check_columns(names: tuple[str, str], first: F32, second: F32, out: F32 | None) -> F32:
    """Return where the result of two columns goes, as `check_column`."""
    if (
        type(first) is type(second) is np.ndarray
        and first.dtype is second.dtype is _FLOAT32
        and first.strides == second.strides == _DENSE_FLOAT32
        and len(first) == len(second)
    ):
        if out is None:
            return np.empty(len(first), _FLOAT32)
        if (
            type(out) is np.ndarray
            and out.dtype is _FLOAT32
            and out.strides == _DENSE_FLOAT32
            and len(out) == len(first)
            and out.flags.writeable
        ):
            return out
    violations = array_violations(names[0], first, 1, _FLOAT32)
    _refuse(violations + array_violations(names[1], second, 1, _FLOAT32))
    _refuse_lengths(names, first, second)
    return _checked_out(out, len(first))


def check_fsrs(
    now: int, reviewed_at: I64, stability_days: F32, decay: float, out: F32 | None
) -> F32:
    """Return where the result goes; InvalidRequest lists what is wrong with the arguments."""
    if (
        type(reviewed_at) is np.ndarray
        and type(stability_days) is np.ndarray
        and reviewed_at.dtype is _INT64
        and stability_days.dtype is _FLOAT32
        and reviewed_at.strides == _DENSE_INT64
        and stability_days.strides == _DENSE_FLOAT32
        and len(reviewed_at) == len(stability_days)
        and type(now) is int
        and -_INT64_MAX <= now <= _INT64_MAX
        and type(decay) is float
        and FSRS_DECAY_MIN <= decay <= FSRS_DECAY_MAX
        and out is None
    ):
        return np.empty(len(reviewed_at), _FLOAT32)
    names = ("reviewed_at", "stability_days")
    _refuse(
        [
            *array_violations(names[0], reviewed_at, 1, _INT64),
            *array_violations(names[1], stability_days, 1, _FLOAT32),
            *_time_violations(now),
            *_number_violations("decay", decay, FSRS_DECAY_MIN, FSRS_DECAY_MAX),
        ]
    )
    _refuse_lengths(names, reviewed_at, stability_days)
    return _checked_out(out, len(reviewed_at))


def check_beta(beta: float) -> None:
    """Raise InvalidRequest unless `beta` is above zero and finite."""
    if type(beta) is float and 0.0 < beta < math.inf:
        return
    violations = _number_violations("beta", beta, 0.0, math.inf)
    if not violations and not 0.0 < beta < math.inf:
        violations = [f"beta must be above 0 and finite, not {beta}"]
    _refuse(violations)


def check_hours(fast_hours: float, slow_hours: float) -> None:
    """Raise InvalidRequest unless both time constants are within `HOURS_MIN` and `HOURS_MAX`."""
    violations = _number_violations("fast_hours", fast_hours, HOURS_MIN, HOURS_MAX)
    _refuse(violations + _number_violations("slow_hours", slow_hours, HOURS_MIN, HOURS_MAX))


def _refuse(violations: list[str]) -> None:
    if violations:
        raise InvalidRequest(*violations)


def _refuse_lengths(names: tuple[str, str], first: NDArray[Any], second: NDArray[Any]) -> None:
    if len(first) != len(second):
        lengths = f"{len(first)} and {len(second)} elements"
        raise InvalidRequest(f"{names[0]} and {names[1]} must be of one length, not {lengths}")


def _checked_out(out: F32 | None, n: int) -> F32:
    if out is None:
        return np.empty(n, _FLOAT32)
    violations = array_violations("out", out, 1, _FLOAT32)
    if not violations and len(out) != n:
        violations = [f"out must have {n} elements, not {len(out)}"]
    if not violations and not out.flags.writeable:
        violations = ["out must be writeable"]
    _refuse(violations)
    return out


def _number_violations(name: str, value: object, least: float, most: float) -> list[str]:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return [f"{name} must be a number, not {type(value).__name__}"]
    if least <= value <= most:
        return []
    return [f"{name} must be between {least:g} and {most:g}, not {value}"]


def _time_violations(now: object) -> list[str]:
    if not isinstance(now, int) or isinstance(now, bool):
        return [f"now must be an int, not {type(now).__name__}"]
    if -_INT64_MAX - 1 <= now <= _INT64_MAX:
        return []
    return [f"now must fit an int64, not {now}"]
