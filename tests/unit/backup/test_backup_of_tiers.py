"""Tier segments are backed up and restored with the snapshot that stands on them."""

from __future__ import annotations

import numpy as np
import pytest

from engram.backup.base import Place
from engram.backup.planning import plan
from engram.backup.restore import rebuild
from engram.engine.space_engine import SpaceEngine
from engram.model.errors import ArchiveCorrupted
from engram.state.gathering import gathered
from engram.state.moves import Landing, Move
from engram.state.space import View
from engram.storage.block_cache import BlockCache
from engram.storage.bodies import Bodies, text_starts
from engram.storage.open_files import OpenFiles
from engram.storage.segment_index import Tier
from engram.storage.segment_writer import write_segment
from engram.storage.snapshot_loading import Identity
from engram.storage.tier_segment import TierSegment
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from tests.unit.backup.conftest import backups_on, checkpoint, digest_of, fill

pytestmark = pytest.mark.anyio


def seal(disk: SimulatedFilesystem, view: View, rows: list[int], tier: Tier) -> Landing:
    """Write the bodies of some rows of the default space as segment 1 of a tier."""
    directory = f"default/{tier}/{1:020d}"
    found = gathered(view, np.array(rows, np.uint32))
    facts = write_segment(disk, directory, tier, Bodies(*found))
    segment = TierSegment.open(OpenFiles(disk), directory, BlockCache(1 << 20), facts.digest)
    return Landing(segment, found.rows, *text_starts(found.content_bytes, found.metadata_bytes))


async def move(engine: SpaceEngine, disk: SimulatedFilesystem) -> None:
    """Move some bodies to a warm segment and others to a cold one."""

    def down(view: View) -> list[Landing]:
        return [seal(disk, view, [0, 1, 2], "warm"), seal(disk, view, [4, 6], "cold")]

    landed = down(engine.view)
    assert await engine.between_groups(lambda state: Move(state.view(), landed).swap(state))


async def test_segments_of_both_tiers_come_back_with_the_space() -> None:
    """Also rebuilt straight from the repository; a damaged segment is refused by name."""
    clock, disk, kept = FakeClock(), SimulatedFilesystem(), SimulatedFilesystem()
    backups = backups_on(kept, clock)
    async with simulated_store(disk, clock=clock) as store:
        await fill(store)
        engine = store._core.registry.open_now("default")
        assert engine is not None
        before = digest_of(store)
        await move(engine, disk)
        await checkpoint(store)
        await store.backup(backups)
        assert (await store.backup(backups)).objects_stored == 0
        assert digest_of(store) == before
    (entry,) = (await backups.repository.manifests())[-1].spaces
    paths = {file.path.rpartition("/")[0] for file in entry.files}
    assert paths == {"hot", f"warm/{1:020d}", f"cold/{1:020d}"}
    report = await backups.verify()
    assert (report.damage, report.spaces) == ((), 2)
    (choice,) = await plan(backups.repository, space="default")
    target = SimulatedFilesystem()
    place = Place(target, "copy", Identity(b"another store!!!", "copy"))
    rebuilt = await rebuild(backups.repository, choice, place, frozenset())
    assert rebuilt.digest == before
    assert target.list("copy") == ["MANIFEST", "cold", "hot", "wal", "warm"]
    (vectors,) = (file for file in entry.files if file.path == f"warm/{1:020d}/vectors.npy")
    name = f"objects/{vectors.chunks[0][:2]}/{vectors.chunks[0]}.chunk"
    kept.write_at(kept.open(name), 20, [b"?"])
    assert name in {each.name for each in (await backups.verify()).damage}
    place = place._replace(filesystem=SimulatedFilesystem())
    with pytest.raises(ArchiveCorrupted, match=name):
        await rebuild(backups.repository, choice, place, frozenset())
