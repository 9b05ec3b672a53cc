"""What a space may hold, and how fast it takes it, whoever asks."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import anyio
import numpy as np
import pytest

from engram.model.errors import QuotaReached, RateLimited, WritesLimited
from engram.model.health import SpaceHealth
from engram.service.space import Space
from engram.service.store import Engram
from engram.setting_values import PerSpace
from engram.settings import Settings
from engram.wiring import open_store

pytestmark = pytest.mark.anyio


def held_to(**quotas: int) -> Settings:
    """Return settings that bound the space `guest`."""
    bound = {f"quota_{name}": PerSpace(0, {"guest": each}) for name, each in quotas.items()}
    return Settings(consolidation=False, linker=False, **bound)  # type: ignore[arg-type]


async def filled(space: Space, count: int) -> list[str]:
    """Remember some texts and return their ids."""
    return [(await space.remember(f"text {number}")).id for number in range(count)]


async def test_a_space_that_holds_its_quota_takes_no_more(tmp_path: Path) -> None:
    """Others do; what is refused is named, with the value and the remedy, and nothing is stored."""
    settings = held_to(memories=3)
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        guest = await db.space("guest")
        await filled(guest, 3)
        with pytest.raises(QuotaReached, match=r"holds 3 memories, and quota_memories .* to 3; "):
            await guest.remember("one more")
        with pytest.raises(QuotaReached, match="or raise ENGRAM_QUOTA_MEMORIES"):
            await guest.remember_many(["one more", "and another"])
        assert (await guest.list()).total == 3
        await filled(await db.space(), 5)
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        with pytest.raises(QuotaReached):
            await (await db.space("guest")).remember("one more")


async def test_what_stores_nothing_more_is_no_matter_of_quotas(tmp_path: Path) -> None:
    """A text that is known, a request that is repeated, a correction; forgetting makes room."""
    settings = held_to(memories=2, bytes=1_000)
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        space = await db.space("guest")
        first = await space.remember("text", request_key="k")
        await space.remember("another")
        assert not (await space.remember("text")).created
        assert (await space.remember("text", request_key="k")).id == first.id
        corrected = await space.update(first.id, content="corrected")
        with pytest.raises(QuotaReached):
            await space.remember("one more")
        await space.forget(corrected.id)
        await space.remember("one more")
        assert (await space.list()).total == 2


async def test_a_group_of_writes_is_taken_as_far_as_it_fits(tmp_path: Path) -> None:
    """A batch is taken whole or not at all."""
    settings = held_to(memories=40)
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        space = await db.space("guest")
        with pytest.raises(QuotaReached):
            await space.remember_many([f"text {number}" for number in range(41)])
        await space.remember_many([f"text {number}" for number in range(40)])
        assert (await space.list(limit=1)).total == 40


async def test_writes_that_come_together_are_taken_up_to_the_quota_and_no_further(
    tmp_path: Path,
) -> None:
    """However they are grouped, and decided while others are on their way to the disk."""
    settings = held_to(memories=50)
    stored = []
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        space = await db.space("guest")

        async def store(number: int) -> None:
            for turn in range(4):
                with suppress(QuotaReached):
                    stored.append(await space.remember(f"text {number} {turn}"))

        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(store, number)
        assert (await space.list(limit=1)).total == len(stored) == 50


async def test_bytes_are_those_of_texts_metadata_and_vectors_that_live(tmp_path: Path) -> None:
    """What reaches the quota is the last; what is forgotten or compacted away counts no more."""
    settings = held_to(bytes=1_000)
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        space = await db.space("guest")
        vector = np.ones(25, np.float32)

        async def stored(text: str) -> str:
            done = await space.remember(text, embedding=vector, metadata={"a": 1})
            return done.id

        ids = [await stored(f"{number}" * 43) for number in range(7)]  # 150 bytes each
        refused = r"holds 1,050 bytes .* quota_bytes .* to 1,000"
        with pytest.raises(QuotaReached, match=refused):
            await stored("one more")
        await space.forget(ids.pop())
        ids.append(await stored("7" * 43))
        with pytest.raises(QuotaReached, match=refused):
            await stored("one more")
        for each in ids[:5]:
            await space.forget(each, mode="erase")
        await stored("x" * 593)
        with pytest.raises(QuotaReached, match="holds 1,000 bytes"):
            await stored("one more")


async def test_health_tells_quotas_and_how_much_of_them_is_taken(tmp_path: Path) -> None:
    """Pressure is that of the fuller quota; bytes are counted anew when a space is opened."""
    settings = held_to(memories=4, bytes=1_000, writes_per_s=99)

    async def guest(db: Engram) -> SpaceHealth:
        (found,) = [each for each in (await db.health()).spaces if each.space == "guest"]
        return found

    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        space = await db.space("guest")
        await space.remember("x" * 600)
        found = await guest(db)
        assert (found.quota_memories, found.quota_bytes, found.quota_writes_per_s) == (4, 1_000, 99)
        assert found.pressure == 0.25
        assert (found.hot_utilization, found.cold_utilization) == (found.hot / 100_000, 0.0)
        await space.remember("y" * 100)
        assert (await guest(db)).pressure == 0.6  # as of before the last write
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        await (await db.space("guest")).list()
        assert (await guest(db)).pressure == 0.7
        assert (await guest(db)).capacity == 10_000_000


async def test_more_memories_than_a_second_takes_are_asked_back_later(tmp_path: Path) -> None:
    """A batch is taken whole and waited for; what stores nothing is not counted."""
    settings = held_to(writes_per_s=1)
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        space = await db.space("guest")
        done = await space.remember_many([f"text {number}" for number in range(1_000)])
        for _ in range(2):
            with pytest.raises(WritesLimited, match="of 1 memories a second; try again in") as met:
                await space.remember("one more")
            assert isinstance(met.value, RateLimited)
            assert 900 < met.value.retry_after_s <= 1_000
        await space.recall("text")
        await space.forget(done.ids[0])
        await (await db.space()).remember("one more")


async def test_without_a_quota_nothing_is_looked_at(tmp_path: Path) -> None:
    """The state knows of none, and memories are let in as they were."""
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=Settings()) as db:
        engine = await db._core.registry.open("default")
        assert engine._state.check_quotas is None
        assert engine._check_room == db._core.registry.housekeeping.check_room
