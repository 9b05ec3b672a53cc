"""A server of gRPC on a socket of this machine, in a thread of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from engram.adapters.local.clock import SystemClock
from engram.edges.grpc.server import GrpcServer
from engram.ports import Embedder
from engram.service.admission import Admission
from engram.testing.clock import StandingClock
from engram.testing.embedders import HashingEmbedder
from engram.testing.stores import simulated_store

Serve = Callable[..., AbstractContextManager[GrpcServer]]


@asynccontextmanager
async def _served(
    admission: Admission | None, embedder: Embedder | None
) -> AsyncIterator[GrpcServer]:
    made_by = embedder or HashingEmbedder()
    async with simulated_store(embedder=made_by, clock=StandingClock()) as db:
        server = GrpcServer(db, "1", "test", "127.0.0.1", 0, SystemClock(), admission)
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            await server.recovered()
            try:
                yield server
            finally:
                server.stop()


@contextmanager
def _serve(
    admission: Admission | None = None,
    backend: str = "asyncio",
    embedder: Embedder | None = None,
) -> Iterator[GrpcServer]:
    with (
        start_blocking_portal(backend) as portal,
        portal.wrap_async_context_manager(_served(admission, embedder)) as server,
    ):
        yield server


@pytest.fixture
def serve() -> Serve:
    """What serves an empty store until its block is left."""
    return _serve


@pytest.fixture
def server() -> Iterator[GrpcServer]:
    """A server of an empty store."""
    with _serve() as found:
        yield found
