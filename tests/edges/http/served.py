"""A server on a real socket, in a thread of its own, for callers that know no event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio

from engram.adapters.local.clock import SystemClock
from engram.edges.http.server import HttpServer
from engram.wiring import open_store


@contextmanager
def served(path: Path) -> Iterator[HttpServer]:
    """Serve the store at `path` on a free port until the block is left."""
    found: list[HttpServer] = []
    is_there = threading.Event()

    async def serve() -> None:
        async with open_store(path, embedder=None, kernels="numpy") as db:
            found.append(HttpServer(db, "1", "s", "127.0.0.1", 0, SystemClock()))
            is_there.set()
            await found[0].run()

    thread = threading.Thread(target=anyio.run, args=(serve,))
    thread.start()
    try:
        assert is_there.wait(60)
        yield found[0]
    finally:
        found[0].stop()
        thread.join()
