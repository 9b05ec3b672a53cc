from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engram.kernels.sketches.encoding import encode_sketches
from engram.model.errors import FileCorrupted, InvariantViolated, StoreTooNew
from engram.ports import Handle
from engram.state.bodies import SEALED_TEXT, Sealed, SealedPart, read_text
from engram.state.columns import Arena
from engram.storage.block_cache import BlockCache
from engram.storage.bodies import joined, text_starts
from engram.storage.limits import SEGMENT_ROWS_MAX
from engram.storage.open_files import OpenFiles
from engram.storage.segment_index import (
    SegmentFacts,
    Tier,
    remove_segment,
    rows_per_block,
    segment_directory,
)
from engram.storage.segment_verify import verify_segment
from engram.storage.segment_writer import write_segment
from engram.storage.tier_segment import TierSegment
from engram.testing.filesystem import SimulatedFilesystem, SimulatedHandle
from engram.testing.segments import SampleBodies, sample_bodies

TIERS: list[Tier] = ["warm", "cold"]


class Shelf:
    """A simulated disk with segments on it."""

    def __init__(self, budget_bytes: int = 1 << 20) -> None:
        self.disk = SimulatedFilesystem()
        self.files = OpenFiles(self.disk)
        self.cache = BlockCache(budget_bytes)

    def write(self, bodies: SampleBodies, tier: Tier = "warm", number: int = 1) -> SegmentFacts:
        """Seal bodies."""
        directory = segment_directory("default", tier, number)
        return write_segment(self.disk, directory, tier, bodies.bodies())

    def open(self, facts: SegmentFacts) -> TierSegment:
        """Open a sealed segment."""
        return TierSegment.open(self.files, facts.directory, self.cache, facts.digest)

    def put(self, bodies: SampleBodies, tier: Tier = "warm", number: int = 1) -> TierSegment:
        """Seal bodies and open the segment."""
        return self.open(self.write(bodies, tier, number))


