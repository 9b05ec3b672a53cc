"""Parts of groups on their way to the log: decided, and gathered there for the next write.

Rule 1: a part is decided while the one before it is being written only when nothing of that one
can change what becomes of it. Nobody sees either before it is durable and applied, in order.
Rule 2: what was gathered behind a write that failed fails with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import anyio.to_thread

from engram.engine.group_times import GroupTimes
from engram.engine.groups import LONE, Group
from engram.model.commands import Command
from engram.model.errors import InvalidRequest, InvariantViolated, check
from engram.model.events import Remembered, encode
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.lone import may_block
from engram.state.outcomes import Decision, FreshOutcomes
from engram.state.plain import decide_plain
from engram.state.space import SpaceState
from engram.wal.protocol import Entry, Log

# Fewer are decided one by one in less time than in columns, and need no second group beside them.
AHEAD_COUNT_MIN: Final = 16


# As many at least, of those in the one before it. Who came sooner would wait for both otherwise,
# and those who come while that one is being written join this one.
_AHEAD_SHARE_MIN: Final = 0.75


class Part(NamedTuple):
    """What was decided of a group, in the log from behind the LSN `first` up to `last`."""

    group: Group
    decision: Decision
    first: int
    last: int
    bytes_count: int

    @property
    def ends_group(self) -> bool:
        """Whether nothing more of the group is to be decided."""
        group = self.group
        return len(group.outcomes) + self.decision.taken == len(group.commands)

    def apply(self, state: SpaceState) -> None:
        """Change the state by what has become durable."""
        for number, (event, vectors) in enumerate(self.decision.events, start=1):
            apply(state, event, vectors, self.first + number)


async def decided(state: SpaceState, space: str, commands: Sequence[Command], now: int) -> Decision:
    """Return what becomes of the first of these commands, or of all."""
    if isinstance(commands[0], LONE) and not may_block(state, commands):
        decision = decide(state, space, commands, now)
    else:
        decision = await anyio.to_thread.run_sync(decide, state, space, commands, now)
    check(decision.taken > 0, "deciding a group makes progress")
    return decision


def gather(log: Log, group: Group, decision: Decision, first: int) -> Part:
    """Append what was decided; raises what `Log.append` raises, then nothing was taken."""
    if not decision.events:
        return Part(group, decision, first, first, 0)
    entries = [Entry(*encode(event, vectors)) for event, vectors in decision.events]
    last = log.append(entries, expected_last_lsn=first)
    bytes_count = sum(entry.bytes_count for entry in entries)
    return Part(group, decision, first, last, bytes_count)


def gather_ahead(
    log: Log, state: SpaceState, space: str, before: Part, group: Group, now: int
) -> Part | None:
    """Decide about a whole group while `before` is being written, and have it written right after.

    None, and nothing is done, when it has to wait for what `before` changes.
    """
    event = before.decision.events[0][0]
    if type(before.decision.outcomes) is not FreshOutcomes or type(event) is not Remembered:
        return None
    decision = decide_plain(state, space, group.commands, now, before=event)
    if decision is None:
        return None
    try:
        part = gather(log, group, decision, before.last)
    except InvalidRequest:
        return None  # the log's records are smaller than ours: it is told when its turn comes
    log.begin(part.last)
    return part


def may_follow(before: Part, group: Group, times: GroupTimes) -> bool:
    """Whether it pays to decide about a group before what it would come after is durable."""
    is_as_large = len(group.commands) >= _AHEAD_SHARE_MIN * len(before.group.commands)
    return is_as_large and not times.is_for_one(group.latest)


def unexpected(space: str, error: Exception) -> InvariantViolated:
    """Return why a space stops after an error that nobody foresaw."""
    broken = InvariantViolated(
        f"memory space {space!r} stopped after an unexpected {type(error).__name__}: {error}; "
        "reopen it, and please report this"
    )
    broken.__cause__ = error
    return broken
