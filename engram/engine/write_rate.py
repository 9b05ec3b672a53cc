"""Holds a space to its quotas: what its state may come to, and how fast."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from engram.model.errors import WritesLimited
from engram.ports import Clock
from engram.state.fullness import Fullness
from engram.state.space import SpaceState

_NS: Final = 1_000_000_000


def held_to(
    fullness: Fullness,
    space: str,
    state: SpaceState,
    clock: Clock,
    check_room: Callable[[int, int], None],
) -> Callable[[int, int], None]:
    """Hold a space to its quotas; return what lets memories in, `check_room` where none is set."""
    quotas = fullness.quotas
    if quotas.memories or quotas.bytes:
        fullness.count(state)
        state.check_quotas = fullness.check
    if not quotas.writes_per_s:
        return check_room
    return WriteRate(space, quotas.writes_per_s, clock, check_room)


class WriteRate:
    """Lets in what a rate allows, then asks on; a token bucket of one second.

    A batch is let in whole while anything is left, and what it took beyond that is waited for.
    """

    def __init__(
        self, space: str, per_s: int, clock: Clock, check_room: Callable[[int, int], None]
    ) -> None:
        self._space, self._per_s = space, per_s
        self._clock, self._check_room = clock, check_room
        self._left, self._since = float(per_s), clock.monotonic()

    def __call__(self, body_bytes: int, count: int) -> None:
        """Take in `count` memories; WritesLimited when they are too many, or what is asked on."""
        self._check_room(body_bytes, count)
        if not count:
            return
        now = self._clock.monotonic()
        left = min(self._per_s, self._left + (now - self._since) / _NS * self._per_s)
        if left < 1.0:
            wait_s = max(1, math.ceil((1.0 - left) / self._per_s))
            raise WritesLimited(self._space, self._per_s, wait_s)
        self._left, self._since = left - count, now
