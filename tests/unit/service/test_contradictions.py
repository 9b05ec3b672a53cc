"""Current memories that say different things of one subject are reported, and nothing is done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from engram.model.errors import InvalidRequest, MemoryNotFound, MemorySuperseded
from engram.model.limits import CLAIMS_COUNT_MAX
from engram.model.memory import to_datetime
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from engram.service.space import Space

pytestmark = pytest.mark.anyio


async def told(space: Space, *texts: str) -> list[str]:
    """Remember texts and return the contradictions there are, each on a line."""
    for text in texts:
        await space.remember(text)
    return [str(each) for each in await space.contradictions()]


async def test_different_values_of_one_key_contradict_each_other() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        a = await space.remember("Paris", fact_key="user.city", tags=["t"], entities=["Ada"])
        b = await space.remember("moved again", fact_key="user.city", fact_value="Rome")
        await space.remember("PARIS ", fact_key="user.city")
        await space.remember("Oslo", fact_key="user.birthplace")
        await space.remember("Rome", tags=["user.city"])
    async with simulated_store(disk) as engram:
        space = await engram.space()
        (found,) = await space.contradictions()
        assert (found.subject, found.relation, found.claims_count) == ("user.city", None, 3)
        assert [(each.value, each.denied) for each in found.claims] == [
            ("PARIS ", False), ("Rome", False), ("Paris", False),
        ]  # fmt: skip
        assert [each.memory.id for each in found.claims[1:]] == [b.id, a.id]


async def test_sentences_that_cannot_be_true_together_contradict_each_other() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        assert await told(space, "Ada lives in Paris.", "Ada lives in Paris, France") == []
        assert await told(space, "Bob lives in Rome", "My favourite food is pasta") == []
        assert await told(space, "Ada is a doctor", "Ada is tall", "Ada is not in Rome") == []
        assert await told(space, "Actually, Ada lives in Oslo") == ["Ada lives in: Oslo / Paris"]
        found = await told(space, "Bob is not tall", "Ada is not tall", "Bob doesn't live in Rome")
        assert found == [
            "Bob lives in: not Rome / Rome",
            "Ada is: not tall / tall",
            "Ada lives in: Oslo / Paris",
        ]


async def test_i_is_whoever_the_text_or_its_source_says() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        for source, city in (("ana", "Paris"), ("ben", "Rome")):
            await space.remember(f"I live in {city}", source=source)
        assert await told(space, "Ana: I live in Bonn", "Ben: I live in Oslo") == []
        assert await told(space, "Ana lives in Lyon") == ["Ana lives in: Lyon / Bonn"]
        await space.remember("I live in Nice", source="ben")
        assert await told(space) == ["I lives in: Nice / Rome", "Ana lives in: Lyon / Bonn"]


async def test_only_current_memories_contradict_each_other() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        soon = to_datetime(clock.now()) + timedelta(hours=1)
        old = await space.remember("Ada lives in Paris")
        ids = [(await space.remember("Ada lives in Rome", expires_at=soon)).id]
        assert len(await space.contradictions()) == 1
        clock.advance(3_600 * 10**9)
        assert await space.contradictions() == ()
        ids.append((await space.remember("Ada lives in Oslo")).id)
        assert await told(space) == ["Ada lives in: Oslo / Paris"]
        await space.forget(ids[1], mode="suppress")
        assert await told(space) == []
        await space.unsuppress(ids[1])
        assert await told(space) == ["Ada lives in: Oslo / Paris"]
        new = await space.update(old.id, content="Ada lives in Oslo!")
        assert await told(space) == []
        with pytest.raises(MemorySuperseded):
            await space.contradictions(old.id)
        await space.forget(new.id, mode="erase")
        assert await told(space, "Ada lives in Bonn") == ["Ada lives in: Bonn / Oslo"]


async def test_those_of_one_memory_are_told_apart() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        texts = "Ada lives in Paris", "Ada lives in Rome", "Bob is 3 years old"
        ids = (await space.remember_many([*texts, "Bob is 4 years old"])).ids
        assert [each.subject for each in await space.contradictions(ids[2])] == ["Bob"]
        assert [each.subject for each in await space.contradictions(ids[0])] == ["Ada"]
        assert [each.subject for each in await space.contradictions(limit=1)] == ["Bob"]
        with pytest.raises(MemoryNotFound):
            await space.contradictions("00000000-0000-7000-8000-000000000000")
        with pytest.raises(InvalidRequest):
            await space.contradictions(limit=0)


async def test_a_memory_alone_contradicts_nobody() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        assert await space.contradictions() == ()
        assert await told(space, "Ada lives in Paris. Ada lives in Rome.") == []


async def test_of_many_claims_each_value_is_shown_and_the_memory_asked_about() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        first = await space.remember("Rome", fact_key="city")
        await space.remember_many(
            [{"content": f"note {number}", "fact_key": "city", "fact_value": "Oslo"}
             for number in range(CLAIMS_COUNT_MAX + 8)]
        )  # fmt: skip
        second = (await space.list(limit=2)).memories[1]
        (found,) = await space.contradictions()
        assert found.claims_count == CLAIMS_COUNT_MAX + 9
        assert len(found.claims) == CLAIMS_COUNT_MAX
        assert found.claims[-1].memory.id == first.id
        assert found.claims[0].memory.content == f"note {CLAIMS_COUNT_MAX + 7}"
        (found,) = await space.contradictions(second.id)
        assert [each.memory.id for each in found.claims[-2:]] == [second.id, first.id]


async def test_compaction_changes_no_contradiction() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock, history_retention_ns=0) as engram:
        space = await engram.space()
        gone = await space.remember("Ada lives in Bonn")
        await told(space, "Ada lives in Paris", "Ada lives in Rome")
        await space.forget(gone.id)
        clock.advance(10**9)
        assert (await space.compact()).rows_dropped == 1
        assert await told(space) == ["Ada lives in: Rome / Paris"]
