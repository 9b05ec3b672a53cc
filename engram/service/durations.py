"""How long the operations of a server took, whatever front end they came through."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

SPACES_LABELLED_MAX: Final = 1_000
"""As many spaces as one process is made for; more label values would swamp a Prometheus."""

BOUNDS_S: Final = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)
"""Half a millisecond, which a recall takes, to ten seconds, which nobody waits."""

OTHERS: Final = ""
"""What stands for spaces that are not there, and for those beyond the bound: no id is empty."""

DURATION: Final = "engram_memory_operation_duration_seconds"


class Durations:
    """A histogram for each memory space and operation; spaces are bounded in number."""

    def __init__(self) -> None:
        # Counts by bound, the last for what took longer, and the sum in seconds.
        self._found: dict[tuple[str, str], tuple[list[int], list[float]]] = {}
        self._spaces: set[str] = set()

    def add(self, space: str, operation: str, seconds: float) -> None:
        """Count one operation."""
        if space and space not in self._spaces:
            if len(self._spaces) >= SPACES_LABELLED_MAX:
                space = OTHERS
            else:
                self._spaces.add(space)
        found = self._found.get((space, operation))
        if found is None:
            found = self._found[space, operation] = [0] * (len(BOUNDS_S) + 1), [0.0]
        counts, total = found
        counts[bisect_left(BOUNDS_S, seconds)] += 1
        total[0] += seconds

    def samples(self) -> Iterator[tuple[str, float]]:
        """Yield each sample under its name and labels."""
        for (space, operation), (counts, total) in sorted(self._found.items()):
            labels = f'memory_space="{space}",operation="{operation}"'
            seen = 0
            for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), counts, strict=True):
                seen += count
                yield f'{DURATION}_bucket{{{labels},le="{bound}"}}', seen
            yield f"{DURATION}_sum{{{labels}}}", total[0]
            yield f"{DURATION}_count{{{labels}}}", seen
