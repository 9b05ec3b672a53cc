"""The procedures that look for memories, and those of the query language and of concepts."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from engram.edges.grpc.calls import Call, Procedure
from engram.service.access import Role
from engram.service.wire.protobuf import message_of
from engram.v1 import engram_pb2 as wire


async def recall(call: Call) -> Message:
    """Recall what a cue brings to mind."""
    arguments = call.arguments()
    cue = arguments.pop("query", None)
    space = await call.space()
    found = await space.recall(cue, **arguments)
    return message_of(wire.RecallResponse, found, space=space.id)


async def search(call: Call) -> Message:
    """Look for words."""
    arguments = call.arguments()
    words = arguments.pop("query")
    space = await call.space()
    found = await space.search(words, **arguments)
    return message_of(wire.RecallResponse, found, space=space.id)


async def recognize(call: Call) -> Message:
    """Say how familiar something is."""
    arguments = call.arguments()
    cue = arguments.pop("query", None)
    space = await call.space()
    return message_of(wire.RecognizeResponse, await space.recognize(cue, **arguments))


async def complete(call: Call) -> Message:
    """Complete an episode of which a part is given."""
    arguments = call.arguments()
    space = await call.space()
    return message_of(wire.CompleteResponse, await space.complete(**arguments))


async def query(call: Call) -> Message:
    """Carry out one statement of the query language."""
    arguments = call.arguments()
    space = await call.space()
    answer = await space.query(**arguments, may_ask=call.principal.may_ask)
    return message_of(wire.ExecuteQueryResponse, answer)


async def consolidate(call: Call) -> Message:
    """Replay episodes and form concepts now."""
    arguments = call.arguments()
    space = await call.space()
    return message_of(wire.ConsolidateResponse, await space.consolidate(**arguments))


async def concepts(call: Call) -> Message:
    """Return the concepts that consolidation formed."""
    arguments = call.arguments()
    space = await call.space()
    found = await space.concepts(**arguments)
    return wire.ListConceptsResponse(concepts=[message_of(wire.Concept, each) for each in found])


async def beliefs(call: Call) -> Message:
    """Return all versions of a concept."""
    space = await call.space()
    found = await space.belief_history(call.request.concept_id)
    return wire.BeliefHistoryResponse(versions=[message_of(wire.Belief, each) for each in found])


async def labels(call: Call) -> Message:
    """Return the labels that memories have."""
    arguments = call.arguments()
    space = await call.space()
    found = await space.labels(**arguments)
    return wire.ListLabelsResponse(
        labels=[wire.Label(label=each.label, memories=each.memories) for each in found]
    )


async def contradictions(call: Call) -> Message:
    """Return what memories say that cannot be true together."""
    arguments = call.arguments()
    space = await call.space()
    found = await space.contradictions(**arguments)
    return wire.ListContradictionsResponse(
        contradictions=[message_of(wire.Contradiction, each) for each in found]
    )


async def near_duplicates(call: Call) -> Message:
    """Return memories so alike that they may say the same."""
    arguments = call.arguments()
    space = await call.space()
    found = await space.near_duplicates(**arguments)
    return wire.ListNearDuplicatesResponse(
        pairs=[message_of(wire.NearDuplicate, each) for each in found]
    )


PROCEDURES: Final = (
    Procedure("Recall", recall, wire.RecallRequest, wire.RecallResponse),
    Procedure("Search", search, wire.SearchRequest, wire.RecallResponse),
    Procedure("Recognize", recognize, wire.RecognizeRequest, wire.RecognizeResponse),
    Procedure("Complete", complete, wire.CompleteRequest, wire.CompleteResponse),
    Procedure(
        "ExecuteQuery",
        query,
        wire.ExecuteQueryRequest,
        wire.ExecuteQueryResponse,
        # A few statements write: CONSOLIDATE, and what RECALL does to what it lists.
        Role.AGENT,
        writes=True,
    ),
    Procedure(
        "Consolidate",
        consolidate,
        wire.ConsolidateRequest,
        wire.ConsolidateResponse,
        Role.AGENT,
        writes=True,
    ),
    Procedure("ListConcepts", concepts, wire.ListConceptsRequest, wire.ListConceptsResponse),
    Procedure("BeliefHistory", beliefs, wire.BeliefHistoryRequest, wire.BeliefHistoryResponse),
    Procedure("ListLabels", labels, wire.ListLabelsRequest, wire.ListLabelsResponse),
    Procedure(
        "ListContradictions",
        contradictions,
        wire.ListContradictionsRequest,
        wire.ListContradictionsResponse,
    ),
    Procedure(
        "ListNearDuplicates",
        near_duplicates,
        wire.ListNearDuplicatesRequest,
        wire.ListNearDuplicatesResponse,
    ),
)
