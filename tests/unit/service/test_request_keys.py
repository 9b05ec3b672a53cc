"""Requests with a key: done once, answered alike every time."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest

from engram.model.errors import Conflict, DurabilityError, InvalidRequest, MemoryNotFound
from engram.model.limits import REQUEST_KEYS_NS
from engram.service.space import Space
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

MINUTE_NS = 60_000_000_000


async def test_the_same_key_again_gets_the_first_answer_and_stores_nothing() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        first = await space.remember("a", request_key="k")
        await space.remember("b")
        assert await space.remember("a", request_key="k") == first
        assert (await space.get(first.id)).seen_count == 1
    async with simulated_store(disk) as engram:
        space = await engram.space()
        assert await space.remember("a", request_key="k") == first
        assert (await space.stats()).memories == 2


async def test_a_memory_without_text_is_not_stored_twice_under_one_key() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vector = np.ones(3, np.float32)
        first = await space.remember(embedding=vector, request_key="k")
        assert await space.remember(embedding=vector, request_key="k") == first
        assert (await space.remember(embedding=vector, request_key="l")).id != first.id


async def test_waiting_together_under_one_key_they_are_one_request() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        found: list[Any] = []

        async def remember() -> None:
            found.append(await space.remember(embedding=[1.0, 2.0], request_key="k"))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(remember)
        assert found == found[:1] * 5
        assert (await space.stats()).memories == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"content": "b"},
        {"tags": ["t"]},
        {"confidence": 0.5},
        {"embedding": [1.0, 2.0]},
        {"source": "s"},
        {"session": "s"},
        {"metadata": {"a": 1}},
        {"kind": "semantic"},
    ],
)
async def test_a_key_with_another_body_is_a_conflict(changed: dict[str, Any]) -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        fields: dict[str, Any] = {"content": "a", "embedding": [2.0, 2.0]}
        await space.remember(**fields, request_key="k")
        with pytest.raises(Conflict, match="choose a new key"):
            await space.remember(**{**fields, **changed}, request_key="k")
        assert (await space.stats()).memories == 1


async def test_a_text_seen_again_is_answered_so_every_time() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        first = await space.remember("a")
        for _ in range(3):
            again = await space.remember("a", request_key="k")
            assert (again.id, again.created) == (first.id, False)
        assert (await space.get(first.id)).seen_count == 2


async def test_many_with_a_key_are_stored_once_in_all_their_parts() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        items = [f"text {n}" for n in range(12_000)]
        first = await space.remember_many(items, request_key="k")
        again = await space.remember_many(items, request_key="k")
        assert again == first
        assert again.created_count == 12_000
        with pytest.raises(Conflict):
            await space.remember_many(items[:-1], request_key="k")
        assert (await space.stats()).memories == 12_000


async def test_forgetting_again_with_the_key_is_no_error() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        first = await space.remember("a")
        await space.forget(first.id, request_key="k")
        await space.forget(first.id, request_key="k")
        with pytest.raises(MemoryNotFound):
            await space.forget(first.id)
        with pytest.raises(Conflict):
            await space.remember("b", request_key="k")


async def test_a_refused_request_may_come_again_under_its_key() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("a", embedding=[1.0, 2.0])
        with pytest.raises(InvalidRequest):
            await space.remember("", request_key="k")
        assert (await space.remember("b", embedding=[1.0, 2.0], request_key="k")).created


async def test_a_day_later_the_key_is_free_again() -> None:
    clock = FakeClock(tick_ns=0)
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        await space.remember("a", request_key="k")
        clock.advance(REQUEST_KEYS_NS - MINUTE_NS)
        with pytest.raises(Conflict):
            await space.remember("b", request_key="k")
        clock.advance(2 * MINUTE_NS)
        assert (await space.remember("b", request_key="k")).created


async def test_two_principals_may_choose_the_same_key() -> None:
    async with simulated_store() as engram:
        mine = await engram.space()
        core = mine._core
        theirs = Space("default", core, "somebody else")
        assert (await mine.remember("a", request_key="k")).created
        assert (await theirs.remember("b", request_key="k")).created


async def test_after_an_unknown_outcome_the_key_tells_what_became_of_it() -> None:
    for kept in (False, True):
        disk = SimulatedFilesystem()
        async with simulated_store(disk) as engram:
            await (await engram.space()).remember("before", embedding=[1.0, 0.0])
        async with simulated_store(disk) as engram:
            space = await engram.space()
            disk.plan = lambda _, operation: "EIO" if operation == "sync" else None
            with pytest.raises(DurabilityError):
                await space.remember(embedding=[0.0, 1.0], request_key="k")
        disk.plan = None
        disk.crash(keep_all=kept)
        async with simulated_store(disk) as engram:
            space = await engram.space()
            for _ in range(2):
                assert (await space.remember(embedding=[0.0, 1.0], request_key="k")).created
            assert (await space.stats()).memories == 2


@pytest.mark.parametrize("key", ["", "x" * 256, 7, b"k", "\ud800"])
async def test_a_bad_key_is_refused_before_the_space_is_made(key: Any) -> None:
    async with simulated_store() as engram:
        space = await engram.space("new")
        with pytest.raises(InvalidRequest, match="request_key"):
            await space.remember("a", request_key=key)
        assert [info.id for info in await engram.spaces()] == ["default"]


async def test_a_bad_vector_does_not_make_the_space() -> None:
    async with simulated_store() as engram:
        space = await engram.space("new")
        with pytest.raises(InvalidRequest):
            await space.remember("a", embedding=[float("nan")])
        with pytest.raises(InvalidRequest):
            await space.remember_many(["a"], embeddings=[[float("inf")]])
        assert [info.id for info in await engram.spaces()] == ["default"]
