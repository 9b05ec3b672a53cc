"""An asyncio loop for what runs on no other: that of the caller, or one in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal

T = TypeVar("T")


class AsyncioLoop:
    """Does work on a loop of asyncio, whichever loop its caller runs on."""

    def __init__(self, portal: BlockingPortal | None) -> None:
        """Take the portal to the loop; None when it is the caller's own."""
        self._portal = portal

    async def run(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Return what work returns; when the caller is cancelled, the work is."""
        if self._portal is None:
            return await work(*arguments)
        return await self._portal.call_async(work, *arguments)


@asynccontextmanager
async def open_loop() -> AsyncIterator[AsyncioLoop]:
    """Lend a loop of asyncio until the block is left."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        started = start_blocking_portal("asyncio")
        portal = await anyio.to_thread.run_sync(started.__enter__)
        try:
            yield AsyncioLoop(portal)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(started.__exit__, None, None, None))
    else:
        yield AsyncioLoop(None)
