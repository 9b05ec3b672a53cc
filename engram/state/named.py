"""From many ids to rows."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check
from engram.state.columns import take
from engram.state.space import ALIVE, SpaceState

# Below 16 ids a look at each is cheaper than one in columns.
_COLUMNS_MIN: Final = 16


def rows_found(state: SpaceState, ids_raw: bytes) -> NDArray[np.int64]:
    """Return int64[n], the rows of memories given as [u64, u64], -1 where none lives."""
    ids = np.frombuffer(ids_raw, "<u8").reshape(-1, 2)
    found = np.full(len(ids), -1, np.int64)
    missing = np.arange(len(ids))
    if len(ids) >= _COLUMNS_MIN:
        found = state.ids.find_many(ids[:, 1])
        known = np.flatnonzero(found >= 0)
        rows, columns = found[known], state.columns
        if len(rows):
            is_it = take(tuple(columns["id_high"].pages), rows) == ids[known, 0]
            is_it &= (take(tuple(columns["flags"].pages), rows) & ALIVE) != 0
            found[known[~is_it]] = -1
        # Another row may have the same half of an id.
        missing = np.flatnonzero(found < 0)
    for place in missing.tolist():
        row = state.row_of(int(ids[place, 0]), int(ids[place, 1]))
        found[place] = -1 if row is None else row
    return found


def rows_named(state: SpaceState, ids_raw: bytes) -> NDArray[np.int64]:
    """Return int64[n], the rows of living memories that an event names as [u64, u64]."""
    rows = rows_found(state, ids_raw)
    check(not len(rows) or int(rows.min()) >= 0, "an event names memories that are there")
    return rows
