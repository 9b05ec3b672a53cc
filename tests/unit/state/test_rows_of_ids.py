"""From many ids to rows: in columns as one by one."""

from __future__ import annotations

import numpy as np
import pytest

from engram.model.commands import Forget
from engram.model.errors import InvariantViolated
from engram.model.ids import MemoryId
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.named import rows_found, rows_named
from engram.state.space import SpaceState
from engram.testing.filling import batch_of, fill

NOW = 1_700_000_000_000_000_000


def filled(count: int = 40) -> tuple[SpaceState, np.ndarray[tuple[int, ...], np.dtype[np.uint64]]]:
    state = SpaceState()
    fill(state, batch_of(count, 4), NOW)
    view, rows = state.view(), np.arange(count)
    halves = [view.gather(name, rows) for name in ("id_high", "id_low")]
    return state, np.stack(halves, axis=1)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 40])
def test_living_memories_have_rows_and_others_none(count: int) -> None:
    state, ids = filled()
    for forgotten in (3, 17):
        command = Forget(MemoryId(*ids[forgotten].tolist()))
        for event, vectors in decide(state, "s", [command], NOW + 1_000).events:
            apply(state, event, vectors, state.lsn + 1)
    asked = ids[:count].copy()
    asked[5::7, 0] ^= np.uint64(1)  # the same half as a memory's, and another one
    asked[6::11, 1] += np.uint64(1)
    found = rows_found(state, asked.tobytes()).tolist()
    rows = [state.row_of(high, low) for high, low in asked.tolist()]
    assert found == [-1 if row is None else row for row in rows]
    assert len(set(found)) == len(found) or found.count(-1) > 1


def test_an_event_names_living_memories_only() -> None:
    state, ids = filled()
    assert rows_named(state, ids.tobytes()).tolist() == list(range(40))
    ids[20, 1] += np.uint64(1)
    with pytest.raises(InvariantViolated):
        rows_named(state, ids.tobytes())
