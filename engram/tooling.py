"""Puts the server of tools for agents together: `engram mcp`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engram.edges.mcp.http import ToolHttpServer
from engram.edges.mcp.lent import OpenStore
from engram.serving import open_admission
from engram.settings import Settings


@asynccontextmanager
async def open_tool_server(
    settings: Settings, open_store: OpenStore, version: str
) -> AsyncIterator[ToolHttpServer]:
    """Bind a server of tools to the address of the settings, until the block is left.

    Who is let in, how often, and what is written down of it the settings say as they do for
    `engram start`. The server opens the store when it runs; it needs asyncio.

    Raises:
        InvalidRequest: the address cannot be listened on.
        StorageFailed: the audit cannot be opened.
    """
    place = settings.http_host, settings.http_port
    async with open_admission(settings) as admission:
        yield ToolHttpServer(open_store, admission, version, settings.memory_space, *place)
