"""Segments of version 1, which had codes of the vectors too, are read as if they had none."""

from __future__ import annotations

import io

import google_crc32c
import msgspec
import numpy as np
import pytest

from engram.kernels.numpy_backend import NumpyBackend
from engram.storage.block_cache import BlockCache
from engram.storage.checked_files import NewFile, npy_bytes
from engram.storage.open_files import OpenFiles
from engram.storage.segment_index import (
    SegmentFacts,
    Tier,
    read_index,
    rows_per_block,
    segment_directory,
    write_index,
)
from engram.storage.segment_verify import verify_segment
from engram.storage.segment_writer import write_segment
from engram.storage.tier_segment import TierSegment
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.segments import sample_bodies

SAMPLE = sample_bodies(300, 384)
TIERS: list[Tier] = ["warm", "cold"]


def written(disk: SimulatedFilesystem, tier: Tier) -> SegmentFacts:
    """Seal the sample as today."""
    return write_segment(disk, segment_directory("default", tier, 1), tier, SAMPLE.bodies())


def as_version_1(disk: SimulatedFilesystem, facts: SegmentFacts) -> SegmentFacts:
    """Write a segment again with what version 1 had besides: codes, their scales and CRCs."""
    index, _ = read_index(OpenFiles(disk), facts.directory)
    directory = segment_directory("old", facts.tier, facts.number)
    rows = rows_per_block(index.dimensions)
    codes, scales = NumpyBackend().quantize_i8(SAMPLE.vectors)
    blocks = [codes[first : first + rows].tobytes() for first in range(0, index.count, rows)]
    of_codes = np.array([google_crc32c.value(block) for block in blocks], np.uint32)
    data = {each.name: disk.content(f"{facts.directory}/{each.name}") for each in index.files}
    vector_blocks = -(-index.count // index.vector_block_rows)
    crcs = np.load(io.BytesIO(data["crcs.npy"]))
    data["crcs.npy"] = bytes(npy_bytes(np.insert(crcs, vector_blocks, of_codes)))
    data |= {"codes.npy": bytes(npy_bytes(codes)), "scales.npy": bytes(npy_bytes(scales))}
    files = []
    for name, content in data.items():
        file = NewFile(disk, directory, name)
        file.write(content)
        files.append(file.finish())
    before = msgspec.structs.replace(index, code_block_rows=rows, files=tuple(files))
    return write_index(disk, directory, before)


@pytest.mark.parametrize("tier", TIERS)
def test_a_segment_with_codes_is_read_past_them(tier: Tier) -> None:
    disk = SimulatedFilesystem()
    facts = as_version_1(disk, written(disk, tier))
    segment = TierSegment.open(OpenFiles(disk), facts.directory, BlockCache(0), facts.digest)
    offsets = np.arange(segment.count, dtype=np.uint32)
    assert segment.vectors(offsets).tobytes() == SAMPLE.vectors.tobytes()
    texts = b"".join(c + m for c, m in zip(SAMPLE.contents, SAMPLE.metadata, strict=True))
    assert segment.read(0, len(texts)) == texts


@pytest.mark.parametrize("tier", TIERS)
def test_codes_are_verified_while_they_are_there(tier: Tier) -> None:
    disk = SimulatedFilesystem()
    facts = as_version_1(disk, written(disk, tier))
    disk.damage(f"{facts.directory}/codes.npy", lambda data: data.append(0))
    steps = verify_segment(OpenFiles(disk), facts.directory, facts.digest)
    assert [step.file for step in steps if step.damage] == ["codes.npy"]


@pytest.mark.parametrize("tier", TIERS)
def test_a_segment_of_today_has_no_codes(tier: Tier) -> None:
    disk = SimulatedFilesystem()
    names = disk.list(written(disk, tier).directory)
    assert not {"codes.npy", "scales.npy"} & set(names)
