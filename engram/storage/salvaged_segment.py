"""A damaged tier segment, read for what is left of it: only repair does so.

Every block is read once; bodies in blocks that are not as they were written are lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.model.errors import DurabilityError
from engram.storage.segment_index import read_index
from engram.storage.tier_segment import SegmentColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U32
    from engram.storage.block_file import BlockFile
    from engram.storage.open_files import OpenFiles
    from engram.storage.snapshot_content import SealedName


class SalvagedSegment:
    """What is left of a segment (`engram.state.bodies.Sealed`); what is lost reads as blank.

    It is not searched: its bodies are to be moved elsewhere. Blocks.
    """

    def __init__(self, files: OpenFiles, directory: str, name: SealedName, count: int) -> None:
        """Read everything; `count` bodies are known of, should nothing tell of them."""
        self.tier, self.number, self.digest, self.count = name.tier, name.number, name.digest, count
        self._directory = directory
        self._dimensions = 0
        self._vectors, self._texts, self.norms = self._opened(files)
        self.is_gone = self._texts is None
        self._bad_vectors = _bad_blocks(self._vectors)
        self._bad_texts = _bad_blocks(self._texts)
        self.vector_is_lost = self._lost_vectors()
        self.norms = np.where(self.vector_is_lost, np.float32(0), self.norms)
        # Whoever looks for vectors tells from the width of the signs whether there are any.
        sketch = np.zeros((count, 0 if self._vectors is None else 1), np.uint8)
        self.centre: F32 = np.zeros(8 * sketch.shape[1], np.float32)
        self.signs: NDArray[np.uint8] = sketch
        self.magnitudes: NDArray[np.uint8] = sketch
        self.factors: F32 = np.zeros((3, count), np.float32)

    @property
    def resident_bytes(self) -> int:
        """Bytes it holds in RAM."""
        return self.norms.nbytes + self.signs.nbytes + self.magnitudes.nbytes + self.factors.nbytes

    def text_is_lost(self, offset: int, bytes_count: int) -> bool:
        """Whether any of these bytes of its texts cannot be read."""
        if not bytes_count or self._texts is None:
            return bool(bytes_count)
        first = offset // self._texts.block_bytes
        last = (offset + bytes_count - 1) // self._texts.block_bytes
        return any(block in self._bad_texts for block in range(first, last + 1))

    def expect_vectors(self, offsets: U32) -> None:
        """Do nothing: everything is read once."""

    def expect_text(self, offset: int, bytes_count: int) -> None:
        """Do nothing: everything is read once."""

    def vectors(self, offsets: U32) -> F32:
        """Return float32[m, d] vectors, zeros where one is lost or was never there."""
        out = np.zeros((len(offsets), self._dimensions), np.float32)
        file, row_bytes = self._vectors, 4 * self._dimensions
        if file is None:
            return out
        rows = file.block_bytes // row_bytes
        for position, offset in enumerate(offsets.tolist()):
            block, inside = divmod(offset, rows)
            if block not in self._bad_vectors:
                (data,) = file.read([block])
                out[position] = np.frombuffer(data, "<f4", self._dimensions, inside * row_bytes)
        return out

    def read(self, offset: int, bytes_count: int) -> bytes:
        """Return bytes of its texts, spaces where any of them is lost."""
        file = self._texts
        if file is None or self.text_is_lost(offset, bytes_count):
            return b" " * bytes_count
        first, end = offset // file.block_bytes, -(-(offset + bytes_count) // file.block_bytes)
        start = offset - first * file.block_bytes
        return b"".join(file.read(range(first, end)))[start : start + bytes_count]

    def _opened(self, files: OpenFiles) -> tuple[BlockFile | None, BlockFile | None, F32]:
        """Return the files of vectors and texts and float32[count] norms; none when all is lost."""
        try:
            index, _ = read_index(files, self._directory, self.digest)
            columns = SegmentColumns(files, self._directory, index)
            norms = columns.load("norms", np.float32, (index.count,))
            vectors, texts = columns.block_files()
        except DurabilityError:
            return None, None, np.zeros(self.count, np.float32)
        self._dimensions = index.dimensions
        return vectors if index.dimensions else None, texts, norms

    def _lost_vectors(self) -> NDArray[np.bool_]:
        lost = np.zeros(self.count, bool)
        if self._vectors is not None:
            rows = self._vectors.block_bytes // (4 * self._dimensions)
            for block in self._bad_vectors:
                lost[block * rows : (block + 1) * rows] = True
        return np.asarray(lost & (self.norms != 0))


def _bad_blocks(file: BlockFile | None) -> set[int]:
    """Return the blocks of a file that are not as they were written."""
    bad = set()
    for block in range(0 if file is None else file.blocks_count):
        try:
            if file is not None:
                file.read([block])
        except DurabilityError:
            bad.add(block)
    return bad
