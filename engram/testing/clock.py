"""A clock that stands until it is moved, and chance that repeats from a seed."""

from __future__ import annotations

import random

from anyio import lowlevel, sleep

START_NS = 1_700_000_000_000_000_000
TICK_NS = 1_000


class FakeClock:
    """Clock whose two readings move only by `advance`, or by one tick each time they are read.

    `sleep_until` moves the time to the deadline and yields once.
    """

    def __init__(self, now_ns: int = START_NS, *, tick_ns: int = TICK_NS) -> None:
        self._now = now_ns
        self._monotonic = 0
        self._tick = tick_ns

    def now(self) -> int:
        """Return the wall time set so far, in nanoseconds since the epoch."""
        self.advance(self._tick)
        return self._now

    def monotonic(self) -> int:
        """Return the nanoseconds passed since this clock was made."""
        self.advance(self._tick)
        return self._monotonic

    def advance(self, nanoseconds: int) -> None:
        """Let time pass."""
        self._now += nanoseconds
        self._monotonic += nanoseconds

    def set_wall_time(self, now_ns: int) -> None:
        """Set the wall time, also backwards, as an operator or NTP would."""
        self._now = now_ns

    async def sleep_until(self, deadline: int) -> None:
        """Move to the deadline at once and yield to the other tasks."""
        self.advance(max(0, deadline - self._monotonic))
        await lowlevel.checkpoint()


class StandingClock(FakeClock):
    """Clock that stands, whatever goes on in the background: what depends on it can be compared."""

    def __init__(self) -> None:
        super().__init__(tick_ns=0)

    async def sleep_until(self, deadline: int) -> None:
        """Wait as long as a real clock would take; no time passes by it."""
        await sleep((deadline - self.monotonic()) / 1e9)


class SeededEntropy:
    """Entropy that gives the same bytes for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable is the point

    def token(self, bytes_count: int) -> bytes:
        """Return that many bytes of the seeded sequence."""
        return self._random.randbytes(bytes_count)
