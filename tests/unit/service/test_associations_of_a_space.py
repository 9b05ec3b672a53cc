"""What a caller does with associations, through the public verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.model.errors import AssociationNotFound, InvalidRequest, MemoryNotFound
from engram.model.limits import PATH_HOPS_MAX
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.marked import Marked, traces_in
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from engram.model.association import Association
    from engram.service.space import Space

pytestmark = pytest.mark.anyio


async def remembered(space: Space, *texts: str) -> list[str]:
    """Remember texts that have nothing in common; return their ids."""
    return [(await space.remember(text)).id for text in texts]


def ends(found: tuple[Association, ...]) -> list[tuple[str | None, str | None, str]]:
    """Return the ends of associations, ids or labels, and their kinds."""
    return [(a.source_id or a.source_label, a.target_id or a.target_label, a.kind) for a in found]


async def test_an_association_comes_back_as_it_was_given_also_after_reopening() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        a, b = await remembered(space, "a", "b")
        done = await space.associate(a, b, "causal", weight=0.25, confidence=0.5, why="so it is")
        assert (done.created, done.changed) == (1, 0)
        await space.checkpoint()
        await space.associate(b, a, "spatial")
    async with simulated_store(disk) as engram:
        space = await engram.space()
        (found,) = await space.associations(a)
        assert (found.source_id, found.target_id, found.kind) == (a, b, "causal")
        assert (found.weight, found.confidence, found.why) == (0.25, 0.5, "so it is")
        assert (found.automatic, found.source_label, found.target_label) == (False, None, None)
        assert found.made_at > (await space.get(b)).recorded_at
        assert ends(await space.associations(a, direction="in")) == [(b, a, "spatial")]
        both = await space.associations(a, direction="both")
        assert ends(both) == [(b, a, "spatial"), (a, b, "causal")]
        assert ends(await space.associations(a, direction="both", kinds=["causal"])) == [
            (a, b, "causal")
        ]
        assert len(await space.associations(a, direction="both", limit=1)) == 1


async def test_sessions_tags_and_entities_associate_by_themselves_unless_told_not_to() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a = (await space.remember("a", session="s", tags=["tea"])).id
        b = (await space.remember("b", session="s", entities=["tea"])).id
        await space.remember("c", session="s", tags=["tea"], associate=False)
        found = await space.associations(b)
        assert set(ends(found)) == {(b, a, "temporal"), (b, "tea", "mentions")}
        assert all(each.automatic for each in found)
        assert [each.memory.id for each in await space.neighbours(a, kinds=["mentions"])] == []
        (near,) = await space.neighbours(a, kinds=["mentions"], hops=2)
        assert (near.memory.id, near.hops) == (b, 2)


async def test_remember_many_takes_the_same_flag() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        items = [{"content": str(n), "session": "s", "associate": n != 1} for n in range(3)]
        ids = (await space.remember_many(items)).ids  # type: ignore[arg-type]
        assert ends(await space.associations(ids[2])) == [(ids[2], ids[0], "temporal")]
        with pytest.raises(InvalidRequest, match="associate 'no' is neither"):
            await space.remember("x", associate="no")  # type: ignore[arg-type]


async def test_an_association_made_again_is_weighed_anew() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a, b = await remembered(space, "a", "b")
        first = await space.associate(a, b, both_ways=True)
        again = await space.associate(a, b, weight=1.0)
        assert (first.created, first.changed, again.created, again.changed) == (2, 0, 0, 1)
        assert [each.weight for each in await space.associations(a)] == [1.0]


async def test_what_was_ended_or_forgotten_is_gone_at_once() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a, b, c = await remembered(space, "a", "b", "c")
        await space.associate_many(
            [
                {"source_id": a, "target_id": b},
                {"source_id": a, "target_id": b, "kind": "causal"},
                {"source_id": b, "target_id": c},
            ]
        )
        assert len(await space.paths(a, c)) == 1
        assert await space.dissociate(a, b, "causal") == 1
        assert ends(await space.associations(a)) == [(a, b, "semantic")]
        with pytest.raises(AssociationNotFound, match="no causal association"):
            await space.dissociate(a, b, "causal")
        await space.forget(b)
        assert await space.associations(a) == ()
        assert await space.paths(a, c) == ()
        assert await space.neighbours(a, hops=PATH_HOPS_MAX) == ()
        with pytest.raises(MemoryNotFound):
            await space.associations(b)


async def test_paths_are_the_strongest_or_the_shortest_as_asked() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a, b, c = await remembered(space, "a", "b", "c")
        await space.associate(a, c, weight=0.25, why="far")
        await space.associate(a, b, weight=1.0)
        await space.associate(b, c, "causal", weight=0.5)
        (strongest,) = await space.paths(a, c)
        assert (strongest.strength, strongest.hops) == (0.5, 2)
        assert ends(strongest.steps) == [(a, b, "semantic"), (b, c, "causal")]
        (shortest,) = await space.paths(a, c, how="shortest")
        assert (shortest.strength, shortest.steps[0].why) == (0.25, "far")
        assert [path.hops for path in await space.paths(a, c, k=5)] == [2, 1]
        assert [path.hops for path in await space.paths(a, c, kinds=["semantic"])] == [1]
        assert [path.hops for path in await space.paths(a, c, hops_max=1)] == [1]
        assert await space.paths(c, a) == ()


async def test_every_rule_an_association_breaks_is_told() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a, b = await remembered(space, "a", "b")
        with pytest.raises(InvalidRequest) as caught:
            await space.associate("x", b, "friend", weight=0.0, confidence=2.0, why="")
        assert len(caught.value.violations) == 5
        with pytest.raises(InvalidRequest, match="not to itself"):
            await space.associate(a, a)
        with pytest.raises(InvalidRequest, match="item 1: target_id is missing"):
            await space.associate_many([{"source_id": a, "target_id": b}, {"source_id": a}])  # type: ignore[typeddict-item]
        assert await space.associations(a) == ()
        for bad in ({"direction": "up"}, {"limit": 0}, {"kinds": "causal"}, {"kinds": ["no"]}):
            with pytest.raises(InvalidRequest):
                await space.associations(a, **bad)
        for wrong in ({"k": 0}, {"hops_max": 99}, {"how": "best"}):
            with pytest.raises(InvalidRequest):
                await space.paths(a, b, **wrong)


async def test_what_is_hidden_takes_no_part_until_it_is_shown_again() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a, b, c = await remembered(space, "a", "b", "c")
        await space.associate_many(
            [{"source_id": a, "target_id": b}, {"source_id": b, "target_id": c}]
        )
        assert [path.hops for path in await space.paths(a, c)] == [2]
        await space.forget(b, mode="suppress")
        assert await space.paths(a, c) == ()
        assert await space.associations(a) == ()
        await space.unsuppress(b)
        assert [path.hops for path in await space.paths(a, c)] == [2]


async def test_of_an_erased_memory_no_reason_is_left_in_any_file() -> None:
    disk, why = SimulatedFilesystem(), "a reason that tells the secret"
    marks = [Marked({}, np.zeros(0, np.float32), {"why": why.encode()})]
    async with simulated_store(disk) as engram:
        space = await engram.space()
        a, b = await remembered(space, "a", "b")
        await space.associate(a, b, why=why)
        await space.checkpoint()
        assert traces_in(disk, marks)
        await space.forget(b, mode="erase")
        assert not traces_in(disk, marks)
