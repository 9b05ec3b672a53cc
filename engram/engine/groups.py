"""What waits for the writer of a space: groups of commands, and changes between two groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import anyio

from engram.model.commands import Command, Forget, Remember
from engram.model.errors import EngramError
from engram.model.limits import GROUP_COUNT_MAX, PART_BYTES_MAX
from engram.state.outcomes import Outcome
from engram.state.space import SpaceState

# A bulk command is decided and applied in a worker thread: it takes milliseconds. So is a lone one
# never: the thread hop (54 to 120 us) costs more than the work.
LONE: Final = (Remember, Forget)


class Group:
    """Commands that become one write and one sync, and the answers all their callers wait for."""

    __slots__ = (
        "body_bytes",
        "bytes_count",
        "commands",
        "done",
        "failure",
        "lsns",
        "memories_count",
        "outcomes",
    )

    def __init__(self) -> None:
        self.bytes_count = self.body_bytes = self.memories_count = 0
        self.commands: list[Command] = []
        self.done = anyio.Event()
        self.outcomes: list[Outcome] = []
        self.lsns: list[int] = []
        self.failure: EngramError | None = None

    def takes(self, command: Command, bytes_count: int) -> bool:
        """Whether the command may join: lone commands up to a limit, a bulk command alone."""
        if not self.commands:
            return True
        lone = isinstance(command, LONE) and isinstance(self.commands[-1], LONE)
        if not lone or len(self.commands) >= GROUP_COUNT_MAX:
            return False
        return self.bytes_count + bytes_count <= PART_BYTES_MAX

    def add(self, command: Command, bytes_count: int, added: tuple[int, int]) -> int:
        """Take the command in and return its position; `added` is what `bytes_added` says."""
        self.body_bytes += added[0]
        self.memories_count += added[1]
        self.commands.append(command)
        self.bytes_count += bytes_count
        return len(self.commands) - 1


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
