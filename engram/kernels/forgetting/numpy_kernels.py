"""The forgetting kernels in numpy, in blocks that stay in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I64
    from engram.kernels.cancel import CancelFlag

_BLOCK: Final = 16_384
"""Values computed at once: some 100 us of work at most, and scratch of 128 KiB a step."""

_STABILITY_MIN: Final = np.float32(STABILITY_MIN)
_LN_NINE_TENTHS: Final = np.float32(np.log(0.9))
_ZERO: Final = np.float32(0)
_ONE: Final = np.float32(1)


class NumpyForgetting:
    """Exponentials in float32, powers in float64."""

    def decay(
        self, elapsed: F32, rate: F32, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `ForgettingKernels.decay`."""
        out = check_columns(("elapsed", "rate"), elapsed, rate, out)
        return _fill(out, _decay, elapsed, rate, cancel)

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
        return _fill(out, _exponential, elapsed_days, stability_days, cancel)

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

        def power(hours: F32, _: F32, out: F32) -> None:
            out[:] = np.exp(np.log1p(np.maximum(hours, _ZERO), dtype=np.float64) * -beta)

        return _fill(out, power, elapsed_hours, elapsed_hours, cancel)

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
        fast_rate, slow_rate = np.float32(-1 / fast_hours), np.float32(-1 / slow_hours)

        def two_component(hours: F32, fast_share: F32, out: F32) -> None:
            time, share = np.maximum(hours, _ZERO), np.clip(fast_share, _ZERO, _ONE)
            fast, slow = np.exp(time * fast_rate), np.exp(time * slow_rate)
            np.minimum(share * fast + (_ONE - share) * slow, _ONE, out=out)

        return _fill(out, two_component, elapsed_hours, fast_share, cancel)

    def retrievability_savings(
        self, elapsed_minutes: F32, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `ForgettingKernels.retrievability_savings`."""
        out = check_column("elapsed_minutes", elapsed_minutes, out)
        return _fill(out, _savings, elapsed_minutes, elapsed_minutes, cancel)

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
        growth_per_ns = (0.9 ** (-1.0 / decay) - 1.0) / NANOSECONDS_PER_DAY
        moment = np.int64(now)

        def fsrs(reviewed_at: I64, stability: F32, out: F32) -> None:
            # Two times may lie further apart than an int64 reaches; a uint64 holds it.
            apart = np.subtract(moment, np.minimum(reviewed_at, moment)).view(np.uint64)
            growth = apart * growth_per_ns
            growth /= np.maximum(stability, _STABILITY_MIN)
            out[:] = np.exp(np.log1p(growth) * -decay)

        return _fill(out, fsrs, reviewed_at, stability_days, cancel)


def _decay(elapsed: F32, rate: F32, out: F32) -> None:
    _fade(elapsed * rate, elapsed, rate, out)


def _exponential(days: F32, stability: F32, out: F32) -> None:
    exponents = np.maximum(stability, _STABILITY_MIN)
    np.divide(days, exponents, out=exponents)
    np.multiply(exponents, _LN_NINE_TENTHS, out=exponents)
    _fade(exponents, days, stability, out)


def _fade(exponents: F32, first: F32, second: F32, out: F32) -> None:
    if np.isnan(exponents.sum()):
        # Zero times infinity, infinity over infinity: all is left, unless there was a NaN before.
        exponents[np.isnan(exponents) & ~np.isnan(first) & ~np.isnan(second)] = 0
    np.minimum(exponents, _ZERO, out=exponents)
    np.exp(exponents, out=out)


def _savings(minutes: F32, _: F32, out: F32) -> None:
    digits = np.log10(np.maximum(minutes, _ONE), dtype=np.float64)
    out[:] = SAVINGS_SCALE / (digits**SAVINGS_EXPONENT + SAVINGS_SCALE)


def _fill(
    out: F32,
    curve: Callable[[Any, F32, F32], None],
    first: NDArray[Any],
    second: F32,
    cancel: CancelFlag | None,
) -> F32:
    with np.errstate(all="ignore"):
        for start in range(0, len(out), _BLOCK):
            if cancel is not None:
                cancel.check()
            block = slice(start, start + _BLOCK)
            curve(first[block], second[block], out[block])
    return out
