"""Runs the application on a socket until it is told to stop, and leaves nothing half done.

Runs on asyncio only, as uvicorn does.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import anyio
import uvicorn

from engram.edges.http.app import make_app
from engram.edges.http.door import Host
from engram.edges.http.event_stream import Streams
from engram.edges.http.guard import Guard
from engram.edges.http.limits import (
    BACKLOG_COUNT,
    DRAIN_SECONDS_MAX,
    HEARTBEAT_SECONDS,
    IDLE_SECONDS_MAX,
    LAST_CHECKPOINT_SECONDS_MAX,
    MESSAGE_BYTES_MAX,
    STALLED_SECONDS_MAX,
)
from engram.edges.http.protocol import HttpProtocol
from engram.edges.http.websocket import WebSocketProtocol
from engram.model.errors import EngramError
from engram.ports import Clock
from engram.service.durations import Durations
from engram.service.store import Engram
from engram.service.telemetry import RequestLogger
from engram.service.transfers import Transfers
from engram.service.wire.listening import QuietServer, listening, url_of
from engram.service.wire.tls import Tls

_LOGGER: Final = logging.getLogger("engram.http")
_ELSEWHERE: Final = "choose another with --port or ENGRAM_HTTP_PORT, or stop what listens there"


class Beside(Protocol):
    """Another front end of the same store in the same process; it starts and stops with this."""

    @property
    def url(self) -> str:
        """Where it listens; it is bound."""

    async def run(self) -> None:
        """Serve until `stop`."""

    async def recovered(self) -> None:
        """Say that every space has been opened that can be."""

    def stop(self) -> None:
        """Let `run` end."""

    def own_metrics(self) -> Iterator[tuple[str, float]]:
        """Yield what it measures itself, under the names of this front end's metrics."""


class _Server(QuietServer):
    """Ends streams, and what serves beside it, when it stops."""

    def __init__(self, config: uvicorn.Config, streams: Streams, beside: Beside | None) -> None:
        super().__init__(config)
        self._streams, self._beside = streams, beside

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell streams where they end; nothing else would end them."""
        self._streams.stop()
        if self._beside is not None:
            self._beside.stop()
        await super().shutdown(sockets)


class HttpServer:
    """One server of one open store: `run` returns when it was told to stop and has drained."""

    def __init__(
        self,
        db: Engram,
        version: str,
        name: str,
        host: str,
        port: int,
        clock: Clock,
        guard: Guard | None = None,
        transfers: Transfers | None = None,
        request_logger: RequestLogger | None = None,
        durations: Durations | None = None,
        beside: Beside | None = None,
        tls: Tls | None = None,
    ) -> None:
        """Bind the socket; requests are accepted from `run` on.

        `beside` runs and stops with it.

        Raises InvalidRequest when the address cannot be bound.
        """
        self._host = Host(db, version, name, clock, guard, transfers, request_logger, durations)
        if beside is not None:
            self._host.metrics_beside = beside.own_metrics
        self._beside = beside
        self.grpc_url = None if beside is None else beside.url
        """Where gRPC is served beside it, if it is."""
        self._db = db
        self._socket = listening(host, port, _ELSEWHERE, BACKLOG_COUNT)
        self.url = url_of(self._socket, "http" if tls is None else "https")
        config = uvicorn.Config(
            make_app(self._host),
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_max_size=MESSAGE_BYTES_MAX,
            ws_ping_interval=HEARTBEAT_SECONDS,
            ws_ping_timeout=STALLED_SECONDS_MAX,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG_COUNT,
            timeout_keep_alive=IDLE_SECONDS_MAX,
            timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
            ssl_certfile=None if tls is None else tls.certificate,
            ssl_keyfile=None if tls is None else tls.key,
        )
        self._server = _Server(config, self._host.streams, beside)

    def stop(self) -> None:
        """Let `run` end: no new connection is taken, what is under way is answered."""
        self._server.should_exit = True

    async def run(self, recovered: Callable[[], None] | None = None) -> None:
        """Serve until `stop` or a signal, then take snapshots so that the next start is quick.

        `recovered` is called when every space has been opened that can be.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._recover, recovered)
            async with anyio.create_task_group() as fronts:
                if self._beside is not None:
                    fronts.start_soon(self._beside.run)
                await self._server.serve(sockets=[self._socket])
            tasks.cancel_scope.cancel()
        with anyio.move_on_after(LAST_CHECKPOINT_SECONDS_MAX):
            await self._checkpoint()

    async def _recover(self, recovered: Callable[[], None] | None) -> None:
        """Open every space, and say how each of them is; a damaged one keeps no other waiting."""
        found = await self._db.spaces()
        names = [each.id for each in found]
        _LOGGER.info("Discovered %d memory spaces: %s", len(names), names)
        for each in found:
            if each.reason is not None:
                _LOGGER.error("Space %r is unavailable: %s", each.id, each.reason)
                continue
            try:
                stats = await (await self._db.space(each.id)).stats()
            except EngramError as error:
                _LOGGER.error("Space %r is unavailable: %s", each.id, error)  # noqa: TRY400 - told
                continue
            _LOGGER.info(
                "Recovered %r: %d entries, %d corrupted, took %.0f ms",
                each.id,
                stats.recovered_entries,
                len(stats.recovery_notes),
                stats.recovery_ms,
            )
        self._host.is_recovered = True
        if self._beside is not None:
            await self._beside.recovered()
        if recovered is not None:
            recovered()

    async def _checkpoint(self) -> None:
        for each in (await self._db.health()).spaces:
            if each.log_bytes_unsaved:
                try:
                    await self._db.checkpoint(each.space)
                except EngramError as error:
                    _LOGGER.warning("No snapshot of %r: %s", each.space, error)
