"""A store on a simulated disk with every kind of file in it, and nobody who has it open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import anyio.to_thread
import numpy as np

from engram.engine.segments import Segments
from engram.model.errors import StorageFailed, check
from engram.service.store import Engram
from engram.state.moves import Landing, Move
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

MEMORIES: Final = 12
SEALED: Final = ((0, 1, 2), (3, 4, 5))


async def tiered_store(*spaces: str) -> SimulatedFilesystem:
    """Return the disk of a store whose spaces have two snapshots, a log, and two tier segments.

    Each has twelve memories with texts and vectors; those in rows 0 to 2 are in a warm segment,
    those in rows 3 to 5 in a cold one. Both snapshots stand on both, and the whole log is there.
    """
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as db:
        for name in spaces or ("default",):
            await _fill(db, disk, name)
    disk.crash(keep_all=True)
    return disk


async def _fill(db: Engram, disk: SimulatedFilesystem, name: str) -> None:
    space = await db.space(name)
    vectors = np.random.default_rng(7).standard_normal((MEMORIES, 8)).astype(np.float32)

    async def remember(first: int, last: int) -> None:
        for number in range(first, last):
            text = f"{name} remembers number {number}"
            await space.remember(text, embedding=vectors[number], metadata={"n": number})

    await remember(0, 8)
    await _seal(db, disk, name)
    await db.checkpoint(name)
    await remember(8, 10)
    await db.checkpoint(name)
    await remember(10, MEMORIES)


async def _seal(db: Engram, disk: SimulatedFilesystem, name: str) -> None:
    engine = db._core.registry.open_now(name)  # noqa: SLF001 - what housekeeping does, at once
    check(engine is not None, "the space is open")
    if engine is None:
        return
    segments = Segments(disk)
    view = engine.view

    def landing(tier: int) -> Landing:
        rows = np.array(SEALED[tier], np.uint32)
        return segments.write(name, "cold" if tier else "warm", view, rows)

    landed = [await anyio.to_thread.run_sync(landing, tier) for tier in range(len(SEALED))]
    move = Move(view, landed)
    check(await engine.between_groups(move.swap), "nothing else moves bodies")


def files_of(disk: SimulatedFilesystem, path: str = "") -> Iterator[str]:
    """Return the paths of all files below one, in order."""
    for name in disk.list(path):
        inside = f"{path}/{name}" if path else name
        try:
            disk.list(inside)
        except StorageFailed:  # it is a file
            yield inside
        else:
            yield from files_of(disk, inside)
