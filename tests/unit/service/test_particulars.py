"""What few memories have: given, kept, filtered by, and gone when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from engram.model.details import Episode
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.memory import to_datetime
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from engram.testing.tiered_store import files_of

if TYPE_CHECKING:
    from engram.service.preparing import NewMemory

pytestmark = pytest.mark.anyio

DAY_NS = 86_400 * 10**9
DAY = timedelta(days=1)


async def test_particulars_come_back_as_they_were_given_from_log_and_snapshot() -> None:
    disk = SimulatedFilesystem()
    given: dict[str, Any] = {
        "entities": ("Ada Lovelace", "b"),
        "priority": 9,
        "expires_at": datetime(2200, 1, 1, tzinfo=UTC),
        "confidence_reason": "she said so",
        "fact_key": "ada.home",
        "fact_value": "London",
        "tags": ("b",),
        "metadata": {"a": [1]},
    }
    episode = {"what": "tea", "where": "London", "who": "Ada", "why": "thirst", "how": "hot"}
    two = {"episode": {"who": ["Ada", "Bo"]}}
    async with simulated_store(disk) as engram:
        space = await engram.space()
        lone = await space.remember("tea with Ada", episode=episode, **given)  # type: ignore[arg-type]
        many = await space.remember_many(
            [cast("NewMemory", each) for each in ("plain", {"content": "more tea", **given, **two})]
        )
        ids = [lone.id, many.ids[1]]
    for _ in range(2):
        async with simulated_store(disk) as engram:
            space = await engram.space()
            memories = [await space.get(each) for each in ids]
            plain = await space.get(many.ids[0])
            await space.checkpoint()
        for memory in memories:
            assert {field: getattr(memory, field) for field in given} == given
        assert memories[0].episode == Episode("tea", "London", ("Ada",), "thirst", "hot")
        assert memories[1].episode == Episode(who=("Ada", "Bo"))
        assert (plain.entities, plain.priority, plain.expires_at) == ((), 5, None)
        assert (plain.episode, plain.fact_key) == (None, None)


async def test_filters_tell_entities_from_tags_and_know_priorities() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("one", tags=["x"], entities=["y"], priority=1)
        await space.remember("two", tags=["y"], entities=["x", "z"], priority=10)
        await space.remember("three")

        async def found(**filters: Any) -> list[str]:
            return [memory.content for memory in await space.list(**filters)]

        assert await found(entities_all=["x", "z"]) == ["two"]
        assert await found(entities_any=["y", "z"]) == ["one", "two"]
        assert await found(entities_none=["x"]) == ["one", "three"]
        assert await found(tags_all=["x"], entities_any=["y"]) == ["one"]
        assert await found(priority_min=5) == ["two", "three"]
        assert await found(priority_max=5) == ["one", "three"]
        assert await found(priority_min=2, priority_max=9) == ["three"]


async def test_an_expired_memory_is_in_no_answer_about_the_present() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        end = to_datetime(clock.now()) + DAY
        stored = await space.remember("milk is in the fridge", expires_at=end)
        await space.remember("bread is on the table")
        then = (await space.get(stored.id)).recorded_at
        assert (await space.list()).total == 2
        assert len(await space.recall("milk fridge")) >= 1
        clock.advance(2 * DAY_NS)
        assert [m.content for m in await space.list()] == ["bread is on the table"]
        assert all("milk" not in hit.memory.content for hit in await space.recall("milk fridge"))
        for refused in (space.get(stored.id), space.forget(stored.id)):
            with pytest.raises(MemoryNotFound):
                await refused
        with pytest.raises(MemoryNotFound):
            await space.forget_many([stored.id])
        assert (await space.stats()).memories == 1
        assert (await space.list(include_expired=True)).total == 2
        assert (await space.get(stored.id, as_of=then)).expires_at == end
        assert (await space.recall("milk", as_of=then)).searched == 1
        again = await space.remember("milk is in the fridge")
        assert again.created
        assert (await space.remember("milk is in the fridge")).id == again.id


async def test_a_compaction_drops_what_expired_before_the_history_that_is_kept() -> None:
    clock, disk = FakeClock(), SimulatedFilesystem()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        stored = await space.remember("a", expires_at=to_datetime(clock.now()) + DAY)
        await space.remember("b", expires_at=to_datetime(clock.now()) + 100 * DAY)
        clock.advance(5 * DAY_NS)
        assert (await space.compact()).rows_dropped == 0
        recorded = (await space.get(stored.id, as_of=to_datetime(clock.now()) - 4.5 * DAY)).ended_at
        assert recorded is not None
        assert recorded < to_datetime(clock.now()) - 3 * DAY
        clock.advance(30 * DAY_NS)
        assert (await space.compact()).rows_dropped == 1
        assert [memory.content for memory in await space.list(include_expired=True)] == ["b"]
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        assert (await space.list()).total == 1
        clock.advance(100 * DAY_NS)
        assert (await space.list()).total == 0


async def test_every_rule_that_is_broken_is_named() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        with pytest.raises(InvalidRequest) as caught:
            await space.remember(
                "a",
                entities="Ada",
                priority=11,
                expires_at=datetime(1960, 1, 1, tzinfo=UTC),
                episode=cast("Any", {"when": "now", "who": 3}),
                confidence_reason="",
                fact_value="x" * 1_025,
                confidence="sure",
            )
        said = str(caught.value)
        for word in (
            "entities must be a list", "priority 11", "before 1970", "no 'when'", "who is int",
            "confidence_reason", "fact_value must be", "without a fact_key", "'sure'",
        ):  # fmt: skip
            assert word in said
        with pytest.raises(InvalidRequest, match="unknown field 'mood'"):
            await space.remember("a", mood="good")  # type: ignore[call-arg]
        with pytest.raises(InvalidRequest, match="priority_min 0"):
            await space.list(priority_min=0)
        assert (await space.list()).total == 0


@pytest.mark.parametrize(
    ("word", "number"),
    [("none", 0.0), ("low", 0.25), ("medium", 0.5), ("high", 0.8), ("certain", 1.0)],
)
async def test_a_category_stands_for_a_number_that_it_names_again(word: str, number: float) -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        memory = await space.get((await space.remember("a", confidence=word)).id)
        assert (memory.confidence, memory.confidence_category) == (number, word)


async def test_erasing_leaves_nothing_of_the_particulars() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        stored = await space.remember(
            "a",
            entities=["Zebedee-entity"],
            fact_key="zebedee.key",
            fact_value="zebedee value",
            episode={"who": "Zebedee-who"},
            confidence_reason="zebedee reason",
        )
        await space.remember("b", entities=["kept"])
        await space.forget(stored.id, mode="erase")
        assert [memory.entities for memory in await space.list()] == [("kept",)]
    assert [path for path in files_of(disk) if b"ebedee" in disk.content(path)] == []
