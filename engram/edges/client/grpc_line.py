"""The line to one server over gRPC: the same requests, each as a procedure of engram.v1."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

import anyio
import grpc
import grpc.aio
import msgspec
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from engram.edges.client.asyncio_loop import AsyncioLoop
from engram.edges.client.limits import PART_BYTES_MAX, PART_COUNT_MAX, SILENCE_SECONDS_MAX
from engram.edges.client.line import Asked, Event, EventStream, Line
from engram.edges.client.parts import Part
from engram.edges.client.procedures import called
from engram.edges.client.refused import Problem, error_of_problem
from engram.edges.client.retrying import Failure
from engram.model.decoders import converted
from engram.model.errors import InvalidRequest, KernelCancelled
from engram.ports import Entropy, Tracer
from engram.service.wire.protobuf import message_from, told
from engram.v1 import engram_pb2 as wire

T = TypeVar("T")
_DETAILS: Final = "grpc-status-details-bin"
_STREAM: Final = "/engram.v1.Engram/Stream"
_Metadata = tuple[tuple[str, str], ...]


class GrpcLine(Line):
    """Carries requests as calls of gRPC; see `Line`."""

    def __init__(
        self,
        url: str,
        channel: grpc.aio.Channel,
        loop: AsyncioLoop,
        api_key: str | None,
        timeout_s: float | None,
        entropy: Entropy,
        tracer: Tracer | None = None,
    ) -> None:
        """Take a channel that was made on the loop."""
        super().__init__(url, timeout_s, entropy, tracer)
        self._channel, self._loop = channel, loop
        self._head: _Metadata = ()
        if api_key is not None:
            self._head = (("authorization", f"Bearer {api_key}"),)
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether its client was left."""
        return self._is_closed

    async def close(self) -> None:
        """Let go of the channel."""
        self._is_closed = True
        await self._loop.run(self._channel.close)

    async def ask(self, asked: Asked, kind: type[T], body: Any = None) -> T:
        """Send a request until it is answered; see `Line.ask`."""
        call = called(asked, body)

        async def attempt(
            asked: Asked, trace: dict[str, str], deadline: float
        ) -> dict[str, Any] | Failure:
            metadata = (*self._head, *trace.items())
            left_s = self._left(asked, deadline)
            try:
                answer = await self._loop.run(
                    self._called, call.procedure, call.request, left_s, metadata
                )
            except grpc.aio.AioRpcError as error:
                return self._failure(error, asked)
            return told(answer)

        fields = await self._tried(asked, attempt)
        try:
            return converted(fields, kind)
        except msgspec.ValidationError as error:
            raise self.strange(f"its answer cannot be read: {error}") from error

    async def _called(
        self, procedure: Any, request: Any, left_s: float | None, metadata: _Metadata
    ) -> Any:
        call = self._channel.unary_unary(
            procedure.path,
            request_serializer=procedure.takes.SerializeToString,
            response_deserializer=procedure.answers.FromString,
        )
        return await call(request, timeout=left_s, metadata=metadata)

    def _left(self, asked: Asked, deadline: float) -> float | None:
        """Return how long an attempt may take, in seconds; None for as long as it takes."""
        left_s = deadline - anyio.current_time()
        if asked.deadline_ms is not None:
            left_s = min(left_s, asked.deadline_ms / 1_000)
        return None if left_s == float("inf") else max(left_s, 0.001)

    async def follow(self, asked: Asked, last_lsn: int | None) -> EventStream:
        """Begin a stream of events; see `Line.follow`."""
        topic = asked.path.rpartition("/")[2]
        after = asked.query.get("after") if last_lsn is None else last_lsn
        request = message_from(wire.StreamRequest, {"topic": topic, "after": after})
        if asked.space is not None:
            request.memory_space_id = asked.space

        async def attempt(
            asked: Asked, trace: dict[str, str], deadline: float
        ) -> GrpcEvents | Failure:
            metadata = (*self._head, *trace.items())
            with anyio.CancelScope(deadline=deadline):
                try:
                    return await self._begun(request, metadata)
                except grpc.aio.AioRpcError as error:
                    return self._failure(error, asked)
            return Failure(self._late(asked), is_final=True)

        return await self._tried(asked, attempt)

    async def _begun(self, request: wire.StreamRequest, metadata: _Metadata) -> GrpcEvents:
        async def begin() -> Any:
            start = self._channel.unary_stream(
                _STREAM,
                request_serializer=wire.StreamRequest.SerializeToString,
                response_deserializer=wire.SpaceEvent.FromString,
            )
            call = start(request, metadata=metadata)
            return call, await call.read()

        call, first = await self._loop.run(begin)
        return GrpcEvents(self._loop, call, first)

    def carried(
        self, asked: Asked, body: AsyncIterable[bytes] | None = None, media_type: str = ""
    ) -> AbstractAsyncContextManager[Any]:
        """Raise InvalidRequest: archives and files go over HTTP."""
        del body, media_type
        raise InvalidRequest(
            f"{asked.path.strip('/')} is not carried over gRPC; connect to the server's HTTP "
            "address for it"
        )

    def parts(self, items: list[dict[str, Any]]) -> Iterator[Part]:
        """Yield the bodies of requests that carry items; see `Line.parts`."""
        found: list[wire.NewMemory] = []
        size = 0
        for position, item in enumerate(items):
            try:
                memory = message_from(wire.NewMemory, _memory(item))
            except InvalidRequest as error:
                said = (f"item {position}: {each}" for each in error.violations)
                raise InvalidRequest(*said) from None
            own = memory.ByteSize()
            if found and (len(found) == PART_COUNT_MAX or size + own > PART_BYTES_MAX):
                yield Part(wire.RememberManyRequest(memories=found), len(found))
                found, size = [], 0
            found.append(memory)
            size += own + 8
        if found:
            yield Part(wire.RememberManyRequest(memories=found), len(found))

    def read(self, answer: bytes, kind: type[T]) -> T:
        """Read nothing: what is carried over HTTP is not carried here."""
        raise self.strange(f"{len(answer)} bytes are no {kind.__name__} of gRPC")

    def _failure(self, error: grpc.aio.AioRpcError, asked: Asked) -> Failure:
        """Return what a call that failed tells."""
        for name, value in error.trailing_metadata() or ():
            if name == _DETAILS:
                found = _problem_of(Status.FromString(value))
                if found is not None:
                    problem, rest_s = found
                    return Failure(error_of_problem(problem), retry_after_s=rest_s)
        code, said = error.code(), error.details() or error.code().name
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            if asked.deadline_ms is not None and asked.deadline_ms <= self.timeout_s * 1_000:
                return Failure(KernelCancelled(), is_final=True)
            return Failure(self._late(asked), is_final=True)
        if code is grpc.StatusCode.UNAVAILABLE:
            was_not_sent = "connect" in said.lower()
            lost = self._unreachable(said, is_late=False) if was_not_sent else self._lost(said)
            lost.__cause__ = error
            return Failure(lost, was_not_sent=was_not_sent)
        strange = self.strange(f"what answers is none ({code.name}: {said})")
        strange.__cause__ = error
        return Failure(strange, is_final=True)


