"""The endpoints that only look: for words, for episodes in order, for labels, for doubts."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from engram.edges.http.asked import (
    FilterFields,
    Limit,
    ListQuery,
    MetadataText,
    RecallQuery,
    SpaceId,
)
from engram.edges.http.calls import Call, Endpoint, given
from engram.edges.http.conditions import with_metadata
from engram.model.doubts import Doubt
from engram.model.limits import CUE_CHARACTERS_MAX
from engram.model.recollection import Interval, Recollection
from engram.service.doubting import doubts_about, doubts_of
from engram.service.wire.answered import (
    MemoryValue,
    PageValue,
    RecalledValue,
    memory_value,
    memory_values,
    recalled_value,
)


class SearchQuery(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """Words, and which memories they are looked for in."""

    query: Annotated[
        str, msgspec.Meta(max_length=CUE_CHARACTERS_MAX, description="The words to look for.")
    ]
    limit: Limit = 10
    explain: bool = False
    metadata: MetadataText | None = None
    space: SpaceId | None = None


class LabelsQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which labels are listed."""

    field: Annotated[str, msgspec.Meta(description="tag, entity, source, session or fact_key.")] = (
        "tag"
    )
    prefix: Annotated[str, msgspec.Meta(description="How they begin, in any case of letters.")] = ""
    limit: Limit = 100
    space: SpaceId | None = None


class LabelValue(msgspec.Struct, frozen=True):
    """A label and how many memories have it."""

    label: str
    memories: int


class LabelsValue(msgspec.Struct, frozen=True):
    """Labels, those of most memories first."""

    labels: tuple[LabelValue, ...]


class ProbableValue(msgspec.Struct, frozen=True):
    """A memory: how sure the recall is of it, what it stands on, and what makes it unsure."""

    memory: MemoryValue
    relevance: float
    confidence: float
    confidence_interval: Interval
    evidence: tuple[str, ...]
    """Ids of the memories it stands on: itself, those on the ways to it, those it cites."""
    uncertainty: tuple[Doubt, ...]


class ProbabilisticValue(msgspec.Struct, frozen=True):
    """What was recalled, best first, and how sure it is; `note` says why nothing was."""

    memories: tuple[ProbableValue, ...]
    space: str
    lsn: int
    confidence: float
    confidence_interval: Interval
    evidence: tuple[str, ...]
    uncertainty: tuple[Doubt, ...]
    """What makes the recall as a whole unsure."""
    note: str | None


async def search(call: Call) -> RecalledValue:
    """Look for words."""
    arguments = with_metadata(given(call.query, "query"))
    space = await call.space()
    return recalled_value(await space.search(call.query.query, **arguments), space.id)


async def replay(call: Call) -> PageValue:
    """Return episodes in the order in which they happened."""
    space = await call.space()
    page = await space.replay(**with_metadata(given(call.query)))
    return PageValue(memory_values(page.memories), page.total, page.cursor)


async def labels(call: Call) -> LabelsValue:
    """Return the labels that memories have."""
    space = await call.space()
    found = await space.labels(**given(call.query))
    return LabelsValue(tuple(LabelValue(*each) for each in found))


async def probabilistic(call: Call) -> ProbabilisticValue:
    """Recall, and say how sure that is; nothing is accessed by it unless asked for."""
    arguments = {"reinforce": False} | with_metadata(given(call.query, "query", "explain"))
    space = await call.space()
    # Explained, so that a memory's evidence has all ways to it.
    result = await space.recall(call.query.query, explain=True, **arguments)
    told = tuple(map(_probable, result))
    return ProbabilisticValue(
        memories=told,
        space=space.id,
        lsn=result.lsn,
        confidence=result.recall_confidence,
        confidence_interval=result.recall_confidence_interval,
        evidence=tuple(dict.fromkeys(each for one in told for each in one.evidence)),
        uncertainty=doubts_of(result),
        note=result.note,
    )


def _probable(hit: Recollection) -> ProbableValue:
    ways = (step.memory_id for way in hit.paths for step in way)
    stands_on = (hit.memory.id, *(each for each in ways if each is not None), *hit.cites)
    return ProbableValue(
        memory=memory_value(hit.memory),
        relevance=hit.relevance,
        confidence=hit.confidence,
        confidence_interval=hit.confidence_interval,
        evidence=tuple(dict.fromkeys(stands_on)),
        uncertainty=doubts_about(hit),
    )


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/api/v1/memories/search",
        "Look for words: no vector is compared, no association followed, nothing accessed by it.",
        search,
        RecalledValue,
        query=SearchQuery,
    ),
    Endpoint(
        "GET",
        "/api/v1/episodes/replay",
        "Replay the episodes of a time range in the order they happened, page by page.",
        replay,
        PageValue,
        query=ListQuery,
    ),
    Endpoint(
        "GET",
        "/api/v1/query/probabilistic",
        "Recall, and say how sure that is: intervals, evidence, and what makes it unsure.",
        probabilistic,
        ProbabilisticValue,
        query=RecallQuery,
    ),
    Endpoint(
        "GET",
        "/api/v1/labels",
        "List the tags of memories, or their entities, sources, sessions or subjects, counted.",
        labels,
        LabelsValue,
        query=LabelsQuery,
    ),
)
