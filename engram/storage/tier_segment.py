"""A tier segment for reading: norms and sketches in RAM, the rest on demand.

Everything read is verified first: what is read whole by its digest, blocks by their CRC. Blocks
that recalls ask for go through the store's BlockCache; reading a segment from end to end
(`bodies`) leaves the cache as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from engram.kernels.sketches.encoding import BLOCK_ROWS, Sketches, encode_sketches, sketch_bits
from engram.model.errors import FileCorrupted, check
from engram.storage.block_file import BlockFile
from engram.storage.checked_files import as_array, npy_header, read_whole
from engram.storage.compression import (
    COMPRESSED_SUFFIX,
    unpacked,
    unpacked_frames,
    unpacked_vectors,
)
from engram.storage.segment_index import read_index
from engram.storage.segment_stream import stream_bodies

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from engram.kernels.arrays import F32, U32
    from engram.storage.block_cache import BlockCache
    from engram.storage.bodies import Bodies
    from engram.storage.open_files import OpenFiles
    from engram.storage.segment_index import SegmentFacts, SegmentIndex, Tier

T = TypeVar("T", bound=np.generic)


class TierSegment:
    """An immutable segment of bodies (`engram.state.bodies.Sealed`); any thread may read it.

    Its methods block. They raise FileCorrupted for what is not as it was written, StorageFailed
    when the medium cannot be read, Closed after the store was.
    """

    def __init__(
        self,
        index: SegmentIndex,
        facts: SegmentFacts,
        columns: SegmentColumns,
        cache: BlockCache,
    ) -> None:
        self.facts = facts
        self.index = index
        self._columns = columns
        self._cache = cache
        self._owners = [cache.new_owner() for _ in range(2)]
        n, d = index.count, index.dimensions
        self.norms: F32 = columns.load("norms", np.float32, (n,))
        sketches = encode_sketches(np.zeros((n, 0), np.float32), self.norms)
        if d:
            bits = sketch_bits(d)
            sketches = Sketches(
                centre=columns.load("centre", np.float32, (bits,)),
                signs=columns.load("signs", np.uint8, (-(-n // BLOCK_ROWS), bits // 8, BLOCK_ROWS)),
                magnitudes=columns.load("magnitudes", np.uint8, (n, bits // 8)),
                factors=columns.load("factors", np.float32, (3, n)),
            )
        self.centre, self.signs, self.magnitudes, self.factors = sketches
        self.vector_file, self.text_file = columns.block_files()

    @classmethod
    def open(
        cls, files: OpenFiles, directory: str, cache: BlockCache, digest: bytes | None = None
    ) -> TierSegment:
        """Open a finished segment; what it keeps in RAM is read and verified.

        Args:
            files: reads the store's files.
            directory: the segment's.
            cache: the store's; holds blocks of this segment until `let_go`.
            digest: of the index, as `SegmentFacts` has it; None when it is not known.

        Raises:
            FileCorrupted: the segment is unfinished or damaged, or another one.
            StoreTooNew: a later release wrote it.
            StorageFailed: the medium cannot be read.
        """
        index, facts = read_index(files, directory, digest)
        return cls(index, facts, SegmentColumns(files, directory, index), cache)

    @property
    def tier(self) -> Tier:
        """Where its directory is: "warm" or "cold"."""
        return self.index.tier

    @property
    def number(self) -> int:
        """The number its directory has."""
        return self.index.number

    @property
    def digest(self) -> bytes:
        """The blake3 digest of its index, and through it of every file."""
        return self.facts.digest

    @property
    def count(self) -> int:
        """How many bodies it holds."""
        return self.index.count

    @property
    def dimensions(self) -> int:
        """Numbers in a vector; 0 when no body has one."""
        return self.index.dimensions

    @property
    def resident_bytes(self) -> int:
        """Bytes it holds in RAM, the cache aside."""
        arrays = (self.norms, self.centre, self.signs, self.magnitudes, self.factors)
        files = (self.vector_file, self.text_file)
        return sum(a.nbytes for a in arrays) + sum(file.resident_bytes for file in files)

    def vectors(self, offsets: U32) -> F32:
        """Return float32[m, d] vectors as they were given, zeros where a body has none."""
        d, file = self.dimensions, self.vector_file
        if not d or not len(offsets):
            return np.zeros((len(offsets), d), np.float32)
        blocks, inside = _blocks_of(offsets, file.block_bytes // (4 * d))
        found = file.through(self._cache, self._owners[0], blocks)
        # Only the last block of a file may be shorter, and it stands last here too.
        table = np.frombuffer(found[0] if len(found) == 1 else b"".join(found), np.float32)
        return table.reshape(-1, d)[inside]

    def expect_vectors(self, offsets: U32) -> None:
        """Say that these vectors are about to be read, so that the medium may begin."""
        file = self.vector_file
        blocks = _blocks_of(offsets, file.block_bytes // (4 * self.dimensions))[0]
        file.expect(self._cache, self._owners[0], blocks)

    def read(self, offset: int, bytes_count: int) -> bytes:
        """Return bytes of the texts, as they were before any compression."""
        file = self.text_file
        is_inside = offset >= 0 and offset + bytes_count <= file.total_bytes
        check(is_inside, "texts are read within their segment")
        if not bytes_count:
            return b""
        chosen = _blocks_with(file, offset, bytes_count)
        blocks = file.through(self._cache, self._owners[1], chosen)
        start = offset - chosen.start * file.block_bytes
        data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        return data[start : start + bytes_count]

    def expect_text(self, offset: int, bytes_count: int) -> None:
        """Say that `read` is about to be called so."""
        file = self.text_file
        file.expect(self._cache, self._owners[1], _blocks_with(file, offset, bytes_count))

    def bodies(self, keep: U32 | None = None, void: U32 | None = None) -> Bodies:
        """Return bodies for writing them elsewhere, read past the cache as pieces are taken.

        The rows are those that the bodies had when they were sealed.

        Args:
            keep: uint32[m] ascending offsets of those that are wanted; None for all, which keeps
                their offsets.
            void: uint32[v] ascending offsets of those that become empty: without vector, content
                and metadata, in their places; nothing of what they held is given.
        """
        n = self.count
        bodies = stream_bodies(
            rows=self._columns.load("rows", np.uint32, (n,)),
            ids=self._columns.load("ids", np.uint64, (n, 2)),
            norms=self.norms,
            content_bytes=self._columns.load("content_bytes", np.uint32, (n,)),
            metadata_bytes=self._columns.load("metadata_bytes", np.uint32, (n,)),
            dimensions=self.dimensions,
            vectors=self.vector_file,
            texts=self.text_file,
            keep=keep,
            void=void,
        )
        if keep is not None or void is not None:
            return bodies
        return bodies._replace(
            sketches=Sketches(self.centre, self.signs, self.magnitudes, self.factors)
        )

    def filled(self, offsets: U32) -> NDArray[np.bool_]:
        """Return bool[m]: whether bodies have a vector or a text in the files."""
        lengths = self._columns.load("content_bytes", np.uint32, (self.count,))
        lengths = lengths | self._columns.load("metadata_bytes", np.uint32, (self.count,))
        return np.asarray((lengths[offsets] != 0) | (self.norms[offsets] != 0))

    def let_go(self) -> None:
        """Drop its blocks from the cache and close its files; reading goes on to work."""
        for owner in self._owners:
            self._cache.drop(owner)
        self._columns.let_go()


def _blocks_of(offsets: U32, rows: int) -> tuple[list[int], list[int]]:
    """Return the ascending numbers of the blocks of so many rows that hold offsets.

    And where each row is among those of these blocks. A recall wants some five rows of a segment:
    numpy takes longer for so few.
    """
    owners = [divmod(offset, rows) for offset in offsets.tolist()]
    blocks = sorted({block for block, _ in owners})
    starts = {block: place * rows for place, block in enumerate(blocks)}
    return blocks, [starts[block] + inside for block, inside in owners]


def _blocks_with(file: BlockFile, offset: int, bytes_count: int) -> range:
    return range(offset // file.block_bytes, -(-(offset + bytes_count) // file.block_bytes))


class SegmentColumns:
    """The files of a segment by name."""

    def __init__(self, files: OpenFiles, directory: str, index: SegmentIndex) -> None:
        self._files = files
        self._directory = directory
        self._index = index

    def load(self, name: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return a column, read whole and verified, compressed or not."""
        path = f"{self._directory}/{name}.npy"
        facts = self._index.facts_of(f"{name}.npy")
        if facts is not None:
            return as_array(path, read_whole(self._files, self._directory, facts), dtype, shape)
        path += COMPRESSED_SUFFIX
        facts = self._index.facts_of(f"{name}.npy{COMPRESSED_SUFFIX}")
        if facts is None:
            raise FileCorrupted(path, 0, "the index does not name it")
        frame = read_whole(self._files, self._directory, facts)
        elements = int(np.prod(shape, dtype=np.int64))
        bytes_count = len(npy_header(dtype, shape)) + elements * np.dtype(dtype).itemsize
        return as_array(path, unpacked(path, 0, frame, bytes_count), dtype, shape)

    def block_files(self) -> tuple[BlockFile, BlockFile]:
        """Return the files of vectors and of texts."""
        index, d = self._index, self._index.dimensions
        vector_rows, code_rows = index.vector_block_rows, index.code_block_rows
        vector_blocks = -(-index.count // vector_rows) if d else 0
        code_blocks = -(-index.count // code_rows) if d and code_rows else 0
        text_blocks = -(-index.text_bytes // index.text_block_bytes)
        crcs = self.load("crcs", np.uint32, (vector_blocks + code_blocks + text_blocks,))
        end = vector_blocks + code_blocks
        is_cold = index.tier == "cold"
        vectors = BlockFile(
            self._files,
            f"{self._directory}/vectors.{'bin' if is_cold else 'npy'}",
            crcs[:vector_blocks],
            block_bytes=max(1, 4 * d * vector_rows),
            total_bytes=4 * d * index.count,
            data_offset=len(npy_header(np.float32, (index.count, d))),
            starts=self._starts("vector", vector_blocks) if is_cold and d else None,
            unpack=unpacked_vectors if is_cold else None,
        )
        texts = BlockFile(
            self._files,
            f"{self._directory}/texts.bin",
            crcs[end:],
            block_bytes=index.text_block_bytes,
            total_bytes=index.text_bytes,
            starts=self._starts("text", text_blocks) if is_cold else None,
            unpack=unpacked_frames if is_cold else None,
        )
        return vectors, texts

    def let_go(self) -> None:
        """Close the files."""
        self._files.let_go(self._directory)

    def _starts(self, name: str, blocks_count: int) -> NDArray[np.uint64]:
        return np.asarray(self.load(f"{name}_blocks", np.uint64, (blocks_count + 1,)))
