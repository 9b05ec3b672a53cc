"""Runs the service on a socket until it is told to stop, and leaves nothing half done.

grpc.aio is asyncio's. `run` may be called under any loop: under another one it hosts the server in
a thread with a loop of asyncio.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import anyio
import anyio.to_thread
import grpc
import grpc.aio
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from engram.edges.grpc import associations, events, memories, recalls, spaces, streams
from engram.edges.grpc.calls import SERVICE, Procedure
from engram.edges.grpc.door import Host, asked_of, with_details
from engram.edges.grpc.limits import (
    DRAIN_SECONDS_MAX,
    KEEPALIVE_ANSWER_MS,
    KEEPALIVE_MS,
    MESSAGE_BYTES_MAX,
    PINGS_EVERY_MS_MIN,
)
from engram.edges.grpc.loops import Loops, OneLoop, TwoLoops, is_asyncio
from engram.edges.grpc.talks import StreamProcedure, Streams, asked_of_stream, converse
from engram.model.errors import InvalidRequest
from engram.ports import Clock
from engram.service.admission import Admission
from engram.service.durations import Durations
from engram.service.store import Engram
from engram.service.telemetry import RequestLogger
from engram.service.wire.listening import listening
from engram.service.wire.tls import Tls

PROCEDURES: Final = (
    *memories.PROCEDURES,
    *recalls.PROCEDURES,
    *associations.PROCEDURES,
    *spaces.PROCEDURES,
)
STREAMS: Final = (*streams.PROCEDURES, *events.PROCEDURES)
_LOGGER: Final = logging.getLogger("engram.grpc")
_ELSEWHERE: Final = "choose another with ENGRAM_GRPC_PORT (off: none), or stop what listens there"
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", -1),
    # Two servers on one port would share its calls by chance, and neither would know.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_MS),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", PINGS_EVERY_MS_MIN),
)
_Serving = health_pb2.HealthCheckResponse


class GrpcServer:
    """One server of one open store: `run` returns when it was told to stop and has drained."""

    def __init__(
        self,
        db: Engram,
        version: str,
        name: str,
        host: str,
        port: int,
        clock: Clock,
        admission: Admission | None = None,
        durations: Durations | None = None,
        request_logger: RequestLogger | None = None,
        tls: Tls | None = None,
    ) -> None:
        """Take the open store and where to listen; port 0 is one that is free."""
        self._tls = tls
        self.host = Host(db, version, name, clock, admission, durations, request_logger)
        self.streams = Streams()
        self._address = f"[{host}]" if ":" in host else host
        self._port = port
        self._loops: Loops = OneLoop()
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()
        self._is_stopping = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self._is_recovered = False

    @property
    def url(self) -> str:
        """Where it listens, once it is bound."""
        scheme = "grpc" if self._tls is None else "grpcs"
        return f"{scheme}://{self._address}:{self._port}"

    def own_metrics(self) -> Iterator[tuple[str, float]]:
        """Yield what it measures itself, beside the durations it shares with others."""
        durations = set(dict(self.host.durations.samples()))
        yield from (each for each in self.host.own_metrics() if each[0] not in durations)
        yield "engram_streams", self.streams.count
        yield "engram_streams_dropped_total", self.streams.dropped_count

    def stop(self) -> None:
        """Let `run` end: no new call is taken, what is under way is answered. From any thread."""
        self._is_stopping.set()
        self._stop()

    async def recovered(self) -> None:
        """Say in answers about health that every space can be used that could be opened."""
        self._is_recovered = True
        if self._server is not None:
            await self._loops.at_server(self._say_health)

    async def bind(self) -> grpc.aio.Server:
        """Bind the address, on asyncio; calls are accepted from `run` on.

        Raises InvalidRequest when that cannot be done.
        """
        server = grpc.aio.server(options=_OPTIONS)
        handlers = {each.name: self._handler(each) for each in PROCEDURES}
        handlers |= {each.name: self._stream_handler(each) for each in STREAMS}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        address = f"{self._address}:{self._port}"
        if self._port:
            # Of a port that is taken gRPC's core would write a line of its own to standard error.
            listening(self._address.strip("[]"), self._port, _ELSEWHERE).close()
        try:
            if self._tls is None:
                self._port = server.add_insecure_port(address)
            else:
                shown = await anyio.to_thread.run_sync(_credentials, self._tls)
                self._port = server.add_secure_port(address, shown)
        except RuntimeError as error:
            raise InvalidRequest(f"cannot listen on {address} for gRPC; {_ELSEWHERE}") from error
        self._server = server
        return server

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until `stop`; `task_status` is told when calls are accepted."""
        if is_asyncio():
            await self._serve(task_status.started)
            return
        async with BlockingPortal() as store, anyio.create_task_group() as tasks:
            tasks.start_soon(self._stop_with, store)

            def started() -> None:
                store.call(task_status.started)

            await anyio.to_thread.run_sync(anyio.run, self._serve_elsewhere, store, started)
            tasks.cancel_scope.cancel()

    async def _stop_with(self, _: BlockingPortal) -> None:
        """Stop the server in its thread when what runs it is cancelled."""
        try:
            await anyio.sleep_forever()
        finally:
            self.stop()

    async def _serve_elsewhere(self, store: BlockingPortal, started: Callable[[], None]) -> None:
        async with BlockingPortal() as server:
            self._loops = TwoLoops(store, server)
            await self._serve(started)

    async def _serve(self, started: Callable[[], None]) -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        server = self._server or await self.bind()
        await self._say_health()
        await server.start()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        try:
            started()
            if self._is_stopping.is_set():
                stopped.set()
            await stopped.wait()
        finally:
            self._stop = lambda: None
            with anyio.CancelScope(shield=True):
                await self._health.enter_graceful_shutdown()
                await self._loops.at_store(self.streams.stop)
                await server.stop(DRAIN_SECONDS_MAX)

    async def _say_health(self) -> None:
        serving = _Serving.SERVING if self._is_recovered else _Serving.NOT_SERVING
        for name in ("", SERVICE):
            await self._health.set(name, serving)

    def _handler(self, procedure: Procedure) -> Any:
        asked, host = asked_of(procedure), self.host

        async def behave(request: Any, context: Any) -> Message | None:
            answer = await self._loops.at_store(
                host.answer,
                procedure,
                asked,
                request,
                context.invocation_metadata(),
                context.time_remaining(),
            )
            context.set_trailing_metadata(answer.trailing)
            if answer.refusal is not None:
                refusal = answer.refusal
                await context.abort(refusal.code, refusal.told.detail, answer.trailing)
            return answer.message

        return grpc.unary_unary_rpc_method_handler(
            behave,
            request_deserializer=reader_of(procedure.takes),
            response_serializer=procedure.answers.SerializeToString,
        )

    def _stream_handler(self, procedure: StreamProcedure) -> Any:
        asked = asked_of_stream(procedure)

        async def behave(request: Any, context: Any) -> None:
            visit, refusal = await self._loops.at_store(
                converse,
                self.host,
                self.streams,
                procedure,
                asked,
                None if procedure.takes_many else request,
                _Peer(self._loops, context),
                context.invocation_metadata(),
            )
            trailing = with_details(visit, refusal)
            context.set_trailing_metadata(trailing)
            if refusal is not None:
                await context.abort(refusal.code, refusal.told.detail, trailing)

        make = (
            grpc.stream_stream_rpc_method_handler
            if procedure.takes_many
            else grpc.unary_stream_rpc_method_handler
        )
        return make(
            behave,
            request_deserializer=reader_of(procedure.takes),
            response_serializer=procedure.answers.SerializeToString,
        )


class _Peer:
    """The caller of a stream, met on the store's loop."""

    def __init__(self, loops: Loops, context: Any) -> None:
        self._loops, self._context = loops, context

    async def receive(self) -> Any:
        """Return its next message; None when it sends no more."""
        found = await self._loops.at_server(self._context.read)
        return None if found is grpc.aio.EOF else found

    async def send(self, message: Message) -> None:
        """Send it a message, waiting while it takes nothing."""
        await self._loops.at_server(self._context.write, message)


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    """Return what the server shows; blocks."""
    return grpc.ssl_server_credentials([(tls.key.read_bytes(), tls.certificate.read_bytes())])


def reader_of(kind: type[Message]) -> Callable[[bytes], Message | DecodeError]:
    """Return what reads a message; what cannot be read is handed on as why, to be told."""

    def read(raw: bytes) -> Message | DecodeError:
        try:
            return kind.FromString(raw)
        except DecodeError as error:
            return error

    return read
