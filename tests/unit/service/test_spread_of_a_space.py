"""Activation spreads from memories over what they are associated with, and is listed in columns."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import numpy as np
import pytest

from engram.kernels.graph.parameters import SpreadParameters
from engram.kernels.reference import ReferenceBackend
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.memory import to_datetime
from engram.service import spreading
from engram.testing.clock import FakeClock
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.service.space import Space

pytestmark = pytest.mark.anyio

MISSING = "00000000-0000-7000-8000-000000000000"


async def remembered(space: Space, *texts: str) -> Sequence[str]:
    return (await space.remember_many(list(texts))).ids


async def test_activation_fades_with_every_hop_and_lists_the_most_active_first() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a, b, c, d, alone = await remembered(space, "a", "b", "c", "d", "alone")
        await space.associate(a, b, weight=0.5)
        await space.associate(a, c, "causal", weight=1.0)
        await space.associate(c, d, weight=1.0)
        found = await space.spread([a], fan_exponent=0)
        fade = np.exp(-0.7)
        assert [each.memory_id for each in found] == [c, b, d]
        assert [each.hops for each in found] == [1, 1, 2]
        wanted = [fade, fade / 2, fade**2]
        assert [each.activation for each in found] == pytest.approx(wanted, rel=1e-6)
        assert (len(found), found.reached_count, found.edges_count) == (3, 3, 3)
        assert repr(found) == "<3 of 3 active>"
        assert found[-1].memory_id == d
        assert found[:2] == [found[0], found[1]]
        with pytest.raises(IndexError):
            found[3]
        assert [each.memory_id for each in await space.spread([a], hops=1, limit=1)] == [c]
        assert [each.memory_id for each in await space.spread([a], kinds=["causal"])] == [c]
        assert len(await space.spread([alone])) == 0
        both = await space.spread([a, c, a, alone], fan_exponent=0)
        assert [each.memory_id for each in both] == [d, b]


async def test_tags_are_listed_by_their_label() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        one, two = [(await space.remember(text, tags=["sea"])).id for text in ("one", "two")]
        found = await space.spread([one])
        assert list(found) == [found[at] for at in range(len(found))]
        assert [(each.memory_id, each.label, each.hops) for each in found] == [
            (None, "sea", 1), (two, None, 2),
        ]  # fmt: skip


async def test_what_is_over_or_hidden_is_not_reached() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        a, b, c = await remembered(space, "a", "b", "c")
        soon = to_datetime(clock.now()) + timedelta(hours=1)
        d = (await space.remember("d", expires_at=soon)).id
        for target in (b, c, d):
            await space.associate(a, target)
        assert {each.memory_id for each in await space.spread([a])} == {b, c, d}
        await space.forget(b)
        await space.forget(c, mode="suppress")
        assert [each.memory_id for each in await space.spread([a])] == [d]
        clock.advance(3_600 * 10**9)
        assert len(await space.spread([a])) == 0
        with pytest.raises(MemoryNotFound):
            await space.spread([d])


@pytest.mark.parametrize("limit", [1, 3, 50, 1_000])
async def test_many_are_ranked_as_the_kernels_definition_says(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inline, in a thread, and where only a part of what was reached is looked at."""
    monkeypatch.setattr(spreading, "_INLINE_EDGES", 64)
    spreading._parameters.cache_clear()
    random = np.random.default_rng(limit)
    async with simulated_store() as engram:
        space = await engram.space()
        ids = await remembered(space, *map(str, range(200)))
        ends = random.integers(0, 200, (900, 2)).tolist()
        weights = random.choice([0.25, 0.5, 1.0], 900).tolist()
        await space.associate_many(
            {"source_id": ids[one], "target_id": ids[two], "weight": weight}
            for (one, two), weight in zip(ends, weights, strict=True)
            if one != two
        )
        engine = await space._engine()
        view, graph = engine.view, engine.graph.at(engine.view).graph
        chosen = random.permutation(200)[:40].tolist()
        for _ in range(3):
            nodes = view.associations.nodes_of(np.array(chosen))
            parameters = SpreadParameters(depth=3, threshold=0.001)
            done = ReferenceBackend().spread(graph, nodes, np.ones(40, np.float32), parameters)
            listed = sorted(
                zip((-done.activations[40:]).tolist(), done.rows[40:].tolist(), strict=True)
            )[:limit]
            owners = view.associations.owners_of(np.array([node for _, node in listed], np.uint32))
            found = await space.spread([ids[at] for at in chosen], threshold=0.001, limit=limit)
            assert [each.memory_id for each in found] == [ids[row] for row in owners.tolist()]
            assert [-each.activation for each in found] == [activation for activation, _ in listed]
            assert found.reached_count == len(done.rows) - 40
    spreading._parameters.cache_clear()


async def test_a_budget_ends_it_and_says_so() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a, *others = await remembered(space, *map(str, range(20)))
        for each in others:
            await space.associate(a, each)
        found = await space.spread([a], edge_budget=5)
        assert (found.is_partial, found.reached_count) == (True, 0)


async def test_what_breaks_a_rule_is_refused() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        (a,) = await remembered(space, "a")
        refused = [
            space.spread([]),
            space.spread(a),
            space.spread(["no id"]),
            space.spread([a], hops=0),
            space.spread([a], hops=9),
            space.spread([a], limit=0),
            space.spread([a], decay=-1),
            space.spread([a], threshold="x"),  # type: ignore[arg-type]
            space.spread([a], kinds="causal"),
            space.spread([a], kinds=["unheard of"]),
            space.spread([a], depth=3),  # type: ignore[call-arg]
        ]
        for each in refused:
            with pytest.raises(InvalidRequest):
                await each
        for ids in ([MISSING], [a] * 40 + [MISSING]):
            with pytest.raises(MemoryNotFound, match=MISSING):
                await space.spread(ids)


async def test_one_who_asks_without_a_pause_leaves_others_their_turns() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        a, b = await remembered(space, "a", "b")
        await space.associate(a, b)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await space.spread([a])
        assert scope.cancelled_caught
