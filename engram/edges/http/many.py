"""The endpoint that makes many associations at once."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from engram.edges.http.asked import Id, Share, Spaced
from engram.edges.http.calls import Call, Endpoint, given
from engram.edges.http.limits import BATCH_COUNT_MAX
from engram.model.association import Associated, NewAssociation
from engram.model.limits import WHY_CHARACTERS_MAX
from engram.service.access import Role


class AssociationFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One association to be made."""

    source_id: Id
    target_id: Id
    kind: str = "semantic"
    weight: Annotated[float, Meta(gt=0, le=1)] = 0.5
    confidence: Share = 1.0
    why: Annotated[str, Meta(max_length=WHY_CHARACTERS_MAX)] | None = None


class AssociateManyBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """Associations to be made."""

    associations: Annotated[list[AssociationFields], Meta(min_length=1, max_length=BATCH_COUNT_MAX)]


async def associate_many(call: Call) -> Associated:
    """Make associations: all of them, or none when one breaks a rule."""
    body: AssociateManyBody = call.body
    items: list[NewAssociation] = [
        {
            "source_id": each.source_id,
            "target_id": each.target_id,
            **given(each, "source_id", "target_id"),  # type: ignore[typeddict-item]
        }
        for each in body.associations
    ]
    space = await call.space()
    return await space.associate_many(items)


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/api/v1/associations/batch",
        "Make many associations: all of them, or none when one breaks a rule.",
        associate_many,
        Associated,
        body=AssociateManyBody,
        status=201,
        writes=True,
        needs=Role.AGENT,
    ),
)
