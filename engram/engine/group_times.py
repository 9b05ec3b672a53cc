"""How long the callers of a group prepare it and the disk writes it, and what follows from that."""

from __future__ import annotations


class GroupTimes:
    """When the last group was on its way to the disk, and how long it had been prepared.

    Two halves of the callers in turn get more done than all of them together when the
    disk takes less time than all need to prepare: then it never waits. A slower disk is better off
    with few large groups. Times are monotonic, in nanoseconds.
    """

    __slots__ = ("_begun", "_ended", "_preparing_ns", "_writing_ns")

    def __init__(self) -> None:
        self._begun = self._ended = self._preparing_ns = self._writing_ns = 0

    def begin(self, now: int) -> None:
        """Note that a group is on its way to the disk."""
        self._begun, self._preparing_ns = now, now - self._ended

    def end(self, now: int) -> None:
        """Note that it is durable."""
        self._ended, self._writing_ns = now, now - self._begun

    def go_on(self) -> None:
        """Note that the next group was ready, and is on its way since the last one was durable."""
        self._begun, self._preparing_ns = self._ended, 0

    def was_writing(self, moment: int) -> bool:
        """Whether the last group was still on its way to the disk at this time."""
        return moment <= self._ended

    @property
    def is_for_halves(self) -> bool:
        """Whether who has waited for one group should become two."""
        return self._writing_ns < self._preparing_ns

    def is_for_one(self, latest: int) -> bool:
        """Whether two groups should become one: those of the one that waits came until `latest`.

        To prepare a write, from then to its answer, takes about twice as long as for its caller to
        come again; and there are two groups of them.
        """
        return self._writing_ns > 4 * (latest - self._begun)
