"""One file of a segment that is read in blocks, each verified by its CRC."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import google_crc32c
import numpy as np

from engram.model.errors import FileCorrupted
from engram.storage.limits import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from engram.storage.block_cache import BlockCache
    from engram.storage.open_files import OpenFiles

Unpack: TypeAlias = "Callable[[str, Sequence[StoredBlock]], list[bytes]]"


class StoredBlock(NamedTuple):
    """A packed block: where it stands in its file, its bytes, and how many it is unpacked."""

    offset: int
    stored: bytes
    bytes_count: int


class BlockFile:
    """Blocks of `block_bytes` by number, the last maybe shorter; stored as they are, or packed.

    Args:
        files: reads the file.
        path: where it is.
        crcs: uint32[blocks], CRC32C of each block as it is stored.
        block_bytes: bytes of a block as it is given out.
        total_bytes: bytes of all blocks as they are given out.
        data_offset: where the first block stands in the file.
        starts: uint64[blocks + 1], where each block begins when they are packed.
        unpack: turns packed blocks of the file at a path into their bytes, or raises.
    """

    def __init__(
        self,
        files: OpenFiles,
        path: str,
        crcs: NDArray[np.uint32],
        *,
        block_bytes: int,
        total_bytes: int,
        data_offset: int = 0,
        starts: NDArray[np.uint64] | None = None,
        unpack: Unpack | None = None,
    ) -> None:
        self.path = path
        self.block_bytes = block_bytes
        self.total_bytes = total_bytes
        self._files = files
        self._crcs = crcs
        self._data_offset = data_offset
        self._starts = starts
        self._unpack = unpack

    @property
    def blocks_count(self) -> int:
        """How many blocks there are."""
        return -(-self.total_bytes // self.block_bytes)

    @property
    def resident_bytes(self) -> int:
        """Bytes of checksums and of the places of frames."""
        return self._crcs.nbytes + (0 if self._starts is None else self._starts.nbytes)

    def read(self, blocks: Sequence[int]) -> list[bytes]:
        """Return the blocks of these ascending numbers; neighbours are read at once.

        Raises:
            FileCorrupted: a block is not what was written, or the file is missing.
            StorageFailed: the medium cannot be read.
        """
        starts, ends = self._places(blocks)
        spans = _spans(blocks, starts, ends)
        read = self._files.read_spans(self.path, spans)
        stored = read if len(spans) == len(blocks) else _cut(read, spans, starts, ends)
        for place, data in enumerate(stored):
            if google_crc32c.value(data) != self._crcs.item(blocks[place]):
                raise self._damage(blocks[place], starts[place], ends[place], len(data))
        if self._unpack is None:
            return stored
        return self._unpack(self.path, list(map(StoredBlock, starts, stored, self._sizes(blocks))))

    def through(self, cache: BlockCache, owner: int, blocks: Sequence[int]) -> list[bytes]:
        """Return the blocks of these ascending numbers by way of the cache; raises as `read`."""
        return cache.take(owner, blocks, self.read)

    def expect(self, cache: BlockCache, owner: int, blocks: Sequence[int]) -> None:
        """Say that `through` will be asked for these blocks: a hint; raises as `read`."""
        missing = cache.missing(owner, blocks)
        if missing:
            starts, ends = self._places(missing)
            self._files.expect(self.path, _spans(missing, starts, ends))

    def _places(self, blocks: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return where blocks begin and end in the file."""
        if self._starts is not None:
            numbers = np.array(blocks, np.int64)
            return self._starts[numbers].tolist(), self._starts[numbers + 1].tolist()
        size, first = self.block_bytes, self._data_offset
        starts = [first + block * size for block in blocks]
        end = first + self.total_bytes
        return starts, [min(start + size, end) for start in starts]

    def _sizes(self, blocks: Sequence[int]) -> list[int]:
        """Return how many bytes blocks have as they are given out."""
        size, total = self.block_bytes, self.total_bytes
        return [min(size, total - block * size) for block in blocks]

    def _damage(self, block: int, start: int, end: int, bytes_count: int) -> FileCorrupted:
        if bytes_count < end - start:
            return FileCorrupted(self.path, start + bytes_count, "it ends within a block")
        return FileCorrupted(self.path, start, f"the checksum of block {block} is wrong")


def _spans(
    blocks: Sequence[int], starts: Sequence[int], ends: Sequence[int]
) -> list[tuple[int, int]]:
    """Return what is read at once, as (offset, bytes): neighbours, up to READ_BYTES."""
    spans: list[tuple[int, int]] = []
    first = before = -1
    for block, start, end in zip(blocks, starts, ends, strict=True):
        if block == before + 1 and spans and end - first <= READ_BYTES:
            spans[-1] = (first, end - first)
        else:
            first = start
            spans.append((start, end - start))
        before = block
    return spans


def _cut(
    read: Sequence[bytes],
    spans: Sequence[tuple[int, int]],
    starts: Sequence[int],
    ends: Sequence[int],
) -> list[bytes]:
    """Return the blocks of what was read at once; one is shorter where the file ended."""
    stored, place = [], 0
    for data, (offset, bytes_count) in zip(read, spans, strict=True):
        end = offset + bytes_count
        while place < len(starts) and starts[place] < end:
            stored.append(data[starts[place] - offset : ends[place] - offset])
            place += 1
    return stored
