"""Clauses that narrow what is shown: each changes the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from engram.service.particulars import EpisodeParts

pytestmark = pytest.mark.anyio


async def test_a_direction_is_followed() -> None:
    async with simulated_store() as db:
        space = await db.space()
        a, b, c = [(await space.remember(text)).id for text in "abc"]
        await space.associate(a, b, "causal")
        await space.associate(b, c, "semantic")

        async def shown(clauses: str) -> list[tuple[str, str]]:
            answer = await space.query(f"SHOW ASSOCIATIONS OF {b} {clauses}")
            return sorted((row["source"], row["target"]) for row in answer)

        assert await shown("DIRECTION IN") == [(a, b)]
        assert await shown("DIRECTION OUT") == await shown("") == [(b, c)]
        assert await shown("DIRECTION BOTH") == sorted([(a, b), (b, c)])
        assert await shown("DIRECTION BOTH VIA semantic, spatial") == [(b, c)]
        assert await shown("DIRECTION IN VIA semantic") == []


async def test_limits_are_kept_by_whatever_is_shown() -> None:
    async with simulated_store() as db:
        space = await db.space()
        for who in ("Ada", "Bob"):
            for city in ("London", "Paris"):
                await space.remember(f"{who} lives in {city}.", embedding=[1.0, 0.0])
        for name in ("one", "two"):
            await space.remember_many(
                [f"{name} {number}" for number in range(3)], embeddings=[[0.0, 1.0]] * 3
            )
            await space.query(f'CONSOLIDATE WHERE content CONTAINS "{name}" INTO {name}')
        for statement, count in (("SHOW CONTRADICTIONS", 2), ("SHOW CONCEPTS", 2)):
            assert len(await space.query(statement)) == count
            assert len(await space.query(f"{statement} LIMIT 1")) == 1


async def test_hypotheses_and_blends_are_limited() -> None:
    async with simulated_store() as db:
        space = await db.space()
        for where in ("the garden", "the kitchen"):
            episode: EpisodeParts = {"what": f"tea in {where}", "where": where, "who": ["Ada"]}
            await space.remember(f"tea, {where}", embedding=[1.0, 0.0], episode=episode)
        either = await space.query('COMPLETE who = "Ada"')
        assert {row["where"] for row in either} == {"the garden", "the kitchen"}
        assert [row["what"] for row in either] == [f"tea in {row['where']}" for row in either]
        assert [row["confidences"]["where"] for row in either] == pytest.approx([0.5, 0.5])
        assert len(await space.query('COMPLETE who = "Ada" LIMIT 1')) == 1
        assert len(await space.query('IMAGINE "tea" NOVELTY 0')) == 2
        assert len(await space.query('IMAGINE "tea" NOVELTY 0 LIMIT 1')) == 1


async def test_an_order_by_activation_is_that_of_activation() -> None:
    async with simulated_store() as db:
        space = await db.space()
        vectors = ([1.0, 0.0, 0.0], [0.9, 0.4, 0.0], [0.0, 0.0, 1.0], [0.0, 0.1, 1.0])
        ids = [
            (await space.remember(f"m{n}", embedding=vector, associate=False)).id
            for n, vector in enumerate(vectors)
        ]
        await space.associate(ids[0], ids[2], "causal", weight=1.0)
        await space.associate(ids[0], ids[3], "causal", weight=0.2)
        for direction, is_falling in (("ASC", False), ("DESC", True)):
            answer = await space.query(f"RECALL [1, 0, 0] ORDER BY activation {direction}")
            shown = [row["activation"] for row in answer]
            assert shown == sorted(shown, reverse=is_falling)
            assert len(set(shown)) > 1


async def test_a_cue_unlike_everything_recalls_nothing_and_says_so() -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("a ship", embedding=[1.0, 0.5])
        for statement in ("RECALL [-1, -1]", "RECALL [0, 0]", "IMAGINE [-1, 0]"):
            answer = await space.query(statement)
            assert len(answer) == 0
            assert "1 of 1 memories passed the filters" in str(answer.note)
        assert len(await space.recall(embedding=[-1.0, 0.0])) == 0
