"""Vectors of which only some components are known, and how well memories agree with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32
    from engram.state.space import View

# As if 10 memories that are unlike it had been seen before: of a handful most may be like it.
_UNRELATED_COUNT: Final = 10
# What float32 leaves of a cosine of 1.
_SAME_MIN: Final = 1.0 - 1e-5
_ROWS_AT_ONCE: Final = 1_024


class PartialVector(NamedTuple):
    """The known components of a vector: which ones int64[k], and float32[k], not all of them 0."""

    places: NDArray[np.int64]
    values: F32


def agreements(
    view: View, rows: NDArray[np.int64], known: PartialVector, check: Callable[[], None]
) -> NDArray[np.float64]:
    """Return float64[n] in [0, 1]: how well rows agree with a vector in the components known.

    That is how far their cosine there lies above the mean of all rows, 1 where it is 1; 0 for
    those without a vector. May read sealed segments; what `check` raises ends it.
    """
    found = np.zeros(len(rows))
    has = np.zeros(len(rows), bool)
    wanted = known.values.astype(np.float64)
    wanted /= np.linalg.norm(wanted)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        check()
        some = slice(first, first + _ROWS_AT_ONCE)
        inside = view.vectors_of(rows[some])[:, known.places].astype(np.float64)
        lengths = np.linalg.norm(inside, axis=1)
        has[some] = lengths > 0
        found[some] = inside @ wanted / np.where(lengths > 0, lengths, 1.0)
    unrelated = max(0.0, float(found[has].sum()) / (int(has.sum()) + _UNRELATED_COUNT))
    agreed = np.clip((found - unrelated) / max(1.0 - unrelated, 1e-9), 0.0, 1.0)
    agreed[found >= _SAME_MIN] = 1.0
    return np.where(has, agreed, 0.0)
