"""Stores and places for backups on simulated disks."""

from __future__ import annotations

from engram.adapters.archives.directory import DirectoryArchive
from engram.backup.repository import Repository
from engram.service.backups import Backups
from engram.service.store import Engram
from engram.state.digest import digest
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem


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
