"""What is left of candidates now, by the curve that their space has chosen."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engram.kernels.arrays import F32
from engram.kernels.protocol import KernelBackend
from engram.model.space_settings import EXPONENTIAL, FSRS, NONE, POWER, SAVINGS, SpaceSettings
from engram.state.forgetting import (
    NANOSECONDS_PER_DAY,
    NANOSECONDS_PER_HOUR,
    NANOSECONDS_PER_MINUTE,
    fast_shares,
)
from engram.state.reading import ACCESSES
from engram.state.space import LAPSED

LAPSE: Final = 0.5
"""Of what time has left, as far as ranking goes, while the last review found a memory wrong: FSRS
takes a lapse for relearnt at once, but nobody has corrected what was wrong."""

_UNIT_NS: Final = {EXPONENTIAL: NANOSECONDS_PER_DAY, SAVINGS: NANOSECONDS_PER_MINUTE}


def retrievability(
    kernels: KernelBackend, settings: SpaceSettings, records: NDArray[Any], now: int, out: F32
) -> F32:
    """Fill float32[n] `out` with R in [0, 1] of some memories at wall time `now`, and return it.

    The same as `state.forgetting.strength_left` to the accuracy of the kernels. `records` [n] hold
    `reviewed_at`, `stability_days` and `ACCESSES` of each memory.
    """
    model = settings.forgetting
    if model == NONE:
        out.fill(1)
        return out
    reviewed_at = np.ascontiguousarray(records["reviewed_at"])
    if model == FSRS:
        stability = np.ascontiguousarray(records["stability_days"])
        decay = settings.weights[20]
        return kernels.retrievability_fsrs(now, reviewed_at, stability, decay=decay, out=out)
    unit = _UNIT_NS.get(model, NANOSECONDS_PER_HOUR)
    elapsed = (np.maximum(now - reviewed_at, 0) / unit).astype(np.float32)
    if model == EXPONENTIAL:
        stability = np.ascontiguousarray(records["stability_days"])
        return kernels.retrievability_exponential(elapsed, stability, out=out)
    if model == POWER:
        return kernels.retrievability_power(elapsed, settings.beta, out=out)
    if model == SAVINGS:
        return kernels.retrievability_savings(elapsed, out=out)
    return kernels.retrievability_two_component(
        elapsed,
        fast_shares(settings, records[ACCESSES]),
        fast_hours=settings.fast_hours,
        slow_hours=settings.slow_hours,
        out=out,
    )


def ranking_strength(
    kernels: KernelBackend, settings: SpaceSettings, records: NDArray[Any], now: int, out: F32
) -> F32:
    """Fill `out` with `retrievability` as it counts in a ranking: less while found wrong.

    `records` hold `flags` as well.
    """
    retrievability(kernels, settings, records, now, out)
    lapsed = (records["flags"] & LAPSED) != 0
    if lapsed.any():
        out[lapsed] *= np.float32(LAPSE)
    return out
