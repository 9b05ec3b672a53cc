"""When memories were recalled last: a small table in RAM, not part of the space and not logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

# 16,384 rows with their times, 192 KiB: more than are recalled between two moves of bodies.
_SLOTS: Final = 1 << 14
# 4,096 rows that may have to come up; more at once are a scan and not what a caller works with.
_FRESH_MAX: Final = 4_096


class Accesses:
    """The newest access of each of the rows recalled last; a row may push out another one.

    One thread notes; others may look.
    """

    def __init__(self) -> None:
        self._rows: NDArray[np.uint32] | None = None
        self._times = np.zeros(0, np.int64)
        self._fresh: set[int] = set()

    def note(self, rows: Sequence[int], now: int) -> None:
        """Note that `rows` were recalled at wall time `now` (nanoseconds)."""
        if not len(rows):
            return
        if self._rows is None:
            self._times = np.zeros(_SLOTS, np.int64)
            self._rows = np.zeros(_SLOTS, np.uint32)
        noted = np.array(rows, np.uint32)
        slots = noted & np.uint32(_SLOTS - 1)
        self._rows[slots] = noted
        self._times[slots] = now
        if len(self._fresh) < _FRESH_MAX:
            self._fresh.update(rows)

    def times(self, rows: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return int64[n]: when each row was recalled last, as far as that is known; else 0."""
        if self._rows is None:
            return np.zeros(len(rows), np.int64)
        slots = rows & np.uint32(_SLOTS - 1)
        return np.where(self._rows[slots] == rows, self._times[slots], 0)

    def take_fresh(self) -> NDArray[np.uint32]:
        """Return the rows recalled since the last call, in ascending order."""
        fresh, self._fresh = self._fresh, set()
        return np.array(sorted(fresh), np.uint32)

    @property
    def has_fresh(self) -> bool:
        """Whether anything was recalled since `take_fresh`."""
        return bool(self._fresh)

    def clear(self) -> None:
        """Forget everything: the rows have other numbers from now on."""
        self._rows, self._fresh = None, set()
