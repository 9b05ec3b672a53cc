"""Whether a store is at work, so that what can wait does wait."""

from __future__ import annotations


class Activity:
    """Counts the beginnings of work a caller waits for, over all spaces of a store.

    All of them share the interpreter's lock: indexing words for one space would slow a bulk load
    into another to half its speed (measured).
    """

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = 0

    def begin(self) -> None:
        """Note that a caller waits for something."""
        self.begun += 1
