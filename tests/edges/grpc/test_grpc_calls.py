"""Calls of gRPC: where they are placed, who is let in, what a refusal says, what ends the work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import grpc
import grpc.aio
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from numpy.typing import NDArray

from engram.adapters.local.clock import SystemClock
from engram.edges.grpc.calls import SERVICE
from engram.edges.grpc.refused import CODES, DETAILS
from engram.edges.grpc.server import PROCEDURES, STREAMS, GrpcServer
from engram.service.access import Access, Principal, Role
from engram.service.admission import Admission
from engram.service.limiting import TokenBuckets
from engram.service.wire.refusals import TITLES
from engram.testing.embedders import HashingEmbedder
from engram.v1 import engram_pb2 as wire
from engram.v1.engram_pb2_grpc import EngramStub
from tests.edges.grpc.conftest import Serve
from tests.edges.kept_lines import Lines

MISSING = "00000000-0000-7000-8000-000000000000"


def target(server: GrpcServer) -> str:
    """Return the address as gRPC takes it."""
    return server.url.removeprefix("grpc://")


def remembering(content: str = "Ada met Babbage.", **fields: Any) -> wire.RememberRequest:
    """Return a request to remember a text."""
    return wire.RememberRequest(memory=wire.NewMemory(content=content), **fields)


def details_of(error: Any) -> dict[str, Any]:
    """Return the details of a refusal by the names of their types."""
    trailing = dict(error.trailing_metadata())
    status = Status.FromString(trailing[DETAILS])
    found = {}
    for packed in status.details:
        for kind in (ErrorInfo, BadRequest, RetryInfo):
            if packed.Is(kind.DESCRIPTOR):
                found[kind.DESCRIPTOR.name] = kind.FromString(packed.value)
    return found


def test_a_client_made_of_reflection_alone_remembers_and_recalls(server: GrpcServer) -> None:
    """It knows the address and nothing else, as grpcurl does."""
    with grpc.insecure_channel(target(server)) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        service = pool.FindServiceByName(SERVICE)

        def call(name: str, **fields: Any) -> Any:
            method = service.FindMethodByName(name)
            make = GetMessageClass(method.input_type)
            return channel.unary_unary(
                f"/{SERVICE}/{name}",
                request_serializer=make.SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )(make(**fields))

        done = call("Remember", memory={"content": "Ada met Babbage."}, memory_space_id="notes")
        found = call("Recall", query="who met Babbage?", memory_space_id="notes")
        assert [each.memory.id for each in found.recollections] == [done.id]
        served = {each.name for each in (*PROCEDURES, *STREAMS)}
        assert served == {each.name for each in service.methods}


def test_every_procedure_of_the_proto_takes_the_space_of_its_request() -> None:
    for each in (*PROCEDURES, *STREAMS):
        assert each.takes.DESCRIPTOR.fields_by_name["memory_space_id"].number == 1, each.name


def test_every_code_of_a_refusal_has_a_status() -> None:
    """But those that only HTTP has."""
    of_http = {"METHOD_NOT_ALLOWED", "REQUEST_TIMEOUT", "UNSUPPORTED_MEDIA_TYPE"}
    assert set(TITLES) - set(CODES) == of_http | {"UPGRADE_REQUIRED"}


def test_metadata_beats_the_field_and_the_field_the_default(server: GrpcServer) -> None:
    with grpc.insecure_channel(target(server)) as channel:
        stub = EngramStub(channel)
        by_both = stub.Remember(
            remembering(memory_space_id="field"), metadata=(("x-memory-space", "head"),)
        )
        by_field, call = stub.Remember.with_call(remembering(memory_space_id="field"))
        spaces = [by_both.space, by_field.space, stub.Remember(remembering()).space]
        assert spaces == ["head", "field", "default"]
        assert dict(call.trailing_metadata())["x-memory-space"] == "field"


@pytest.mark.parametrize(
    ("field", "head"), [("A", None), ("", None), (None, "A/.."), ("good", "Bad"), ("Bad", "good")]
)
def test_an_invalid_space_is_never_another_one(
    server: GrpcServer, field: str | None, head: str | None
) -> None:
    with grpc.insecure_channel(target(server)) as channel:
        stub = EngramStub(channel)
        metadata = () if head is None else (("x-memory-space", head),)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Remember(remembering(memory_space_id=field), metadata=metadata)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "a-z0-9_-" in str(refused.value.details())
        spaces = stub.ListSpaces(wire.ListSpacesRequest()).spaces
        assert [(each.id, each.memories) for each in spaces] == [("default", 0)]


def test_a_refusal_tells_its_code_its_remedy_and_every_field(server: GrpcServer) -> None:
    with grpc.insecure_channel(target(server)) as channel:
        stub = EngramStub(channel)
        stub.Remember(remembering())
        wrong = wire.NewMemory(content="x", kind="nonsense", priority=77)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Remember(wire.RememberRequest(memory=wrong))
        found = details_of(refused.value)
        info = found["ErrorInfo"]
        assert (info.reason, info.domain) == ("INVALID_REQUEST", "engram")
        assert info.metadata["remedy"].startswith("change the request")
        fields = {each.field for each in found["BadRequest"].field_violations}
        assert fields == {"kind", "priority"}
        misnamed = wire.RememberRequest(memory_space_id="My Notes", memory=wrong)
        with pytest.raises(grpc.RpcError) as misplaced:
            stub.Remember(misnamed)
        with pytest.raises(grpc.RpcError) as unreadable:
            stub.Get(wire.GetRequest(memory_id="1"))
        for error, field in ((misplaced, "memory_space_id"), (unreadable, "memory_id")):
            (violation,) = details_of(error.value)["BadRequest"].field_violations
            assert violation.field == field
        with pytest.raises(grpc.RpcError) as missing:
            stub.Get(wire.GetRequest(memory_id=MISSING))
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
        assert MISSING in details_of(missing.value)["ErrorInfo"].metadata["facts"]


class Keys:
    """Two holders of secrets."""

    def principal_of(self, secret: str) -> Principal | None:
        """Return who holds a secret."""
        known = {
            "reader": Principal("reader", Role.READER, frozenset(("notes",))),
            "agent": Principal("agent", Role.AGENT, frozenset(("notes",))),
        }
        return known.get(secret)


def test_who_asks_is_known_and_may_before_the_space_is_looked_up(serve: Serve) -> None:
    audit = Lines()
    admission = Admission(SystemClock(), Access([Keys()]), None, audit)
    with serve(admission) as server, grpc.insecure_channel(target(server)) as channel:
        stub = EngramStub(channel)

        def code_of(secret: str | None, space: str) -> grpc.StatusCode:
            metadata = () if secret is None else (("authorization", f"Bearer {secret}"),)
            try:
                stub.Remember(remembering(memory_space_id=space), metadata=metadata)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        assert code_of(None, "notes") is grpc.StatusCode.UNAUTHENTICATED
        assert code_of("nobody", "notes") is grpc.StatusCode.UNAUTHENTICATED
        assert code_of("reader", "notes") is grpc.StatusCode.PERMISSION_DENIED
        assert code_of("agent", "others") is grpc.StatusCode.PERMISSION_DENIED
        assert code_of("agent", "notes") is grpc.StatusCode.OK
        told = [(each.principal, each.action, each.status) for each in audit.lines]
        assert told[-2:] == [("agent", "gRPC Remember", 403), ("agent", "gRPC Remember", 200)]


def test_a_stream_that_is_refused_is_written_down_as_refused(serve: Serve) -> None:
    """Once each, and with what it came to: nobody is told that it went well who got nothing."""
    audit = Lines()
    admission = Admission(SystemClock(), None, None, audit)
    with serve(admission) as server, grpc.insecure_channel(target(server)) as channel:
        stub = EngramStub(channel)
        stub.Remember(remembering())
        cue = wire.RecallRequest(query="Ada")
        audit.lines.clear()
        assert len(list(stub.RecallStream(wire.RecallStreamRequest(recall=cue)))) == 2
        begins: tuple[Callable[[], Any], ...] = (
            lambda: stub.RecallStream(wire.RecallStreamRequest(recall=cue, lsn_min=99)),
            lambda: stub.RecallStream(wire.RecallStreamRequest(recall=cue, memory_space_id="none")),
            lambda: stub.Dream(wire.DreamRequest(memory_space_id="none")),
            lambda: stub.Stream(wire.StreamRequest(memory_space_id="none")),
            lambda: stub.Stream(wire.StreamRequest(after=99)),
            lambda: stub.ObserveStream(iter([wire.ObserveRequest(topic="nonsense")])),
        )
        for begin in begins:
            with pytest.raises(grpc.RpcError):
                list(begin())
        assert [(each.action, each.status) for each in audit.lines] == [
            ("gRPC RecallStream", 200),
            ("gRPC RecallStream", 400),
            ("gRPC RecallStream", 404),
            ("gRPC Dream", 404),
            ("gRPC Stream", 404),
            ("gRPC Stream", 400),
            ("gRPC ObserveStream", 400),
        ]


def test_one_call_too_many_is_told_when_to_come_back(serve: Serve) -> None:
    admission = Admission(SystemClock(), None, TokenBuckets(0.1, 1))
    with serve(admission) as server, grpc.insecure_channel(target(server)) as channel:
        stub = EngramStub(channel)
        stub.Remember(remembering())
        with pytest.raises(grpc.RpcError) as refused:
            stub.Remember(remembering())
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details_of(refused.value)["RetryInfo"].retry_delay.seconds == 10
        assert dict(server.own_metrics())["engram_rate_limited_total"] == 1


def test_a_server_of_a_store_under_trio_answers(serve: Serve) -> None:
    """It is hosted on a loop of asyncio of its own; the store stays where it is."""
    with (
        serve(backend="trio") as server,
        grpc.insecure_channel(target(server)) as channel,
    ):
        stub = EngramStub(channel)
        done = stub.Remember(remembering())
        events = stub.Stream(wire.StreamRequest(after=0, topic="memories"))
        assert next(events).started
        assert list(next(events).change.remembered) == [done.id]
        events.cancel()
        with pytest.raises(grpc.RpcError) as refused:
            stub.Get(wire.GetRequest(memory_id=MISSING))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_tells_of_the_server_and_of_the_spaces(server: GrpcServer) -> None:
    with grpc.insecure_channel(target(server)) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            answer = health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        stub = EngramStub(channel)
        stub.Remember(remembering())
        (found,) = stub.HealthCheck(wire.HealthCheckRequest()).spaces
        assert (found.space, found.phase, found.memories) == ("default", "ready", 1)
        with pytest.raises(grpc.RpcError) as refused:
            stub.HealthCheck(wire.HealthCheckRequest(memory_space_id="nowhere"))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_an_episode_keeps_what_it_is_made_of(server: GrpcServer) -> None:
    with grpc.insecure_channel(target(server)) as channel:
        stub = EngramStub(channel)
        done = stub.Store(
            wire.StoreRequest(
                episode=wire.Episode(what="Tea with Ada", who=["Ada"], where="London"),
                importance=1.0,
                emotional_valence=0.5,
                tags=["tea"],
            )
        )
        found = stub.Get(wire.GetRequest(memory_id=done.id))
        assert (found.content, found.priority, list(found.tags)) == ("Tea with Ada", 10, ["tea"])
        assert (list(found.episode.who), found.episode.where) == (["Ada"], "London")
        assert found.metadata_json == '{"emotional_valence":0.5}'


@pytest.mark.asyncio
async def test_a_deadline_or_a_caller_that_goes_ends_a_stream(server: GrpcServer) -> None:
    async with grpc.aio.insecure_channel(target(server)) as channel:
        stub: Any = EngramStub(channel)
        await stub.Remember(remembering())
        gone, late = (stub.Stream(wire.StreamRequest(), timeout=timeout) for timeout in (None, 3))
        assert (await gone.read()).started
        assert (await late.read()).started
        assert server.streams.count == 2
        gone.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await late.read()
        assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        while server.streams.count:  # noqa: ASYNC110 - of a server in another thread
            await asyncio.sleep(0.01)


class Stuck(HashingEmbedder):
    """Embeds what is remembered, and is asked in vain for what is recalled."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.stopped = threading.Event(), threading.Event()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors, but for a cue."""
        if list(texts) != ["a cue"]:
            return await super().embed(texts)
        self.begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.stopped.set()
        return await super().embed(texts)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("ends", ["deadline", "caller"])
def test_a_deadline_or_a_caller_that_goes_stops_the_work(
    serve: Serve, backend: str, ends: str
) -> None:
    """Not the answer alone: what was under way for it is cancelled, on either loop."""
    stuck = Stuck()
    with (
        serve(backend=backend, embedder=stuck) as server,
        grpc.insecure_channel(target(server)) as channel,
    ):
        stub = EngramStub(channel)
        stub.Remember(remembering())
        call: Any = stub.Recall.future(
            wire.RecallRequest(query="a cue"), timeout=2 if ends == "deadline" else None
        )
        assert stuck.begun.wait(10)
        if ends == "caller":
            call.cancel()
        else:
            with pytest.raises(grpc.RpcError) as late:
                call.result()
            assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert stuck.stopped.wait(10)
