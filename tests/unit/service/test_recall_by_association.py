"""Recall follows associations: seeds, spreading, groups, ways and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from engram.kernels.arrays import F32
    from engram.service.space import Space

pytestmark = pytest.mark.anyio

_D = 8


def axis(number: int) -> F32:
    return np.asarray(np.eye(_D)[number], np.float32)


async def chain(space: Space) -> list[str]:
    """Remember three turns of one session that have nothing in common, and a stranger."""
    turns = [("alpha", "s"), ("bravo", "s"), ("charlie", "s"), ("delta", None)]
    ids = []
    for number, (text, session) in enumerate(turns):
        done = await space.remember(text, embedding=axis(number), session=session)
        ids.append(done.id)
    return ids


def contents(result: object) -> list[str]:
    return [hit.memory.content for hit in result]  # type: ignore[attr-defined]


async def test_what_only_association_brings_is_recalled_with_its_path() -> None:
    async with simulated_store() as db:
        space = await db.space()
        ids = await chain(space)
        result = await space.recall("alpha", mode="hybrid")
    assert contents(result) == ["alpha", "bravo", "charlie"]
    alpha, bravo = result[0], result[1]
    assert (alpha.group, bravo.group) == ("vivid", "associated")
    assert result.associated[0].memory.id == ids[1]
    assert [step.memory_id for step in bravo.path] == ids[:2]
    assert [step.kind for step in bravo.path] == [None, "temporal"]
    assert bravo.parts["activation"] > 0
    assert 0 < bravo.confidence < alpha.confidence
    assert result.recall_confidence == alpha.confidence
    assert result.query_analysis.seeds == 1


async def test_similarity_follows_no_association() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await chain(space)
        result = await space.recall("alpha", mode="similarity")
    assert contents(result) == ["alpha"]
    assert result.query_analysis.reached == 0
    assert result[0].parts["activation"] == 0


async def test_spreading_ranks_by_activation() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await chain(space)
        result = await space.recall("bravo", mode="spreading")
    assert contents(result)[0] == "bravo"
    assert sorted(contents(result)) == ["alpha", "bravo", "charlie"]
    scores = [hit.score for hit in result]
    assert scores == sorted(scores, reverse=True)


async def test_memories_as_a_cue_recall_what_they_are_associated_with() -> None:
    async with simulated_store() as db:
        space = await db.space()
        ids = await chain(space)
        result = await space.recall(memory_ids=[ids[1]])
        with pytest.raises(MemoryNotFound):
            await space.recall(memory_ids=["00000000-0000-7000-8000-000000000000"])
    assert set(contents(result)) == {"alpha", "charlie"}
    assert all(hit.path[0].memory_id == ids[1] for hit in result)


async def test_rows_that_a_filter_leaves_out_carry_activation_and_do_not_appear() -> None:
    async with simulated_store() as db:
        space = await db.space()
        turns = [("alpha", ["shown"]), ("bravo", []), ("charlie", ["shown"])]
        for text, tags in turns:
            await space.remember(text, session="s", tags=tags)
        result = await space.recall("alpha", tags_all=["shown"], explain=True)
    assert contents(result) == ["alpha", "charlie"]
    ways = [[step.label for step in path] for path in result[1].paths]
    assert ["alpha", "bravo", "charlie"] in ways


async def test_a_hub_stands_on_the_way_by_its_label() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("alpha", tags=["greek"])
        await space.remember("omega", tags=["greek"])
        result = await space.recall("alpha", explain=True)
    assert contents(result) == ["alpha", "omega"]
    assert [step.label for step in result[1].path] == ["alpha", "greek", "omega"]
    assert result[1].path[1].memory_id is None
    text = result.explain()
    assert "`-- mentions 0.50 -> #greek" in text
    assert "    `-- mentions 0.50 -> this memory" in text
    assert "associated" in text


async def test_the_same_question_has_the_same_answer_and_trace() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await chain(space)
        # Without accesses, which count once they are recorded, and without what time takes.
        await space.configure(forgetting="none")
        first = await space.recall("alpha bravo", explain=True, reinforce=False)
        second = await space.recall("alpha bravo", explain=True, reinforce=False)
    assert first.explain() == second.explain()
    assert first.recollections == second.recollections


async def test_a_recall_that_finds_nothing_says_why() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await chain(space)
        result = await space.recall("alpha", tags_all=["none"])
    assert result.explain() == "Nothing was recalled: the filters removed all 4 memories."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"cue": "a", "mode": "fuzzy"}, "similarity, spreading, hybrid"),
        ({"cue": "a", "deadline_ms": 0}, "deadline_ms"),
        ({"memory_ids": "abc"}, "memory_ids"),
        ({}, "memory ids"),
    ],
)
async def test_a_question_that_breaks_a_rule_is_refused(
    arguments: dict[str, object], sentence: str
) -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("alpha")
        with pytest.raises(InvalidRequest, match=sentence):
            await space.recall(**arguments)  # type: ignore[arg-type]