class GrpcEvents:
    """The events of one call."""

    def __init__(self, loop: AsyncioLoop, call: Any, first: Any) -> None:
        """Take the call and the first event that came."""
        self._loop, self._call = loop, call
        self._first = first

    async def next(self) -> Event | None:
        """Return the next one; None when the stream ended, was lost, or is silent for too long."""
        found, self._first = self._first, None
        if found is None:
            with anyio.move_on_after(SILENCE_SECONDS_MAX):
                try:
                    found = await self._loop.run(self._call.read)
                except grpc.aio.AioRpcError:
                    return None
        if found is None or found is grpc.aio.EOF:
            return None
        name = found.WhichOneof("event")
        return Event("start" if name == "started" else str(name), found.lsn, found)

    def read(self, event: Event, kind: type[T]) -> T:
        """Return the data of an event as a value of `kind`."""
        return converted(told(getattr(event.data, event.name)), kind)

    async def aclose(self) -> None:
        """Leave it."""

        async def cancel() -> None:
            self._call.cancel()

        await self._loop.run(cancel)


def _memory(item: Mapping[str, Any]) -> dict[str, Any]:
    episode = item.get("episode")
    if isinstance(episode, Mapping) and isinstance(episode.get("who"), str):
        return {**item, "episode": {**episode, "who": [episode["who"]]}}
    return dict(item)


def _problem_of(status: Any) -> tuple[Problem, float] | None:
    """Return what the details of a Status tell, and the rest they ask for; None when nothing."""
    code, request_id, rest_s = None, None, 0.0
    violations: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    for each in status.details:
        if each.Is(ErrorInfo.DESCRIPTOR):
            info = ErrorInfo.FromString(each.value)
            code, metadata = info.reason, info.metadata
        elif each.Is(BadRequest.DESCRIPTOR):
            bad = BadRequest.FromString(each.value)
            violations = tuple(found.description for found in bad.field_violations)
        elif each.Is(RetryInfo.DESCRIPTOR):
            rest_s = float(RetryInfo.FromString(each.value).retry_delay.seconds)
        elif each.Is(RequestInfo.DESCRIPTOR):
            request_id = RequestInfo.FromString(each.value).request_id
    if code is None:
        return None
    facts = msgspec.json.decode(metadata["facts"]) if "facts" in metadata else {}
    error = metadata.get("error")
    return Problem(code, status.message, request_id, violations, error, facts), rest_s
