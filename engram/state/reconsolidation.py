"""Reconsolidation: a memory that was recalled can be changed for some hours.

After Nader, Schafe and LeDoux 2000: a consolidated memory that is retrieved becomes labile again
for a while. A correction that comes then changes the memory: the new version carries on some of the
old one's strength. Any other correction is a memory of its own that begins anew. Either way the old
version stays in the history; nothing is overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.state import fsrs
from engram.state.forgetting import NANOSECONDS_PER_DAY, NANOSECONDS_PER_HOUR

if TYPE_CHECKING:
    from engram.model.events import Remembered
    from engram.state.space import SpaceState

AGE_MIN_NS: Final = 24 * NANOSECONDS_PER_HOUR
AGE_MAX_NS: Final = 365 * NANOSECONDS_PER_DAY
OPENS_NS: Final = 1 * NANOSECONDS_PER_HOUR
CLOSES_NS: Final = 6 * NANOSECONDS_PER_HOUR
PLASTICITY_MAX: Final = 0.5
_STRENGTH: Final = ("stability_days", "difficulty")


class Window(NamedTuple):
    """When a recalled memory can be changed: from `opens_at` to `closes_at`, nanoseconds."""

    opens_at: int
    closes_at: int

    def plasticity(self, now: int) -> float:
        """Return in [0, 0.5] how much can be changed at wall time `now` (nanoseconds).

        0.5 * 4 x (1 - x), where x goes from 0 to 1 while the window is open; 0 outside.
        """
        if not self.opens_at < now < self.closes_at:
            return 0.0
        x = (now - self.opens_at) / (self.closes_at - self.opens_at)
        return PLASTICITY_MAX * 4.0 * x * (1.0 - x)


def window(recorded_at: int, recalled_at: int) -> Window | None:
    """Return when a memory can be changed that was recorded and last recalled at these times.

    From 1 to 6 hours after a recall; None when it was never recalled (`recalled_at` is 0), or was
    younger than 24 hours or older than 365 days then.
    """
    if not recalled_at or not AGE_MIN_NS <= recalled_at - recorded_at <= AGE_MAX_NS:
        return None
    return Window(recalled_at + OPENS_NS, recalled_at + CLOSES_NS)


def carried_over(old: fsrs.Strength, fresh: fsrs.Strength, plasticity: float) -> fsrs.Strength:
    """Return the strength of a correction: fresh, but for the share `plasticity` of the old one's.

    So at most half of what a memory had gained is carried on, and less towards both ends of the
    window, where it joins what a correction outside of it gets.
    """
    stability, difficulty = (
        new + plasticity * (was - new) for was, new in zip(old, fresh, strict=True)
    )
    return fsrs.Strength(stability, difficulty)


def carry_strength(state: SpaceState, event: Remembered, now: int) -> None:
    """Let the corrections in `event`, decided at wall time `now`, carry over what they may."""
    particulars = event.particulars
    if particulars is None or not particulars.supersedes:
        return
    stabilities = np.frombuffer(event.stabilities, "<f4").copy()
    difficulties = np.frombuffer(event.difficulties, "<f4").copy()
    ids = np.frombuffer(particulars.supersedes, "<u8").reshape(-1, 2).tolist()
    for place, (high, low) in enumerate(ids):
        row = state.row_named(high, low) if high or low else None
        share = 0.0 if row is None else _plasticity(state, row, now)
        if row is None or not share:
            continue
        columns = state.columns
        old = fsrs.Strength(*(float(columns[name].value(row)) for name in _STRENGTH))
        fresh = fsrs.Strength(float(stabilities[place]), float(difficulties[place]))
        stabilities[place], difficulties[place] = carried_over(old, fresh, share)
    event.stabilities, event.difficulties = stabilities.tobytes(), difficulties.tobytes()


def _plasticity(state: SpaceState, row: int, now: int) -> float:
    times = state.accesses.view().times_of(np.array([row]))
    found = window(int(state.columns["recorded_at"].value(row)), int(times[0]))
    return 0.0 if found is None else found.plasticity(now)
