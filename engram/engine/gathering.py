"""How long a small group of writes is held back for those that are on their way.

Some doors bring requests one by one, turns of the event loop apart, though many wait behind them:
gRPC's event loop accepts one call after another. A disk that is quicker than that finds a group of
one each time, and a group costs the processor as much as several writes do.

Rule 1: never a timer. What is given are turns of the loop: who has anything to do goes first.
`IDLE_TURNS_MAX` turns that bring nobody end it (27 to 66 us where nobody has), or
`GATHERING_NS_MAX`.
Rule 2: one caller alone does not wait, as nothing comes while its write is on its way to the disk;
of many that have gone, the one that stays does for a few writes.
Rule 3: what was not worth it is tried again less and less often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from anyio import lowlevel

from engram.engine.group_times import GroupTimes
from engram.engine.groups import Group
from engram.model.commands import Command
from engram.ports import Clock

# Larger ones cost little for each write, and the disk should not wait for them.
GATHERED_COUNT_MAX: Final = 32
# Of 64 callers over gRPC 8 turns brought fewer writes a second, and 32 no more.
IDLE_TURNS_MAX: Final = 16
# What a writer can lose by it, in vain, where every turn does much for others.
GATHERING_NS_MAX: Final = 5_000_000
_WORTH: Final = 3  # times as many writes as were there
_PAUSE_MAX: Final = 1_024  # groups


class Gathering:
    """How many writes the next group is worth waiting for, learnt from what came before."""

    __slots__ = ("_clock", "_expected", "_pause", "_until_tried", "joined_count")

    def __init__(self, clock: Clock) -> None:
        self.joined_count = 0
        """Writes that came to groups while these were held back."""
        self._clock = clock
        self._expected = 1
        self._pause = self._until_tried = 1

    async def gather(self, group: Group | None, times: GroupTimes) -> None:
        """Return once a group, if there is one, is to be written; others join it meanwhile."""
        if group is None or not group.is_lone or len(group.commands) >= GATHERED_COUNT_MAX:
            return
        first = len(group.commands)
        is_crowded = times.was_writing(group.begun)
        self._until_tried -= is_crowded
        is_trial = is_crowded and self._until_tried <= 0
        wanted = GATHERED_COUNT_MAX if is_trial else self._expected
        if first >= wanted:
            return
        found = await self._waited(group.commands, wanted)
        self.joined_count += found - first
        if is_trial:
            self._learn(first, found)
        elif found < wanted:
            self._expected = (self._expected + found) // 2

    async def _waited(self, commands: Sequence[Command], wanted: int) -> int:
        """Return how many there are once there are enough, or no more come."""
        until = self._clock.monotonic() + GATHERING_NS_MAX
        found, idle_turns = len(commands), 0
        while found < wanted and idle_turns < IDLE_TURNS_MAX:
            await lowlevel.checkpoint()
            before, found = found, len(commands)
            idle_turns = 0 if found > before else idle_turns + 1
            if self._clock.monotonic() > until:
                break
        return found

    def _learn(self, first: int, found: int) -> None:
        """Note what came of a trial."""
        if found >= _WORTH * first:
            self._expected, self._pause = found, 1
        else:
            self._expected, self._pause = 1, min(2 * self._pause, _PAUSE_MAX)
        self._until_tried = self._pause
