"""What one run of the program has: the machine it stands on and where it writes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rich.console import Console

    from engram.edges.cli.machine import Machine
    from engram.service.space import Space
    from engram.settings import Settings


class Session:
    """One run of the program; commands are methods of classes that hold it."""

    def __init__(self, machine: Machine, console: Console, errors: Console) -> None:
        self.machine = machine
        self.console = console
        self.errors = errors
        self.interrupted = "stopped; nothing acknowledged is lost"
        """What to say when the user stops the program; long commands say how far they came."""

    def run(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """Run an async command to its end and return its answer."""
        import anyio  # noqa: PLC0415 - not needed for --help

        return anyio.run(command)

    @asynccontextmanager
    async def space(self, settings: Settings) -> AsyncIterator[Space]:
        """Open the store for a command that works on the memory space of the settings alone."""
        async with self.machine.open_store(settings=settings) as db:
            yield await db.space(settings.memory_space)
