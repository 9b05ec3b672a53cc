"""What expired: seen by nobody from that moment on, and noted in the log some time later.

A memory with an end lives in the columns until then, whatever the time; who asks about the present
leaves it out. Noting it as forgotten lets a compaction drop it like any other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engram.model.events import Forgotten
from engram.model.limits import EXPIRED_COUNT_MAX
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT
from engram.state.outcomes import Decision, Outcome
from engram.state.space import ALIVE, SpaceState, View


def expiring_rows(view: View, until: int) -> NDArray[np.int64]:
    """Return int64[n]: rows that were not forgotten and expire at `until` or before."""
    found = [np.zeros(0, np.int64)]
    for first in range(0, view.count if view.expiring_count else 0, PAGE_ROWS):
        number, inside = first >> PAGE_SHIFT, min(view.count - first, PAGE_ROWS)
        flags, ended_at = (view.columns[name][number][:inside] for name in ("flags", "ended_at"))
        expires = ((flags & ALIVE) != 0) & (ended_at != 0) & (ended_at <= until)
        found.append(np.flatnonzero(expires) + first)
    return np.concatenate(found)


def ended(state: SpaceState, now: int) -> Decision:
    """Note as forgotten what expired at `now` or before, at most EXPIRED_COUNT_MAX memories.

    The outcome has their ids; none when there is nothing to note.
    """
    view = state.view()
    rows = expiring_rows(view, now)[:EXPIRED_COUNT_MAX]
    if not len(rows):
        return Decision([], [Outcome()], 1)
    ids = np.stack([view.gather("id_high", rows), view.gather("id_low", rows)], axis=1)
    event = Forgotten(ids.astype("<u8", copy=False).tobytes(), now)
    return Decision([(event, b"")], [Outcome(ids)], 1)
