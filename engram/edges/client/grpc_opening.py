"""Opens the line to a server over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import grpc
import grpc.aio

from engram.edges.client.asyncio_loop import open_loop
from engram.edges.client.grpc_line import GrpcLine
from engram.edges.client.limits import IDLE_SECONDS_MAX
from engram.ports import Entropy, Tracer

_MESSAGE_BYTES_MAX: Final = -1
_OPTIONS: Final = (
    # What a server answers is bounded by what it is asked for.
    ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", int(IDLE_SECONDS_MAX * 1_000)),
    # What an address means is not for the environment to say.
    ("grpc.enable_http_proxy", 0),
    # The client tries again by itself, and knows what may come twice.
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


@asynccontextmanager
async def open_grpc_line(
    url: str,
    target: str,
    api_key: str | None,
    timeout_s: float | None,
    entropy: Entropy,
    tracer: Tracer | None,
    *,
    is_secure: bool,
    roots: bytes | None,
) -> AsyncIterator[GrpcLine]:
    """Lend the line to a server at `target`, a host with its port, until the block is left.

    `roots`: the authorities that may vouch for it, in PEM; None for those gRPC comes with.
    """
    async with open_loop() as loop:

        async def make() -> grpc.aio.Channel:
            if is_secure:
                return grpc.aio.secure_channel(
                    target, grpc.ssl_channel_credentials(roots), options=_OPTIONS
                )
            return grpc.aio.insecure_channel(target, options=_OPTIONS)

        line = GrpcLine(url, await loop.run(make), loop, api_key, timeout_s, entropy, tracer)
        try:
            yield line
        finally:
            with anyio.CancelScope(shield=True):
                await line.close()
