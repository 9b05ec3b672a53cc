"""What the forgetting kernels promise.

Rule 1: retrievability R lies in [0, 1] and within 1e-6 of the reference.
Rule 2: a longer time never leaves more. Zig holds to it exactly, numpy to 5e-7.
Rule 3: NaN in a column gives NaN in its place and nowhere else. Time before the beginning (below
        zero) counts as none; after infinite time nothing is left (but see
        what never fades).
Rule 4: equal inputs give equal results, wherever in the column they stand.
Rule 5: `out`, when given, is filled and returned; it may be a float32 column of the same call, but
        must not overlap one otherwise. After an error it may hold anything.

Every kernel takes columns of one length n and returns float32[n].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, I64
    from engram.kernels.cancel import CancelFlag

NANOSECONDS_PER_DAY: Final = 86_400_000_000_000

FSRS_DECAY: Final = 0.1542
"""Default of FSRS-6's w20 (open-spaced-repetition; the `fsrs` package carries it)."""

FSRS_DECAY_MIN: Final = 0.01
FSRS_DECAY_MAX: Final = 10.0
"""Far beyond the 0.1 to 0.8 the `fsrs` package allows; below, 0.9^(-1 / decay) would overflow."""

STABILITY_MIN: Final = 2.0**-126
"""Days: float32's smallest normal number; lower stabilities, and those below zero, count as it."""

HOURS_MIN: Final = 1e-9
HOURS_MAX: Final = 1e12
"""Time constants of `retrievability_two_component`: microseconds to a hundred million years."""

SAVINGS_SCALE: Final = 1.84
SAVINGS_EXPONENT: Final = 1.25


class ForgettingKernels(Protocol):
    """Curves of forgetting over columns of float32.

    All raise InvalidRequest when an argument has another type, dtype, shape or layout, and
    KernelCancelled when `cancel` was set before the end.
    """

    def decay(
        self, elapsed: F32, rate: F32, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """Return e^(elapsed * rate), rate = -1 / tau in one over the unit of `elapsed`; at most 1.

        Stored once, the rate spares a division each time; for R = 0.9 after S it is ln(0.9) / S.
        Where the product has no value (no time at an infinite rate, infinite time at rate 0) all
        is left.
        """

    def retrievability_exponential(
        self,
        elapsed_days: F32,
        stability_days: F32,
        *,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """Return 0.9^(t / S): e^(-t / tau) with tau such that R is 0.9 after S days.

        A stability below `STABILITY_MIN` counts as it: all is lost soon, but at t = 0 nothing is.
        At infinite stability nothing ever is.
        """

    def retrievability_power(
        self,
        elapsed_hours: F32,
        beta: float,
        *,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """Return (1 + t)^-beta, t in hours: the power law of forgetting.

        Source: Wickelgren 1974, in the form of Wixted and Carpenter 2007, (1 + h t)^-f.

        Args:
            elapsed_hours: float32[n], hours.
            beta: how fast, above zero and finite.
            out: float32[n] to fill.
            cancel: stops the kernel when it is set.
        """

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
        """Return a e^(-t / tau1) + (1 - a) e^(-t / tau2): a part that goes soon and one that stays.

        Args:
            elapsed_hours: float32[n], hours.
            fast_share: float32[n], a of each memory; counts as within [0, 1].
            fast_hours: tau1 in hours, within `HOURS_MIN` and `HOURS_MAX`.
            slow_hours: tau2 in hours (24 a day), within the same.
            out: float32[n] to fill.
            cancel: stops the kernel when it is set.
        """

    def retrievability_savings(
        self, elapsed_minutes: F32, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """Return 1.84 / ((log10 m)^1.25 + 1.84), m = max(1, minutes): what relearning saves.

        Source: Ebbinghaus 1885, chapter 7; k = 1.84 and c = 1.25 are his.
        """

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
        """Return (1 + F t / S)^-decay, F = 0.9^(-1 / decay) - 1: the curve of FSRS-6.

        Args:
            now: nanoseconds since the epoch, an int64.
            reviewed_at: int64[n], nanoseconds since the epoch; a time after `now` counts as `now`.
            stability_days: float32[n], days; R is 0.9 after so many. Below
                `STABILITY_MIN` it counts as that.
            decay: within `FSRS_DECAY_MIN` and `FSRS_DECAY_MAX`.
            out: float32[n] to fill.
            cancel: stops the kernel when it is set.
        """
