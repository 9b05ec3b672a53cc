"""Whatever statement the grammar allows is carried out or refused: nothing else goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.model.answer import Answer
from engram.model.conditions import Parameter
from engram.model.errors import KernelCancelled, RequestError
from engram.query.printer import printed
from engram.query.syntax import MemoryCue, Statement, VectorCue
from engram.testing.stores import simulated_store
from tests.property.test_query_language import STATEMENTS

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
BY_ROLE: dict[str, Any] = {
    "text": "red", "number": 3, "time": "1 hour ago", "days": 1, "hypotheses": 2, "deadline": None,
    "duration": timedelta(days=2), "memory kind": "episodic", "association kind": "causal",
    "scalar": "red", "ordered": 1, "share": 0.5, "cosine": 0.1, "base rate": 0.2, "decay": 0.5,
    "spread threshold": 0.01, "limit": 3, "offset": 1, "hops": 2, "paths": 2, "space": "default",
    "concept": "colours", "cue": "red ship", "vector": [1.0, 0.0, 0.0],
}  # fmt: skip
"""A value that fits, by role; `memory` is one of the space."""


def fitted(node: Any, known: Callable[[], str], asked: dict[str, Any]) -> Any:  # noqa: PLR0911 - one a sort
    """Return a tree with memories and vectors of the space, and note what its parameters need."""
    if isinstance(node, Parameter):
        value = known() if node.role == "memory" else BY_ROLE[node.role]
        given_before = asked.setdefault(node.name, (node.role, value))
        name = node.name if given_before[0] == node.role else f"{node.name}_{len(asked)}"
        asked[name] = (node.role, value)
        return Parameter(name, node.role)
    if isinstance(node, MemoryCue):
        return MemoryCue(known())
    if isinstance(node, VectorCue) and isinstance(node.numbers, tuple):
        threshold = fitted(node.threshold, known, asked)
        return VectorCue((*node.numbers, 0.0, 0.5, 1.0)[:3], threshold)
    if isinstance(node, tuple):
        return tuple(fitted(each, known, asked) for each in node)
    if isinstance(node, str) and len(node) == 36 and node.count("-") == 4:
        return known()
    if isinstance(node, msgspec.Struct):
        parts = {name: fitted(getattr(node, name), known, asked) for name in node.__struct_fields__}
        return msgspec.structs.replace(node, **parts)
    return node


@settings(max_examples=25)
@given(st.lists(STATEMENTS, min_size=4, max_size=4), st.randoms(use_true_random=False))
def test_every_statement_is_carried_out_or_refused(
    statements: list[Statement], chance: Any
) -> None:
    """And an answer has the columns it says, confidences that are some, evidence that is ids."""

    async def story() -> None:
        async with simulated_store() as db:
            space = await db.space()
            ids = []
            for number, colour in enumerate(["red", "blue", "red", "green"]):
                done = await space.remember(
                    f"the {colour} ship {number}", embedding=[1.0, number / 4, 0.5], session="s",
                    tags=[colour], occurred_at=BEGIN + timedelta(days=number),
                    metadata={"n": number}, episode={"what": "ship", "who": [colour]},
                )  # fmt: skip
                ids.append(done.id)
            await space.associate(ids[0], ids[2], "causal", weight=0.9)
            for statement in statements:
                asked: dict[str, Any] = {}
                there = msgspec.structs.replace(statement, space=None)
                text = printed(fitted(there, lambda: chance.choice(ids), asked))
                given_values = {
                    name: timedelta(seconds=5) if role == "deadline" else value
                    for name, (role, value) in asked.items()
                    if f"${name}" in text
                }
                try:
                    answer = await space.query(text, given_values)
                except (RequestError, KernelCancelled):  # a deadline may be shorter than a search
                    continue
                check(answer, text)

    anyio.run(story)


def check(answer: Answer, text: str) -> None:
    """Check what every answer promises."""
    for row in answer:
        assert tuple(row.fields) == answer.columns, text
        if row.confidence is not None:
            assert row.confidence_interval is not None
            low, high = row.confidence_interval
            assert 0 <= low <= row.confidence <= high <= 1, text
        assert all(len(each) == 36 for each in row.evidence), text
    assert (answer.plan is None) == (not text.startswith(("EXPLAIN", "PROFILE"))), text
    assert answer.timings_us["total"] >= 0
