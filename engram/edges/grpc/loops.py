"""Where the work of a call is done: on the loop of the server, or on that of the store.

grpc.aio runs on asyncio alone. A store that was opened under trio stays there: the server then has
an asyncio loop in a thread of its own, and every verb goes through a portal to the store's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from anyio.from_thread import BlockingPortal

T = TypeVar("T")


def is_asyncio() -> bool:
    """Whether the running loop is one of asyncio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Loops(Protocol):
    """Carries work from the server's loop to the store's, and messages back."""

    async def at_store(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Return what work returns that the store's loop does; a cancelled call ends it."""

    async def at_server(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Return what work returns that the server's loop does; called on the store's."""


class OneLoop:
    """The store is open on the server's own loop."""

    async def at_store(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Do it here."""
        return await work(*arguments)

    async def at_server(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Do it here."""
        return await work(*arguments)


class TwoLoops:
    """The store is open on another loop, in another thread."""

    def __init__(self, store: BlockingPortal, server: BlockingPortal) -> None:
        """Take the portals to both."""
        self._store, self._server = store, server

    async def at_store(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Do it there; when the caller is cancelled, it is cancelled there."""
        return await self._store.call_async(work, *arguments)

    async def at_server(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Do it there; when the caller is cancelled, it is cancelled there."""
        return await self._server.call_async(work, *arguments)
