"""What waits for the writer of a space: groups of commands, and changes between two groups."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import anyio

from engram.engine.budget import bytes_added
from engram.engine.waiting import Moment, Moments
from engram.model.commands import (
    ROW_BYTES_MAX,
    Command,
    Forget,
    Remember,
    recorded_bytes_max,
)
from engram.model.errors import EngramError, Overloaded
from engram.model.limits import (
    GROUP_COUNT_MAX,
    PART_BYTES_MAX,
    QUEUE_BYTES_MAX,
    QUEUE_COUNT_MAX,
)
from engram.model.memory import Remembered
from engram.ports import Clock
from engram.state.outcomes import FreshOutcomes, Outcome
from engram.state.space import SpaceState

# A bulk command is decided and applied in a worker thread: it takes milliseconds. So is a lone one
# never: the thread hop (54 to 120 us) costs more than the work.
LONE: Final = (Remember, Forget)
_LOOKED_AT: Final = 16


class Queue(NamedTuple):
    """What waits to become durable.

    How many commands, their bytes, and since when (monotonic, ns) that waits which waits longest:
    a group on its way to the disk counts there. None: all is durable.
    """

    commands_count: int
    bytes_count: int
    since: int | None

    @property
    def fullness(self) -> float:
        """How much of what may wait does wait; at 1 commands are refused."""
        return max(self.commands_count / QUEUE_COUNT_MAX, self.bytes_count / QUEUE_BYTES_MAX)


class Group:
    """Commands that become one write and one sync, and the answers all their callers wait for."""

    __slots__ = (
        "begun",
        "body_bytes",
        "bytes_count",
        "commands",
        "done",
        "failure",
        "is_lone",
        "latest",
        "lsns",
        "memories_count",
        "outcomes",
    )

    def __init__(self, begun: int, done: Moment) -> None:
        self.begun = begun
        """Monotonic time at which the first of them came."""
        self.latest = begun
        """About when the last of them came: looked at for each sixteenth."""
        self.bytes_count = self.body_bytes = self.memories_count = 0
        self.commands: list[Command] = []
        self.is_lone = True
        self.done = done
        self.outcomes: Sequence[Outcome] = []
        self.lsns: list[int] = []
        self.failure: EngramError | None = None

    def takes(self, command: Command, bytes_count: int) -> bool:
        """Whether the command may join: lone commands up to a limit, a bulk command alone."""
        if not self.commands:
            return True
        is_lone = self.is_lone and type(command) in LONE
        if not is_lone or len(self.commands) >= GROUP_COUNT_MAX:
            return False
        return self.bytes_count + bytes_count <= PART_BYTES_MAX

    def add(self, command: Command, bytes_count: int, added: tuple[int, int]) -> int:
        """Take the command in and return its position; `added` is what `bytes_added` says."""
        self.body_bytes += added[0]
        self.memories_count += added[1]
        self.commands.append(command)
        self.is_lone = type(command) in LONE
        self.bytes_count += bytes_count
        return len(self.commands) - 1

    def settle(self, outcomes: Sequence[Outcome], lsn: int) -> None:
        """Note what became of the next commands; `lsn` is where that is durable."""
        if not self.outcomes:
            self.outcomes = outcomes
        else:
            self.outcomes = [*self.outcomes, *outcomes]
        self.lsns += [lsn] * len(outcomes)

    def remembered(self, position: int) -> Remembered:
        """Return the durable outcome of a Remember, or raise why there is none."""
        outcomes = self.outcomes
        if type(outcomes) is FreshOutcomes and self.failure is None:
            return Remembered(outcomes.id_text(position), self.lsns[position], created=True)
        outcome, lsn = self.answer(position)
        return Remembered(str(outcome.ids[0]), lsn, bool(outcome.created[0]))

    def answer(self, position: int) -> tuple[Outcome, int]:
        """Return the durable outcome of a command and its LSN, or raise why there is none."""
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        outcome = self.outcomes[position]
        if outcome.refusal is not None:
            raise outcome.refusal
        return outcome, outcome.lsn or self.lsns[position]


class Line:
    """The groups that wait for the writer, the oldest first. Belongs to its event loop."""

    __slots__ = ("_groups", "_moments", "bytes_count", "commands_count")

    def __init__(self) -> None:
        self._groups: deque[Group] = deque()
        self._moments = Moments()
        self.commands_count = self.bytes_count = 0

    @property
    def first(self) -> Group | None:
        """The group that waits longest."""
        return self._groups[0] if self._groups else None

    def join(
        self,
        command: Command,
        clock: Clock,
        check_room: Callable[[int, int], None] | None,
    ) -> tuple[Group, int]:
        """Take a command in; return its group and its position there.

        Raises Overloaded when too much waits already, and what `check_room` raises of the bytes of
        bodies and the memories that it adds.
        """
        if type(command) is Remember and command.is_plain:
            body_bytes = len(command.content) + len(command.vector)
            size, added = body_bytes + ROW_BYTES_MAX, (body_bytes, 1)
        else:
            size, added = recorded_bytes_max(command), bytes_added(command)
        if self.commands_count >= QUEUE_COUNT_MAX:
            raise Overloaded("queue_count_max", QUEUE_COUNT_MAX)
        if self.commands_count and self.bytes_count + size > QUEUE_BYTES_MAX:
            raise Overloaded("queue_bytes_max", QUEUE_BYTES_MAX)
        if check_room is not None:
            check_room(*added)
        groups = self._groups
        if not groups or not groups[-1].takes(command, size):
            groups.append(Group(clock.monotonic(), self._moments.next()))
        group = groups[-1]
        self.commands_count += 1
        self.bytes_count += size
        position = group.add(command, size, added)
        if position and not position % _LOOKED_AT:
            group.latest = clock.monotonic()
        return group, position

    def take(self) -> Group:
        """Take out the group that waits longest; there must be one."""
        group = self._groups.popleft()
        self.commands_count -= len(group.commands)
        self.bytes_count -= group.bytes_count
        return group

    def fail(self, failure: EngramError) -> None:
        """Let all that wait know that nothing comes of it."""
        while self._groups:
            group = self.take()
            group.failure = failure
            group.done.come()


class Change:
    """Work on the state between two groups, and what came of it."""

    __slots__ = ("done", "error", "published", "result", "run")

    def __init__(
        self, run: Callable[[SpaceState], Any], published: Callable[[Any], None] | None = None
    ) -> None:
        self.run = run
        self.published = published
        self.done = anyio.Event()
        self.result: Any = None
        self.error: BaseException | None = None
