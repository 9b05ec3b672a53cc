"""Serves one host over standard input and output, as the process that it started."""

from __future__ import annotations

import anyio
from mcp.server.stdio import stdio_server

from engram.edges.mcp.calls import Calls
from engram.edges.mcp.lent import Lent, OpenStore
from engram.edges.mcp.server import ToolServer


async def serve_stdio(open_store: OpenStore, calls: Calls, version: str, space: str) -> None:
    """Serve until standard input ends; nothing else may write to standard output meanwhile.

    The store is opened beside the first messages, so that the host need not wait for it. Who
    started the process may do what its user may: no key is asked for.
    """
    async with anyio.create_task_group() as tasks:
        lent = Lent(open_store, tasks)
        server = ToolServer(lent, calls, version, space).protocol
        async with stdio_server() as (incoming, outgoing):
            lent.begin()
            await server.run(incoming, outgoing, server.create_initialization_options())
        lent.end()
