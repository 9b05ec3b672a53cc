"""The endpoints that look for memories by a cue: recall, recognize, complete."""

from __future__ import annotations

from math import nan
from typing import Final

from engram.edges.http.asked import CompleteBody, RecallBody, RecallQuery, RecognizeBody
from engram.edges.http.calls import Call, Endpoint, given
from engram.edges.http.conditions import with_metadata
from engram.service.wire.answered import (
    CompletedValue,
    RecalledValue,
    RecognizedValue,
    completed_value,
    recalled_value,
    recognized_value,
)


async def recall(call: Call) -> RecalledValue:
    """Recall what a cue brings to mind."""
    asked = call.query if call.body is None else call.body
    arguments = with_metadata(given(asked, "query"))
    space = await call.space()
    return recalled_value(await space.recall(asked.query, **arguments), space.id)


async def recognize(call: Call) -> RecognizedValue:
    """Say how familiar something is."""
    space = await call.space()
    return recognized_value(await space.recognize(call.body.query, **given(call.body, "query")))


async def complete(call: Call) -> CompletedValue:
    """Complete an episode of which a part is given."""
    body: CompleteBody = call.body
    arguments = given(body, "embedding")
    if body.embedding is not None:
        arguments["embedding"] = [nan if each is None else each for each in body.embedding]
    space = await call.space()
    return completed_value(await space.complete(**arguments))


_RECALL: Final = Endpoint(
    "GET",
    "/api/v1/memories/recall",
    "Recall what a cue brings to mind, best first: by meaning, by words, by association.",
    recall,
    RecalledValue,
    query=RecallQuery,
)
ENDPOINTS: Final = (
    _RECALL,
    Endpoint("POST", _RECALL.path, _RECALL.summary, recall, RecalledValue, body=RecallBody),
    Endpoint(
        "POST",
        "/api/v1/memories/recognize",
        "Say how familiar something is, and what it is most like.",
        recognize,
        RecognizedValue,
        body=RecognizeBody,
    ),
    Endpoint(
        "POST",
        "/api/v1/complete",
        "Complete an episode of which a part is given, from the episodes of the space.",
        complete,
        CompletedValue,
        body=CompleteBody,
    ),
)
