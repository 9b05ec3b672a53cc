"""The bytes of a log, without any I/O; drawn in docs/formats/log.md.

Rule 1: every group names the segment it belongs to, its place in it and its first LSN, under a
CRC, so a right sector in the wrong place or from a former life of the file is noticed.
Rule 2: every length is bounded before anything is allocated or skipped by it.
Rule 3: all-zero bytes are no header of anything.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import google_crc32c
import numpy as np

from engram.wal.limits import BLOCK_BYTES, GROUP_BYTES_MAX, SPACE_ID_BYTES_MAX
from engram.wal.protocol import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.wal.protocol import Entry, Lsn

VERSION = 1
SEGMENT_MAGIC = b"ENGRAMWL"
GROUP_MAGIC = b"EGRP"

_SEGMENT = struct.Struct("<8sII16sQQII16sB")
_GROUP = struct.Struct("<4sIIIQQIIIII12x")
_RECORD = struct.Struct("<IBBH")
_U32 = struct.Struct("<I")
_COMPLEMENT = 0xFFFFFFFF

GROUP_HEADER_BYTES = _GROUP.size
RECORD_HEADER_BYTES = _RECORD.size
SEGMENT_CRC_OFFSET = BLOCK_BYTES - _U32.size
SEGMENT_FLAGS_OFFSET = SEGMENT_CRC_OFFSET - _U32.size
RECYCLED = 1
"""Flag of a segment whose file had a former life: bytes behind its groups may be from then."""
COPY_BYTES_MAX = 64 * 1024
"""Bytes. Shorter buffers are joined into one: cheaper than a pwritev slot and a CRC call each."""


class Damaged(Exception):
    """Raised when bytes are not what the format says; the reason is the message."""


class NewerVersion(Exception):
    """Raised when a segment was written by a later format."""

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(f"format {version}")


class SegmentHeader(NamedTuple):
    """The first block of a segment: whose it is, where it stands, and which life this is."""

    store_id: bytes
    space_id: str
    number: int
    first_lsn: Lsn
    epoch: int
    previous_crc: int
    salt: bytes
    flags: int = 0

    @property
    def is_recycled(self) -> bool:
        """Tell whether the file had a former life."""
        return bool(self.flags & RECYCLED)


class GroupHeader(NamedTuple):
    """The first 64 bytes of a group; `crc` is its own and the next group's `previous_crc`."""

    crc: int
    tag: int
    block: int
    first_lsn: Lsn
    durable_lsn: Lsn
    group_bytes: int
    record_count: int
    epoch: int
    previous_crc: int
    body_crc: int

    @property
    def last_lsn(self) -> Lsn:
        """LSN of the group's last record."""
        return self.first_lsn + self.record_count - 1


class GroupPlace(NamedTuple):
    """Where a group is to stand: all its header says besides what the records decide."""

    tag: int
    block: int
    first_lsn: Lsn
    durable_lsn: Lsn
    epoch: int
    previous_crc: int


def crc32c(crc: int, data: bytes) -> int:
    """Return the CRC32C (Castagnoli) of what gave `crc`, followed by `data`."""
    return int(google_crc32c.extend(crc, data))


def encode_segment_header(header: SegmentHeader) -> tuple[bytes, int]:
    """Return the header's block and its CRC, the tag that each group of the segment carries."""
    space = header.space_id.encode()
    if len(space) > SPACE_ID_BYTES_MAX:
        raise ValueError(f"a space id of {len(space)} bytes is over {SPACE_ID_BYTES_MAX}")
    fixed = _SEGMENT.pack(
        SEGMENT_MAGIC,
        VERSION,
        VERSION ^ _COMPLEMENT,
        header.store_id,
        header.number,
        header.first_lsn,
        header.epoch,
        header.previous_crc,
        header.salt,
        len(space),
    )
    body = (fixed + space).ljust(SEGMENT_FLAGS_OFFSET, b"\0") + _U32.pack(header.flags)
    tag = crc32c(0, body)
    return body + _U32.pack(tag), tag


def decode_segment_header(block: bytes) -> tuple[SegmentHeader, int]:
    """Return the header and its tag.

    Raises:
        NewerVersion: the block is a header of a later format.
        Damaged: it is no header, with the reason.
    """
    if len(block) < BLOCK_BYTES:
        raise Damaged(f"the segment header ends after {len(block)} bytes")
    if not block.strip(b"\0"):
        raise Damaged("the segment header is all zero")
    magic, version, complement, *fields, space_bytes = _SEGMENT.unpack_from(block)
    if magic != SEGMENT_MAGIC:
        raise Damaged("the file does not begin like a segment")
    if version ^ _COMPLEMENT == complement and version > VERSION:
        raise NewerVersion(version)
    (tag,) = _U32.unpack_from(block, SEGMENT_CRC_OFFSET)
    if crc32c(0, block[:SEGMENT_CRC_OFFSET]) != tag or version != VERSION:
        raise Damaged("the segment header fails its CRC")
    space = block[_SEGMENT.size : _SEGMENT.size + space_bytes].decode()
    store_id, number, first_lsn, epoch, previous_crc, salt = fields
    (flags,) = _U32.unpack_from(block, SEGMENT_FLAGS_OFFSET)
    header = SegmentHeader(store_id, space, number, first_lsn, epoch, previous_crc, salt, flags)
    return header, tag


