"""The JSON types of requests: fields of bodies and query parameters, each declared once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from engram.edges.http.limits import BATCH_COUNT_MAX
from engram.edges.http.naming import body_space
from engram.model.ids import SPACE_RULE
from engram.model.limits import (
    CONTENT_BYTES_MAX,
    CUE_CHARACTERS_MAX,
    CUE_MEMORIES_MAX,
    LIMIT_MAX,
    PATH_HOPS_MAX,
    PATHS_COUNT_MAX,
    WHY_CHARACTERS_MAX,
)
from engram.model.particulars import PRIORITY_MAX, PRIORITY_MIN
from engram.service.wire.episodes import EpisodeBody

# The rule is told to whoever reads the description; it is checked where spaces are decided.
_SPACE: Final = {"pattern": SPACE_RULE}
SpaceId = Annotated[str, Meta(description="The id of a memory space.", extra_json_schema=_SPACE)]
Id = Annotated[str, Meta(description="The id of a memory, as it was returned.")]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many at most.")]
Hops = Annotated[int, Meta(ge=1, le=PATH_HOPS_MAX, description="How many associations away.")]
Share = Annotated[float, Meta(ge=0, le=1)]
Vector = (
    Annotated[list[float], Meta(description="A vector of the space.")]
    | Annotated[bytes, Meta(description="The same as little-endian float32, in base64.")]
)
Texts = list[str]
Kinds = Annotated[list[str], Meta(description="Only associations of these kinds.")]
Priority = Annotated[int, Meta(ge=PRIORITY_MIN, le=PRIORITY_MAX)]
Content = Annotated[
    str, Meta(description=f"The text, of at most {CONTENT_BYTES_MAX:,} bytes of UTF-8.")
]
Sureness = Annotated[
    float | str, Meta(description="0 to 1, or none, low, medium, high or certain.")
]
Mode = Annotated[str, Meta(description="hybrid, similarity or spreading.")]
Moment = Annotated[datetime, Meta(tz=True)]
AsOf = Annotated[datetime, Meta(tz=True, description="Answer as the space would have then.")]
MetadataText = Annotated[str, Meta(description="Conditions on metadata, as a JSON object.")]


class Spaced(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A body that may name the memory space it is about."""

    memory_space: SpaceId | None = None
    memory_space_id: SpaceId | None = None

    @property
    def named_space(self) -> str | None:
        """The space it names; Refused when its two fields name different ones."""
        return body_space(self.memory_space, self.memory_space_id)


class MemoryFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One memory to be remembered."""

    content: Content = ""
    embedding: Vector | None = None
    kind: str | None = None
    confidence: Sureness | None = None
    occurred_at: Moment | None = None
    tags: Texts | None = None
    source: str | None = None
    session: str | None = None
    metadata: dict[str, Any] | None = None
    associate: bool | None = None
    entities: Texts | None = None
    priority: Priority | None = None
    expires_at: Moment | None = None
    episode: EpisodeBody | None = None
    confidence_reason: str | None = None
    fact_key: str | None = None
    fact_value: str | None = None


class RememberBody(MemoryFields, forbid_unknown_fields=True, kw_only=True):
    """A memory to be remembered, and the space it goes to."""

    memory_space: SpaceId | None = None
    memory_space_id: SpaceId | None = None

    @property
    def named_space(self) -> str | None:
        """The space it names."""
        return body_space(self.memory_space, self.memory_space_id)


class BatchBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """Many memories to be remembered: all of them, or none when one breaks a rule."""

    memories: Annotated[list[MemoryFields], Meta(min_length=1, max_length=BATCH_COUNT_MAX)]


class NewEpisodeBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """An episode to be remembered: what happened, with what belongs to it."""

    what: Content
    when: Moment | None = None
    where: str | None = None
    who: Texts | None = None
    why: str | None = None
    how: str | None = None
    importance: (
        Annotated[float, Meta(ge=0, le=1, description="Kept as a priority from 1 to 10.")] | None
    ) = None
    emotional_valence: (
        Annotated[float, Meta(ge=-1, le=1, description="Kept in the metadata, under this name.")]
        | None
    ) = None
    confidence: Sureness | None = None
    tags: Texts | None = None
    session: str | None = None
    source: str | None = None


class UpdateBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """What a correction changes; what is left out stays, null takes a field away."""

    content: Content | UnsetType = UNSET
    embedding: Vector | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    confidence: Sureness | UnsetType = UNSET
    occurred_at: Moment | UnsetType | None = UNSET
    tags: Texts | UnsetType = UNSET
    source: str | UnsetType | None = UNSET
    session: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    entities: Texts | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    episode: EpisodeBody | UnsetType | None = UNSET
    confidence_reason: str | UnsetType | None = UNSET
    fact_key: str | UnsetType | None = UNSET
    fact_value: str | UnsetType | None = UNSET


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
    as_of: AsOf | None = None
    entities_all: Texts | None = None
    entities_any: Texts | None = None
    entities_none: Texts | None = None
    priority_min: Priority | None = None
    priority_max: Priority | None = None
    include_expired: bool | None = None
    include_suppressed: bool | None = None


class ListQuery(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """Which memories are listed."""

    limit: Limit = 100
    cursor: Annotated[str, Meta(description="That of the page before.")] | None = None
    metadata: MetadataText | None = None
    space: SpaceId | None = None


class RecallFields(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """How a recall is carried out."""

    limit: Limit = 10
    explain: bool = False
    mode: Mode | None = None
    reinforce: bool | None = None
    session: str | None = None
    memory_ids: (
        Annotated[
            list[str],
            Meta(max_length=CUE_MEMORIES_MAX, description="Memories that remind of others."),
        ]
        | None
    ) = None


class RecallQuery(RecallFields, forbid_unknown_fields=True, kw_only=True):
    """A recall by words, or by memories that remind of others."""

    query: (
        Annotated[
            str, Meta(max_length=CUE_CHARACTERS_MAX, description="What to look for, in words.")
        ]
        | None
    ) = None
    metadata: MetadataText | None = None
    space: SpaceId | None = None


class RecallBody(RecallFields, forbid_unknown_fields=True, kw_only=True):
    """A recall by words, by a vector, or by memories that remind of others."""

    query: (
        Annotated[
            str, Meta(max_length=CUE_CHARACTERS_MAX, description="What to look for, in words.")
        ]
        | None
    ) = None
    embedding: Vector | None = None
    metadata: Annotated[dict[str, Any], Meta(description="Conditions on metadata.")] | None = None
    memory_space: SpaceId | None = None
    memory_space_id: SpaceId | None = None

    @property
    def named_space(self) -> str | None:
        """The space it names."""
        return body_space(self.memory_space, self.memory_space_id)


class RecognizeBody(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """What is to be recognized: a text, a vector, or both."""

    query: Annotated[str, Meta(max_length=CUE_CHARACTERS_MAX)] | None = None
    embedding: Vector | None = None
    limit: Limit = 5
    metadata: dict[str, Any] | None = None
    memory_space: SpaceId | None = None
    memory_space_id: SpaceId | None = None

    @property
    def named_space(self) -> str | None:
        """The space it names."""
        return body_space(self.memory_space, self.memory_space_id)


class CompleteBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """The part of an episode that is known; the rest is completed."""

    what: str | None = None
    where: str | None = None
    who: str | Texts | None = None
    why: str | None = None
    how: str | None = None
    embedding: (
        Annotated[
            list[float | None],
            Meta(description="What is known of its vector, null where nothing is."),
        ]
        | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=3, description="How many hypotheses.")] = 3


class GetQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """When a memory is looked at."""

    as_of: AsOf | None = None
    include_suppressed: bool = False
    space: SpaceId | None = None


class ForgetQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How a memory is forgotten."""

    mode: Annotated[
        str,
        Meta(description="suppress (hidden), delete, or erase (no byte of it is left)."),
    ] = "delete"
    space: SpaceId | None = None


class FeedbackBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """What a recalled memory was worth."""

    verdict: Annotated[str, Meta(description="useful or wrong.")]


class AssociateBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """An association to another memory."""

    target_id: Id
    kind: str = "semantic"
    weight: Annotated[float, Meta(gt=0, le=1)] = 0.5
    confidence: Share = 1.0
    why: Annotated[str, Meta(max_length=WHY_CHARACTERS_MAX)] | None = None
    both_ways: bool = False


class AssociationsQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which associations of a memory are listed."""

    direction: Annotated[str, Meta(description="out, in or both.")] = "out"
    kinds: Kinds | None = None
    limit: Limit = 100
    space: SpaceId | None = None


class DissociateQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which associations end."""

    target_id: Id
    kind: str | None = None
    space: SpaceId | None = None


class NeighboursQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How far neighbours are looked for."""

    hops: Hops = 1
    kinds: Kinds | None = None
    limit: Limit = 100
    space: SpaceId | None = None


class SpreadBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """Where activation begins, and how it spreads."""

    memory_ids: Annotated[list[str], Meta(min_length=1, max_length=LIMIT_MAX)]
    hops: Hops = 3
    limit: Limit = 100
    decay: float | None = None
    threshold: float | None = None
    fan_exponent: float | None = None
    kinds: Kinds | None = None
    edge_budget: int | None = None


class PathBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """Two memories, and which ways between them are wanted."""

    source_id: Id
    target_id: Id
    how: Annotated[str, Meta(description="strongest or shortest.")] = "strongest"
    k: Annotated[int, Meta(ge=1, le=PATHS_COUNT_MAX, description="How many ways.")] = 1
    kinds: Kinds | None = None
    hops_max: Hops | None = None


class QueryBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """One statement of the query language."""

    statement: str
    parameters: Annotated[dict[str, Any], Meta(description="The values of its $names.")] | None = (
        None
    )
    budget_ms: (
        Annotated[float, Meta(gt=0, description="What it may be expected to cost.")] | None
    ) = None
    explain: Annotated[bool, Meta(description="Say why each memory was recalled.")] = False


class ConsolidateBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """How much is consolidated."""

    episodes_max: Annotated[int, Meta(ge=1, description="Replay no more than these.")] | None = None


class LimitQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How many are listed."""

    limit: Limit = 100
    space: SpaceId | None = None


class NewSpaceBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The memory space to be created."""

    id: SpaceId

    @property
    def named_space(self) -> str | None:
        """The space it names."""
        return self.id
