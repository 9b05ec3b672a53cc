"""Settings under which a handful of memories fill a tier, and a few records call for a snapshot."""

from __future__ import annotations

from typing import Final

from engram.model.capacities import Capacities
from engram.settings import Settings

SMALL: Final = Capacities(hot=3, warm=3, cold=1_000_000, segment=2)
"""Sealed from the 5th body in RAM on, cooled from the 5th warm one on, two at a time."""


class SmallTiers(Settings, frozen=True):
    """Settings with tiers of a few bodies, which no environment can name."""

    tiers: Capacities = SMALL
    scrub_bytes_per_s: int = 0
    """Under a clock that does not wait, passes would follow each other without end."""
    linker: bool = False
    consolidation: bool = False
    """What links and consolidates unasked writes to the log after a history noted what is in it."""

    def capacities_of(self, space: str) -> Capacities:  # noqa: ARG002
        """Return the same few memories for every space."""
        return self.tiers
