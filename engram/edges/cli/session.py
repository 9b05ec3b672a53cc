"""What one run of the program has: the machine it stands on and where it writes."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rich.console import Console

    from engram.edges.cli.machine import AnySpace, AnyStore, Machine
    from engram.edges.cli.remote import Remote
    from engram.ports import Tracer
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

    def server(self, settings: Settings) -> Remote | None:
        """Return the server that has the store of the settings open; None when none has."""
        found = self.machine.servers.file(settings).read()
        if found is None:
            return None
        from engram.edges.cli.remote import Remote  # noqa: PLC0415 - rarely needed

        return Remote(found, settings)

    @asynccontextmanager
    async def store(
        self, settings: Settings, *, tracer: Tracer | None = None
    ) -> AsyncIterator[AnyStore]:
        """Open the store, or ask the server that has it open; the verbs are the same.

        What they do is told to `tracer`; without one, as the settings say.
        """
        from engram.model.errors import StoreInUse, Unauthorized  # noqa: PLC0415 - not for --help

        find = self.machine.servers.file(settings).read
        server = find()
        async with AsyncExitStack() as held:
            if server is None:
                try:
                    opened = self.machine.open_store(settings=settings, tracer=tracer)
                    db = await held.enter_async_context(opened)
                except StoreInUse:
                    # A server may have come up since it was looked for.
                    server = find()
                    if server is None:
                        raise
                else:
                    yield db
                    return
            remote = self.machine.servers.connect(server.url, settings, tracer)
            try:
                yield await held.enter_async_context(remote)
            except Unauthorized as error:
                raise Unauthorized(f"{error}; a key goes in ENGRAM_API_KEY") from error

    @asynccontextmanager
    async def space(self, settings: Settings) -> AsyncIterator[AnySpace]:
        """Lend the memory space of the settings, of the store or of the server that has it open."""
        async with self.store(settings) as db:
            yield await db.space(settings.memory_space)
