"""Whether a store is at work, so that what can wait does wait."""

from __future__ import annotations


class Activity:
    """Counts the beginnings of work a caller waits for, over all spaces of a store.

    All of them share the interpreter's lock: while the words of one space were indexed, a bulk load
    into another fell from 206,000 to 122,000 memories a second.
    """

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = 0

    def begin(self) -> None:
        """Note that a caller waits for something."""
        self.begun += 1
