"""The servers that are measured, each a process: `python -m benches.grpc.servers echo|engram PATH`.

The echo is as little as grpc.aio lets a server do: bytes in, as many bytes out as the call is named
after, nothing parsed. Both print their port.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from typing import Any

import anyio

import engram
import grpc
import grpc.aio
from engram.adapters.local.clock import SystemClock
from engram.edges.grpc.server import GrpcServer


class Echo(grpc.GenericRpcHandler):
    """Answers `/echo/N` with N bytes."""

    def service(self, handler_call_details: Any) -> Any:
        """Return what answers a call."""
        answer = bytes(int(handler_call_details.method.rpartition("/")[2]))

        async def echo(_: bytes, __: Any) -> bytes:
            return answer

        return grpc.unary_unary_rpc_method_handler(echo)


async def _echo() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def _engram(path: str) -> None:
    async with engram.open(path, embedder=None) as db:
        server = GrpcServer(db, "bench", "bench", "127.0.0.1", 0, SystemClock())
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            sys.stdout.write(f"{server.url.rpartition(':')[2]}\n")
            sys.stdout.flush()


def main() -> None:
    """Serve until this process is ended."""
    options = {"use_uvloop": find_spec("uvloop") is not None}
    if sys.argv[1] == "echo":
        anyio.run(_echo, backend_options=options)
    else:
        anyio.run(_engram, sys.argv[2], backend_options=options)


if __name__ == "__main__":
    main()
