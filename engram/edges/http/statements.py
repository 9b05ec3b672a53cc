"""The endpoints of the query language and of consolidation."""

from __future__ import annotations

from typing import Final

from engram.edges.http.asked import ConsolidateBody, LimitQuery, QueryBody
from engram.edges.http.calls import Call, Endpoint
from engram.edges.http.reported import (
    AnswerValue,
    BeliefsValue,
    ConceptsValue,
    answer_value,
    belief_value,
    concept_value,
)
from engram.model.concepts import Consolidated
from engram.service.access import Role


async def query(call: Call) -> AnswerValue:
    """Carry out one statement of the query language."""
    body: QueryBody = call.body
    space = await call.space()
    return answer_value(
        await space.query(
            body.statement,
            body.parameters,
            budget_ms=body.budget_ms,
            explain=body.explain,
            may_ask=call.principal.may_ask,
        )
    )


async def consolidate(call: Call) -> Consolidated:
    """Replay episodes and form concepts now."""
    space = await call.space()
    return await space.consolidate(episodes_max=call.body.episodes_max)


async def concepts(call: Call) -> ConceptsValue:
    """Return the concepts that consolidation formed."""
    space = await call.space()
    found = await space.concepts(limit=call.query.limit)
    return ConceptsValue(tuple(map(concept_value, found)))


async def beliefs(call: Call) -> BeliefsValue:
    """Return all versions of a concept."""
    space = await call.space()
    found = await space.belief_history(call.path["id"])
    return BeliefsValue(tuple(map(belief_value, found)))


_CONSOLIDATIONS: Final = "/api/v1/consolidations"
ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/api/v1/query",
        "Carry out one statement of the query language.",
        query,
        AnswerValue,
        body=QueryBody,
        # A few statements do: CONSOLIDATE, and what RECALL does to what it lists.
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "POST",
        _CONSOLIDATIONS,
        "Replay episodes that were not, and form concepts from those that belong together.",
        consolidate,
        Consolidated,
        body=ConsolidateBody,
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "GET",
        _CONSOLIDATIONS,
        "List the concepts that consolidation formed, with the episodes they cite.",
        concepts,
        ConceptsValue,
        query=LimitQuery,
    ),
    Endpoint(
        "GET",
        f"{_CONSOLIDATIONS}/{{id}}",
        "Get what a concept said at which times, and on what evidence.",
        beliefs,
        BeliefsValue,
    ),
)
