"""From the ids in an event to rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check
from engram.state.space import SpaceState


def rows_named(state: SpaceState, ids_raw: bytes) -> NDArray[np.int64]:
    """Return int64[n], the rows of living memories that an event names as [u64, u64]."""
    rows = []
    for high, low in np.frombuffer(ids_raw, "<u8").reshape(-1, 2).tolist():
        row = state.row_of(high, low)
        check(row is not None, "an event names memories that are there")
        rows.append(row or 0)
    return np.array(rows, np.int64)
