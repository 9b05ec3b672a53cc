"""Which bodies belong in which tier: decided from a view, by retrievability and last access.

Nothing here moves anything or knows a file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engram.engine.accesses import Accesses
from engram.model.capacities import Capacities
from engram.state.bodies import NO_ROW, SEALED, SealedPart
from engram.state.columns import take
from engram.state.forgetting import strength_left
from engram.state.gathering import body_bytes
from engram.state.moves import Rows, in_use
from engram.state.space import ALIVE, View
from engram.storage.segment_index import Tier

# A quarter of a segment's bodies gone: rewriting it frees a byte for every three it writes.
DEAD_SHARE_MAX: Final = 0.25
_NO_ROWS: Final[Rows] = np.zeros(0, np.uint32)
_TIERS: Final[tuple[Tier, ...]] = ("warm", "cold")
# 1,024 bodies come up at once: 1.5 MB of 384-dimensional vectors.
RAISED_MAX: Final = 1_024

# So many of a segment's bodies tell how much it is needed: all segments are looked at before each
# that is cooled, and of ten million memories not every strength need be worked out for that.
_SAMPLE_ROWS: Final = 4_096


class Sealing(NamedTuple):
    """Bodies to be written as one segment of a tier."""

    tier: Tier
    rows: Rows


InUse: TypeAlias = Callable[[SealedPart], int]
"""Says how many bodies of a segment are in use at least, so that not all need be looked at."""


def none_known(_: SealedPart) -> int:
    """Say that it must be looked at all of them."""
    return 0


def rows_to_seal(view: View, accesses: Accesses, now: int, *, count: int, bytes_count: int) -> Rows:
    """Return the rows of the bodies in RAM that are needed least, those needed least first.

    Forgotten memories come first, then those of the lowest retrievability, an access counting like
    a review; the oldest first among equals. At least `count` of them, and so many that their bodies
    take `bytes_count` bytes.
    """
    if not view.hot.count:
        return _NO_ROWS
    slots = np.arange(view.hot.count)
    rows: Rows = take(view.hot.rows, slots)
    # A memory that was given a vector later left its first slot.
    rows = rows[view.gather("place", rows) == slots]
    rows = rows[np.lexsort((rows, strengths(view, accesses, now, rows)))]
    enough = int(np.searchsorted(np.cumsum(body_bytes(view, rows)), bytes_count, side="left"))
    return np.asarray(rows[: max(count, enough + 1 if bytes_count else 0)])


def cut(view: View, rows: Rows, count_max: int, bytes_max: int) -> list[Rows]:
    """Return rows in groups that make a segment each, those of one group ascending."""
    groups = []
    while len(rows):
        sizes = np.cumsum(body_bytes(view, rows[:count_max]))
        last = max(1, int(np.searchsorted(sizes, bytes_max, side="right")))
        groups.append(np.sort(rows[:last]))
        rows = rows[last:]
    return groups


def strengths(view: View, accesses: Accesses, now: int, rows: Rows) -> NDArray[np.float32]:
    """Return float32[n]: how much each row is needed, 0 to 1; -1 for what was forgotten."""
    touched = np.maximum(view.gather("reviewed_at", rows), accesses.times(rows))
    stability = view.gather("stability_days", rows)
    counts = view.accesses.counts_of(rows)
    found = strength_left(view.settings, now, touched, stability, counts)
    found[(view.gather("flags", rows) & ALIVE) == 0] = -1
    return found


def rows_to_raise(view: View, rows: Rows) -> Rows:
    """Return those of recalled rows whose bodies are on disk, at most RAISED_MAX."""
    rows = rows[rows < view.count]
    if not len(rows) or not view.sealed:
        return _NO_ROWS
    alive = (view.gather("flags", rows) & ALIVE) != 0
    sealed = (view.gather("place", rows) & np.uint32(SEALED)) != 0
    chosen: Rows = rows[alive & sealed][:RAISED_MAX]
    return chosen


def bodies_to_cool(
    view: View, accesses: Accesses, now: int, capacities: Capacities
) -> Sealing | None:
    """Return the bodies of the warm segment needed least, when there are too many warm ones."""
    warm = _segments(view, "warm")
    if sum(part.segment.count for _, part in warm) < capacities.warm + capacities.segment:
        return None
    means = {}
    for index, part in warm:
        rows = part.rows[in_use(view, index)]
        rows = rows[:: -(-len(rows) // _SAMPLE_ROWS) or 1]
        means[index] = float(strengths(view, accesses, now, rows).mean()) if len(rows) else -1.0
    coldest = min(means, key=lambda index: means[index])
    rows = _rows_in_use(view, coldest)
    return Sealing("cold", rows) if len(rows) else None


def bodies_to_merge(
    view: View, capacities: Capacities, bytes_max: int, at_least: InUse = none_known
) -> Sealing | None:
    """Return the bodies of segments with many dead ones, to be one segment."""
    for tier in _TIERS:
        worn = []
        for index, part in _segments(view, tier):
            enough = (1 - DEAD_SHARE_MAX) * part.segment.count
            if at_least(part) < enough and (count := int(in_use(view, index).sum())) < enough:
                worn.append((index, count))
        if not worn:
            continue
        worn.sort(key=lambda each: each[1])
        chosen: list[Rows] = []
        total = total_bytes = 0
        for index, count in worn:
            rows = _rows_in_use(view, index)
            total += count
            total_bytes += int(body_bytes(view, rows).sum()) if len(rows) else 0
            if chosen and (total > capacities.segment or total_bytes > bytes_max):
                break
            chosen.append(rows)
        rows = np.sort(np.concatenate(chosen))
        if len(rows):
            return Sealing(tier, rows)
    return None


def unused(view: View, at_least: InUse = none_known) -> list[int]:
    """Return the indexes of segments of which no memory needs a body any more."""
    parts = [(index, part) for index, part in enumerate(view.sealed) if part]
    return [index for index, part in parts if not (at_least(part) or in_use(view, index).any())]


def _segments(view: View, tier: str) -> list[tuple[int, SealedPart]]:
    parts = enumerate(view.sealed)
    return [(index, part) for index, part in parts if part and part.segment.tier == tier]


def _rows_in_use(view: View, index: int) -> Rows:
    part = view.sealed[index]
    if part is None:
        return _NO_ROWS
    rows = part.rows[in_use(view, index)]
    return np.sort(rows[rows != NO_ROW])