def encoded_bytes(payload_bytes: int) -> int:
    """Return the bytes one record takes within a group."""
    return RECORD_HEADER_BYTES + payload_bytes


def group_bytes_of(entries: Sequence[tuple[Entry, int]]) -> int:
    """Return the length of their group in bytes, padded, of entries with their payload lengths."""
    body_bytes = sum([encoded_bytes(payload_bytes) for _, payload_bytes in entries])
    return _padded(GROUP_HEADER_BYTES + body_bytes)


def encode_group(
    entries: Sequence[tuple[Entry, int]], place: GroupPlace
) -> tuple[list[bytes | memoryview], int, int]:
    """Return the buffers of one group, its length in bytes (padded) and its CRC.

    Takes each entry with its payload length. Long buffers are passed on, not copied.
    """
    chunks: list[bytes | memoryview] = []
    run: list[bytes | memoryview] = []
    body_bytes = 0
    for (kind, buffers, flags), payload_bytes in entries:
        run.append(_RECORD.pack(payload_bytes, kind, flags, 0))
        body_bytes += RECORD_HEADER_BYTES + payload_bytes
        for buffer in buffers:
            flat = buffer if isinstance(buffer, (bytes, memoryview)) else memoryview(buffer)
            if len(flat) < COPY_BYTES_MAX:
                run.append(flat)
            else:
                chunks.append(b"".join(run))
                chunks.append(flat)
                run = []
    group_bytes = _padded(GROUP_HEADER_BYTES + body_bytes)
    run.append(bytes(group_bytes - GROUP_HEADER_BYTES - body_bytes))
    chunks.append(b"".join(run))
    body_crc = 0
    for chunk in chunks:
        body_crc = _crc_of(body_crc, chunk)
    header = _GROUP.pack(
        GROUP_MAGIC,
        0,
        place.tag,
        place.block,
        place.first_lsn,
        place.durable_lsn,
        group_bytes,
        len(entries),
        place.epoch,
        place.previous_crc,
        body_crc,
    )
    crc = crc32c(0, header[8:])
    return [header[:4] + _U32.pack(crc) + header[8:], *chunks], group_bytes, crc


def decode_group_header(data: bytes | memoryview) -> GroupHeader:
    """Return the group header at the start of `data`.

    Raises:
        Damaged: the bytes are no group header, with the reason.
    """
    if len(data) < GROUP_HEADER_BYTES:
        raise Damaged("the file ends within a group header")
    raw = bytes(data[:GROUP_HEADER_BYTES])
    magic, *fields = _GROUP.unpack(raw)
    if magic != GROUP_MAGIC:
        raise Damaged("no group begins here")
    header = GroupHeader(*fields)
    if crc32c(0, raw[8:]) != header.crc:
        raise Damaged("the group header fails its CRC")
    if not BLOCK_BYTES <= header.group_bytes <= GROUP_BYTES_MAX or header.group_bytes % BLOCK_BYTES:
        raise Damaged(f"the group claims {header.group_bytes} bytes")
    if not 1 <= header.record_count <= header.group_bytes // RECORD_HEADER_BYTES:
        raise Damaged(f"the group claims {header.record_count} records")
    return header


def check_body(header: GroupHeader, body: memoryview) -> None:
    """Raise Damaged unless the group's records and padding have the CRC its header names."""
    if _crc_of(0, body) != header.body_crc:
        raise Damaged("the group's records fail their CRC")


def decode_records(header: GroupHeader, body: memoryview) -> list[Record]:
    """Return the records of a group; payloads are views of `body`.

    Raises:
        Damaged: the records do not fill the group as its header says.
    """
    records: list[Record] = []
    offset = 0
    end = len(body)
    for lsn in range(header.first_lsn, header.first_lsn + header.record_count):
        if offset + RECORD_HEADER_BYTES > end:
            raise Damaged("a record header crosses the end of its group")
        payload_bytes, kind, flags, reserved = _RECORD.unpack_from(body, offset)
        offset += RECORD_HEADER_BYTES
        if offset + payload_bytes > end or reserved:
            raise Damaged("a record crosses the end of its group")
        records.append(Record(lsn, kind, flags, body[offset : offset + payload_bytes]))
        offset += payload_bytes
    if end - offset >= BLOCK_BYTES:
        raise Damaged("the group is longer than its records")
    return records


def _padded(bytes_count: int) -> int:
    return -(-bytes_count // BLOCK_BYTES) * BLOCK_BYTES


def _crc_of(crc: int, chunk: bytes | memoryview) -> int:
    if isinstance(chunk, bytes):
        return crc32c(crc, chunk)
    if not chunk:
        return crc
    # The CRC library refuses views, for they may have to be released; an array over one need not.
    return int(google_crc32c.extend(crc, np.frombuffer(chunk, np.uint8)))
