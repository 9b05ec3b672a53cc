"""A statement asks the spaces that who asks may ask, and no other; it explains where it is told."""

from __future__ import annotations

import pytest

from engram.model.errors import SpaceForbidden, SpaceNotFound
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio


async def test_a_space_is_asked_by_who_may() -> None:
    """The answer to others does not tell whether there is such a space."""
    async with simulated_store() as db:
        space, other = await db.space("mine"), await db.space("other")
        await space.remember("a ship")
        await other.remember("a ship elsewhere")

        def may_ask(name: str) -> bool:
            return name == "mine"

        assert len(await space.query('RECALL "ship"', may_ask=may_ask)) == 1
        for name in ("other", "nowhere"):
            for asked in ("RECALL $c", "EXPLAIN RECALL $c", "SHOW SPACES", "SHOW STATS"):
                given = {"c": "ship"} if "$" in asked else {}
                with pytest.raises(SpaceForbidden):
                    await space.query(f"{asked} IN SPACE {name}", given, may_ask=may_ask)
        with pytest.raises(SpaceForbidden):
            await space.query('RECALL "ship" IN SPACE $s', {"s": "other"}, may_ask=may_ask)
        with pytest.raises(SpaceForbidden):
            await other.query('RECALL "ship"', may_ask=may_ask)
        shown = await other.query("SHOW SPACES", may_ask=may_ask)
        assert [row["id"] for row in shown] == ["mine"]


async def test_one_space_is_shown_when_it_is_named() -> None:
    async with simulated_store() as db:
        for name in ("one", "two"):
            await (await db.space(name)).remember("a ship")
        space = await db.space("one")
        assert [row["id"] for row in await space.query("SHOW SPACES IN SPACE two")] == ["two"]
        everything = {row["id"] for row in await space.query("SHOW SPACES")}
        assert everything == {"default", "one", "two"}
        with pytest.raises(SpaceNotFound):
            await space.query("SHOW SPACES IN SPACE three")


async def test_all_ways_to_a_memory_are_told_where_that_is_asked_for() -> None:
    async with simulated_store() as db:
        space = await db.space()
        items = {
            "sails": [1.0, 0.0, 0.0, 0.0],
            "rope": [0.9, 0.1, 0.0, 0.0],
            "far away": [0.0, 0.0, 1.0, 0.0],
        }
        ids = [
            (await space.remember(text, embedding=vector, associate=False)).id
            for text, vector in items.items()
        ]
        for near in ids[:2]:
            await space.associate(near, ids[2], "causal", weight=1.0)
        plain = await space.query('RECALL "sails rope"')
        told = await space.query('RECALL "sails rope"', explain=True)
        assert [row["id"] for row in told] == [row["id"] for row in plain]
        (far,) = (hit for hit in told.result if hit.memory.id == ids[2])
        assert len(far.paths) == 2
        assert far.explanation
        assert {row["id"]: set(row.evidence) for row in told}[ids[2]] == set(ids)
        assert all(not hit.paths and hit.explanation is None for hit in plain.result)
