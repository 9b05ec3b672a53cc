"""How often and when memories were last listed in an answer: columns that begin when they must.

They reach as far as the last memory that was ever listed; behind that nobody has been. So a space
that is only written to pays nothing for them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.state.columns import PagedColumn, Pages, RowSet, take

NEVER: Final = 0
"""The time of the last access of a memory that was never listed."""


class AccessView(NamedTuple):
    """The columns at one moment, unchanged while more is counted."""

    row_count: int
    counts: Pages
    times: Pages

    def counts_of(self, rows: NDArray[Any] | RowSet) -> NDArray[np.uint32]:
        """Return u32[n]: how often each of `rows` was listed."""
        return self._of(self.counts, rows, np.uint32)

    def times_of(self, rows: NDArray[Any] | RowSet) -> NDArray[np.int64]:
        """Return i64[n]: when each was listed last (nanoseconds), NEVER when it was not."""
        return self._of(self.times, rows, np.int64)

    def _of(self, pages: Pages, rows: NDArray[Any] | RowSet, dtype: Any) -> NDArray[Any]:
        if not self.row_count or not len(rows):
            return np.zeros(len(rows), dtype)
        chosen = rows if isinstance(rows, RowSet) else RowSet(rows)
        known = chosen.rows < self.row_count
        if known.all():
            return chosen.take(pages)
        found = np.zeros(len(rows), dtype)
        if known.any():
            found[known] = take(pages, chosen.rows[known])
        return found


class AccessColumns:
    """Those of one space; changed by `apply` only."""

    def __init__(self) -> None:
        self.counts = PagedColumn("u4")
        self.times = PagedColumn("i8")

    @property
    def row_count(self) -> int:
        """How many rows they reach."""
        return self.counts.count

    def add(
        self, rows: NDArray[np.int64], counts: NDArray[np.uint32], times: NDArray[np.int64]
    ) -> None:
        """Count accesses: `rows` i64[n], each once, with how many u32[n] and the last i64[n]."""
        if not len(rows):
            return
        more = int(rows.max()) + 1 - self.row_count
        if more > 0:
            self.counts.append_zeros(more)
            self.times.append_zeros(more)
        before = take(tuple(self.counts.pages), rows)
        most = np.iinfo(np.uint32).max
        self.counts.set(rows, np.minimum(before, most - counts) + counts)
        self.times.set(rows, np.maximum(take(tuple(self.times.pages), rows), times))

    def wipe(self, row: int) -> None:
        """Leave nothing of a row."""
        if row < self.row_count:
            self.counts.set(np.array([row]), 0)
            self.times.set(np.array([row]), NEVER)

    def view(self) -> AccessView:
        """Return what a reader may hold while more is counted."""
        return AccessView(self.row_count, self.counts.view(), self.times.view())

    @property
    def resident_bytes(self) -> int:
        """Bytes of both."""
        return self.counts.resident_bytes + self.times.resident_bytes
