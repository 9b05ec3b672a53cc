"""Whether a store is at work, so that what can wait does wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from engram.ports import Clock

IDLE_NS: Final = 100_000_000
"""100 ms without a beginning count as idle: longer than a bulk load needs to prepare its next
batch, and than a space needs to be opened after the one before."""


class Activity:
    """Counts the beginnings of work a caller waits for, over all spaces of a store.

    All of them share the interpreter's lock: while the words of one space were indexed, a bulk load
    into another fell from 206,000 to 122,000 memories a second.
    """

    __slots__ = ("_idle", "_recall_ended", "begun", "recalls", "recalls_begun", "turn")

    def __init__(self) -> None:
        self.begun = 0
        self.recalls_begun = 0
        """How many of these were recalls."""
        self.recalls = 0
        """Recalls under way."""
        self.turn = anyio.Lock()
        """Held for each step of what a thousand spaces may have to do as soon as all is idle."""
        self._recall_ended: anyio.Event | None = None
        self._idle: anyio.Event | None = None

    def begin(self) -> None:
        """Note that a caller waits for something."""
        self.begun += 1

    def begin_recall(self) -> None:
        """Note that a caller waits for a recall, until `end_recall`."""
        self.begun += 1
        self.recalls_begun += 1
        self.recalls += 1

    def end_recall(self) -> None:
        """Note that a recall has ended, whatever came of it."""
        self.recalls -= 1
        ended = self._recall_ended
        if ended is not None:
            self._recall_ended = None
            ended.set()

    async def recall_ended(self) -> None:
        """Return when one of the recalls under way has ended; at once without any."""
        if self.recalls:
            if self._recall_ended is None:
                self._recall_ended = anyio.Event()
            await self._recall_ended.wait()

    async def idle(self, clock: Clock) -> None:
        """Return when nothing has begun for a while; who needs to be sure looks at `begun` again.

        Of all who wait one looks at the clock: a thousand spaces would look at it all the time.
        """
        if self._idle is not None:
            await self._idle.wait()
            return
        idle = self._idle = anyio.Event()
        try:
            begun = -1
            while begun != self.begun:
                begun = self.begun
                await clock.sleep_until(clock.monotonic() + IDLE_NS)
        finally:
            self._idle = None
            idle.set()
