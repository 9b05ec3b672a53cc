"""A file that the medium does not give: opening and verifying say the same of it."""

from __future__ import annotations

import pytest

from engram.engine.checking import verify_store
from engram.engine.verification import SpaceReport
from engram.model.errors import StorageFailed
from engram.ports import Handle
from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store
from engram.testing.tiered_store import MEMORIES, files_of, tiered_store

pytestmark = pytest.mark.anyio

HIT = "hit"


def make_unreadable(
    disk: SimulatedFilesystem, monkeypatch: pytest.MonkeyPatch, *parts: str
) -> None:
    """Let every read fail of files whose path holds one of `parts`."""
    read_at = disk.read_at

    def read(handle: Handle, offset: int, bytes_count: int) -> bytes:
        if any(part in handle.path for part in parts):  # type: ignore[attr-defined]
            raise StorageFailed("read", handle.path, "Input/output error", "look at the disk")  # type: ignore[attr-defined]
        return read_at(handle, offset, bytes_count)

    monkeypatch.setattr(disk, "read_at", read)


async def report_of(disk: SimulatedFilesystem) -> SpaceReport:
    return (await verify_store(disk, FakeClock(), "simulated")).spaces[1]


def newest(disk: SimulatedFilesystem, suffix: str) -> str:
    return max(path for path in files_of(disk, f"{HIT}/hot") if path.endswith(suffix))


@pytest.mark.parametrize("suffix", [".snapshot", ".part", ".words"])
async def test_a_snapshot_that_cannot_be_read_is_served_by_what_is_left(
    suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = await tiered_store("default", HIT)
    path = newest(disk, suffix)
    make_unreadable(disk, monkeypatch, path)
    report = await report_of(disk)
    assert report.opens
    assert [(each.path, each.lost) for each in report.damage] == [(path, "nothing")]
    async with simulated_store(disk) as db:
        space = await db.space(HIT)
        assert len((await space.list(limit=100)).memories) == MEMORIES
        (note,) = (await space.stats()).recovery_notes
        assert "Input/output error" in note


async def test_a_manifest_that_cannot_be_read_stops_the_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it says of erased memories and of the log's end must not be taken for nothing."""
    disk = await tiered_store("default", HIT)
    make_unreadable(disk, monkeypatch, f"{HIT}/MANIFEST")
    report = await report_of(disk)
    assert not report.opens
    assert [each.path for each in report.damage] == [f"{HIT}/MANIFEST"]
    async with simulated_store(disk) as db:
        with pytest.raises(StorageFailed, match="Input/output error"):
            await db.space(HIT)


async def test_where_nothing_else_leads_to_the_present_the_medium_is_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = await tiered_store("default", HIT)
    async with simulated_store(disk) as db:
        await db.checkpoint(HIT)
        await db.checkpoint(HIT)
    make_unreadable(disk, monkeypatch, f"{HIT}/hot")
    disk.remove(min(path for path in files_of(disk, f"{HIT}/wal") if path.endswith(".wal")))
    assert not (await report_of(disk)).opens
    async with simulated_store(disk) as db:
        with pytest.raises(StorageFailed, match="Input/output error"):
            await db.space(HIT)