def check_equal(segment: TierSegment, sample: SampleBodies, offsets: Sequence[int]) -> None:
    """Compare everything a reader may ask for at some offsets."""
    chosen = np.array(offsets, np.uint32)
    wanted = sample.at(offsets)
    assert segment.vectors(chosen).tobytes() == wanted.vectors.tobytes()
    assert segment.norms[chosen].tobytes() == wanted.norms.tobytes()
    bodies = sample.bodies()
    contents, metadata = text_starts(bodies.content_bytes, bodies.metadata_bytes)
    for offset in offsets:
        content, extra = sample.contents[offset], sample.metadata[offset]
        assert segment.read(int(contents[offset]), len(content)) == content
        assert segment.read(int(metadata[offset]), len(extra)) == extra


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("count", "d"), [(1, 0), (1, 1), (300, 0), (300, 1), (300, 384), (9, 520)])
def test_a_segment_gives_back_what_was_sealed(tier: Tier, count: int, d: int) -> None:
    sample = sample_bodies(count, d)
    segment = Shelf().put(sample, tier)
    assert (segment.tier, segment.number, segment.count, segment.dimensions) == (tier, 1, count, d)
    sketches = encode_sketches(sample.vectors, sample.norms)
    for name, expected in sketches._asdict().items():
        found = getattr(segment, name)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert found.tobytes() == expected.tobytes()
    check_equal(segment, sample, range(count))
    check_equal(segment, sample, [count - 1, 0, count // 2, 0])
    check_equal(segment, sample, [])


@pytest.mark.parametrize("tier", TIERS)
def test_long_texts_of_several_blocks_are_read(tier: Tier) -> None:
    sample = sample_bodies(7, 2, text_bytes_max=102_400)
    sample.contents[3], sample.contents[5], sample.metadata[6] = b"", b"x" * 102_400, b"y" * 65_536
    check_equal(Shelf().put(sample, tier), sample, range(7))


@pytest.mark.parametrize("tier", TIERS)
def test_bodies_without_any_text_can_be_sealed(tier: Tier) -> None:
    sample = sample_bodies(3, 2)
    sample.contents[:] = sample.metadata[:] = [b""] * 3
    check_equal(Shelf().put(sample, tier), sample, range(3))


class ToldDisk(SimulatedFilesystem):
    """A disk that keeps which bytes of which files it was told to expect reads of, and reads."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: list[tuple[str, int, int]] = []
        self.read: list[tuple[str, int, int]] = []

    def expect(self, handle: Handle, offset: int, bytes_count: int) -> None:
        """Keep it."""
        assert isinstance(handle, SimulatedHandle)
        self.expected.append((handle.path, offset, bytes_count))

    def read_at(self, handle: Handle, offset: int, bytes_count: int) -> bytes:
        """Keep it, and read."""
        assert isinstance(handle, SimulatedHandle)
        self.read.append((handle.path, offset, bytes_count))
        return super().read_at(handle, offset, bytes_count)


@pytest.mark.parametrize("tier", TIERS)
def test_what_is_expected_is_what_is_read_afterwards(tier: Tier) -> None:
    shelf = Shelf()
    shelf.disk = disk = ToldDisk()
    shelf.files = OpenFiles(disk)
    sample = sample_bodies(400, 64)
    segment = shelf.put(sample, tier)
    for offsets, blocks_count in (([3, 90, 91, 250], 3), ([90, 399], 1)):
        chosen = np.array(offsets, np.uint32)
        disk.expected.clear()
        disk.read.clear()
        segment.expect_vectors(chosen)
        segment.vectors(chosen)
        assert disk.expected == disk.read
        assert len(disk.read) == blocks_count
    segment.expect_vectors(np.array([3, 399], np.uint32))
    assert len(disk.expected) == 1, "blocks in the cache are expected by nobody"
    disk.read.clear()
    segment.expect_text(5, 90)
    segment.read(5, 90)
    assert disk.expected[1:] == disk.read
    assert len(disk.read) == 1


@pytest.mark.parametrize("budget_bytes", [0, 6_000, 1 << 20])
def test_reads_do_not_depend_on_the_cache(budget_bytes: int) -> None:
    sample = sample_bodies(400, 64)
    shelf = Shelf(budget_bytes)
    segment = shelf.put(sample)
    for _ in range(2):
        check_equal(segment, sample, range(0, 400, 3))
        assert shelf.cache.counts().resident_bytes <= budget_bytes


@given(
    count=st.integers(1, 90),
    d=st.sampled_from([0, 3, 200]),
    tier=st.sampled_from(TIERS),
    seed=st.integers(0, 99),
    drawn=st.data(),
)
@settings(max_examples=30, deadline=None)
def test_any_bodies_can_be_moved_to_another_segment(
    count: int, d: int, tier: Tier, seed: int, drawn: st.DataObject
) -> None:
    sample = sample_bodies(count, d, seed=seed, text_bytes_max=3_000)
    kept = sorted(drawn.draw(st.sets(st.integers(0, count - 1), min_size=1)))
    shelf = Shelf()
    segment = shelf.put(sample, tier)
    directory = segment_directory("default", "cold", 2)
    bodies = segment.bodies(np.array(kept, np.uint32))
    moved = shelf.open(write_segment(shelf.disk, directory, "cold", bodies))
    check_equal(moved, sample.at(kept), range(len(kept)))
    again = moved.bodies()
    assert again.rows.tobytes() == sample.rows[kept].tobytes()
    assert again.ids.tobytes() == sample.ids[kept].tobytes()


@pytest.mark.parametrize("tier", TIERS)
def test_voided_bodies_keep_their_places_and_nothing_else(tier: Tier) -> None:
    sample = sample_bodies(90, 24)
    shelf = Shelf()
    segment = shelf.put(sample, tier)
    void = [0, 1, 40, 89]
    directory = segment_directory("default", "warm", 2)
    bodies = segment.bodies(void=np.array(void, np.uint32))
    write_segment(shelf.disk, directory, "warm", bodies)
    rest = sample.at(range(90))
    for offset in void:
        rest.vectors[offset] = 0
        rest.contents[offset] = rest.metadata[offset] = b""
    moved = TierSegment.open(shelf.files, directory, shelf.cache)
    check_equal(moved, rest, range(90))
    files = b"".join(
        shelf.disk.content(f"{directory}/{name}") for name in shelf.disk.list(directory)
    )
    assert moved.centre.tobytes() == encode_sketches(rest.vectors, rest.norms).centre.tobytes()
    gone = [sample.vectors[offset].tobytes() for offset in void if sample.norms[offset]]
    assert gone
    assert not any(vector in files for vector in gone)


def test_all_bodies_move_with_their_sketches() -> None:
    shelf = Shelf()
    segment = shelf.put(sample_bodies(90, 24))
    assert segment.bodies().sketches is not None
    assert segment.bodies(np.arange(90, dtype=np.uint32)).sketches is None
    directory = segment_directory("default", "cold", 2)
    write_segment(shelf.disk, directory, "cold", segment.bodies())
    cold = TierSegment.open(shelf.files, directory, shelf.cache)
    check_equal(cold, sample_bodies(90, 24), range(90))
    for name in ("centre", "signs", "magnitudes", "factors"):
        assert getattr(cold, name).tobytes() == getattr(segment, name).tobytes()


def test_bodies_out_of_order_or_out_of_range_are_refused() -> None:
    segment = Shelf().put(sample_bodies(9, 2))
    for wrong in ([3, 2], [1, 1], [9]):
        with pytest.raises(InvariantViolated):
            segment.bodies(np.array(wrong, np.uint32))
        with pytest.raises(InvariantViolated):
            segment.bodies(void=np.array(wrong, np.uint32))


def test_moving_bodies_leaves_the_cache_as_it_is() -> None:
    shelf = Shelf()
    bodies = shelf.put(sample_bodies(200, 32)).bodies()
    assert len(np.concatenate(list(bodies.vectors))) == 200
    assert sum(len(memoryview(piece)) for piece in bodies.texts) == bodies.text_bytes
    assert shelf.cache.counts().blocks == 0


def test_several_segments_become_one() -> None:
    shelf = Shelf()
    samples = [sample_bodies(n, 16, seed=n) for n in (5, 80)]
    parts = [shelf.put(each, "warm", n).bodies() for n, each in enumerate(samples, 1)]
    directory = segment_directory("default", "warm", 9)
    merged = shelf.open(write_segment(shelf.disk, directory, "warm", joined(parts)))
    both = SampleBodies(
        rows=np.concatenate([each.rows for each in samples]),
        ids=np.concatenate([each.ids for each in samples]),
        vectors=np.concatenate([each.vectors for each in samples]),
        contents=samples[0].contents + samples[1].contents,
        metadata=samples[0].metadata + samples[1].metadata,
    )
    check_equal(merged, both, range(85))


def test_columns_are_npy_files_that_numpy_opens() -> None:
    sample = sample_bodies(50, 24)
    shelf = Shelf()
    place = shelf.write(sample, "warm").directory
    cold = shelf.write(sample, "cold").directory
    columns: dict[str, NDArray[Any]] = {
        "rows": sample.rows,
        "ids": sample.ids,
        "norms": sample.norms,
        "vectors": sample.vectors,
    }
    for name, expected in columns.items():
        data = shelf.disk.content(f"{place}/{name}.npy")
        found = np.load(io.BytesIO(data))
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tobytes() == expected.tobytes()
        assert (len(data) - expected.nbytes) % 64 == 0
    frame = shelf.disk.content(f"{cold}/rows.npy.zst")
    assert (np.load(io.BytesIO(zstandard.decompress(frame))) == sample.rows).all()


def test_what_stays_in_ram_is_as_large_as_it_says() -> None:
    segment = Shelf().put(sample_bodies(1000, 384))
    blocks = 500 + segment.index.text_bytes // 32_768 + 1
    assert segment.resident_bytes == 1024 * 48 + 1000 * (4 + 48 + 12) + 4 * 384 + 4 * blocks


def test_a_tier_segment_is_what_the_state_calls_sealed() -> None:
    segment = Shelf().put(sample_bodies(20, 8))
    sealed: Sealed = segment
    part = SealedPart(sealed, np.arange(20, dtype=np.uint32))
    assert read_text(Arena(), (part,), SEALED_TEXT | 0, 3) == segment.read(0, 3)


def test_a_segment_let_go_leaves_no_block_and_no_open_file() -> None:
    shelf = Shelf()
    segment = shelf.put(sample_bodies(200, 32))
    segment.vectors(np.arange(9, dtype=np.uint32))
    segment.let_go()
    assert (shelf.cache.counts().blocks, shelf.files.open_count) == (0, 0)


def test_the_digest_tells_one_segment_from_another() -> None:
    shelf = Shelf()
    facts = shelf.write(sample_bodies(3, 2))
    shelf.open(facts)
    with pytest.raises(FileCorrupted, match="another segment"):
        TierSegment.open(shelf.files, facts.directory, shelf.cache, bytes(32))


def test_a_segment_in_the_wrong_place_is_refused() -> None:
    shelf = Shelf()
    facts = shelf.write(sample_bodies(3, 2))
    shelf.disk.rename(facts.directory, segment_directory("default", "warm", 7))
    with pytest.raises(FileCorrupted, match="warm segment 1"):
        TierSegment.open(shelf.files, segment_directory("default", "warm", 7), shelf.cache)


def test_a_later_format_is_refused_as_such() -> None:
    shelf = Shelf()
    facts = shelf.write(sample_bodies(3, 2))

    def raise_version(data: bytearray) -> None:
        data[8:16] = (3).to_bytes(4, "little") + (0xFFFF_FFFC).to_bytes(4, "little")

    shelf.disk.damage(f"{facts.directory}/SEGMENT", raise_version)
    with pytest.raises(StoreTooNew):
        shelf.open(facts)


def test_wrong_bodies_are_refused_and_leave_nothing() -> None:
    shelf = Shelf()
    sample = sample_bodies(3, 2)
    directory = segment_directory("default", "warm", 1)
    good = sample.bodies()
    for bad in (
        good._replace(vectors=[sample.vectors[:2]]),
        good._replace(vectors=[sample.vectors, sample.vectors]),
        good._replace(vectors=[sample.vectors.astype(np.float64)]),
        good._replace(texts=[b"short"]),
        good._replace(norms=good.norms[:2]),
        good._replace(vectors=[np.zeros((3, 5), np.float32)]),
        good._replace(ids=good.ids.astype(np.int64)),
        good._replace(rows=np.zeros(SEGMENT_ROWS_MAX + 1, np.uint32)),
    ):
        with pytest.raises(InvariantViolated):
            write_segment(shelf.disk, directory, "warm", bad)
        assert shelf.disk.list("default/warm") == []


def test_a_segment_is_never_written_over_another() -> None:
    shelf = Shelf()
    facts = shelf.write(sample_bodies(3, 2))
    with pytest.raises(FileExistsError):
        shelf.write(sample_bodies(3, 2, seed=1))
    check_equal(shelf.open(facts), sample_bodies(3, 2), range(3))


def test_removing_a_segment_leaves_no_name() -> None:
    shelf = Shelf()
    directory = shelf.write(sample_bodies(3, 2)).directory
    remove_segment(shelf.disk, directory)
    remove_segment(shelf.disk, directory)
    assert shelf.disk.list("default/warm") == []


def test_a_shredded_segment_leaves_no_byte_on_the_medium() -> None:
    shelf = Shelf()
    facts = shelf.write(sample_bodies(30, 24))
    handles = [
        shelf.disk.open(f"{facts.directory}/{name}")
        for name in shelf.disk.list(facts.directory)
        if name != "SEGMENT"
    ]
    remove_segment(shelf.disk, facts.directory, shred=True)
    assert shelf.disk.list("default/warm") == []
    assert all(handle.file.durable == bytes(len(handle.file.durable)) for handle in handles)


@pytest.mark.parametrize("tier", TIERS)
def test_verifying_a_sound_segment_reads_every_byte(tier: Tier) -> None:
    shelf = Shelf()
    facts = shelf.write(sample_bodies(60, 24), tier)
    steps = list(verify_segment(shelf.files, facts.directory, facts.digest))
    assert [step.damage for step in steps if step.damage] == []
    assert steps[-1].bytes_done == steps[-1].bytes_total == facts.file_bytes
    on_disk = sum(
        len(shelf.disk.content(f"{facts.directory}/{name}"))
        for name in shelf.disk.list(facts.directory)
    )
    index_bytes = len(shelf.disk.content(f"{facts.directory}/SEGMENT"))
    assert facts.file_bytes == on_disk - index_bytes


def test_a_block_holds_whole_rows_and_at_least_one() -> None:
    assert [rows_per_block(row_bytes) for row_bytes in (1, 1536, 4096, 4100)] == [4096, 2, 1, 1]
