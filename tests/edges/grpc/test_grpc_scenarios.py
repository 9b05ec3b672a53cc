"""The same calls give the same answers and the same refusals in this process and over gRPC."""

from __future__ import annotations

from io import BytesIO

import pytest

import engram
from engram.edges.grpc.server import GrpcServer
from engram.model.errors import Closed, InvalidRequest, MemoryNotFound, ServerUnreachable
from engram.testing.clock import StandingClock
from engram.testing.comparing import differences, told
from engram.testing.embedders import HashingEmbedder
from engram.testing.refusal_scenarios import bad_fields_are_refused
from engram.testing.stores import simulated_store
from engram.testing.verb_scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Asyncio, as grpc.aio is, but where a test says otherwise: only the hop to it differs."""
    return getattr(request, "param", "asyncio")


@pytest.mark.parametrize(
    "call",
    [*SCENARIOS, bad_fields_are_refused],
    ids=lambda call: call.__name__.lstrip("_"),
)
async def test_grpc_answers_as_the_library_does(call: Scenario, server: GrpcServer) -> None:
    """Values, types, order, errors with their codes and facts: all of it is the same."""
    async with simulated_store(embedder=HashingEmbedder(), clock=StandingClock()) as own:
        wanted = told(await call(own))
    async with engram.connect(server.url) as remote:
        assert list(differences(told(await call(remote)), wanted)) == []


@pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)
async def test_a_client_under_trio_asks_and_follows(server: GrpcServer) -> None:
    """It has a loop of asyncio in a thread of its own, which ends with it."""
    async with engram.connect(server.url) as db:
        space = await db.space("notes")
        done = await space.remember("Ada met Babbage.")
        async with space.subscribe("memories", after=0) as changes:
            change = await changes.next()
            assert change is not None
            assert change.remembered == (done.id,)
        with pytest.raises(MemoryNotFound):
            await space.get("00000000-0000-7000-8000-000000000000")
    with pytest.raises(Closed, match="client of grpc"):
        await space.stats()


async def test_nobody_answers_where_no_server_is() -> None:
    async with engram.connect("grpc://127.0.0.1:1", timeout=1) as db:
        with pytest.raises(ServerUnreachable, match="engram start"):
            await db.spaces()


async def test_what_grpc_does_not_carry_is_refused_by_name(server: GrpcServer) -> None:
    async with engram.connect(server.url) as db:
        space = await db.space()
        with pytest.raises(InvalidRequest, match="export is not carried over gRPC"):
            await space.export_to(BytesIO(), format="ndjson")
