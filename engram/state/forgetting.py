"""What time leaves of a memory: the curve its space has chosen.

The curve of FSRS-6 unless a space says otherwise: R(t, S) = (1 + F t / S)^(-d) with d = 0.1542 and
F = 0.9^(-1/d) - 1, so that R is 0.9 after S days (open-spaced-repetition; the `fsrs` package is the
reference and a test pins agreement with it). A new memory starts as if rated "good". For many rows
the forgetting kernels compute the same curves; docs/reference/forgetting.md gives their sources.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engram.model.space_settings import (
    EXPONENTIAL,
    FSRS,
    FSRS_WEIGHTS,
    NONE,
    POWER,
    SAVINGS,
    SpaceSettings,
)
from engram.state import fsrs

NANOSECONDS_PER_DAY: Final = 86_400_000_000_000
NANOSECONDS_PER_HOUR: Final = 3_600_000_000_000
NANOSECONDS_PER_MINUTE: Final = 60_000_000_000
STABILITY_DAYS_FIRST, DIFFICULTY_FIRST = fsrs.first(FSRS_WEIGHTS)
_SCALE: Final = 1.84
_EXPONENT: Final = 1.25

Times = NDArray[np.int64]
Shares = NDArray[np.float32]


def retrievability(
    now: int, reviewed_at: Times, stability_days: Shares, decay: float = FSRS_WEIGHTS[20]
) -> Shares:
    """Return R in [0, 1] of FSRS-6 for each memory at wall time `now`.

    Args:
        now: nanoseconds since the epoch.
        reviewed_at: int64[n], nanoseconds since the epoch; a time after `now` counts as `now`.
        stability_days: float32[n], days, above zero.
        decay: the last of the weights of FSRS-6.
    """
    elapsed = np.maximum(now - reviewed_at, 0)
    # At least 1 under a negative power: the result lies in (0, 1] without clipping.
    factor = 0.9 ** (-1.0 / decay) - 1.0
    growth = 1.0 + elapsed * (factor / NANOSECONDS_PER_DAY) / stability_days
    return np.asarray(growth**-decay, np.float32)


def strength_left(
    settings: SpaceSettings,
    now: int,
    reviewed_at: Times,
    stability_days: Shares,
    access_counts: NDArray[np.uint32],
) -> Shares:
    """Return R in [0, 1] by the curve of a space, as `retrievability`.

    `access_counts` u32[n]: how often each memory was listed in an answer. Only the curve of two
    components heeds it.
    """
    model = settings.forgetting
    if model == FSRS:
        return retrievability(now, reviewed_at, stability_days, settings.weights[20])
    if model == NONE:
        return np.ones(len(reviewed_at), np.float32)
    elapsed: NDArray[Any] = np.maximum(now - reviewed_at, 0).astype(np.float64)
    if model == EXPONENTIAL:
        left = 0.9 ** (elapsed / NANOSECONDS_PER_DAY / stability_days)
    elif model == POWER:
        left = (1.0 + elapsed / NANOSECONDS_PER_HOUR) ** -settings.beta
    elif model == SAVINGS:
        minutes = np.maximum(elapsed / NANOSECONDS_PER_MINUTE, 1.0)
        left = _SCALE / (np.log10(minutes) ** _EXPONENT + _SCALE)
    else:
        hours = elapsed / NANOSECONDS_PER_HOUR
        fast = fast_shares(settings, access_counts).astype(np.float64)
        left = fast * np.exp(hours / -settings.fast_hours)
        left += (1.0 - fast) * np.exp(hours / -settings.slow_hours)
    return np.asarray(np.minimum(left, 1.0), np.float32)


def fast_shares(settings: SpaceSettings, access_counts: NDArray[np.uint32]) -> Shares:
    """Return float32[n], the share that goes soon: a / (1 + n) after n accesses."""
    counts = access_counts.astype(np.float32)
    return np.asarray(np.float32(settings.fast_share) / (np.float32(1) + counts), np.float32)
