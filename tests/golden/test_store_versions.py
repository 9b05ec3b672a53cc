"""Stores of every format version, opened for ever: never rewrite these files."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from itertools import product
from pathlib import Path

import google_crc32c
import pytest

import engram
from engram.engine.store import COPY_OFFSET, FORMAT_VERSION, Migration, Store
from engram.model.errors import LogCorrupted, StorageFailed, StoreTooNew
from engram.testing.clock import SeededEntropy
from engram.testing.filesystem import Fault, SimulatedFilesystem

GOLDEN = Path(__file__).parent
V1 = (GOLDEN / "v1" / "STORE").read_bytes()
V2 = (GOLDEN / "v2" / "STORE").read_bytes()
STORE_ID = V1[12:28]
CALLS_MAX = 12


def disk_with(store: bytes, *spaces: str, seed: int = 0) -> SimulatedFilesystem:
    disk = SimulatedFilesystem(seed=seed)
    handle = disk.create_exclusive("STORE")
    disk.write_at(handle, 0, [store])
    disk.sync(handle)
    handle.close()
    disk.sync_directory("")
    for space in spaces:
        disk.create_exclusive(f"{space}/wal/x").close()
        disk.sync_directory(f"{space}/wal")
    return disk


def damaged(store: bytes, position: int) -> bytes:
    data = bytearray(store)
    data[position] ^= 1
    return bytes(data)


def of_format(version: int) -> bytes:
    header = V1[:8] + struct.pack("<I", version) + STORE_ID
    return header + struct.pack("<I", google_crc32c.value(header))


def test_a_new_store_file_is_still_written_as_version_2() -> None:
    disk = SimulatedFilesystem()
    assert Store.open(disk, SeededEntropy(1), "p").store_id == STORE_ID
    assert disk.content("STORE") == V2
    assert V2[:32] == V2[COPY_OFFSET:] == of_format(2)


def test_a_store_file_of_version_2_is_read_and_left_as_it_is() -> None:
    disk = disk_with(V2, "default")
    assert Store.open(disk, SeededEntropy(9), "p").store_id == STORE_ID
    assert disk.content("STORE") == V2


def test_a_store_file_of_version_1_is_migrated_and_tells_how_far_it_is() -> None:
    disk = disk_with(V1, "default")
    told: list[Migration] = []
    assert Store.open(disk, SeededEntropy(9), "p", told.append).store_id == STORE_ID
    assert disk.content("STORE") == V2
    assert told == [Migration("p", 1, 2, done, 3) for done in range(4)]


def _fail_at(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    return lambda call, _: fault if call == number else None


@pytest.mark.parametrize("keep_all", [False, True])
def test_a_migration_that_fails_at_any_call_is_made_good_by_the_next(*, keep_all: bool) -> None:
    """At each call: an error, half a write, and the power; the id is never lost."""
    stopped = 0
    for fault, call in product(("EIO", "short", "power"), range(1, CALLS_MAX)):
        disk = disk_with(V1, "default", seed=call)
        disk.plan = _fail_at(disk.call_count + call, fault)
        try:
            Store.open(disk, SeededEntropy(9), "p").close()
        except StorageFailed:
            stopped += 1
        disk.plan = None
        disk.crash(keep_all=keep_all)
        assert Store.open(disk, SeededEntropy(9), "p").store_id == STORE_ID
        assert disk.content("STORE") == V2
    assert stopped > 9


@pytest.mark.parametrize("torn", range(0, 32, 3))
def test_a_header_torn_in_a_migration_is_restored_from_its_copy(torn: int) -> None:
    disk = disk_with(damaged(V2, torn), "default")
    assert Store.open(disk, SeededEntropy(9), "p").store_id == STORE_ID
    assert disk.content("STORE") == V2


@pytest.mark.parametrize("position", [32, 2_000, *range(COPY_OFFSET, COPY_OFFSET + 32, 3)])
def test_a_damaged_copy_or_gap_is_written_anew(position: int) -> None:
    disk = disk_with(damaged(V2, position), "default")
    assert Store.open(disk, SeededEntropy(9), "p").store_id == STORE_ID
    assert disk.content("STORE") == V2


@pytest.mark.parametrize("version", [V1, damaged(V2, COPY_OFFSET)], ids=["1", "2"])
@pytest.mark.parametrize("position", range(0, 32, 3))
def test_a_store_file_without_a_sound_header_beside_spaces_is_refused(
    version: bytes, position: int
) -> None:
    stored = damaged(version, position)
    disk = disk_with(stored, "default")
    with pytest.raises(LogCorrupted, match="header is not intact"):
        Store.open(disk, SeededEntropy(9), "p")
    assert disk.content("STORE") == stored
    disk.lock("STORE").close()


def _whole(newer: bytes) -> bytes:
    return newer


def _torn_on_its_way(newer: bytes) -> bytes:
    return damaged(V2[:COPY_OFFSET], 20) + newer


@pytest.mark.parametrize("stored", [_whole, _torn_on_its_way])
def test_a_store_of_a_newer_format_names_the_remedy(stored: Callable[[bytes], bytes]) -> None:
    newer = FORMAT_VERSION + 1
    disk = disk_with(stored(of_format(newer)), "default")
    with pytest.raises(StoreTooNew, match="has format 3; this release reads up to 2: upgrade"):
        Store.open(disk, SeededEntropy(9), "p")


def test_a_format_that_never_was_is_refused() -> None:
    with pytest.raises(LogCorrupted, match="header is not intact"):
        Store.open(disk_with(of_format(0), "default"), SeededEntropy(9), "p")


@pytest.mark.anyio
async def test_a_store_written_by_format_1_is_opened_migrated_and_goes_on(tmp_path: Path) -> None:
    """What a release of format 1 remembered, forgot and saw again is there, and so is its id."""
    root = tmp_path / "store"
    shutil.copytree(GOLDEN / "v1" / "store", root)
    store_id = (root / "STORE").read_bytes()[12:28]
    told: list[Migration] = []
    for _ in range(2):
        async with engram.open(root, embedder=None, on_migration=told.append) as db:
            assert [info.id for info in await db.spaces()] == ["default", "notes"]
            ada, engine = (await (await db.space("default")).list()).memories
            assert ada.id == "018bcfe5-6800-757b-b311-c2ce6f447ed4"
            assert ada.content == "Ada Lovelace met Charles Babbage in June 1833."
            assert (ada.tags, ada.seen_count) == (("history",), 2)
            assert engine.id == "018bcfe5-6864-7061-a12e-a6cecc1b78e5"
            assert engine.content == "The Analytical Engine weaves algebraical patterns."
            assert engine.metadata == {"page": 7}
            (hit,) = await (await db.space("default")).recall(embedding=[0, 1, 0], limit=1)
            assert hit.memory.id == engine.id
            (only,) = (await (await db.space("notes")).list()).memories
            assert only.content == "Only words."
            await db.checkpoint("default")
    assert [step.done for step in told] == [0, 1, 2, 3]
    assert (root / "STORE").read_bytes()[8:28] == struct.pack("<I", 2) + store_id
