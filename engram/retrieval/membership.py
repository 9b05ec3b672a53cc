"""Which values are among others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.state.columns import Array

_FEW: Final = 8  # values that are sooner compared one by one than looked up


def is_one_of(values: Array, wanted: Sequence[int]) -> NDArray[np.bool_]:
    """Return bool[n]: which values are among others, of which there are few as a rule."""
    if len(wanted) > _FEW:
        return np.isin(values, wanted)
    out = np.zeros(len(values), bool)
    for value in wanted:
        out |= values == value
    return out
