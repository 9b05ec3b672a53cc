"""The endpoints of memory spaces, and of their upkeep."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from engram.edges.http.asked import NewSpaceBody, Spaced
from engram.edges.http.calls import Call, Endpoint
from engram.edges.http.reported import (
    DroppedSpaceValue,
    LinkedValue,
    NewSpaceValue,
    ReembeddedValue,
    SpacesValue,
    VerifiedValue,
    verified_value,
)
from engram.model.memory import Checkpointed, Compacted, SpaceStats
from engram.service.access import Role


class WaitBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """How long to wait."""

    timeout_s: (
        Annotated[float, Meta(ge=0, description="Seconds at most; left out, as long as it takes.")]
        | None
    ) = None


async def spaces(call: Call) -> SpacesValue:
    """Return every memory space, or the one that is named."""
    found = await call.db.spaces()
    return SpacesValue(tuple(each for each in found if call.is_about(each.id)))


async def create(call: Call) -> NewSpaceValue:
    """Create a memory space."""
    await call.db.create_space(call.space_id)
    return NewSpaceValue(call.space_id)


async def stats(call: Call) -> SpaceStats:
    """Return what a space holds and where its log stands."""
    space = await call.space()
    return await space.stats()


async def drop(call: Call) -> DroppedSpaceValue:
    """Delete a memory space with all its bytes."""
    await call.db.drop_space(call.space_id)
    return DroppedSpaceValue(call.space_id)


async def checkpoint(call: Call) -> Checkpointed:
    """Write a snapshot of a space."""
    return await call.db.checkpoint(call.space_id)


async def compact(call: Call) -> Compacted:
    """Let go of what a space forgot long ago."""
    return await call.db.compact(call.space_id)


async def verify(call: Call) -> VerifiedValue:
    """Read a space again, all its files."""
    return verified_value(await call.db.verify(call.space_id))


async def reembed(call: Call) -> ReembeddedValue:
    """Give every memory of a space a vector of the store's embedder."""
    count = await call.db.reembed(call.space_id)
    identity = "" if call.db.embedder is None else call.db.embedder.identity
    return ReembeddedValue(call.space_id, count, identity)


async def wait_linked(call: Call) -> LinkedValue:
    """Wait until every memory of a space is linked to what it is like."""
    space = await call.space()
    return LinkedValue(space.id, await space.wait_linked(call.body.timeout_s))


_SPACES: Final = "/api/v1/spaces"
_UPKEEP: Final = "/api/v1/maintenance"
ENDPOINTS: Final = (
    Endpoint("GET", _SPACES, "List the memory spaces.", spaces, SpacesValue, is_about_store=True),
    Endpoint(
        "POST",
        _SPACES,
        "Create a memory space; the first write to one creates it, too.",
        create,
        NewSpaceValue,
        body=NewSpaceBody,
        status=201,
        target="body",
        writes=True,
        needs=Role.ADMIN,
    ),
    Endpoint(
        "GET",
        f"{_SPACES}/{{space}}",
        "Get what a memory space holds, and where its log stands.",
        stats,
        SpaceStats,
        target="path",
    ),
    Endpoint(
        "DELETE",
        f"{_SPACES}/{{space}}",
        "Delete a memory space with all its bytes; default cannot be deleted.",
        drop,
        DroppedSpaceValue,
        target="path",
        writes=True,
        needs=Role.ADMIN,
    ),
    Endpoint(
        "POST",
        f"{_UPKEEP}/checkpoint",
        "Write a snapshot of a space while it goes on, so that it opens quickly.",
        checkpoint,
        Checkpointed,
        body=Spaced,
        writes=True,
        needs=Role.ADMIN,
    ),
    Endpoint(
        "POST",
        f"{_UPKEEP}/compact",
        "Let go of what a space forgot before the history that is kept.",
        compact,
        Compacted,
        body=Spaced,
        writes=True,
        needs=Role.ADMIN,
    ),
    Endpoint(
        "POST",
        f"{_UPKEEP}/verify",
        "Read a space again, all its files, and say what is damaged; it goes on serving.",
        verify,
        VerifiedValue,
        body=Spaced,
        needs=Role.ADMIN,
    ),
    Endpoint(
        "POST",
        f"{_UPKEEP}/reembed",
        "Give every memory of a space a vector of the store's embedder; the old ones answer until "
        "all are there.",
        reembed,
        ReembeddedValue,
        body=Spaced,
        writes=True,
        needs=Role.ADMIN,
    ),
    Endpoint(
        "POST",
        f"{_UPKEEP}/wait-linked",
        "Wait until every memory of a space is linked to what it is like.",
        wait_linked,
        LinkedValue,
        body=WaitBody,
        needs=Role.AGENT,
    ),
)
