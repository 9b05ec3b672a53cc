"""What the tools take, each field with what an agent has to know of it.

Names and rules are those of the library; vectors are left out, for an agent has none.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from engram.model.ids import SPACE_RULE
from engram.model.limits import (
    CONTENT_BYTES_MAX,
    CUE_CHARACTERS_MAX,
    CUE_MEMORIES_MAX,
    LIMIT_MAX,
    PATH_HOPS_MAX,
    REQUEST_KEY_CHARACTERS_MAX,
    WHY_CHARACTERS_MAX,
)
from engram.model.particulars import PRIORITY_MAX, PRIORITY_MIN
from engram.service.wire.episodes import EpisodeBody

MEMORIES_COUNT_MAX: Final = 10_000
"""10,000 memories of one call: what the engine makes durable in one part, so all or none."""

_SPACE: Final = {"pattern": SPACE_RULE}
Space = Annotated[
    str,
    Meta(
        description="The memory space to work in; leave out for the one this server is set up for.",
        extra_json_schema=_SPACE,
    ),
]
Id = Annotated[str, Meta(description="The id of a memory, as another tool returned it.")]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many at most.")]
Hops = Annotated[int, Meta(ge=1, le=PATH_HOPS_MAX, description="How many associations away.")]
Share = Annotated[float, Meta(ge=0, le=1)]
Texts = list[str]
Priority = Annotated[int, Meta(ge=PRIORITY_MIN, le=PRIORITY_MAX)]
Moment = Annotated[datetime, Meta(tz=True, description="ISO 8601 with a zone.")]
Kind = Annotated[str, Meta(description="episodic, semantic, procedural or concept.")]
Kinds = Annotated[Texts, Meta(description="Only associations of these kinds.")]
Sureness = Annotated[
    float | str, Meta(description="How sure: 0 to 1, or none, low, medium, high or certain.")
]
Content = Annotated[
    str,
    Meta(
        description="What to remember, so that it is understood without this conversation; at most "
        f"{CONTENT_BYTES_MAX:,} bytes."
    ),
]
Tags = Annotated[Texts, Meta(description="Labels to filter by later.")]
Entities = Annotated[Texts, Meta(description="The people, places and things it is about.")]
Source = Annotated[str, Meta(description="Where it comes from.")]
Session = Annotated[str, Meta(description="The conversation or run it belongs to.")]
Metadata = Annotated[dict[str, Any], Meta(description="Anything else, as JSON.")]
FactKey = Annotated[str, Meta(description="What it states, such as user.city; finds what clashes.")]
Query = Annotated[
    str, Meta(max_length=CUE_CHARACTERS_MAX, description="What to look for, in words.")
]
RequestKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=REQUEST_KEY_CHARACTERS_MAX,
        description="A name for this call: calling again with the same one does nothing twice.",
    ),
]


class Spaced(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Arguments that may name the memory space they are about."""

    space: Space | None = None


class MemoryFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One memory to be remembered."""

    content: Content = ""
    kind: Kind | None = None
    confidence: Sureness | None = None
    occurred_at: Moment | None = None
    tags: Tags | None = None
    entities: Entities | None = None
    source: Source | None = None
    session: Session | None = None
    metadata: Metadata | None = None
    priority: Priority | None = None
    expires_at: Moment | None = None
    episode: EpisodeBody | None = None
    confidence_reason: str | None = None
    fact_key: FactKey | None = None
    fact_value: str | None = None
    associate: bool | None = None


class Remember(MemoryFields, forbid_unknown_fields=True, kw_only=True):
    """One memory by its fields, or many in `memories`."""

    memories: (
        Annotated[
            list[MemoryFields],
            Meta(
                min_length=1,
                max_length=MEMORIES_COUNT_MAX,
                description="Many memories at once, all of them or none; then no other field.",
            ),
        ]
        | None
    ) = None
    request_key: RequestKey | None = None
    space: Space | None = None


class FilterFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Filters, all of which must hold; `_after` is inclusive, `_before` exclusive."""

    tags_all: Texts | None = None
    tags_any: Texts | None = None
    tags_none: Texts | None = None
    kinds: Texts | None = None
    sources: Texts | None = None
    sessions: Texts | None = None
    occurred_after: Moment | None = None
    occurred_before: Moment | None = None
    recorded_after: Moment | None = None
    recorded_before: Moment | None = None
    confidence_min: Share | None = None
    as_of: (
        Annotated[datetime, Meta(tz=True, description="Answer as the space would have then.")]
        | None
    ) = None
    entities_all: Texts | None = None
    entities_any: Texts | None = None
    entities_none: Texts | None = None
    priority_min: Priority | None = None
    priority_max: Priority | None = None
    include_expired: bool | None = None
    include_suppressed: bool | None = None
    metadata: Annotated[dict[str, Any], Meta(description="Conditions on metadata.")] | None = None


