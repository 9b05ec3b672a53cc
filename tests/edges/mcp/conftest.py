"""Servers of tools on real sockets and in real processes, asked by the SDK's own client."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from mcp import StdioServerParameters

import engram
from engram.adapters.local.clock import SystemClock
from engram.edges.client.store import RemoteEngram
from engram.edges.http.server import HttpServer
from engram.edges.mcp.calls import Calls
from engram.edges.mcp.http import ToolHttpServer
from engram.service.admission import Admission
from engram.service.store import Engram
from engram.service.telemetry import RequestLogger
from engram.testing.clock import StandingClock
from engram.testing.embedders import HashingEmbedder
from engram.testing.stores import simulated_store


class Fronts(NamedTuple):
    """One store behind two servers."""

    db: Engram
    url: str
    """Of the HTTP interface."""
    tools_url: str


class Serve(Protocol):
    """Serves an empty store until its block is left."""

    def __call__(
        self,
        admission: Admission | None = None,
        request_logger: RequestLogger | None = None,
        hosts: frozenset[str] | None = None,
        *,
        is_remote: bool = False,
    ) -> AbstractContextManager[Fronts]:
        """Return the addresses; `is_remote`: the tools ask the server over HTTP."""


@asynccontextmanager
async def _served(
    admission: Admission | None = None,
    request_logger: RequestLogger | None = None,
    hosts: frozenset[str] | None = None,
    *,
    is_remote: bool = False,
) -> AsyncIterator[Fronts]:
    async with simulated_store(embedder=HashingEmbedder(), clock=StandingClock()) as db:
        clock = SystemClock()
        server = HttpServer(
            *(db, "1", "test", "127.0.0.1", 0, clock), request_logger=request_logger
        )

        @asynccontextmanager
        async def lend() -> AsyncIterator[Engram | RemoteEngram]:
            if not is_remote:
                yield db
                return
            async with engram.connect(server.url) as remote:
                yield remote

        calls = Calls(admission or Admission(clock), clock, "tools", request_logger)
        tools = ToolHttpServer(lend, calls, "1", "default", "127.0.0.1", 0, hosts)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            tasks.start_soon(tools.run)
            try:
                yield Fronts(db, server.url, tools.url)
            finally:
                server.stop()
                tools.stop()


@contextmanager
def _serve(*arguments: Any, **named: Any) -> Iterator[Fronts]:
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(_served(*arguments, **named)) as fronts,
    ):
        yield fronts


@pytest.fixture
def serve() -> Serve:
    """What serves an empty store over HTTP and as tools."""
    return _serve


@pytest.fixture
def fronts() -> Iterator[Fronts]:
    """A store that is served over HTTP and as tools."""
    with _serve() as found:
        yield found


class Launch(Protocol):
    """How `engram mcp` is started by a host."""

    def __call__(self, *arguments: str, **variables: str) -> StdioServerParameters:
        """Return it with more arguments and variables."""


def _launch(path: Path, *arguments: str, **variables: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "engram", "mcp", "--data", str(path), "--config", "off", *arguments],
        env={"ENGRAM_EMBEDDER": "none", **variables},
    )


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """How a host starts `engram mcp` on a store of the test."""
    return partial(_launch, tmp_path / "store")
