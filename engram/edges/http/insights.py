"""The endpoints about what memories are to each other, and how long a space keeps them."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from engram.edges.http.asked import Limit, LimitQuery, Spaced, SpaceId
from engram.edges.http.calls import Call, Endpoint, given
from engram.model.contradiction import Claim
from engram.model.errors import InvalidRequest
from engram.model.memory import Lability
from engram.model.space_settings import SpaceSettings
from engram.service.access import Role
from engram.service.wire.answered import MemoryValue, memory_value


class ContradictionsQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which contradictions are listed."""

    memory_id: Annotated[str, Meta(description="Only those this memory takes part in.")] | None = (
        None
    )
    limit: Limit = 100
    space: SpaceId | None = None


class ClaimValue(msgspec.Struct, frozen=True):
    """What one memory says of a subject."""

    value: str
    denied: bool
    memory: MemoryValue


class ContradictionValue(msgspec.Struct, frozen=True):
    """A subject of which memories say what cannot be true together."""

    subject: str
    relation: str | None
    claims: tuple[ClaimValue, ...]
    claims_count: int


class ContradictionsValue(msgspec.Struct, frozen=True):
    """Contradictions, those with the last remembered memories first."""

    contradictions: tuple[ContradictionValue, ...]


class PairValue(msgspec.Struct, frozen=True):
    """Two memories that may say the same, the earlier first."""

    memory: MemoryValue
    other: MemoryValue
    similarity: float


class PairsValue(msgspec.Struct, frozen=True):
    """Pairs of memories, the most alike first."""

    pairs: tuple[PairValue, ...]


class SettingsBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """What is changed of how a space forgets; what is left out stays."""

    forgetting: (
        Annotated[
            str, Meta(description="fsrs, exponential, power, two_component, savings or none.")
        ]
        | None
    ) = None
    weights: list[float] | None = None
    beta: float | None = None
    fast_hours: float | None = None
    slow_hours: float | None = None
    fast_share: float | None = None
    interference: bool | None = None
    priming: bool | None = None


async def contradictions(call: Call) -> ContradictionsValue:
    """Return what memories say that cannot be true together."""
    space = await call.space()
    found = await space.contradictions(call.query.memory_id, limit=call.query.limit)
    return ContradictionsValue(
        tuple(
            ContradictionValue(
                each.subject, each.relation, tuple(map(_claim, each.claims)), each.claims_count
            )
            for each in found
        )
    )


def _claim(claim: Claim) -> ClaimValue:
    return ClaimValue(claim.value, claim.denied, memory_value(claim.memory))


async def near_duplicates(call: Call) -> PairsValue:
    """Return memories so alike that they may say the same."""
    space = await call.space()
    found = await space.near_duplicates(limit=call.query.limit)
    return PairsValue(
        tuple(
            PairValue(memory_value(each.memory), memory_value(each.other), each.similarity)
            for each in found
        )
    )


async def lability(call: Call) -> Lability:
    """Return whether a recall has made a memory labile."""
    space = await call.space()
    return await space.lability(call.path["id"])


async def settings(call: Call) -> SpaceSettings:
    """Return how a space forgets."""
    space = await call.space()
    return await space.settings()


async def configure(call: Call) -> SpaceSettings:
    """Change how a space forgets."""
    changes = given(call.body)
    if not changes:
        raise InvalidRequest("the body changes nothing; send at least one field")
    space = await call.space()
    return await space.configure(request_key=call.request_key, **changes)


_SETTINGS: Final = "/api/v1/settings"
ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/api/v1/contradictions",
        "List what current memories say of one subject that cannot be true together.",
        contradictions,
        ContradictionsValue,
        query=ContradictionsQuery,
    ),
    Endpoint(
        "GET",
        "/api/v1/near-duplicates",
        "List pairs of memories so alike that they may say the same, the most alike first.",
        near_duplicates,
        PairsValue,
        query=LimitQuery,
    ),
    Endpoint(
        "GET",
        "/api/v1/memories/{id}/lability",
        "Say whether a recall has made a memory labile, and until when.",
        lability,
        Lability,
    ),
    Endpoint("GET", _SETTINGS, "Get how a space forgets.", settings, SpaceSettings),
    Endpoint(
        "PATCH",
        _SETTINGS,
        "Change how a space forgets, durably.",
        configure,
        SpaceSettings,
        body=SettingsBody,
        takes_key=True,
        writes=True,
        needs=Role.AGENT,
    ),
)
