"""The meaning of the forgetting kernels: plain loops in float64, rounded once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.forgetting.arguments import (
    check_beta,
    check_column,
    check_columns,
    check_fsrs,
    check_hours,
)
from engram.kernels.forgetting.protocol import (
    FSRS_DECAY,
    NANOSECONDS_PER_DAY,
    SAVINGS_EXPONENT,
    SAVINGS_SCALE,
    STABILITY_MIN,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.arrays import F32, I64
    from engram.kernels.cancel import CancelFlag


class ReferenceForgetting:
    """Computes each value in Python floats."""

    def decay(
        self, elapsed: F32, rate: F32, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `ForgettingKernels.decay`."""
        out = check_columns(("elapsed", "rate"), elapsed, rate, out)

        def left(time: float, rate: float) -> float:
            return _faded(time * rate)

        return _fill(out, left, elapsed, rate, cancel)

    def retrievability_exponential(
        self,
        elapsed_days: F32,
        stability_days: F32,
        *,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `ForgettingKernels.retrievability_exponential`."""
        names = ("elapsed_days", "stability_days")
        out = check_columns(names, elapsed_days, stability_days, out)

        def left(days: float, stability: float) -> float:
            return _faded(days * math.log(0.9) / max(STABILITY_MIN, stability))

        return _fill(out, left, elapsed_days, stability_days, cancel)

    def retrievability_power(
        self,
        elapsed_hours: F32,
        beta: float,
        *,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `ForgettingKernels.retrievability_power`."""
        check_beta(beta)
        out = check_column("elapsed_hours", elapsed_hours, out)

        def left(hours: float, _: float) -> float:
            return math.exp(-beta * math.log1p(max(0.0, hours)))

        return _fill(out, left, elapsed_hours, elapsed_hours, cancel)

    def retrievability_two_component(
        self,
        elapsed_hours: F32,
        fast_share: F32,
        *,
        fast_hours: float,
        slow_hours: float,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `ForgettingKernels.retrievability_two_component`."""
        check_hours(fast_hours, slow_hours)
        out = check_columns(("elapsed_hours", "fast_share"), elapsed_hours, fast_share, out)

        def left(hours: float, fast_share: float) -> float:
            time, share = max(0.0, hours), min(1.0, max(0.0, fast_share))
            return share * math.exp(-time / fast_hours) + (1 - share) * math.exp(-time / slow_hours)

        return _fill(out, left, elapsed_hours, fast_share, cancel)

    def retrievability_savings(
        self, elapsed_minutes: F32, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `ForgettingKernels.retrievability_savings`."""
        out = check_column("elapsed_minutes", elapsed_minutes, out)

        def left(minutes: float, _: float) -> float:
            digits = math.log10(max(1.0, minutes))
            return SAVINGS_SCALE / (math.pow(digits, SAVINGS_EXPONENT) + SAVINGS_SCALE)

        return _fill(out, left, elapsed_minutes, elapsed_minutes, cancel)

    def retrievability_fsrs(
        self,
        now: int,
        reviewed_at: I64,
        stability_days: F32,
        *,
        decay: float = FSRS_DECAY,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `ForgettingKernels.retrievability_fsrs`."""
        out = check_fsrs(now, reviewed_at, stability_days, decay, out)
        factor = 0.9 ** (-1.0 / decay) - 1.0

        def left(reviewed: int, stability: float) -> float:
            days = max(0, now - reviewed) / NANOSECONDS_PER_DAY
            growth = factor * days / max(STABILITY_MIN, stability)
            return math.exp(-decay * math.log1p(growth))

        return _fill(out, left, reviewed_at, stability_days, cancel)


def _faded(exponent: float) -> float:
    return 1.0 if math.isnan(exponent) else math.exp(min(0.0, exponent))


def _fill(
    out: F32,
    left: Callable[..., float],
    first: F32 | I64,
    second: F32,
    cancel: CancelFlag | None,
) -> F32:
    for i, (x, y) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if cancel is not None:
            cancel.check()
        out[i] = np.float32(math.nan if math.isnan(x) or math.isnan(y) else left(x, y))
    return out
