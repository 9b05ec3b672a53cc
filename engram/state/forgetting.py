"""What time leaves of a memory: the forgetting curve of FSRS-6.

Source: the Free Spaced Repetition Scheduler, version 6, with its published default parameters
(open-spaced-repetition; the `fsrs` package is the reference and a test pins agreement with it).
Retrievability R(t, S) = (1 + F t / S)^(-d) with d = 0.1542 and F = 0.9^(-1/d) - 1, so that R is
0.9 after S days. A new memory starts as if rated "good".
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

NANOSECONDS_PER_DAY: Final = 86_400_000_000_000
DECAY: Final = 0.1542
FACTOR: Final = 0.9 ** (-1.0 / DECAY) - 1.0
# w[2], and w[4] - e^(w[5] (3 - 1)) + 1 with w[4] = 6.4133, w[5] = 0.8334: stability and
# difficulty after a first review rated "good".
STABILITY_DAYS_FIRST: Final = 2.3065
DIFFICULTY_FIRST: Final = 6.4133 - math.exp(0.8334 * 2) + 1.0


def retrievability(
    now: int, reviewed_at: NDArray[np.int64], stability_days: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return R in [0, 1] for each memory at wall time `now`.

    Args:
        now: nanoseconds since the epoch.
        reviewed_at: int64[n], nanoseconds since the epoch; a time after `now` counts as `now`.
        stability_days: float32[n], days, above zero.
    """
    elapsed = np.maximum(now - reviewed_at, 0)
    # At least 1 under a negative power: the result lies in (0, 1] without clipping.
    growth = 1.0 + elapsed * (FACTOR / NANOSECONDS_PER_DAY) / stability_days
    return (growth**-DECAY).astype(np.float32)
