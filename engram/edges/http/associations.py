"""The endpoints of associations: make, list and end them, and follow where they lead."""

from __future__ import annotations

from typing import Final

from engram.edges.http.asked import (
    AssociateBody,
    AssociationsQuery,
    DissociateQuery,
    NeighboursQuery,
    PathBody,
    SpreadBody,
)
from engram.edges.http.calls import Call, Endpoint, given
from engram.model.association import Associated
from engram.service.access import Role
from engram.service.wire.answered import (
    ActivationsValue,
    AssociationsValue,
    DissociatedValue,
    NeighboursValue,
    PathsValue,
    activations_value,
    neighbours_value,
    paths_value,
)


async def associate(call: Call) -> Associated:
    """Lead from the memory of the path to another."""
    space = await call.space()
    return await space.associate(call.path["id"], **given(call.body))


async def associations(call: Call) -> AssociationsValue:
    """Return the associations of a memory."""
    space = await call.space()
    return AssociationsValue(await space.associations(call.path["id"], **given(call.query)))


async def dissociate(call: Call) -> DissociatedValue:
    """End what leads from the memory of the path to another."""
    space = await call.space()
    return DissociatedValue(await space.dissociate(call.path["id"], **given(call.query)))


async def neighbours(call: Call) -> NeighboursValue:
    """Return the memories around one."""
    space = await call.space()
    return neighbours_value(await space.neighbours(call.path["id"], **given(call.query)))


async def spread(call: Call) -> ActivationsValue:
    """Let activation spread from memories."""
    space = await call.space()
    return activations_value(await space.spread(**given(call.body)))


async def path(call: Call) -> PathsValue:
    """Return the best ways from one memory to another."""
    space = await call.space()
    return paths_value(await space.paths(**given(call.body)))


_OF_ONE: Final = "/api/v1/memories/{id}/associations"
ENDPOINTS: Final = (
    Endpoint(
        "GET",
        _OF_ONE,
        "List the associations of a memory, the heaviest first.",
        associations,
        AssociationsValue,
        query=AssociationsQuery,
    ),
    Endpoint(
        "POST",
        _OF_ONE,
        "Lead from one memory to another, or weigh anew what leads there already.",
        associate,
        Associated,
        body=AssociateBody,
        status=201,
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "DELETE",
        _OF_ONE,
        "End what leads from one memory to another.",
        dissociate,
        DissociatedValue,
        query=DissociateQuery,
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "GET",
        "/api/v1/memories/{id}/neighbours",
        "List the memories that associations lead to from one, nearest first.",
        neighbours,
        NeighboursValue,
        query=NeighboursQuery,
    ),
    Endpoint(
        "POST",
        "/api/v1/spread",
        "Let activation spread from memories over their associations.",
        spread,
        ActivationsValue,
        body=SpreadBody,
    ),
    Endpoint(
        "POST",
        "/api/v1/path",
        "Find the shortest or strongest ways from one memory to another.",
        path,
        PathsValue,
        body=PathBody,
    ),
)
