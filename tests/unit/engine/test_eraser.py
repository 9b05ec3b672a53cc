"""Erasures of a store at work: shared, refused, held up, failed and asked for again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import anyio
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine.eraser import Eraser
from engram.engine.space_engine import SpaceEngine
from engram.model.errors import InvalidRequest, MemoryNotFound, StorageFailed
from engram.service.space import Space
from engram.service.store import Engram
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.marked import marked, traces_in
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

WORD = b"zanziword"


def engine_of(db: Engram) -> SpaceEngine:
    engine = db._core.registry.open_now("default")
    assert engine is not None
    return engine


def eraser_of(db: Engram) -> Eraser:
    eraser = engine_of(db).eraser
    assert eraser is not None
    return eraser


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await lowlevel.checkpoint()


async def remembered(space: Space, count: int) -> list[str]:
    """Remember marked memories; return their ids."""
    memories = [marked(number) for number in range(count)]
    vectors = np.stack([memory.vector for memory in memories])
    made = await space.remember_many([memory.item for memory in memories], embeddings=vectors)
    return list(made.ids)


def words_in(disk: SimulatedFilesystem, count: int) -> set[int]:
    """Return which of the marked memories left their word in a file."""
    found = traces_in(disk, [marked(number) for number in range(count)])
    return {number for number, trace, _ in found if trace == "word"}


async def test_erasures_that_arrive_together_share_two_snapshots() -> None:
    """The first begins a pass; all that come meanwhile share the next one."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space("default")
        ids = await remembered(space, 8)
        async with anyio.create_task_group() as tasks:
            for memory_id in ids[:6]:
                tasks.start_soon(partial(space.forget, memory_id, mode="erase"))
        serials = [name for name in disk.list("default/hot") if name.endswith(".snapshot")]
        assert max(int(name[21:31]) for name in serials) <= 4
        assert words_in(disk, 8) == {6, 7}


async def test_nothing_is_erased_when_one_of_many_is_not_there() -> None:
    """An unknown id among known ones; nor is a mode taken that there is not."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space("default")
        ids = await remembered(space, 2)
        for mode in ("erase", "delete"):
            with pytest.raises(MemoryNotFound):
                await space.forget_many([*ids, ids[0][:-1] + "0"], mode=mode)
        with pytest.raises(InvalidRequest, match="'shred'"):
            await space.forget(ids[0], mode="shred")
        assert (await space.list()).total == 2
        assert not eraser_of(db).pending


async def test_deleting_many_leaves_the_others() -> None:
    """Progress is told, a name given twice counts once."""
    async with simulated_store() as db:
        space = await db.space("default")
        ids = await remembered(space, 5)
        steps: list[tuple[int, int]] = []
        receipt = await space.forget_many(
            [*ids[:3], ids[0]], progress=lambda *step: steps.append(step)
        )
        assert (list(receipt.ids), receipt.mode, receipt.erased_at) == (ids[:3], "delete", None)
        assert steps == [(3, 3)]
        assert [memory.id for memory in await space.list()] == ids[3:]


async def test_a_backup_under_way_holds_an_erasure_up_and_no_longer() -> None:
    """It may read the snapshot it holds to the end; then that goes, too."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space("default")
        ids = await remembered(space, 3)
        checkpoints = engine_of(db).checkpoints
        await checkpoints.checkpoint()
        async with anyio.create_task_group() as tasks, checkpoints.pinned() as pin:
            tasks.start_soon(partial(space.forget, ids[0], mode="erase"))
            await until(lambda: len(checkpoints.snapshots.retained) == 2)
            for _ in range(100):
                await lowlevel.checkpoint()
            assert eraser_of(db).pending
            for path, _ in pin.files:
                assert disk.content(f"default/{path}")
        assert not eraser_of(db).pending
        assert words_in(disk, 3) == {1, 2}


async def test_whoever_asked_is_told_of_a_failure_and_may_ask_again() -> None:
    """The memory is out of every answer by then, and the second call finishes."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space("default")
        ids = await remembered(space, 3)
        failing = [True]
        disk.plan = lambda _, operation: (
            "EIO" if operation == "rename" and failing and failing.pop() else None
        )
        with pytest.raises(StorageFailed):
            await space.forget(ids[0], mode="erase")
        assert [memory.id for memory in await space.list()] == ids[1:]
        receipt = await space.forget(ids[0], mode="erase")
        assert not eraser_of(db).pending
        assert receipt.lsn == 2
        assert words_in(disk, 3) == {1, 2}


async def test_what_was_left_over_is_finished_after_opening_unasked() -> None:
    """The process died in the middle of a pass."""
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        space = await db.space("default")
        ids = await remembered(space, 3)
        disk.plan = lambda _, operation: "EIO" if operation == "rename" else None
        with pytest.raises(StorageFailed):
            await space.forget(ids[0], mode="erase")
    disk.plan = None
    assert words_in(disk, 3) == {0, 1, 2}
    async with simulated_store(disk) as db:
        await until(lambda: not eraser_of(db).pending)
        assert words_in(disk, 3) == {1, 2}


async def test_a_label_goes_with_the_last_memory_that_has_it() -> None:
    """One that another memory has stays, and one that went may come again."""
    async with simulated_store() as db:
        space = await db.space("default")
        shared = await space.remember("one", source="him", tags=["both", "mine"])
        await space.remember("two", source="him", tags=["both"])
        await space.forget(shared.id, mode="erase")
        labels = engine_of(db).view.labels
        assert "mine" not in labels.labels
        assert "mine" not in labels.numbers
        await space.remember("three", tags=["mine"])
        assert [m.content for m in await space.list(tags_all=["mine"])] == ["three"]
        assert [m.content for m in await space.list(tags_all=["both"], sources=["him"])] == ["two"]


async def test_a_reader_with_an_older_view_brings_no_word_back() -> None:
    """It catches up with texts that were there when it began."""
    async with simulated_store() as db:
        space = await db.space("default")
        ids = await remembered(space, 3)
        engine = engine_of(db)
        older = engine.view
        await space.forget(ids[0], mode="erase")
        engine.words.at(older)
        dump = engine.words.dump(engine.view)
        terms = dump.texts(0, dump.texts_count).decode().split("\n")
        assert not [term for term in terms if term.startswith("zanziword000")]
        assert [term for term in terms if term.startswith("zanziword001")]


async def test_deleted_and_erased_before_a_reader_looked_is_no_fault() -> None:
    """The index is told of the deletion when the text is gone already."""
    async with simulated_store() as db:
        space = await db.space("default")
        ids = await remembered(space, 3)
        engine = engine_of(db)
        engine.words.at(engine.view)
        await space.forget(ids[0])
        between = engine.view
        await space.forget(ids[0], mode="erase")
        engine.words.at(between)
        found = [each.memory.id for each in await space.recall("zanziword001q")]
        assert found[0] == ids[1]
        assert ids[0] not in found


async def test_a_compaction_keeps_erased_rows_until_all_is_done() -> None:
    """Then they go, and the ids stay listed: erasing again still finds them."""
    async with simulated_store(history_retention_ns=0) as db:
        space = await db.space("default")
        ids = await remembered(space, 3)
        receipt = await space.forget(ids[0], mode="erase")
        await space.compact()
        assert engine_of(db).view.count == 2
        again = await space.forget(ids[0], mode="erase")
        assert again.lsn == receipt.lsn
        assert (await space.list()).total == 2
