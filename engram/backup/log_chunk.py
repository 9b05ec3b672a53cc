"""Records of a log as one object, without any I/O; drawn in docs/formats/backup.md.

Knows records, not files: a log that is no file is backed up in the same bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

import google_crc32c

from engram.backup.objects import Unreadable
from engram.wal.protocol import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAGIC: Final = b"ENGRAMLC"
_VERSION: Final = 1
# magic, version, record count, first LSN, bytes of the records, their CRC32C, that of the header
_HEADER: Final = struct.Struct("<8sIIQQI")
_CRC: Final = struct.Struct("<I")
_RECORD: Final = struct.Struct("<IBBH")


class _Chunk(NamedTuple):
    record_count: int
    first_lsn: int
    body: memoryview


def encode_chunk(records: Sequence[Record]) -> bytes:
    """Return the bytes of records without a gap between their LSNs; at least one."""
    parts: list[bytes | memoryview] = []
    for record in records:
        parts += [_RECORD.pack(len(record.payload), record.kind, record.flags, 0), record.payload]
    body = b"".join(parts)
    header = _HEADER.pack(
        _MAGIC, _VERSION, len(records), records[0].lsn, len(body), google_crc32c.value(body)
    )
    return b"".join([header, _CRC.pack(google_crc32c.value(header)), body])


def decode_chunk(data: bytes) -> list[Record]:
    """Return the records; payloads are views of `data`.

    Raises:
        Unreadable: the bytes are no such chunk, with the reason.
    """
    chunk = _read_header(data)
    records: list[Record] = []
    offset, end = 0, len(chunk.body)
    for lsn in range(chunk.first_lsn, chunk.first_lsn + chunk.record_count):
        if offset + _RECORD.size > end:
            raise Unreadable("a record header crosses the end")
        payload_bytes, kind, flags, _ = _RECORD.unpack_from(chunk.body, offset)
        offset += _RECORD.size
        if offset + payload_bytes > end:
            raise Unreadable("a record crosses the end")
        records.append(Record(lsn, kind, flags, chunk.body[offset : offset + payload_bytes]))
        offset += payload_bytes
    if offset != end:
        raise Unreadable("it is longer than its records")
    return records


def _read_header(data: bytes) -> _Chunk:
    start = _HEADER.size + _CRC.size
    if len(data) < start:
        raise Unreadable("it ends within its header")
    magic, version, count, first_lsn, body_bytes, body_crc = _HEADER.unpack_from(data)
    (crc,) = _CRC.unpack_from(data, _HEADER.size)
    if magic != _MAGIC or crc != google_crc32c.value(data[: _HEADER.size]):
        raise Unreadable("it does not begin like records of a log")
    if version != _VERSION:
        raise Unreadable(f"it has format {version}, this release reads {_VERSION}")
    body = data[start:]
    if len(body) != body_bytes or google_crc32c.value(body) != body_crc:
        raise Unreadable("its records fail their CRC")
    return _Chunk(count, first_lsn, memoryview(body))
