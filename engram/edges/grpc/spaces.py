"""The procedures of memory spaces, of their upkeep, and about the server itself."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import Message

from engram.edges.grpc.calls import Call, Procedure
from engram.model.errors import Forbidden, InvalidRequest, SpaceNotFound
from engram.service.access import Role
from engram.service.wire.protobuf import message_of
from engram.v1 import engram_pb2 as wire


async def settings(call: Call) -> Message:
    """Return how a space forgets."""
    space = await call.space()
    return message_of(wire.SpaceSettings, await space.settings())


async def configure(call: Call) -> Message:
    """Change how a space forgets."""
    changes = call.arguments()
    key = changes.pop("request_key", None)
    if not changes:
        raise InvalidRequest("the request changes nothing; set at least one field")
    space = await call.space()
    return message_of(wire.SpaceSettings, await space.configure(request_key=key, **changes))


async def spaces(call: Call) -> Message:
    """Return every memory space, or the one that is named."""
    found = await call.db.spaces()
    told = [message_of(wire.SpaceInfo, each) for each in found if call.is_about(each.id)]
    return wire.ListSpacesResponse(spaces=told)


async def create(call: Call) -> Message:
    """Create a memory space."""
    await call.db.create_space(call.space_id)
    return wire.CreateSpaceResponse(id=call.space_id)


async def drop(call: Call) -> Message:
    """Delete a memory space with all its bytes."""
    await call.db.drop_space(call.space_id)
    return wire.DropSpaceResponse(id=call.space_id)


async def stats(call: Call) -> Message:
    """Return what a space holds and where its log stands."""
    space = await call.space()
    return message_of(wire.SpaceStatsResponse, await space.stats())


async def checkpoint(call: Call) -> Message:
    """Write a snapshot of a space."""
    return message_of(wire.CheckpointResponse, await call.db.checkpoint(call.space_id))


async def compact(call: Call) -> Message:
    """Let go of what a space forgot long ago."""
    return message_of(wire.CompactResponse, await call.db.compact(call.space_id))


async def reembed(call: Call) -> Message:
    """Give every memory of a space a vector of the store's embedder."""
    count = await call.db.reembed(call.space_id)
    identity = "" if call.db.embedder is None else call.db.embedder.identity
    return wire.ReembedResponse(space=call.space_id, embedded=count, embedder=identity)


async def verify(call: Call) -> Message:
    """Read a space again, all its files."""
    return message_of(wire.VerifyResponse, await call.db.verify(call.space_id))


async def wait_linked(call: Call) -> Message:
    """Wait until every memory of a space is linked to what it is like."""
    request: wire.WaitLinkedRequest = call.request
    space = await call.space()
    left = await space.wait_linked(request.timeout_s if request.HasField("timeout_s") else None)
    return wire.WaitLinkedResponse(space=space.id, unlinked=left)


async def health(call: Call) -> Message:
    """Say how the spaces stand, or the one that is named."""
    found = await call.db.health()
    told = [each for each in found.spaces if call.is_about(each.space)]
    if call.is_named and not told:
        raise SpaceNotFound(call.space_id)
    resident = {**found.resident_bytes._asdict(), "total": found.resident_bytes.total}
    return wire.HealthCheckResponse(
        spaces=[message_of(wire.SpaceHealth, each) for each in told],
        resident_bytes=resident,
        memory_budget=found.memory_budget,
    )


async def introspect(call: Call) -> Message:
    """Say what the server is made of, and all that it measures, of every space."""
    db = call.db
    if call.principal.spaces is not None:
        raise Forbidden("this tells of every memory space; you may ask some only")
    return wire.IntrospectResponse(
        version=call.version,
        kernels=db.kernels.name,
        isa=db.kernels.isa,
        embedder=None if db.embedder is None else db.embedder.identity,
        spaces=len((await db.health()).spaces),
        metrics=db.metrics() | dict(call.own_metrics()),
    )


def _upkeep(name: str, handle: Any, takes: type[Message], answers: type[Message]) -> Procedure:
    return Procedure(name, handle, takes, answers, Role.ADMIN, writes=True)


PROCEDURES: Final = (
    Procedure("GetSettings", settings, wire.GetSettingsRequest, wire.SpaceSettings),
    Procedure(
        "Configure", configure, wire.ConfigureRequest, wire.SpaceSettings, Role.AGENT, writes=True
    ),
    Procedure("ListSpaces", spaces, wire.ListSpacesRequest, wire.ListSpacesResponse, about="store"),
    _upkeep("CreateSpace", create, wire.CreateSpaceRequest, wire.CreateSpaceResponse)._replace(
        about="named"
    ),
    _upkeep("DropSpace", drop, wire.DropSpaceRequest, wire.DropSpaceResponse)._replace(
        about="named"
    ),
    Procedure("SpaceStats", stats, wire.SpaceStatsRequest, wire.SpaceStatsResponse),
    _upkeep("Checkpoint", checkpoint, wire.CheckpointRequest, wire.CheckpointResponse),
    _upkeep("Compact", compact, wire.CompactRequest, wire.CompactResponse),
    _upkeep("Reembed", reembed, wire.ReembedRequest, wire.ReembedResponse),
    Procedure("Verify", verify, wire.VerifyRequest, wire.VerifyResponse, Role.ADMIN),
    Procedure(
        "WaitLinked", wait_linked, wire.WaitLinkedRequest, wire.WaitLinkedResponse, Role.AGENT
    ),
    Procedure(
        "HealthCheck", health, wire.HealthCheckRequest, wire.HealthCheckResponse, about="store"
    ),
    Procedure(
        "Introspect",
        introspect,
        wire.IntrospectRequest,
        wire.IntrospectResponse,
        Role.ADMIN,
        about="store",
    ),
)
