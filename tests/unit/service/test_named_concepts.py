"""CONSOLIDATE remembers a concept of a name on what is asked for, and grows it when asked again."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engram.model.answer import Answer
    from engram.service.space import Space

pytestmark = pytest.mark.anyio

DIMENSIONS = 8
HARBOUR = 'CONSOLIDATE WHERE tag HAS "harbour" INTO harbours'


@asynccontextmanager
async def harbours(
    disk: SimulatedFilesystem | None = None,
) -> AsyncIterator[tuple[Space, list[str]]]:
    """Open a space with six episodes, those of even numbers about harbours and alike."""
    async with simulated_store(filesystem=disk or SimulatedFilesystem()) as db:
        space = await db.space()
        chance = np.random.default_rng(5)
        ids = []
        for number in range(6):
            at = np.eye(DIMENSIONS)[0 if number % 2 == 0 else number]
            done = await space.remember(
                f"harbour {number} has ships" if number % 2 == 0 else f"mountain {number}",
                embedding=at + chance.normal(size=DIMENSIONS) * 0.02,
                tags=["harbour"] if number % 2 == 0 else ["mountain"],
                confidence=0.8,
            )
            ids.append(done.id)
        yield space, ids


def cited(answer: Answer, ids: list[str]) -> list[int]:
    """Return the numbers of the episodes that the one concept of an answer cites."""
    (row,) = answer
    return [ids.index(each) for each in row["episodes"]]


async def test_a_condition_says_which_episodes_a_concept_of_a_name_cites() -> None:
    async with harbours() as (space, ids):
        answer = await space.query(HARBOUR)
        assert cited(answer, ids) == [0, 2, 4]
        (row,) = answer
        assert (row["name"], answer.note) == ("harbours", None)
        assert set(row["terms"]) >= {"harbour", "ships"}
        assert row.evidence == tuple(ids[0:6:2])
        assert row.confidence == pytest.approx(0.8 * 0.9 * row["coherence"], abs=1e-5)
        memory = await space.get(row["id"])
        assert (memory.kind, memory.source) == ("concept", "consolidation")
        out = await space.associations(row["id"], kinds=["derived"])
        assert {each.target_id for each in out} == set(ids[0:6:2])
        (shown,) = await space.query("SHOW CONCEPTS")
        assert (shown["id"], shown["name"]) == (row["id"], "harbours")
        found = await space.query('RECALL "ships" WHERE metadata.name = "harbours"')
        assert [each["id"] for each in found] == [row["id"]]


async def test_a_cue_has_what_it_brings_to_mind_cited() -> None:
    async with harbours() as (space, ids):
        cue = [float(each) for each in np.eye(DIMENSIONS)[0]]
        answer = await space.query("CONSOLIDATE $cue THRESHOLD 0.9 INTO $into",
                                   {"cue": cue, "into": "ships and more"})  # fmt: skip
        assert cited(answer, ids) == [0, 2, 4]
        assert [row["name"] for row in answer] == ["ships and more"]
        answer = await space.query("CONSOLIDATE $cue INTO everything", {"cue": cue})
        assert cited(answer, ids) == list(range(6))
        assert (await space.get(ids[0])).access_count == 0


async def test_a_name_that_is_there_grows_by_what_is_new_and_keeps_what_it_said() -> None:
    async with harbours() as (space, ids):
        (first,) = await space.query(HARBOUR)
        again = await space.query(HARBOUR)
        assert again.note is not None
        assert [row["id"] for row in again] == [first["id"]]
        answer = await space.query('CONSOLIDATE WHERE content CONTAINS "3" INTO harbours')
        assert cited(answer, ids) == [0, 2, 3, 4]
        (row,) = answer
        assert row["id"] != first["id"]
        beliefs = await space.belief_history(row["id"])
        assert [each.memory.id for each in beliefs] == [first["id"], row["id"]]
        assert [each.name for each in beliefs] == ["harbours", "harbours"]
        by_id = await space.query(f'CONSOLIDATE WHERE content CONTAINS "5" INTO {first["id"]}')
        assert cited(by_id, ids) == [0, 2, 3, 4, 5]
        assert [each["name"] for each in by_id] == ["harbours"]


async def test_what_grows_in_the_background_keeps_its_name() -> None:
    async with harbours() as (space, _):
        (first,) = await space.query(HARBOUR)
        more = await space.remember("harbour 7 has ships", embedding=np.eye(DIMENSIONS)[0])
        done = await space.consolidate()
        assert done.grown == 1
        (concept,) = await space.concepts()
        assert concept.name == "harbours"
        assert concept.memory.supersedes == first["id"]
        assert more.id in concept.episodes


async def test_too_few_episodes_form_no_concept_and_it_is_said() -> None:
    async with harbours() as (space, _):
        answer = await space.query('CONSOLIDATE WHERE content CONTAINS "3" INTO alone')
        assert len(answer) == 0
        assert answer.note == "a concept stands on 3 episodes with a vector at least; 1 found"
        assert await space.concepts() == ()


async def test_an_id_of_no_concept_is_refused_with_what_fits() -> None:
    async with harbours() as (space, ids):
        with pytest.raises(InvalidRequest, match="is no concept that consolidation formed"):
            await space.query(f'CONSOLIDATE WHERE tag HAS "harbour" INTO {ids[1]}')
        missing = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"
        with pytest.raises(MemoryNotFound):
            await space.query(f'CONSOLIDATE WHERE tag HAS "harbour" INTO {missing}')
        assert await space.concepts() == ()


async def test_a_hidden_concept_is_not_grown() -> None:
    async with harbours() as (space, ids):
        (row,) = await space.query(HARBOUR)
        await space.forget(ids[0], mode="suppress")
        with pytest.raises(InvalidRequest, match=f"is hidden; reveal {row['id']}"):
            await space.query('CONSOLIDATE WHERE tag HAS "mountain" INTO harbours')


async def test_the_name_is_free_once_its_concept_has_ended() -> None:
    async with harbours() as (space, ids):
        await space.query(HARBOUR)
        await space.forget(ids[0])
        answer = await space.query('CONSOLIDATE WHERE tag HAS "mountain" INTO harbours')
        assert cited(answer, ids) == [1, 3, 5]


async def test_a_plan_forms_nothing_and_a_profile_does() -> None:
    async with harbours() as (space, _):
        answer = await space.query(f"EXPLAIN {HARBOUR}")
        assert (len(answer), await space.concepts()) == (0, ())
        assert answer.plan is not None
        assert answer.plan.steps[0].detail == 'tag HAS "harbour", into harbours'
        answer = await space.query(f"PROFILE {HARBOUR}")
        assert answer.plan is not None
        assert answer.plan.steps[0].measured_rows == len(await space.concepts()) == 1


async def test_a_concept_of_a_name_is_there_after_a_restart_and_erased_with_its_episodes() -> None:
    disk = SimulatedFilesystem()
    async with harbours(disk) as (space, ids):
        (row,) = await space.query(HARBOUR)
    async with simulated_store(filesystem=disk) as db:
        space = await db.space()
        (concept,) = await space.concepts()
        assert (concept.name, concept.memory.id) == ("harbours", row["id"])
        assert set(concept.episodes) == set(ids[0:6:2])
        await space.forget(ids[2], mode="erase")
        assert await space.concepts() == ()
        with pytest.raises(MemoryNotFound):
            await space.get(row["id"])


async def test_more_episodes_than_a_concept_cites_are_refused() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember_many(
            [f"turn {n}" for n in range(1_001)], embeddings=np.ones((1_001, 4))
        )
        with pytest.raises(InvalidRequest, match=r"1,001 episodes .* narrow it"):
            await space.query("CONSOLIDATE WHERE confidence >= 0 INTO all")
