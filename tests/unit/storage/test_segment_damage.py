from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engram.model.errors import FileCorrupted, StorageFailed
from engram.storage.block_cache import BlockCache
from engram.storage.open_files import OpenFiles
from engram.storage.segment_index import (
    SegmentFacts,
    Tier,
    read_index,
    remove_segment,
    segment_directory,
)
from engram.storage.segment_verify import verify_segment
from engram.storage.segment_writer import write_segment
from engram.storage.tier_segment import TierSegment
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.segments import sample_bodies

SAMPLE = sample_bodies(6, 9)
TIERS: list[Tier] = ["warm", "cold"]


def sealed(disk: SimulatedFilesystem, tier: Tier = "warm") -> SegmentFacts:
    directory = segment_directory("default", tier, 1)
    return write_segment(disk, directory, tier, SAMPLE.bodies())


def read_everything(disk: SimulatedFilesystem, directory: str) -> list[bytes]:
    """Return all a segment can be asked for."""
    segment = TierSegment.open(OpenFiles(disk), directory, BlockCache(0))
    offsets = np.arange(segment.count, dtype=np.uint32)
    bodies = segment.bodies()
    columns: list[NDArray[Any]] = [
        segment.norms,
        segment.centre,
        segment.signs,
        segment.magnitudes,
        segment.factors,
        segment.vectors(offsets),
        bodies.rows,
        bodies.ids,
        bodies.content_bytes,
        bodies.metadata_bytes,
    ]
    return [column.tobytes() for column in columns] + [segment.read(0, bodies.text_bytes)]


def replace(data: bytearray, *, by: bytes) -> None:
    """Put other bytes into a file."""
    data[:] = by


def fail_once(call_number: int, _: str, *, at: int, fault: str) -> str | None:
    """Let one call fail."""
    return fault if call_number == at else None


@pytest.mark.parametrize("tier", TIERS)
def test_every_flipped_byte_is_noticed(tier: Tier) -> None:
    """Verifying names the file; reading everything raises, or gives what was written."""
    disk = SimulatedFilesystem()
    facts = sealed(disk, tier)
    right = read_everything(disk, facts.directory)
    for name in disk.list(facts.directory):
        path = f"{facts.directory}/{name}"
        for position in range(len(disk.content(path))):

            def flip(data: bytearray, position: int = position) -> None:
                data[position] ^= 1 << position % 8

            disk.damage(path, flip)
            damages = [
                step
                for step in verify_segment(OpenFiles(disk), facts.directory, facts.digest)
                if step.damage
            ]
            assert [step.file for step in damages] == [name], (name, position)
            if name == "vectors.npy" and position < 128:
                # The heads of the arrays that are read in blocks are not looked at.
                assert read_everything(disk, facts.directory) == right
            else:
                with pytest.raises(FileCorrupted) as caught:
                    read_everything(disk, facts.directory)
                assert caught.value.path == path
            disk.damage(path, flip)
    assert read_everything(disk, facts.directory) == right


@pytest.mark.parametrize("tier", TIERS)
def test_a_missing_shortened_or_longer_file_is_noticed(tier: Tier) -> None:
    disk = SimulatedFilesystem()
    facts = sealed(disk, tier)
    for name in disk.list(facts.directory):
        path = f"{facts.directory}/{name}"
        data = disk.content(path)
        for changed in (data[:-1], data[: len(data) // 2], b"", data + b"\0"):
            disk.damage(path, partial(replace, by=changed))
            steps = verify_segment(OpenFiles(disk), facts.directory, facts.digest)
            assert [step.file for step in steps if step.damage] == [name]
            if len(changed) < len(data):
                with pytest.raises(FileCorrupted):
                    read_everything(disk, facts.directory)
        disk.damage(path, partial(replace, by=data))
        disk.rename(path, f"{path}.away")
        steps = verify_segment(OpenFiles(disk), facts.directory, facts.digest)
        assert [step.damage.reason for step in steps if step.damage] == ["it is missing"]
        disk.rename(f"{path}.away", path)


def test_verifying_goes_on_after_damage() -> None:
    disk = SimulatedFilesystem()
    facts = sealed(disk)
    for name in ("rows.npy", "texts.bin"):
        disk.damage(f"{facts.directory}/{name}", lambda data: data.reverse())
    steps = list(verify_segment(OpenFiles(disk), facts.directory, facts.digest))
    assert [step.file for step in steps if step.damage] == ["rows.npy", "texts.bin"]
    assert steps[-1].bytes_done == facts.file_bytes


def test_damage_names_the_offset_of_the_block() -> None:
    disk = SimulatedFilesystem()
    directory = segment_directory("default", "warm", 1)
    write_segment(disk, directory, "warm", sample_bodies(30, 384).bodies())
    disk.damage(f"{directory}/vectors.npy", lambda data: data.__setitem__(10_000, data[10_000] ^ 1))
    segment = TierSegment.open(OpenFiles(disk), directory, BlockCache(1 << 20))
    with pytest.raises(FileCorrupted) as caught:
        segment.vectors(np.array([0, 7], np.uint32))
    assert caught.value.offset == 128 + 3 * 2 * 1536
    assert segment.vectors(np.array([0, 5, 8], np.uint32)).shape == (3, 384)


@pytest.mark.parametrize("fault", ["power", "EIO", "ENOSPC", "short"])
@pytest.mark.parametrize("tier", TIERS)
def test_a_write_that_fails_anywhere_leaves_no_segment(tier: Tier, fault: str) -> None:
    """Whatever the call that fails, what is left is recognised and can be removed."""
    counting = SimulatedFilesystem()
    right = read_everything(counting, sealed(counting, tier).directory)
    refused = 0
    for number in range(1, counting.call_count + 1):
        disk = SimulatedFilesystem(number, partial(fail_once, at=number, fault=fault))
        try:
            facts = sealed(disk, tier)
        except StorageFailed:
            disk.crash(keep_all=fault != "power")
            directory = segment_directory("default", tier, 1)
            if fault == "power":
                try:
                    read_index(OpenFiles(disk), directory)
                except FileCorrupted:
                    refused += 1
                else:
                    # The index may have reached the medium just before; then so has all else.
                    assert number >= counting.call_count - 2
                    assert read_everything(disk, directory) == right
                remove_segment(disk, directory)
            assert disk.list(f"default/{tier}") == []
            sealed(disk, tier)
        else:
            # A short write fault names an operation that is no write.
            assert fault == "short"
            assert read_everything(disk, facts.directory) == right
    assert refused >= counting.call_count - 3 or fault != "power"


@pytest.mark.parametrize("tier", TIERS)
def test_a_finished_segment_survives_the_loss_of_power(tier: Tier) -> None:
    for seed in range(20):
        disk = SimulatedFilesystem(seed)
        facts = sealed(disk, tier)
        right = read_everything(disk, facts.directory)
        disk.crash()
        assert read_everything(disk, facts.directory) == right


def test_power_lost_while_removing_leaves_a_whole_segment_or_none() -> None:
    for number in range(1, 40):
        disk = SimulatedFilesystem(number)
        facts = sealed(disk)
        before = disk.call_count
        disk.plan = partial(fail_once, at=before + number, fault="power")
        try:
            remove_segment(disk, facts.directory)
        except StorageFailed:
            disk.crash()
            disk.plan = None
            try:
                read_index(OpenFiles(disk), facts.directory)
            except FileCorrupted:
                remove_segment(disk, facts.directory)
            else:
                assert read_everything(disk, facts.directory)
                remove_segment(disk, facts.directory)
        assert disk.list("default/warm") == []