class Recall(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """A recall by words, or by memories that remind of others."""

    query: Query | None = None
    memory_ids: (
        Annotated[
            Texts,
            Meta(max_length=CUE_MEMORIES_MAX, description="Memories that remind of others."),
        ]
        | None
    ) = None
    limit: Limit = 10
    mode: Annotated[str, Meta(description="hybrid, similarity or spreading.")] | None = None
    explain: Annotated[bool, Meta(description="Say why each memory was recalled.")] = False
    session: Session | None = None
    reinforce: (
        Annotated[bool, Meta(description="false: being recalled now counts for nothing.")] | None
    ) = None
    space: Space | None = None


class Recognize(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """A text to be recognized."""

    query: Query
    limit: Limit = 5
    space: Space | None = None


class Forget(Spaced, forbid_unknown_fields=True, kw_only=True):
    """Memories to be forgotten: all of them, or none when one is not there."""

    memory_ids: Annotated[Texts, Meta(min_length=1, max_length=MEMORIES_COUNT_MAX)]
    mode: Annotated[
        str,
        Meta(description="suppress (hidden for now), delete, or erase (no byte of it is left)."),
    ] = "delete"
    request_key: RequestKey | None = None


class Correct(Spaced, forbid_unknown_fields=True, kw_only=True):
    """What a correction changes; what is left out stays, null takes a field away."""

    memory_id: Id
    content: Content | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    confidence: Sureness | UnsetType = UNSET
    occurred_at: Moment | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    entities: Entities | UnsetType = UNSET
    source: Source | UnsetType | None = UNSET
    session: Session | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    episode: EpisodeBody | UnsetType | None = UNSET
    confidence_reason: str | UnsetType | None = UNSET
    fact_key: FactKey | UnsetType | None = UNSET
    fact_value: str | UnsetType | None = UNSET
    request_key: RequestKey | None = None


class Associate(Spaced, forbid_unknown_fields=True, kw_only=True):
    """An association from one memory to another."""

    source_id: Id
    target_id: Id
    kind: Annotated[
        str,
        Meta(
            description="semantic, causal, temporal, hierarchical, compositional, spatial or "
            "emotional."
        ),
    ] = "semantic"
    weight: Annotated[float, Meta(gt=0, le=1, description="How strongly it leads there.")] = 0.5
    confidence: Share = 1.0
    why: Annotated[str, Meta(max_length=WHY_CHARACTERS_MAX)] | None = None
    both_ways: bool = False


class Spread(Spaced, forbid_unknown_fields=True, kw_only=True):
    """Where activation begins, and how it spreads."""

    memory_ids: Annotated[Texts, Meta(min_length=1, max_length=LIMIT_MAX)]
    hops: Hops = 3
    limit: Limit = 20
    decay: float | None = None
    threshold: float | None = None
    fan_exponent: float | None = None
    kinds: Kinds | None = None
    edge_budget: int | None = None


class Consolidate(Spaced, forbid_unknown_fields=True, kw_only=True):
    """How much is consolidated."""

    episodes_max: Annotated[int, Meta(ge=1, description="Replay no more than these.")] | None = None


class Listing(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """Which memories are listed."""

    limit: Limit = 20
    cursor: Annotated[str, Meta(description="That of the page before.")] | None = None
    space: Space | None = None


def given(value: msgspec.Struct, *without: str) -> dict[str, Any]:
    """Return the fields that were given as the library takes them, the space aside."""
    found = {}
    for name in value.__struct_fields__:
        each = getattr(value, name)
        if each is UNSET or name == "space" or name in without:
            continue
        if each is None and not _is_kept(value, name):
            continue
        found[name] = each.parts() if isinstance(each, EpisodeBody) else each
    return found


def _is_kept(value: msgspec.Struct, name: str) -> bool:
    """Whether null of a field says something: that a correction takes it away."""
    return isinstance(value, Correct) and name != "request_key"
