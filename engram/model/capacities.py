"""How many memories each tier of a space holds."""

from __future__ import annotations

from typing import NamedTuple

from engram.model.limits import (
    COLD_CAPACITY_DEFAULT,
    HOT_CAPACITY_DEFAULT,
    SEGMENT_BODIES_MAX,
    WARM_CAPACITY_DEFAULT,
)


class Capacities(NamedTuple):
    """Counts of memories of one space. What is above one goes a tier down; above the last, none.

    `segment` is how many bodies are sealed at once, so a tier may hold so many more for a while.
    """

    hot: int = HOT_CAPACITY_DEFAULT
    warm: int = WARM_CAPACITY_DEFAULT
    cold: int = COLD_CAPACITY_DEFAULT
    segment: int = SEGMENT_BODIES_MAX
