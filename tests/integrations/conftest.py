"""Stores lent to frameworks: on a simulated disk, or on a real one with a thread of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import engram.sync
from engram.service.space import Space
from engram.service.store import Engram
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import HistoryClock, simulated_store
from tests.edges.client.conftest import _serve

if TYPE_CHECKING:
    from engram.edges.client import waited as remote


@pytest.fixture
def clock() -> HistoryClock:
    """The clock of the store, which stands until a test moves it."""
    return HistoryClock(tick_ns=0)


@pytest.fixture
def disk() -> SimulatedFilesystem:
    """The disk of the store, which outlives it."""
    return SimulatedFilesystem()


@pytest.fixture
async def db(
    anyio_backend: str,  # noqa: ARG001 - loop
    disk: SimulatedFilesystem,
    clock: HistoryClock,
) -> AsyncIterator[Engram]:
    """A store of the event loop of the test."""
    async with simulated_store(disk, embedder=HashingEmbedder(), clock=clock) as opened:
        yield opened


@pytest.fixture
async def space(db: Engram) -> Space:
    """A space that nothing was written to."""
    return await db.space("agents")


@pytest.fixture
def waited(tmp_path: Path) -> Iterator[engram.sync.Space]:
    """A space without `await`, of a store on a real disk."""
    with engram.sync.open(tmp_path / "store", embedder=HashingEmbedder()) as opened:
        yield opened.space("agents")


@pytest.fixture
def served() -> Iterator[str]:
    """The address of a server of an empty store."""
    with _serve() as server:
        yield server.url


@pytest.fixture
def far(served: str) -> Iterator[remote.RemoteSpace]:
    """A space of that server, without `await`."""
    with engram.sync.connect(served) as opened:
        yield opened.space("agents")
