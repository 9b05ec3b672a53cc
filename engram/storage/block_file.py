"""One file of a segment that is read in blocks, each verified by its CRC."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import google_crc32c

from engram.model.errors import FileCorrupted
from engram.storage.limits import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from engram.storage.block_cache import BlockCache
    from engram.storage.open_files import OpenFiles

Unpack: TypeAlias = "Callable[[str, int, bytes, int], bytes]"


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
        unpack: turns a packed block, with its path and place, into so many bytes, or raises.
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
        values: list[bytes] = []
        first = 0
        for position in range(1, len(blocks) + 1):
            is_run = (
                position < len(blocks)
                and blocks[position] == blocks[position - 1] + 1
                and self._end(blocks[position]) - self._start(blocks[first]) <= READ_BYTES
            )
            if not is_run:
                values += self._read_run(blocks[first], blocks[position - 1] + 1)
                first = position
        return values

    def through(self, cache: BlockCache, owner: int, blocks: Sequence[int]) -> list[bytes]:
        """Return the blocks of these ascending numbers by way of the cache; raises as `read`."""
        return cache.take(owner, blocks, self.read)

    def expect(self, cache: BlockCache, owner: int, blocks: Sequence[int]) -> None:
        """Say that `through` will be asked for these blocks: a hint; raises as `read`."""
        missing = cache.missing(owner, blocks)
        if missing:
            spans = [
                (self._start(block), self._end(block) - self._start(block)) for block in missing
            ]
            self._files.expect(self.path, spans)

    def _read_run(self, first: int, end: int) -> list[bytes]:
        """Return the blocks from `first` up to `end`."""
        start = self._start(first)
        data = self._files.read_at(self.path, start, self._end(end - 1) - start)
        return [self._verified(block, data, start) for block in range(first, end)]

    def _verified(self, block: int, data: bytes, data_start: int) -> bytes:
        start, end = self._start(block), self._end(block)
        stored = data[start - data_start : end - data_start]
        if len(stored) != end - start:
            raise FileCorrupted(self.path, start + len(stored), "it ends within a block")
        if google_crc32c.value(stored) != self._crcs[block]:
            raise FileCorrupted(self.path, start, f"the checksum of block {block} is wrong")
        if self._unpack is None:
            return stored
        bytes_count = min(self.block_bytes, self.total_bytes - block * self.block_bytes)
        return self._unpack(self.path, start, stored, bytes_count)

    def _start(self, block: int) -> int:
        if self._starts is not None:
            return int(self._starts[block])
        return self._data_offset + block * self.block_bytes

    def _end(self, block: int) -> int:
        if self._starts is not None:
            return int(self._starts[block + 1])
        return self._data_offset + min(self.total_bytes, (block + 1) * self.block_bytes)
