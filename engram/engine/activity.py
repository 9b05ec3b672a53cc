"""Whether a store is at work, so that what can wait does wait."""

from __future__ import annotations

import anyio


class Activity:
    """Counts the beginnings of work a caller waits for, over all spaces of a store.

    All of them share the interpreter's lock: while the words of one space were indexed, a bulk load
    into another fell from 206,000 to 122,000 memories a second.
    """

    __slots__ = ("_recall_ended", "begun", "recalls", "recalls_begun")

    def __init__(self) -> None:
        self.begun = 0
        self.recalls_begun = 0
        """How many of these were recalls."""
        self.recalls = 0
        """Recalls under way."""
        self._recall_ended: anyio.Event | None = None

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
