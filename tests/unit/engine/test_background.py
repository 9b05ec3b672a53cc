"""What goes on beside the verbs of a space begins when it is needed, or when nothing else is."""

from __future__ import annotations

import anyio
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine.space_engine import SpaceEngine
from engram.model.errors import Closed
from engram.service.store import Engram
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.store_insides import engine_of
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

VECTORS = np.eye(4, dtype=np.float32)


class RestlessClock(FakeClock):
    """A clock of a store that is not idle before `rest` is set: who sleeps on it sleeps on."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = anyio.Event()

    async def sleep_until(self, deadline: int) -> None:
        """Wait until it may rest."""
        await self.rest.wait()
        await super().sleep_until(deadline)


def engine(store: Engram, space: str = "other") -> SpaceEngine:
    """Return the engine of a space that is open."""
    found = engine_of(store, space)
    assert found is not None
    return found


async def filled() -> SimulatedFilesystem:
    """Return the disk of a store with four memories in a space."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as store:
        space = await store.space("other")
        await space.remember_many(["a", "b", "c", "d"], embeddings=VECTORS)
    return disk


async def test_a_space_that_was_opened_begins_while_nothing_else_is_to_do() -> None:
    async with simulated_store(await filled()) as store:
        await store.space("other")
        assert not engine(store).has_begun
        with anyio.fail_after(10):
            while engine(store).words.rows_indexed < 4:
                await lowlevel.checkpoint()
        assert engine(store).has_begun


async def test_where_a_store_is_never_idle_the_first_command_begins_a_space() -> None:
    clock = RestlessClock()
    async with simulated_store(await filled(), clock=clock) as store:
        space = await store.space("other")
        await space.recall("", embedding=VECTORS[0])
        assert not engine(store).has_begun
        await space.remember("e", embedding=VECTORS[0])
        assert engine(store).has_begun
        assert (await space.stats()).memories == 5
        clock.rest.set()


async def test_who_waits_for_links_begins_a_space() -> None:
    clock = RestlessClock()
    async with simulated_store(await filled(), clock=clock) as store:
        space = await store.space("other")
        with anyio.fail_after(10):
            assert await space.wait_linked() == 0
        clock.rest.set()


async def test_a_space_that_never_began_records_what_was_recalled_when_it_is_closed() -> None:
    disk = await filled()
    async with simulated_store(disk, clock=RestlessClock()) as store:
        space = await store.space("other")
        (found, *_) = await space.recall("", embedding=VECTORS[0], limit=1)
        assert not engine(store).has_begun
    async with simulated_store(disk) as store:
        space = await store.space("other")
        assert (await space.get(str(found.memory.id))).access_count == 1


async def test_a_space_that_never_began_is_dropped_and_asked_no_more() -> None:
    clock = RestlessClock()
    async with simulated_store(await filled(), clock=clock) as store:
        space = await store.space("other")
        before, linker = engine(store), store._core.registry.linker_of("other")
        await store.drop_space("other")
        assert [each.id for each in await store.spaces()] == ["default"]
        with pytest.raises(Closed):
            await linker.wait()
        with pytest.raises(Closed):
            store._core.registry.linker_of("other")
        assert before.is_closing
        assert (await space.remember("anew", embedding=VECTORS[1])).created
        clock.rest.set()


async def test_who_follows_a_space_that_never_began_is_told_when_it_is_dropped() -> None:
    clock = RestlessClock()
    async with simulated_store(await filled(), clock=clock) as store:
        space = await store.space("other")
        changes = space.subscribe()
        async with changes, anyio.create_task_group() as tasks:

            async def drop() -> None:
                assert not engine(store).has_begun
                await store.drop_space("other")

            tasks.start_soon(drop)
            with anyio.fail_after(10), pytest.raises(Closed):
                await anext(changes)
        clock.rest.set()


async def test_where_a_snapshot_is_due_a_space_begins_at_once() -> None:
    """A damaged one leaves one less behind the log, so another is taken."""
    disk = await filled()
    async with simulated_store(disk) as store:
        space = await store.space("other")
        for content in ("e", "f"):
            await space.remember(content, embedding=VECTORS[0])
            await store.checkpoint("other")
    newest = max(name for name in disk.list("other/hot") if name.endswith(".snapshot"))
    disk.damage(f"other/hot/{newest}", lambda data: data.__setitem__(-6, data[-6] ^ 1))
    clock = RestlessClock()
    async with simulated_store(disk, clock=clock) as store:
        await store.space("other")
        assert engine(store).has_begun
        clock.rest.set()
