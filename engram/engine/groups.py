"""What waits for the writer of a space: groups of commands, and changes between two groups."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import anyio

from engram.engine.budget import bytes_added
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
from engram.wal.moments import Moment, Moments

# A bulk command is decided and applied in a worker thread: it takes milliseconds. So is a lone one
# never: the thread hop (54 to 120 us) costs more than the work.
LONE: Final = (Remember, Forget)
_LOOKED_AT: Final = 4


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

    def __init__(self, begun: int, done: Moment, *, is_lone: bool) -> None:
        self.begun = begun
        """Monotonic time at which the first of them came."""
        self.latest = begun
        """About when the last of them came: looked at for each fourth."""
        self.bytes_count = self.body_bytes = self.memories_count = 0
        self.commands: list[Command] = []
        self.is_lone = is_lone
        self.done = done
        self.outcomes: Sequence[Outcome] = []
        self.lsns: list[int] = []
        self.failure: EngramError | None = None

    def settle(self, outcomes: Sequence[Outcome], lsn: int) -> None:
        """Note what became of the next commands; `lsn` is where that is durable."""
        if not self.outcomes:
            self.outcomes = outcomes
        else:
            self.outcomes = [*self.outcomes, *outcomes]
        self.lsns += [lsn] * len(outcomes)

    def fail(self, failure: EngramError) -> None:
        """Let who waits for it know that nothing comes of it."""
        self.failure = failure
        self.done.come()

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

    __slots__ = ("_groups", "bytes_count", "commands_count", "moments")

    def __init__(self) -> None:
        self._groups: deque[Group] = deque()
        self.moments = Moments()
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
            body_bytes, memories_count = len(command.content) + len(command.vector), 1
            size, is_lone = body_bytes + ROW_BYTES_MAX, True
        else:
            body_bytes, memories_count = bytes_added(command)
            size, is_lone = recorded_bytes_max(command), type(command) in LONE
        if self.commands_count >= QUEUE_COUNT_MAX:
            raise Overloaded("queue_count_max", QUEUE_COUNT_MAX)
        if self.commands_count and self.bytes_count + size > QUEUE_BYTES_MAX:
            raise Overloaded("queue_bytes_max", QUEUE_BYTES_MAX)
        if check_room is not None:
            check_room(body_bytes, memories_count)
        group = self._groups[-1] if self._groups else None
        # Lone commands join each other up to a limit, a bulk command is alone.
        if (
            group is None
            or not (is_lone and group.is_lone)
            or len(group.commands) >= GROUP_COUNT_MAX
            or group.bytes_count + size > PART_BYTES_MAX
        ):
            group = Group(clock.monotonic(), self.moments.next(), is_lone=is_lone)
            self._groups.append(group)
        self.commands_count += 1
        self.bytes_count += size
        position = len(group.commands)
        group.commands.append(command)
        group.bytes_count += size
        group.body_bytes += body_bytes
        group.memories_count += memories_count
        if position and not position % _LOOKED_AT:
            group.latest = clock.monotonic()
        return group, position

    def take(self) -> Group:
        """Take out the group that waits longest; there must be one."""
        group = self._groups.popleft()
        self.commands_count -= len(group.commands)
        self.bytes_count -= group.bytes_count
        return group

    def fail(self, failure: EngramError, taken: Iterable[Group] = ()) -> None:
        """Let all that wait, and these groups, know that nothing comes of it."""
        for group in taken:
            group.fail(failure)
        while self._groups:
            self.take().fail(failure)


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
