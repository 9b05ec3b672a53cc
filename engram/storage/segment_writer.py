"""Writes a tier segment: columns and texts, each synced, and at last the index.

A crash at any step leaves a directory without a valid index, which is no segment.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from engram.kernels.sketches.encoding import encode_sketches
from engram.model.errors import EngramError, check
from engram.storage.checked_files import FileFacts, NewBlocks, NewFile, npy_bytes, npy_header
from engram.storage.compression import (
    COMPRESSED_SUFFIX,
    packed_vectors,
    text_compressor,
    vector_compressor,
)
from engram.storage.limits import (
    SEGMENT_ROWS_MAX,
    TEXT_BLOCK_BYTES,
)
from engram.storage.segment_index import (
    SegmentFacts,
    SegmentIndex,
    Tier,
    place_of,
    remove_segment,
    rows_per_block,
    write_index,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32
    from engram.ports import Filesystem, ReadableBuffer
    from engram.storage.bodies import Bodies

T = TypeVar("T", bound=np.generic)


def write_segment(
    filesystem: Filesystem,
    directory: str,
    tier: Tier,
    bodies: Bodies,
) -> SegmentFacts:
    """Write the bodies as a segment at `directory`, durable on return.

    Holds the vectors of the segment and one piece of its texts in RAM. When it fails it removes
    what it has written, as far as the medium lets it.

    Args:
        filesystem: where to.
        directory: `segment_directory(space, tier, number)`; must not exist.
        tier: `warm` leaves texts as they are, `cold` compresses them.
        bodies: 1 to `SEGMENT_ROWS_MAX` of them.

    Raises:
        FileExistsError: there is something at `directory`.
        StorageFailed: the medium refused.
    """
    writer = _SegmentWriter(filesystem, directory, tier, bodies)
    try:
        with ExitStack() as open_files:
            return writer.write(open_files)
    except FileExistsError:
        raise
    except BaseException:
        with suppress(EngramError):
            remove_segment(filesystem, directory)
        raise


class _SegmentWriter:
    def __init__(
        self,
        filesystem: Filesystem,
        directory: str,
        tier: Tier,
        bodies: Bodies,
    ) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._tier = tier
        self._bodies = bodies
        self._files: list[FileFacts] = []
        self._crcs: list[NDArray[np.uint32]] = []
        named_tier, self._number = place_of(directory)
        check(named_tier == tier, "a segment is written into the directory of its tier")
        check(1 <= len(bodies.rows) <= SEGMENT_ROWS_MAX, "a segment has a bounded number of rows")

    def write(self, open_files: ExitStack) -> SegmentFacts:
        """Write all files and then the index; files that stay open are given to `open_files`."""
        bodies = self._bodies
        n, d = len(bodies.rows), bodies.dimensions
        self._column("rows", bodies.rows, np.uint32, repeats=True)
        self._column("ids", bodies.ids, np.uint64)
        self._column("norms", bodies.norms, np.float32)
        self._column("content_bytes", bodies.content_bytes, np.uint32, repeats=True)
        self._column("metadata_bytes", bodies.metadata_bytes, np.uint32, repeats=True)
        if d:
            self._vectors(n, d, open_files)
        self._texts(open_files)
        self._file("crcs.npy", npy_bytes(np.concatenate(self._crcs)))
        self._filesystem.sync_directory(self._directory)
        index = SegmentIndex(
            tier=self._tier,
            number=self._number,
            count=n,
            dimensions=d,
            text_bytes=bodies.text_bytes,
            vector_block_rows=rows_per_block(4 * d),
            code_block_rows=0,
            text_block_bytes=TEXT_BLOCK_BYTES,
            files=tuple(self._files),
        )
        return write_index(self._filesystem, self._directory, index)

    # Only columns that repeat are compressed: the others are as good as random.
    def _column(
        self, name: str, values: NDArray[Any], dtype: type[np.generic], *, repeats: bool = False
    ) -> None:
        check(len(values) == len(self._bodies.rows), f"every body has its {name}")
        check(values.dtype == dtype, f"the column {name} has its dtype")
        data = npy_bytes(values)
        if repeats and self._tier == "cold":
            self._file(f"{name}.npy{COMPRESSED_SUFFIX}", text_compressor().compress(data))
        else:
            self._file(f"{name}.npy", data)

    def _file(self, name: str, data: ReadableBuffer) -> None:
        with ExitStack() as open_files:
            file = self._new(name, open_files)
            file.write(data)
            self._files.append(file.finish())

    def _new(self, name: str, open_files: ExitStack) -> NewFile:
        file = NewFile(self._filesystem, self._directory, name)
        open_files.callback(file.close)
        return file

    def _vectors(self, n: int, d: int, open_files: ExitStack) -> None:
        """Write the vectors and their sketches."""
        matrix = self._matrix(n, d)
        if self._tier == "warm":
            file = self._new("vectors.npy", open_files)
            vectors = NewBlocks(file, npy_header(np.float32, (n, d)))
            for block in _row_blocks(matrix):
                vectors.add(block.tobytes())
        else:
            vectors = NewBlocks(self._new("vectors.bin", open_files))
            zstd = vector_compressor()
            for block in _row_blocks(matrix):
                vectors.add(packed_vectors(zstd, block))
        self._blocks("vector", vectors)
        sketches = self._bodies.sketches or encode_sketches(matrix, self._bodies.norms)
        for name, values in sketches._asdict().items():
            self._file(f"{name}.npy", npy_bytes(values))

    def _matrix(self, n: int, d: int) -> F32:
        """Return all vectors: what is common to them decides how each is sketched."""
        matrix = np.empty((n, d), np.float32)
        filled = 0
        for piece in self._bodies.vectors:
            end = filled + len(piece)
            is_right = end <= n and piece.shape[1:] == (d,) and piece.dtype == np.float32
            check(is_right, "there is one float32 vector a body, of the segment's dimensions")
            matrix[filled:end] = piece
            filled = end
        check(filled == n, "every body has its vector")
        return matrix

    def _texts(self, open_files: ExitStack) -> None:
        """Write the texts in blocks, each a frame of its own when cold, and where each begins."""
        texts = NewBlocks(self._new("texts.bin", open_files))
        zstd = text_compressor()
        written = 0
        for block in _in_blocks(self._bodies.texts):
            texts.add(zstd.compress(block) if self._tier == "cold" else block)
            written += len(block)
        check(written == self._bodies.text_bytes, "the texts are as long as their lengths say")
        self._blocks("text", texts)

    def _blocks(self, name: str, blocks: NewBlocks) -> None:
        """Finish a file of blocks; where each begins is only kept where they differ in length."""
        self._files.append(blocks.finish())
        self._crcs.append(blocks.crcs)
        if self._tier == "cold":
            self._file(f"{name}_blocks.npy", npy_bytes(blocks.starts))


def _row_blocks(rows: NDArray[T]) -> Iterator[NDArray[T]]:
    """Cut rows into the blocks that have a CRC each."""
    step = rows_per_block(rows.shape[1] * rows.itemsize)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _in_blocks(pieces: Iterable[ReadableBuffer]) -> Iterator[bytes]:
    """Cut a run of bytes into blocks of `TEXT_BLOCK_BYTES`; the last may be shorter."""
    pending = bytearray()
    for piece in pieces:
        pending += piece
        whole = len(pending) // TEXT_BLOCK_BYTES * TEXT_BLOCK_BYTES
        for start in range(0, whole, TEXT_BLOCK_BYTES):
            yield bytes(pending[start : start + TEXT_BLOCK_BYTES])
        del pending[:whole]
    if pending:
        yield bytes(pending)
