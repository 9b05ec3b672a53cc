"""The file SEGMENT: what a tier segment consists of. Written last, so that it means "complete"."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import blake3
import google_crc32c
import msgspec

from engram.model.decoders import msgpack_decoder
from engram.model.errors import FileCorrupted, StoreTooNew, check
from engram.storage.checked_files import FileFacts, NewFile, overwrite
from engram.storage.limits import INDEX_BYTES_MAX, ROW_BLOCK_BYTES, SEGMENT_ROWS_MAX

if TYPE_CHECKING:
    from engram.ports import Filesystem
    from engram.storage.open_files import OpenFiles

Tier: TypeAlias = Literal["warm", "cold"]

INDEX_FILE: Final = "SEGMENT"
VERSION: Final = 2
"""Version 1 had int8 codes of the vectors too, which nothing reads any more."""
_MAGIC: Final = b"ENGRAMTS"
_HEADER = struct.Struct("<8sIII")
_CRC = struct.Struct("<I")
_COMPLEMENT: Final = 0xFFFFFFFF
_PLACE = re.compile(r"(?:.*/)?(warm|cold)/(\d{20})")


class SegmentIndex(msgspec.Struct, array_like=True, frozen=True):
    """What a segment holds, and each of its files."""

    tier: Tier
    number: int
    count: int
    dimensions: int
    text_bytes: int
    """Uncompressed."""
    vector_block_rows: int
    code_block_rows: int
    """Of version 1, 0 since: its CRCs of codes stand between those of vectors and texts."""
    text_block_bytes: int
    files: tuple[FileFacts, ...]

    def facts_of(self, name: str) -> FileFacts | None:
        """Return what is recorded about a file."""
        return next((facts for facts in self.files if facts.name == name), None)


_DECODER: Final = msgpack_decoder(SegmentIndex)


class SegmentFacts(msgspec.Struct, array_like=True, frozen=True):
    """What others keep about a finished segment: where it is, how much it holds, who it is."""

    directory: str
    tier: Tier
    number: int
    count: int
    dimensions: int
    text_bytes: int
    """Bytes of all texts, uncompressed."""
    file_bytes: int
    """Bytes of all files on the disk."""
    digest: bytes
    """blake3 of the index, and through it of every file."""


def segment_directory(space: str, tier: Tier, number: int) -> str:
    """Return the directory of a segment."""
    return f"{space}/{tier}/{number:020d}"


def place_of(directory: str) -> tuple[Tier, int]:
    """Return tier and number of a segment by its directory."""
    found = _PLACE.fullmatch(directory)
    check(found, f"{directory!r} is the directory of a segment")
    tier, number = found.groups() if found else ("", "0")
    return ("warm" if tier == "warm" else "cold"), int(number)


def rows_per_block(row_bytes: int) -> int:
    """Return how many rows share a CRC."""
    return max(1, ROW_BLOCK_BYTES // max(1, row_bytes))


def write_index(filesystem: Filesystem, directory: str, index: SegmentIndex) -> SegmentFacts:
    """Complete a segment whose files are all durable; the index is durable on return.

    Raises:
        FileExistsError: the segment is complete already.
        StorageFailed: the medium refused.
    """
    payload = msgspec.msgpack.encode(index)
    data = _HEADER.pack(_MAGIC, VERSION, VERSION ^ _COMPLEMENT, len(payload)) + payload
    data += _CRC.pack(google_crc32c.value(data))
    check(len(data) <= INDEX_BYTES_MAX, "the index of a segment is short")
    file = NewFile(filesystem, directory, INDEX_FILE)
    try:
        file.write(data)
        facts = file.finish()
    except BaseException:
        file.close()
        raise
    filesystem.sync_directory(directory)
    return facts_of(directory, index, facts.digest)


def facts_of(directory: str, index: SegmentIndex, digest: bytes) -> SegmentFacts:
    """Return what others keep about the segment of this index."""
    return SegmentFacts(
        directory,
        index.tier,
        index.number,
        index.count,
        index.dimensions,
        index.text_bytes,
        sum(file.bytes_count for file in index.files),
        digest,
    )


def read_index(
    files: OpenFiles, directory: str, digest: bytes | None = None
) -> tuple[SegmentIndex, SegmentFacts]:
    """Return the index of a finished segment, compared with `digest` when one is given.

    Raises:
        FileCorrupted: the segment is unfinished, damaged, or another one.
        StoreTooNew: a later release wrote it.
        StorageFailed: the medium cannot be read.
    """
    path = f"{directory}/{INDEX_FILE}"
    data = files.read_at(path, 0, INDEX_BYTES_MAX + 1)
    end = len(data) - _CRC.size
    if not _HEADER.size <= end < INDEX_BYTES_MAX:
        raise FileCorrupted(path, len(data), "it is too short or too long for an index")
    magic, version, complement, payload_bytes = _HEADER.unpack_from(data)
    if magic != _MAGIC or version ^ complement != _COMPLEMENT:
        raise FileCorrupted(path, 0, "it does not begin like an index")
    if version > VERSION:
        raise StoreTooNew(path, version, VERSION)
    if payload_bytes != end - _HEADER.size:
        raise FileCorrupted(path, len(data), f"it must have {payload_bytes} bytes of payload")
    if _CRC.unpack_from(data, end)[0] != google_crc32c.value(data[:end]):
        raise FileCorrupted(path, 0, "its checksum is wrong")
    found = blake3.blake3(data).digest()
    if digest is not None and found != digest:
        raise FileCorrupted(path, 0, "it is the index of another segment")
    try:
        index = _DECODER.decode(data[_HEADER.size : end])
    except msgspec.MsgspecError as exc:
        raise FileCorrupted(path, _HEADER.size, f"it cannot be decoded ({exc})") from exc
    if (index.tier, index.number) != place_of(directory):
        place = f"{index.tier} segment {index.number}"
        raise FileCorrupted(path, _HEADER.size, f"it belongs to {place}")
    if not 1 <= index.count <= SEGMENT_ROWS_MAX:
        raise FileCorrupted(path, _HEADER.size, f"it names {index.count} bodies")
    return index, facts_of(directory, index, found)


def remove_segment(
    filesystem: Filesystem, directory: str, *, shred: bool = False
) -> tuple[int, int]:
    """Remove a segment, finished or not; return how many files and bytes were overwritten.

    The index goes first, so that no half looks whole.

    Args:
        filesystem: where it is.
        directory: the segment's; harmless when it is not there.
        shred: overwrite every other file with zeros, and sync it, before its name goes.

    Raises:
        StorageFailed: the medium refused; calling again goes on.
    """
    names = filesystem.list(directory)
    files = bytes_count = 0
    if INDEX_FILE in names:
        filesystem.remove(f"{directory}/{INDEX_FILE}")
        filesystem.sync_directory(directory)
    for name in names:
        if name != INDEX_FILE:
            if shred:
                bytes_count += overwrite(filesystem, f"{directory}/{name}")
                files += 1
            filesystem.remove(f"{directory}/{name}")
    parent = directory.rpartition("/")[0]
    if directory.rpartition("/")[2] in filesystem.list(parent):
        filesystem.remove(directory)
        filesystem.sync_directory(parent)
    return files, bytes_count
