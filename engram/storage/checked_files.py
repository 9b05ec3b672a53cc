"""Files that are written once, from end to end, and read only against their checksums.

Every file has a blake3 digest, for whoever reads it whole. A file that is read in parts also has
a CRC32C for each block, so that a part is verified without reading the rest; a CRC stands for one
place, so a right block in the wrong place is noticed. An array is a .npy file of format 1.0.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import blake3
import google_crc32c
import msgspec
import numpy as np

from engram.model.errors import FileCorrupted
from engram.storage.limits import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import DTypeLike, NDArray

    from engram.ports import Filesystem, ReadableBuffer
    from engram.storage.open_files import OpenFiles

DIGEST_BYTES: Final = 32
_ALIGNMENT: Final = 64
_NPY_MAGIC: Final = b"\x93NUMPY\x01\x00"


class FileFacts(msgspec.Struct, array_like=True, frozen=True):
    """What a finished file must be: its name in its directory, its length, its blake3 digest."""

    name: str
    bytes_count: int
    digest: bytes


class NewFile:
    """A file being written from its start to its end; it must not exist before."""

    def __init__(self, filesystem: Filesystem, directory: str, name: str) -> None:
        """Create the file.

        Raises:
            FileExistsError: there is such a file.
            StorageFailed: the medium refused.
        """
        self._filesystem = filesystem
        self._handle = filesystem.create_exclusive(f"{directory}/{name}")
        self._hash = blake3.blake3()
        self.name = name
        self.bytes_count = 0

    def write(self, *buffers: ReadableBuffer) -> None:
        """Add bytes at the end; StorageFailed when the medium refused."""
        self._filesystem.write_at(self._handle, self.bytes_count, buffers)
        for buffer in buffers:
            self._hash.update(buffer)
            self.bytes_count += memoryview(buffer).nbytes

    def finish(self) -> FileFacts:
        """Make the bytes durable and close; the name needs a sync of the directory.

        Raises:
            StorageFailed: the medium refused.
        """
        self._filesystem.sync(self._handle)
        self.close()
        return FileFacts(self.name, self.bytes_count, self._hash.digest())

    def close(self) -> None:
        """Close without a promise; harmless after `finish`."""
        self._handle.close()


def overwrite(filesystem: Filesystem, path: str) -> int:
    """Write zeros over all bytes of a file, durable on return; return how many, its length stays.

    What the medium itself keeps of them (a copy-on-write filesystem, a flash drive's spare cells)
    is out of reach.

    Raises:
        FileNotFoundError: there is no such file.
        StorageFailed: the medium refused.
    """
    handle = filesystem.open(path)
    try:
        size = filesystem.size(handle)
        for start in range(0, size, READ_BYTES):
            filesystem.write_at(handle, start, [bytes(min(READ_BYTES, size - start))])
        filesystem.sync(handle)
    finally:
        handle.close()
    return int(size)


class NewBlocks:
    """A file being written in blocks, each with a CRC; the last block may be shorter.

    Blocks are stored as they come, a good many of them in one write.
    """

    def __init__(self, file: NewFile, header: bytes = b"") -> None:
        self._file = file
        self._pending = [header]
        self._pending_bytes = self._end = len(header)
        self._starts = [self._end]
        self._crcs: list[int] = []

    def add(self, stored: bytes) -> None:
        """Add a block at the end; StorageFailed when the medium refused."""
        self._crcs.append(google_crc32c.value(stored))
        self._pending.append(stored)
        self._pending_bytes += len(stored)
        self._end += len(stored)
        self._starts.append(self._end)
        if self._pending_bytes >= READ_BYTES:
            self._write()

    def finish(self) -> FileFacts:
        """Make the blocks durable, as `NewFile.finish`."""
        self._write()
        return self._file.finish()

    @property
    def crcs(self) -> NDArray[np.uint32]:
        """uint32[blocks]: CRC32C of each block."""
        return np.array(self._crcs, np.uint32)

    @property
    def starts(self) -> NDArray[np.uint64]:
        """uint64[blocks + 1]: where in the file each begins, and where the last ends."""
        return np.array(self._starts, np.uint64)

    def _write(self) -> None:
        self._file.write(b"".join(self._pending))
        self._pending.clear()
        self._pending_bytes = 0


def npy_header(dtype: DTypeLike, shape: tuple[int, ...]) -> bytes:
    """Return what stands before the elements of a C-ordered array in a .npy file of format 1.0.

    Its length is a multiple of 64.
    """
    text = f"{{'descr': {np.dtype(dtype).str!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    bytes_before = len(_NPY_MAGIC) + 2
    padded = -(-(bytes_before + len(text) + 1) // _ALIGNMENT) * _ALIGNMENT - bytes_before
    return _NPY_MAGIC + struct.pack("<H", padded) + text.ljust(padded - 1).encode() + b"\n"


def npy_bytes(array: NDArray[Any]) -> bytes:
    """Return a small array as the bytes of a .npy file."""
    return npy_header(array.dtype, array.shape) + array.tobytes()


def as_array(path: str, data: bytes, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the array of a .npy file's bytes, read-only and without a copy.

    Raises:
        FileCorrupted: it is not the array of this dtype and shape.
    """
    header = npy_header(dtype, shape)
    elements = int(np.prod(shape, dtype=np.int64))
    expected = len(header) + elements * np.dtype(dtype).itemsize
    if not data.startswith(header) or len(data) != expected:
        raise FileCorrupted(path, 0, f"it is no array of {np.dtype(dtype)} with shape {shape}")
    return np.frombuffer(data, dtype, elements, len(header)).reshape(shape)


def read_whole(files: OpenFiles, directory: str, facts: FileFacts) -> bytes:
    """Return a file's bytes, verified.

    Raises:
        FileCorrupted: the file is missing, or not what was written.
        StorageFailed: the medium cannot be read.
    """
    path = f"{directory}/{facts.name}"
    data = files.read_at(path, 0, facts.bytes_count + 1)
    if len(data) != facts.bytes_count:
        raise FileCorrupted(path, len(data), f"it must have {facts.bytes_count} bytes")
    if blake3.blake3(data).digest() != facts.digest:
        raise FileCorrupted(path, 0, "its digest is not the one that was recorded")
    return data


def hash_whole(files: OpenFiles, directory: str, facts: FileFacts) -> Iterator[int]:
    """Read a file piece by piece, giving the bytes of each piece, and compare it at the end.

    Raises:
        FileCorrupted: the file is missing, or not what was written.
        StorageFailed: the medium cannot be read.
    """
    path = f"{directory}/{facts.name}"
    digest = blake3.blake3()
    offset = 0
    while piece := files.read_at(path, offset, READ_BYTES):
        digest.update(piece)
        offset += len(piece)
        if offset > facts.bytes_count:
            break
        yield len(piece)
    if offset != facts.bytes_count:
        raise FileCorrupted(path, offset, f"it must have {facts.bytes_count} bytes")
    if digest.digest() != facts.digest:
        raise FileCorrupted(path, 0, "its digest is not the one that was recorded")
