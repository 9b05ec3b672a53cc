"""Erasing leaves no byte of a memory in any file, whatever happens on the way.

A store holds marked memories in every place a body can be: only in the log, in snapshots, in warm
and cold segments, in a segment and in RAM again, deleted before, in recycled log segments and in
bytes that recovery cut off. Some are erased; then every byte of every file is searched.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from engram.adapters.local.filesystem import LocalFilesystem
from engram.engine.segments import Segments
from engram.kernels.sketches.encoding import row_by_row
from engram.model.errors import EngramError, MemoryNotFound
from engram.settings import Settings
from engram.state.moves import Move
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.marked import Marked, marked, traces_in
from engram.testing.stores import in_calling_task, simulated_log
from engram.wiring import open_store

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.ports import Filesystem
    from engram.service.preparing import NewMemory
    from engram.service.store import Engram
    from engram.storage.segment_index import Tier

pytestmark = pytest.mark.anyio

COUNT: Final = 14
ERASED: Final = (0, 3, 4, 6, 9, 10, 13)
KEPT: Final = tuple(n for n in range(COUNT) if n not in (*ERASED, 11))
DELETED: Final = (10, 11)
LATE: Final = (12, 13)


@asynccontextmanager
async def opened(filesystem: Filesystem) -> AsyncIterator[tuple[Engram, SpaceEngine]]:
    """Open the store, all in one thread, under a clock that stands."""
    async with open_store(
        "store",
        settings=Settings(linker=False, consolidation=False),
        embedder=None,
        kernels="numpy",
        filesystem=filesystem,
        clock=FakeClock(),
        entropy=SeededEntropy(1),
        open_log=simulated_log(),
        run_blocking=in_calling_task,
    ) as store:
        yield store, await store._core.registry.open("default")


async def filled(filesystem: Filesystem) -> tuple[list[str], list[Marked]]:
    """Make a store with memories in every place; return their ids and their traces."""
    memories = [marked(number) for number in range(COUNT)]
    async with opened(filesystem) as (store, engine):
        space = await store.space("default")
        early = memories[: LATE[0]]
        made = await space.remember_many(
            [memory.item for memory in early], embeddings=np.stack([m.vector for m in early])
        )
        ids = list(made.ids)
        segments = Segments(filesystem)
        await checkpoint(engine)
        await seal(engine, segments, "warm", [2, 3, 4, 5], memories)
        await seal(engine, segments, "cold", [6, 7, 10, 11], memories)
        await raise_again(engine, [4, 5])
        await checkpoint(engine)
        await engine.log.rotate()
        await space.recall("zanziword000q")  # the word index has met them
        await space.forget_many([ids[n] for n in DELETED])
        for number in LATE:
            item: NewMemory = {**memories[number].item, "embedding": memories[number].vector}
            done = await space.remember(**item, request_key=f"request {number}")
            ids.append(done.id)
        segments.close()
    leftover = filesystem.create_exclusive("default/wal/00000000000000000001.cut")
    filesystem.write_at(leftover, 0, [b"".join(memories[0].traces.values())])
    filesystem.sync(leftover)
    leftover.close()
    filesystem.sync_directory("default/wal")
    return ids, memories


async def checkpoint(engine: SpaceEngine) -> None:
    """Take a snapshot now."""
    assert engine.checkpointer is not None
    await engine.checkpointer.checkpoint()


async def seal(
    engine: SpaceEngine, segments: Segments, tier: Tier, rows: list[int], memories: list[Marked]
) -> None:
    """Move bodies into a new segment, and add its sketches of them to their traces."""
    view = engine.view
    landing = segments.write("default", tier, view, np.array(rows, np.uint32))
    signs, magnitudes = row_by_row(landing.segment.signs), landing.segment.magnitudes
    for offset, row in enumerate(rows):
        memories[row].traces[f"{tier} signs"] = signs[offset].tobytes()
        memories[row].traces[f"{tier} magnitudes"] = magnitudes[offset].tobytes()
    assert await engine.between_groups(Move(view, [landing]).swap)


async def raise_again(engine: SpaceEngine, rows: list[int]) -> None:
    """Move sealed bodies back into RAM; the segment keeps its copy of them."""
    move = Move(engine.view, [], np.array(rows, np.uint32))
    assert await engine.between_groups(move.swap)


async def check_kept(store: Engram, ids: Sequence[str], memories: list[Marked]) -> None:
    """All that was not erased is there, to the last field and number."""
    space = await store.space("default")
    for number in KEPT:
        memory = await space.get(ids[number])
        item = memories[number].item
        assert not isinstance(item, str)
        assert memory.content == item["content"]
        assert memory.tags == tuple(item["tags"])
        assert (memory.source, memory.session) == (item["source"], item["session"])
        assert memory.metadata == item["metadata"]
        best = (await space.recall(embedding=memories[number].vector, limit=1))[0]
        assert best.memory.id == ids[number]
        found = await space.recall(f"zanziword{number:03d}q", limit=1)
        assert [hit.memory.id for hit in found] == [ids[number]]


async def check_erased(store: Engram, ids: Sequence[str]) -> None:
    """No answer shows what was erased."""
    space = await store.space("default")
    for number in ERASED:
        with pytest.raises(MemoryNotFound):
            await space.get(ids[number])
        assert not await space.recall(f"zanziword{number:03d}q", tags_all=["shared"])
    assert {m.id for m in await space.list(tags_all=["shared"])} == {ids[n] for n in KEPT}


def check_clean(filesystem: Filesystem, memories: list[Marked]) -> None:
    """No file holds a trace of what was erased, and all hold what was not."""
    found = traces_in(filesystem, memories)
    assert not {each for each in found if each[0] in ERASED}
    for number in (*KEPT, 11):
        assert {"word", "tag", "source", "session", "metadata"} <= {
            trace for position, trace, _ in found if position == number
        }


def filesystem_of(kind: str, directory: Path) -> Filesystem:
    """Return a disk."""
    return SimulatedFilesystem() if kind == "simulated" else LocalFilesystem(str(directory))


@pytest.mark.parametrize("kind", ["simulated", "local"])
async def test_no_byte_of_an_erased_memory_is_left_in_any_file(kind: str, tmp_path: Path) -> None:
    """And all of the others is: log, snapshots, segments of both tiers and their sketches."""
    filesystem = filesystem_of(kind, tmp_path)
    ids, memories = await filled(filesystem)
    before = traces_in(filesystem, memories)
    for number in ERASED:
        assert {"word", "tag", "metadata", "vector"} <= {t for n, t, _ in before if n == number}
    assert {t for n, t, _ in before if n == 6} > {"cold signs", "part of the vector"}
    async with opened(filesystem) as (store, engine):
        space = await store.space("default")
        steps: list[tuple[int, int]] = []
        receipt = await space.forget_many(
            [ids[n] for n in ERASED], mode="erase", progress=lambda *step: steps.append(step)
        )
        check_clean(filesystem, memories)
        await check_erased(store, ids)
        await check_kept(store, ids, memories)
        assert receipt.lsn == engine.view.erased_lsn
        assert receipt.segments_rewritten == 2
        assert receipt.bytes_overwritten > 0
        assert steps == [(n, 7) for n in range(1, 8)]
        again = await space.forget(ids[0], mode="erase")
        assert (again.lsn, again.erased_at) == (receipt.lsn, receipt.erased_at)
        assert again.bytes_overwritten == 0
    async with opened(filesystem) as (store, _):
        await check_erased(store, ids)
        await check_kept(store, ids, memories)
    check_clean(filesystem, memories)


async def erase_with(disk: SimulatedFilesystem, ids: list[str], fault: str, at: int) -> bool:
    """Erase while one call of the disk, the `at`-th from now on, fails; return whether it did."""
    first = disk.call_count + at
    disk.plan = lambda call, _: fault if call == first else None
    try:
        async with opened(disk) as (store, _):
            space = await store.space("default")
            await space.forget_many([ids[n] for n in ERASED], mode="erase")
    except EngramError:
        pass
    disk.plan = None
    return disk.call_count >= first


async def check_after(disk: SimulatedFilesystem, ids: list[str], memories: list[Marked]) -> bool:
    """Reopen: all is erased, or nothing; the rest is there. Return whether it was erased."""
    async with opened(disk) as (store, engine):
        was_erased = engine.view.erased_lsn > 0
        await check_kept(store, ids, memories)
        if was_erased:
            space = await store.space("default")
            await space.forget(ids[ERASED[0]], mode="erase")  # waits for what was left over
            check_clean(disk, memories)
            await check_erased(store, ids)
            await check_kept(store, ids, memories)
        else:
            space = await store.space("default")
            for number in set(ERASED) - set(DELETED):
                assert (await space.get(ids[number])).content == memories[number].item["content"]
    return was_erased


async def break_everywhere(fault: str, stride: int) -> None:
    """Let every `stride`-th call of the disk fail, one erasure each."""
    disk = SimulatedFilesystem()
    ids, memories = await filled(disk)
    at, erased_count, outcomes = 1, 0, 0
    while True:
        one = copy.deepcopy(disk)
        one.random.seed(at)
        did_fail = await erase_with(one, ids, fault, at)
        one.crash(keep_all=fault != "power")
        erased_count += await check_after(one, ids, memories)
        outcomes += 1
        if not did_fail:
            break
        at += stride
    assert 0 < erased_count <= outcomes


@pytest.mark.parametrize("fault", ["power", "EIO"])
async def test_an_erasure_that_was_cut_short_is_finished_at_the_next_opening(fault: str) -> None:
    """Wherever the power failed, or the disk refused: nothing of the erased, all of the others."""
    await break_everywhere(fault, 47)


@pytest.mark.prove
@pytest.mark.parametrize("fault", ["power", "EIO", "ENOSPC"])
async def test_an_erasure_may_be_cut_short_at_every_single_call(fault: str) -> None:
    """Every call of the filesystem, from opening the store to closing it."""
    await break_everywhere(fault, 1)
