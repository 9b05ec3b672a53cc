"""Which memory took the place of which: pairs of rows, an old one and the newer one after it.

A memory has one successor and one predecessor at most, so pairs make chains. A newer row is always
behind the older one; a reader whose view ends before it does not see the pair.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engram.state.columns import Array, PagedColumn, take
from engram.state.key_index import KeyIndex

Rows = NDArray[np.uint64]


class Corrections:
    """Pairs of rows in the order they were recorded: 30 to 44 bytes a pair, no Python object."""

    __slots__ = ("_by_new", "_by_old", "_new", "_old")

    def __init__(self, old: Rows | None = None, new: Rows | None = None) -> None:
        self._old, self._new = PagedColumn("u8"), PagedColumn("u8")
        self._by_old, self._by_new = KeyIndex(self._old), KeyIndex(self._new)
        if old is not None and new is not None and len(old):
            self._old.append(old)
            self._new.append(new)
            places = np.arange(len(old), dtype=np.uint32)
            self._by_old.add_many(old.astype(np.uint64), places)
            self._by_new.add_many(new.astype(np.uint64), places)

    def __len__(self) -> int:
        """Return how many memories were superseded."""
        return self._new.count

    def add(self, old: int, new: int) -> None:
        """Note that the memory in row `new` took the place of that in row `old`."""
        place = self._new.count
        self._old.append_one(old)
        self._new.append_one(new)
        self._by_old.add(old, place)
        self._by_new.add(new, place)

    def newer(self, row: int, count: int) -> int | None:
        """Return the row that superseded `row`, as far as a view of `count` rows knows."""
        for place in self._by_old.find(row):
            new = int(self._new.value(place))
            return new if new < count else None
        return None

    def older(self, row: int) -> int | None:
        """Return the row that `row` superseded."""
        for place in self._by_new.find(row):
            return int(self._old.value(place))
        return None

    def last(self, row: int, count: int) -> int:
        """Return the end of the chain that `row` is in."""
        while (newer := self.newer(row, count)) is not None:
            row = newer
        return row

    def chain(self, row: int, count: int) -> list[int]:
        """Return all rows of the chain that `row` is in, the oldest first."""
        found = [self.last(row, count)]
        while (older := self.older(found[-1])) is not None:
            found.append(older)
        return found[::-1]

    def pairs(self, count: int | None = None) -> tuple[Rows, Rows]:
        """Return uint64[n] old and new rows, as far as a view of `count` rows knows them."""
        places = np.arange(self._new.count)
        if not len(places):
            return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
        old, new = take(tuple(self._old.pages), places), take(tuple(self._new.pages), places)
        known = slice(None) if count is None else new < count
        return old[known], new[known]

    def renumbered(self, renumber: Callable[[Array], NDArray[np.uint32]], gone: int) -> Corrections:
        """Return the pairs with new row numbers, without those of rows that are `gone`."""
        old, new = (renumber(rows.astype(np.int64)) for rows in self.pairs())
        kept = (old != gone) & (new != gone)
        return Corrections(old[kept].astype(np.uint64), new[kept].astype(np.uint64))

    @property
    def resident_bytes(self) -> int:
        """Bytes of columns and indexes."""
        columns = self._old.resident_bytes + self._new.resident_bytes
        return columns + self._by_old.resident_bytes + self._by_new.resident_bytes


def chain_ends(old: Rows, new: Rows) -> Rows:
    """Return uint64[n]: of each pair the last row of its chain, in log2(length) rounds."""
    if not len(old):
        return new
    order = np.argsort(old)
    ends = new.copy()
    while True:
        at = np.minimum(np.searchsorted(old[order], ends), len(old) - 1)
        follows = old[order][at] == ends
        if not follows.any():
            return ends
        ends[follows] = ends[order][at][follows]
