from __future__ import annotations

import pytest

from engram.model.errors import StorageFailed, StoreTooNew
from engram.storage.manifest import SLOT_BYTES, Manifest, ManifestBody, SnapshotName
from engram.testing.filesystem import SimulatedFilesystem

IDENTITY = b"a store and a space"
BODIES = [
    ManifestBody((SnapshotName(lsn, f"{lsn}.snapshot", bytes([lsn]) * 32),), lsn, "dsync")
    for lsn in range(1, 5)
]


def reopened(filesystem: SimulatedFilesystem, identity: bytes = IDENTITY) -> Manifest:
    manifest = Manifest(filesystem, "s", identity)
    manifest.read()
    return manifest


def flipped(count: int) -> SimulatedFilesystem:
    filesystem = SimulatedFilesystem()
    manifest = reopened(filesystem)
    for body in BODIES[:count]:
        manifest.flip(body)
    return filesystem


def test_there_is_nothing_to_read_before_the_first_flip() -> None:
    manifest = reopened(SimulatedFilesystem())
    assert (manifest.is_readable, manifest.body) == (False, ManifestBody())


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_last_flip_is_what_the_next_opening_reads(count: int) -> None:
    assert reopened(flipped(count)).body == BODIES[count - 1]


def test_a_flip_leaves_the_slot_in_force_alone() -> None:
    filesystem = flipped(2)
    before = filesystem.content("s/MANIFEST")
    reopened(filesystem).flip(BODIES[2])
    after = filesystem.content("s/MANIFEST")
    assert after[SLOT_BYTES:] == before[SLOT_BYTES:]
    assert after[:SLOT_BYTES] != before[:SLOT_BYTES]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_flip_that_power_cuts_short_leaves_the_old_body_or_the_new_one(
    seed: int, before: int
) -> None:
    for call in range(1, 6):
        filesystem = flipped(before)
        filesystem.random.seed(seed)
        manifest, first = reopened(filesystem), filesystem.call_count
        filesystem.plan = lambda n, _, at=first + call: "power" if n == at else None
        try:
            manifest.flip(BODIES[before])
        except StorageFailed:
            filesystem.plan = None
        filesystem.crash()
        allowed = [BODIES[before], BODIES[before - 1] if before else ManifestBody()]
        assert reopened(filesystem).body in allowed


def test_after_a_failed_flip_the_next_one_counts() -> None:
    filesystem = flipped(2)
    manifest = reopened(filesystem)
    filesystem.plan = lambda _, operation: "EIO" if operation == "sync" else None
    with pytest.raises(StorageFailed):
        manifest.flip(BODIES[2])
    assert manifest.body == BODIES[1]
    filesystem.plan = None
    manifest.flip(BODIES[3])
    filesystem.crash()
    assert reopened(filesystem).body == BODIES[3]


def test_any_damaged_byte_of_a_slot_leaves_the_other_slot_in_force() -> None:
    for at in range(0, 2 * SLOT_BYTES, 3):
        filesystem = flipped(2)
        filesystem.damage("s/MANIFEST", lambda data, at=at: _flip(data, at))  # type: ignore[misc]
        found = reopened(filesystem).body
        # The second body went to the second slot.
        assert found == (BODIES[1] if at < SLOT_BYTES else BODIES[0])


def _flip(data: bytearray, at: int) -> None:
    data[at] ^= 0x10


def test_the_manifest_of_another_space_does_not_count() -> None:
    assert not reopened(flipped(2), b"another").is_readable


def test_a_slot_copied_over_the_other_does_not_count() -> None:
    filesystem = flipped(2)

    def copy(data: bytearray) -> None:
        data[:SLOT_BYTES] = data[SLOT_BYTES:]

    filesystem.damage("s/MANIFEST", copy)
    assert reopened(filesystem).body == BODIES[1]

    def lose_second(data: bytearray) -> None:
        data[SLOT_BYTES:] = bytes(SLOT_BYTES)

    filesystem.damage("s/MANIFEST", lose_second)
    assert not reopened(filesystem).is_readable


def test_a_manifest_of_a_later_release_is_refused() -> None:
    filesystem = flipped(1)

    def raise_version(data: bytearray) -> None:
        data[8:16] = (2).to_bytes(4, "little") + (2 ^ 0xFFFFFFFF).to_bytes(4, "little")

    filesystem.damage("s/MANIFEST", raise_version)
    with pytest.raises(StoreTooNew, match="format 2"):
        reopened(filesystem)
