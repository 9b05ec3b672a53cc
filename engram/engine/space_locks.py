"""A lock for each space, held while it is opened, made, dropped or put in place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from engram.ports import Clock


class SpaceLocks:
    """The locks of one registry, and how long callers have waited for them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._locks: dict[str, anyio.Lock] = {}
        self.holds_count = 0
        """How often one was taken."""
        self.waited_ns = 0
        """How long all of them together were waited for."""

    @asynccontextmanager
    async def held(self, space: str) -> AsyncIterator[None]:
        """Hold the lock of a space; others who want it wait, those of other spaces do not."""
        began = self._clock.monotonic()
        lock = self._locks.setdefault(space, anyio.Lock())
        try:
            async with lock:
                self.waited_ns += self._clock.monotonic() - began
                self.holds_count += 1
                yield
        finally:
            # Whoever makes up ids must not fill the memory with their locks.
            if not lock.locked() and self._locks.get(space) is lock:
                self._locks.pop(space, None)

    def __len__(self) -> int:
        """Return how many spaces have one that is held."""
        return len(self._locks)
