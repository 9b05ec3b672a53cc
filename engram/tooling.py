"""Puts the servers of tools for agents together: `engram mcp`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final, Protocol

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.loggers.structured import structured_loggers
from engram.adapters.traces.opening import open_tracer
from engram.admitting import names_of, open_checks
from engram.edges.mcp.calls import Calls
from engram.edges.mcp.http import ToolHttpServer
from engram.edges.mcp.stdio import serve_stdio
from engram.ports import Tracer
from engram.service.admission import Admission
from engram.settings import Settings

# Of the name that a server gives its calls: no two processes get the same.
_NAME_BYTES: Final = 4


class OpenStore(Protocol):
    """Opens the store of the settings, or asks the server that has it open."""

    def __call__(self, *, tracer: Tracer | None) -> AbstractAsyncContextManager[Any]:
        """Return it, open until the block is left; what it does is told to `tracer`."""


async def serve_agent(settings: Settings, open_store: OpenStore, version: str) -> None:
    """Serve the process that started this one, over standard input and output, until that ends.

    It may do what its user may, so no key is asked for; how often it may ask, what is written down
    of it, logged (on standard error) and traced the settings say as they do for `engram start`.

    Raises:
        InvalidRequest: traces are asked for and OpenTelemetry is not installed.
        StorageFailed: the audit cannot be opened.
    """
    async with _open_calls(settings, asks_who=False) as calls:
        store = partial(open_store, tracer=calls.tracer)
        await serve_stdio(store, calls, version, settings.memory_space)


@asynccontextmanager
async def open_tool_server(
    settings: Settings, open_store: OpenStore, version: str
) -> AsyncIterator[ToolHttpServer]:
    """Bind a server of tools to the address of the settings, until the block is left.

    Who is let in, how often, and what is written down of it, logged and traced the settings say as
    they do for `engram start`. The server opens the store when it runs; it needs asyncio.

    Raises:
        InvalidRequest: the address cannot be listened on, or traces are asked for and OpenTelemetry
            is not installed.
        StorageFailed: the audit cannot be opened.
    """
    place = settings.http_host, settings.http_port, names_of(settings)
    async with _open_calls(settings, asks_who=True) as calls:
        store = partial(open_store, tracer=calls.tracer)
        yield ToolHttpServer(store, calls, version, settings.memory_space, *place)


@asynccontextmanager
async def _open_calls(settings: Settings, *, asks_who: bool) -> AsyncIterator[Calls]:
    clock, name = SystemClock(), SystemEntropy().token(_NAME_BYTES).hex()
    said = settings.log_format, settings.log_level, sys.stderr, clock
    with structured_loggers(*said) as logger:
        async with open_checks(settings) as checks, open_tracer(settings.traces) as tracer:
            access, limiter, audit = checks
            admission = Admission(clock, access if asks_who else None, limiter, audit)
            yield Calls(admission, clock, name, logger, tracer)
