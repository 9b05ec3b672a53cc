"""Tier segments of format version 1, opened for ever: never rewrite these files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engram.storage.block_cache import BlockCache
from engram.storage.bodies import text_starts
from engram.storage.open_files import OpenFiles
from engram.storage.segment_index import Tier
from engram.storage.segment_verify import verify_segment
from engram.storage.tier_segment import TierSegment
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.segments import sample_bodies

V1 = Path(__file__).parent / "v1" / "segments"
TIERS: list[Tier] = ["warm", "cold"]


def opened(tier: Tier) -> tuple[OpenFiles, TierSegment]:
    filesystem = SimulatedFilesystem()
    directory = f"{tier}/00000000000000000007"
    for path in (V1 / directory).iterdir():
        handle = filesystem.create_exclusive(f"{directory}/{path.name}")
        filesystem.write_at(handle, 0, [path.read_bytes()])
    files = OpenFiles(filesystem)
    return files, TierSegment.open(files, directory, BlockCache(0))


@pytest.mark.parametrize("tier", TIERS)
def test_a_segment_with_codes_gives_its_bodies(tier: Tier) -> None:
    sample = sample_bodies(5, 8)
    _, segment = opened(tier)
    assert (segment.tier, segment.number, segment.count, segment.dimensions) == (tier, 7, 5, 8)
    offsets = np.arange(5, dtype=np.uint32)
    assert segment.vectors(offsets).tobytes() == sample.vectors.tobytes()
    assert segment.norms.tobytes() == sample.norms.tobytes()
    lengths = sample.bodies()
    contents, metadata = text_starts(lengths.content_bytes, lengths.metadata_bytes)
    for offset in range(5):
        content, extra = sample.contents[offset], sample.metadata[offset]
        assert segment.read(int(contents[offset]), len(content)) == content
        assert segment.read(int(metadata[offset]), len(extra)) == extra


@pytest.mark.parametrize("tier", TIERS)
def test_every_file_of_a_segment_with_codes_is_verified(tier: Tier) -> None:
    files, segment = opened(tier)
    steps = list(verify_segment(files, f"{tier}/00000000000000000007", segment.digest))
    assert "codes.npy" in {step.file for step in steps}
    assert not any(step.damage for step in steps)
