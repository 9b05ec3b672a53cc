"""Parts: files of raw array sections that are written once, and the index that lists them.

Rule 1: a part never changes, so a later snapshot may name it again.
Rule 2: an index is written after all parts it names are durable.
Rule 3: writing goes in short steps with a sync every few, so that the log's syncs get through.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import blake3
import google_crc32c
import msgspec
import numpy as np

from engram.model.errors import FileCorrupted, StoreTooNew

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from engram.ports import Filesystem, Handle, ReadableBuffer

VERSION: Final = 1
STEP_BYTES: Final = 1 << 20
"""Bytes written between two syncs, and the most a thread copies at once under the interpreter's
lock (0.1 ms)."""
INDEX_BYTES_MAX: Final = 1 << 30
"""Bytes of an index: bounds what is read before its CRC is known."""

_MAGIC: Final = b"ENGRAMPX"
_COMPLEMENT: Final = 0xFFFFFFFF
# magic, version, version with all bits inverted, bytes of the body
_HEADER: Final = struct.Struct("<8sIIQ")
_CRC: Final = struct.Struct("<I")


class Section(msgspec.Struct, array_like=True, frozen=True):
    """A run of rows in a part: rows of `width` values of `dtype` (0: one value a row)."""

    name: str
    page: int
    dtype: str
    width: int
    rows: int
    offset: int
    bytes_count: int
    crc: int


class Part(msgspec.Struct, array_like=True, frozen=True):
    """A file of sections that lie one after the other without a gap; `key` says what they are."""

    key: str
    file: str
    bytes_count: int
    digest: bytes
    sections: tuple[Section, ...]


class Pieces(NamedTuple):
    """A section to be written: what it is, and its bytes in pieces of at most STEP_BYTES."""

    name: str
    page: int
    dtype: str
    width: int
    rows: int
    pieces: Iterator[ReadableBuffer]
    bytes_count: int


def array_pieces(name: str, page: int, array: NDArray[Any]) -> Pieces:
    """Return an array [n] or [n, width] as a section, little-endian; more axes become one."""
    little = array.dtype.newbyteorder("<")
    plain = np.ascontiguousarray(array, little)
    width = math.prod(plain.shape[1:]) if plain.ndim > 1 else 0
    return Pieces(name, page, little.str, width, len(plain), _slices(plain), plain.nbytes)


def chunk_pieces(name: str, page: int, chunk: memoryview, bytes_count: int) -> Pieces:
    """Return the first bytes of a chunk as a section.

    Copies slices: what is wiped meanwhile must not change between its checksum and its write.
    """
    pieces = (
        bytes(chunk[first : min(first + STEP_BYTES, bytes_count)])
        for first in range(0, bytes_count, STEP_BYTES)
    )
    return Pieces(name, page, "|u1", 0, bytes_count, pieces, bytes_count)


def _slices(plain: NDArray[Any]) -> Iterator[ReadableBuffer]:
    if plain.nbytes:
        view = plain.data.cast("B")
        for first in range(0, len(view), STEP_BYTES):
            yield view[first : first + STEP_BYTES]


def write_part(
    filesystem: Filesystem, directory: str, file: str, key: str, contents: Sequence[Pieces]
) -> Generator[int, None, Part]:
    """Write a new file step by step, giving the bytes of each step; durable on return.

    Its name is durable only after a sync of the directory.

    Raises:
        StorageFailed: the medium refused; what was written is of no use.
    """
    handle = filesystem.create_exclusive(f"{directory}/{file}")
    digest, sections, offset, synced = blake3.blake3(), [], 0, 0
    try:
        for content in contents:
            crc, first = 0, offset
            for piece in content.pieces:
                filesystem.write_at(handle, offset, [piece])
                digest.update(piece)
                crc = google_crc32c.extend(crc, bytes(piece))
                offset += len(piece)
                if offset - synced >= STEP_BYTES:
                    filesystem.sync(handle)
                    yield offset - synced
                    synced = offset
            name, page, dtype, width, rows, _, bytes_count = content
            sections.append(Section(name, page, dtype, width, rows, first, bytes_count, crc))
        filesystem.sync(handle)
        yield offset - synced
    finally:
        handle.close()
    return Part(key, file, offset, digest.digest(), tuple(sections))


def read_part(
    filesystem: Filesystem, directory: str, part: Part
) -> dict[tuple[str, int], NDArray[Any]]:
    """Return the sections of a part by name and page, verified; each array is read-only.

    Raises:
        FileCorrupted: the file is missing or not what was written.
        StorageFailed: the medium cannot be read.
    """
    path = f"{directory}/{part.file}"
    digest, found = blake3.blake3(), {}
    handle = _open(filesystem, path)
    try:
        if filesystem.size(handle) != part.bytes_count:
            size = filesystem.size(handle)
            raise FileCorrupted(path, size, f"it must have {part.bytes_count} bytes")
        raw = []
        for section in part.sections:
            data = filesystem.read_at(handle, section.offset, section.bytes_count)
            digest.update(data)
            raw.append(data)
    finally:
        handle.close()
    if digest.digest() != part.digest:
        raise _damage(path, part, raw)
    for section, data in zip(part.sections, raw, strict=True):
        found[section.name, section.page] = _as_array(path, section, data)
    return found


def _damage(path: str, part: Part, raw: list[bytes]) -> FileCorrupted:
    """Return the error that names the first damaged section."""
    for section, data in zip(part.sections, raw, strict=True):
        if google_crc32c.value(data) != section.crc:
            reason = f"page {section.page} of {section.name} does not match its checksum"
            return FileCorrupted(path, section.offset, reason)
    return FileCorrupted(path, 0, "its digest is not the one that was recorded")


def _as_array(path: str, section: Section, data: bytes) -> NDArray[Any]:
    try:
        array = np.frombuffer(data, section.dtype)
        shape = (section.rows, section.width) if section.width else (section.rows,)
        return array.reshape(shape)
    except (TypeError, ValueError) as exc:
        reason = f"{section.name} is not {section.rows} rows of {section.dtype}"
        raise FileCorrupted(path, section.offset, reason) from exc


def write_index(filesystem: Filesystem, directory: str, file: str, body: msgspec.Struct) -> bytes:
    """Write an index durably, its name too, and return its blake3 digest.

    Raises:
        StorageFailed: the medium refused.
    """
    payload = msgspec.msgpack.encode(body)
    data = _HEADER.pack(_MAGIC, VERSION, VERSION ^ _COMPLEMENT, len(payload)) + payload
    data += _CRC.pack(google_crc32c.value(data))
    # A file under its own name is whole: it is tried even when no manifest vouches for it.
    unfinished = f"{directory}/{file}.new"
    handle = filesystem.create_exclusive(unfinished)
    try:
        filesystem.write_at(handle, 0, [data])
        filesystem.sync(handle)
    finally:
        handle.close()
    filesystem.rename(unfinished, f"{directory}/{file}")
    filesystem.sync_directory(directory)
    return blake3.blake3(data).digest()


def read_index(filesystem: Filesystem, directory: str, file: str, digest: bytes | None) -> bytes:
    """Return the body of an index, compared with `digest` when one is given.

    Raises:
        FileCorrupted: the file is missing or not what was written.
        StoreTooNew: a later release wrote it.
        StorageFailed: the medium cannot be read.
    """
    path = f"{directory}/{file}"
    handle = _open(filesystem, path)
    try:
        size = filesystem.size(handle)
        data = filesystem.read_at(handle, 0, min(size, INDEX_BYTES_MAX))
    finally:
        handle.close()
    end = len(data) - _CRC.size
    if len(data) < size or end < _HEADER.size:
        raise FileCorrupted(path, len(data), "it is too short or too long for an index")
    magic, version, complement, payload_bytes = _HEADER.unpack_from(data)
    if magic != _MAGIC or version ^ complement != _COMPLEMENT:
        raise FileCorrupted(path, 0, "it does not begin like an index")
    if version > VERSION:
        raise StoreTooNew(path, version, VERSION)
    if payload_bytes != end - _HEADER.size:
        raise FileCorrupted(path, len(data), f"it must have {payload_bytes} bytes of body")
    if _CRC.unpack_from(data, end)[0] != google_crc32c.value(data[:end]):
        raise FileCorrupted(path, 0, "its checksum is wrong")
    if digest is not None and blake3.blake3(data).digest() != digest:
        raise FileCorrupted(path, 0, "it is another file than the manifest names")
    return data[_HEADER.size : end]


def _open(filesystem: Filesystem, path: str) -> Handle:
    try:
        return filesystem.open(path)
    except FileNotFoundError as exc:
        raise FileCorrupted(path, 0, "it is missing") from exc
