"""A server on a socket of this machine, in a thread of its own: callers may run on any loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from engram.adapters.local.clock import SystemClock
from engram.edges.http.guard import Guard
from engram.edges.http.server import HttpServer
from engram.service.store import Engram
from engram.service.transfers import Transfers
from engram.serving import make_transfers
from engram.testing.clock import StandingClock
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

Serve = Callable[..., AbstractContextManager[HttpServer]]


def open_own(disk: SimulatedFilesystem | None = None) -> AbstractAsyncContextManager[Engram]:
    """Return the store on a disk, by default an empty one: the same each time."""
    return simulated_store(disk, embedder=HashingEmbedder(), clock=StandingClock())


@asynccontextmanager
async def _served(
    guard: Guard | None, port: int, disk: SimulatedFilesystem | None
) -> AsyncIterator[HttpServer]:
    async with open_own(disk) as db:
        with TemporaryDirectory() as incoming:
            transfers = await make_transfers(db, Path(incoming))
            async with _running(db, port, guard, transfers) as server:
                yield server


@asynccontextmanager
async def _running(
    db: Engram, port: int, guard: Guard | None, transfers: Transfers
) -> AsyncIterator[HttpServer]:
    server = HttpServer(db, "1", "test", "127.0.0.1", port, SystemClock(), guard, transfers)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.run)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def _serve(
    guard: Guard | None = None, port: int = 0, disk: SimulatedFilesystem | None = None
) -> Iterator[HttpServer]:
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(_served(guard, port, disk)) as server,
    ):
        yield server


@pytest.fixture
def serve() -> Serve:
    """What serves a store, by default an empty one, until its block is left."""
    return partial(_serve)


@pytest.fixture
async def own(anyio_backend: str) -> AsyncIterator[Engram]:  # noqa: ARG001 - loop
    """A store of this process, as that of the server."""
    async with open_own() as db:
        yield db


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A server of an empty store."""
    with _serve() as found:
        yield found
