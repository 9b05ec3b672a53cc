"""What the housekeeping knows of one space, and the next step it plans for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

import numpy as np

from engram.engine.accesses import Accesses
from engram.engine.ahead import Ahead
from engram.engine.checkpointer import Checkpointer
from engram.engine.tiers import Sealing
from engram.model.capacities import Capacities
from engram.model.errors import EngramError
from engram.state.moves import Rows
from engram.state.space import SpaceState, View

T = TypeVar("T")

_NO_ROWS: Final[Rows] = np.zeros(0, np.uint32)
RETRY_NS_FIRST: Final = 1_000_000_000
RETRY_NS_MAX: Final = 300_000_000_000
"""Nanoseconds before a failed step is tried again: doubled each time, at most five minutes."""


class Tended(Protocol):
    """The engine of a space, as far as its bodies are concerned."""

    space: str
    accesses: Accesses
    checkpointer: Checkpointer | None

    @property
    def view(self) -> View:
        """What readers see."""

    def resident_parts(self) -> dict[str, int]:
        """Return bytes in RAM by what they are for."""

    async def between_groups(self, change: Callable[[SpaceState], T]) -> T:
        """Run a change while nothing is being written."""

    def wake_up(self) -> None:
        """Look again whether what waits may be written."""


class Kept:
    """What is known about one space besides its engine."""

    def __init__(self, engine: Tended, capacities: Capacities) -> None:
        self.engine = engine
        self.capacities = capacities
        self.ahead: Ahead | None = None
        self.resident: dict[str, int] = {}
        """Bytes in RAM by what they are for, as they were measured last."""
        self._measured_at: tuple[int, ...] = ()
        self.recalled: Rows = _NO_ROWS
        self.checked: object = None  # the segments that were looked through for dead bodies
        self.steps = 0
        self.error: str | None = None
        self.retry_at = 0
        self.retry_ns = RETRY_NS_FIRST

    @property
    def hot_bytes(self) -> int:
        """Bytes of bodies in RAM, as they were measured last."""
        return self.resident.get("hot", 0)

    @property
    def has_changed(self) -> bool:
        """Whether readers see something else than when it was measured."""
        return self._measured_at != _mark(self.engine.view)

    def measure(self) -> dict[str, int]:
        """Measure again; return by how much each of its bytes grew."""
        before, self.resident = self.resident, self.engine.resident_parts()
        self._measured_at = _mark(self.engine.view)
        return {name: count - before.get(name, 0) for name, count in self.resident.items()}

    def failed(self, error: EngramError, now: int) -> None:
        """Note why a step failed, and when to try again."""
        self.error, self.retry_at = str(error), now + self.retry_ns
        self.retry_ns = min(2 * self.retry_ns, RETRY_NS_MAX)

    def worked(self) -> None:
        """Note that a step was done."""
        self.steps += 1
        self.error, self.retry_ns = None, RETRY_NS_FIRST


def _mark(view: View) -> tuple[int, ...]:
    """Return what tells a view from others, without keeping it."""
    return id(view), view.lsn, view.hot.count


class Plan(NamedTuple):
    """One step: segments to be written, rows to come up, segments nobody needs."""

    view: View
    sealings: Sequence[Sealing] = ()
    raised: Rows = _NO_ROWS
    unused: Sequence[int] = ()
    is_urgent: bool = False
