from __future__ import annotations

from itertools import combinations
from typing import Final

import google_crc32c
import numpy as np
import pytest

from engram.kernels.arrays import F32
from engram.model.errors import FileCorrupted
from engram.ports import Handle
from engram.storage.block_file import BlockFile
from engram.storage.compression import packed_vectors, unpacked_vectors, vector_compressor
from engram.storage.open_files import OpenFiles
from engram.testing.filesystem import SimulatedFilesystem

BLOCKS: Final = [bytes([number]) * size for number, size in enumerate((8, 8, 8, 8, 8, 3))]


class ReadingDisk(SimulatedFilesystem):
    """A disk that notes where it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []

    def read_at(self, handle: Handle, offset: int, bytes_count: int) -> bytes:
        """Note the read."""
        self.reads.append((offset, bytes_count))
        return super().read_at(handle, offset, bytes_count)


def written(disk: SimulatedFilesystem, stored: list[bytes]) -> np.ndarray[tuple[int], np.dtype]:
    """Write stored blocks into the file `f`, two bytes from its start; return their CRCs."""
    disk.write_at(disk.create_exclusive("f"), 0, [b"..", *stored])
    return np.array([google_crc32c.value(each) for each in stored], np.uint32)


def plain_file(disk: SimulatedFilesystem) -> BlockFile:
    """Return BLOCKS as they are."""
    crcs = written(disk, BLOCKS)
    return BlockFile(OpenFiles(disk), "f", crcs, block_bytes=8, total_bytes=43, data_offset=2)


def packed_file(disk: SimulatedFilesystem, vectors: F32) -> BlockFile:
    """Return vectors in packed blocks of two rows."""
    zstd = vector_compressor()
    stored = [packed_vectors(zstd, vectors[row : row + 2]) for row in range(0, len(vectors), 2)]
    starts = np.cumsum([2, *map(len, stored)]).astype(np.uint64)
    return BlockFile(
        OpenFiles(disk),
        "f",
        written(disk, stored),
        block_bytes=8 * vectors.shape[1],
        total_bytes=vectors.nbytes,
        starts=starts,
        unpack=unpacked_vectors,
    )


def test_every_choice_of_blocks_is_read() -> None:
    file = plain_file(SimulatedFilesystem())
    for count in range(len(BLOCKS) + 1):
        for chosen in combinations(range(len(BLOCKS)), count):
            assert file.read(chosen) == [BLOCKS[block] for block in chosen]


def test_every_choice_of_packed_blocks_is_read_to_the_last_bit() -> None:
    vectors = np.random.default_rng(5).standard_normal((7, 3)).astype(np.float32)
    file = packed_file(SimulatedFilesystem(), vectors)
    for count in range(5):
        for chosen in combinations(range(4), count):
            assert file.read(chosen) == [vectors[2 * at : 2 * at + 2].tobytes() for at in chosen]


def test_neighbours_are_read_at_once() -> None:
    disk = ReadingDisk()
    plain_file(disk).read([0, 1, 3, 4, 5])
    assert disk.reads == [(2, 16), (26, 19)]


@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_a_damaged_block_among_neighbours_is_named(block: int) -> None:
    disk = SimulatedFilesystem()
    file = plain_file(disk)
    disk.write_at(disk.open("f"), 2 + 8 * block, [b"!"])
    with pytest.raises(FileCorrupted, match=f"byte {2 + 8 * block}: .* of block {block} is wrong"):
        file.read(range(len(BLOCKS)))


def test_a_file_that_ends_within_neighbours_is_damaged_where_it_ends() -> None:
    disk = SimulatedFilesystem()
    file = plain_file(disk)
    disk.set_size(disk.open("f"), 29)
    with pytest.raises(FileCorrupted, match="byte 29: it ends within a block"):
        file.read([2, 3, 4])
