"""The machine's two clocks behind the Clock port."""

from __future__ import annotations

import time

import anyio

NANOSECONDS_PER_SECOND = 1_000_000_000


class SystemClock:
    """Clock that asks the operating system."""

    def now(self) -> int:
        """Return wall time in nanoseconds since the Unix epoch, UTC; may be set back."""
        return time.time_ns()

    def monotonic(self) -> int:
        """Return a nanosecond reading that never goes back."""
        return time.monotonic_ns()

    async def sleep_until(self, deadline: int) -> None:
        """Return once `monotonic()` has reached `deadline` (nanoseconds)."""
        while (left := deadline - time.monotonic_ns()) > 0:  # noqa: ASYNC110 - timers may fire early
            await anyio.sleep(left / NANOSECONDS_PER_SECOND)
