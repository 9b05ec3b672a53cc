"""The particulars of memories in columns: labels with their bits, priorities, when they expire."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check
from engram.model.events import Remembered
from engram.model.particulars import LABEL_MASK, PRIORITY_DEFAULT, ParticularColumns
from engram.state.apply_edges import unlink_row
from engram.state.concepts import end_concepts
from engram.state.space import LINKED, SpaceState

_MASK: Final = np.uint32(LABEL_MASK)


def append_particulars(state: SpaceState, given: ParticularColumns | None, count: int) -> None:
    """Add the priority of `count` new rows, and when each of them expires."""
    priorities, ends = state.columns["priority"], state.columns["ended_at"]
    if given is None:
        priorities.append_raw(bytes([PRIORITY_DEFAULT]) * count, count)
        ends.append_raw(bytes(8 * count), count)
        return
    if given.priorities:
        check(len(given.priorities) == count, "there is a priority for each memory")
        priorities.append(np.frombuffer(given.priorities, "u1"))
    else:
        priorities.append(np.full(count, PRIORITY_DEFAULT, np.uint8))
    if given.expires_at:
        expires_at = np.frombuffer(given.expires_at, "<i8")
        check(len(expires_at) == count, "there is an end for each memory, or for none")
        ends.append(expires_at)
        state.expiring_count += int(np.count_nonzero(expires_at))
    else:
        ends.append_zeros(count)


def numbered(numbers: NDArray[np.uint32], labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return `labels` uint32[n] with the numbers of another table, their bits as they were."""
    renumbered: NDArray[np.uint32] = numbers[labels & _MASK] | (labels & ~_MASK)
    return renumbered


def selected(columns: ParticularColumns, keep: NDArray[np.bool_]) -> ParticularColumns:
    """Return the rows where `keep` bool[n] is set."""

    def some(data: bytes, dtype: str) -> bytes:
        return np.frombuffer(data, dtype)[keep].tobytes() if data else b""

    check(not columns.supersedes, "what supersedes another memory is remembered by itself")
    return ParticularColumns(some(columns.priorities, "u1"), some(columns.expires_at, "<i8"))


def supersede(state: SpaceState, event: Remembered) -> None:
    """End what the memories of `event`, about to be stored in the next rows, take the place of."""
    columns = event.particulars
    if columns is None or not columns.supersedes:
        return
    ids = np.frombuffer(columns.supersedes, "<u8").reshape(-1, 2).tolist()
    recorded_at = np.frombuffer(event.recorded_at, "<i8").tolist()
    for place, ((high, low), at) in enumerate(zip(ids, recorded_at, strict=True)):
        if high or low:
            row = state.row_named(high, low)
            if int(state.columns["flags"].value(row)) & LINKED:
                unlink_row(state, row)
            state.end(row, at)
            end_concepts(state, row, at)
            state.corrections.add(row, state.count + place)
