"""Stores and places for backups on simulated disks."""

from __future__ import annotations

from engram.adapters.archives.directory import DirectoryArchive
from engram.backup.repository import Repository
from engram.service.backups import Backups
from engram.service.store import Engram
from engram.state.digest import digest
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store


def backups_on(disk: SimulatedFilesystem, clock: FakeClock, seed: int = 7) -> Backups:
    """Return the place for backups on a simulated disk."""
    entropy = SeededEntropy(seed)
    return Backups(Repository(DirectoryArchive(disk, entropy, "backups"), clock, entropy))


def digest_of(store: Engram, space: str = "default") -> str:
    """Return the digest of an open space."""
    engine = store._core.registry.open_now(space)
    assert engine is not None
    return digest(engine.view)


async def fill(store: Engram) -> list[str]:
    """Remember, see again and forget in the default space; return the ids."""
    space = await store.space()
    ids = [
        (await space.remember(f"note {n}", embedding=[n, 1.0, 0.5], tags=["t"], source="diary")).id
        for n in range(4)
    ]
    more = await space.remember_many(
        [{"content": f"many {n}", "metadata": {"n": n}, "session": "s"} for n in range(5)],
        embeddings=[[1.0, n, 2.0] for n in range(5)],
    )
    await space.forget(ids[1])
    await space.remember("note 0", embedding=[0.0, 1.0, 0.5], source="diary")
    return [*ids, *more.ids]


async def backed_up(disk: SimulatedFilesystem, clock: FakeClock) -> tuple[Backups, str]:
    """Back two spaces up and return the place and the digest of the default one."""
    backups = backups_on(disk, clock)
    async with simulated_store(clock=clock) as store:
        await fill(store)
        await (await store.space("other")).remember("apart")
        await store.backup(backups)
        return backups, digest_of(store)


async def checkpoint(store: Engram) -> int:
    """Take a checkpoint of the default space and return its LSN."""
    engine = store._core.registry.open_now("default")
    assert engine is not None
    assert engine.checkpointer is not None
    return (await engine.checkpointer.checkpoint()).lsn


async def backed_up_behind_a_snapshot(backups: Backups, clock: FakeClock) -> tuple[int, str]:
    """Back up a space with a snapshot and some log; return the snapshot's LSN and the digest."""
    async with simulated_store(clock=clock) as store:
        await fill(store)
        await store.backup(backups)
        lsn = await checkpoint(store)
        clock.advance(10**9)
        await (await store.space()).remember("behind the snapshot", embedding=[1.0, 2.0, 3.0])
        await store.backup(backups)
        return lsn, digest_of(store)


def names_of(backups: Backups, folder: str) -> list[str]:
    """Return the names of all objects below a folder of the place."""
    return backups.repository.archive.list(folder)
