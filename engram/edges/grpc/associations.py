"""The procedures of associations: what leads from memory to memory."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import Message

from engram.edges.grpc.calls import Call, Procedure
from engram.edges.grpc.memories import check_count
from engram.service.access import Role
from engram.service.wire.answered import activations_value
from engram.service.wire.protobuf import given, message_of
from engram.v1 import engram_pb2 as wire


async def associate(call: Call) -> Message:
    """Lead from one memory to another."""
    arguments = call.arguments()
    space = await call.space()
    return message_of(wire.AssociateResponse, await space.associate(**arguments))


async def associate_many(call: Call) -> Message:
    """Make many associations: all, or none when one of them breaks a rule."""
    request: wire.AssociateManyRequest = call.request
    check_count("associations", len(request.associations))
    items: Any = [given(each) for each in request.associations]
    space = await call.space()
    return message_of(wire.AssociateResponse, await space.associate_many(items))


async def dissociate(call: Call) -> Message:
    """End what leads from one memory to another."""
    arguments = call.arguments()
    space = await call.space()
    return wire.DissociateResponse(ended=await space.dissociate(**arguments))


async def associations(call: Call) -> Message:
    """Return the associations of a memory."""
    arguments = call.arguments()
    space = await call.space()
    found = await space.associations(**arguments)
    return wire.ListAssociationsResponse(
        associations=[message_of(wire.Association, each) for each in found]
    )


async def neighbours(call: Call) -> Message:
    """Return the memories around one."""
    arguments = call.arguments()
    space = await call.space()
    found = await space.neighbours(**arguments)
    return wire.NeighboursResponse(neighbours=[message_of(wire.Neighbour, each) for each in found])


async def spread(call: Call) -> Message:
    """Let activation spread from memories."""
    arguments = {"memory_ids": []} | call.arguments()
    space = await call.space()
    found = activations_value(await space.spread(**arguments))
    return message_of(wire.SpreadResponse, found)


async def path(call: Call) -> Message:
    """Return the best ways from one memory to another."""
    arguments = call.arguments()
    space = await call.space()
    found = await space.paths(**arguments)
    return wire.FindPathsResponse(paths=[message_of(wire.AssociationPath, each) for each in found])


PROCEDURES: Final = (
    Procedure(
        "Associate",
        associate,
        wire.AssociateRequest,
        wire.AssociateResponse,
        Role.AGENT,
        writes=True,
    ),
    Procedure(
        "AssociateMany",
        associate_many,
        wire.AssociateManyRequest,
        wire.AssociateResponse,
        Role.AGENT,
        writes=True,
    ),
    Procedure(
        "Dissociate",
        dissociate,
        wire.DissociateRequest,
        wire.DissociateResponse,
        Role.AGENT,
        writes=True,
    ),
    Procedure(
        "ListAssociations",
        associations,
        wire.ListAssociationsRequest,
        wire.ListAssociationsResponse,
    ),
    Procedure("Neighbours", neighbours, wire.NeighboursRequest, wire.NeighboursResponse),
    Procedure("Spread", spread, wire.SpreadRequest, wire.SpreadResponse),
    Procedure("FindPaths", path, wire.FindPathsRequest, wire.FindPathsResponse),
)
