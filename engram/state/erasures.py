"""Which memories were erased, kept for as long as the space is.

A copy of the space made earlier may still hold them: whoever restores one applies this list first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check


class Erasures:
    """Ids with when and at which LSN each was erased, in that order: 32 bytes a memory."""

    __slots__ = ("at", "ids", "lsns")

    def __init__(
        self,
        ids: NDArray[np.uint64] | None = None,
        at: NDArray[np.int64] | None = None,
        lsns: NDArray[np.uint64] | None = None,
    ) -> None:
        self.ids = np.zeros((0, 2), np.uint64) if ids is None else ids
        self.at = np.zeros(0, np.int64) if at is None else at
        self.lsns = np.zeros(0, np.uint64) if lsns is None else lsns

    def __len__(self) -> int:
        """Return how many memories were erased."""
        return len(self.at)

    def add(self, ids: NDArray[np.uint64], at: int, lsn: int) -> None:
        """Note that the memories with `ids` uint64[n, 2] were erased."""
        count = len(ids)
        self.ids = np.concatenate([self.ids, ids])
        self.at = np.concatenate([self.at, np.full(count, at, np.int64)])
        self.lsns = np.concatenate([self.lsns, np.full(count, lsn, np.uint64)])

    def holds(self, high: int, low: int) -> bool:
        """Whether the memory with this id was erased."""
        return bool(((self.ids[:, 1] == low) & (self.ids[:, 0] == high)).any())

    def lsn_last(self) -> int:
        """Return the LSN of the last erasure, 0 when there was none."""
        return int(self.lsns[-1]) if len(self.lsns) else 0

    def last_of(self, ids: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Return when and at which LSN the last of these was erased; all of them were."""
        wanted = set(ids)
        low = np.array([each[1] for each in wanted], np.uint64)
        near = np.flatnonzero(np.isin(self.ids[:, 1], low))
        found = [place for place in near.tolist() if tuple(self.ids[place].tolist()) in wanted]
        check(len(found) == len(wanted), "a memory is erased once")
        return int(self.at[found[-1]]), int(self.lsns[found[-1]])

    def copy(self) -> Erasures:
        """Return what was erased up to now; later erasures do not change it."""
        return Erasures(self.ids, self.at, self.lsns)
