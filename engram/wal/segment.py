"""One segment file: its name, reading its groups one after the other, writing the next one.

Plain blocking code: whoever calls it brings the thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from engram.model.errors import check
from engram.wal.limits import BLOCK_BYTES, READ_BYTES
from engram.wal.record import (
    GROUP_HEADER_BYTES,
    Damaged,
    GroupHeader,
    GroupPlace,
    SegmentHeader,
    check_body,
    decode_group_header,
    encode_group,
    encode_segment_header,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.ports import Entropy, Filesystem, Handle
    from engram.wal.protocol import Entry, Lsn

SALT_BYTES = 16
_NAME = re.compile(r"\d{20}\.wal")


def segment_name(first_lsn: Lsn) -> str:
    """Return the file name of the segment that begins with this LSN."""
    return f"{first_lsn:020d}.wal"


def is_segment_name(name: str) -> bool:
    """Tell whether a directory entry is a segment."""
    return _NAME.fullmatch(name) is not None


class Group(NamedTuple):
    """A verified group and where it begins in its segment."""

    header: GroupHeader
    body: memoryview
    offset: int


class LogIdentity(NamedTuple):
    """Whose log it is: 16 bytes of store id and the space's id."""

    store_id: bytes
    space_id: str

    def as_bytes(self) -> bytes:
        """Return both as one run, for CRCs to begin with."""
        return self.store_id + self.space_id.encode()


@dataclass(slots=True)
class Segment:
    """A segment of the log as the writer knows it; `end_offset` is where its groups end."""

    path: str
    header: SegmentHeader
    tag: int
    end_offset: int = BLOCK_BYTES


class GroupReader:
    """Walks the groups of one open segment, verifying each against the one before.

    Reads ahead in large steps. `offset`, `next_lsn` and `crc` say where the next group must
    begin, with which LSN, and after which CRC.
    """

    def __init__(self, filesystem: Filesystem, handle: Handle, segment: Segment) -> None:
        self._filesystem = filesystem
        self._handle = handle
        self._segment = segment
        self._size = filesystem.size(handle)
        self._window = memoryview(b"")
        self._window_offset = 0
        self.offset = BLOCK_BYTES
        self.next_lsn = segment.header.first_lsn
        self.crc = segment.tag

    def next_group(self) -> Group:
        """Return the next group and step over it.

        Raises:
            Damaged: no valid group begins at `offset`, with the reason; nothing moved.
            StorageFailed: the medium cannot be read.
        """
        header = decode_group_header(self._bytes(GROUP_HEADER_BYTES))
        if header.tag != self._segment.tag:
            raise Damaged("the group belongs to another segment")
        if header.block * BLOCK_BYTES != self.offset:
            raise Damaged("the group stands in the wrong place")
        if header.first_lsn != self.next_lsn:
            raise Damaged(f"the group begins with LSN {header.first_lsn}")
        if header.previous_crc != self.crc or header.epoch != self._segment.header.epoch:
            raise Damaged("the group does not follow the one before it")
        data = self._bytes(header.group_bytes)
        if len(data) < header.group_bytes:
            raise Damaged("the file ends within the group")
        body = data[GROUP_HEADER_BYTES:]
        check_body(header, body)
        group = Group(header, body, self.offset)
        self.offset += header.group_bytes
        self.next_lsn = header.last_lsn + 1
        self.crc = header.crc
        return group

    def _bytes(self, bytes_count: int) -> memoryview:
        """Return that many bytes from `offset`, fewer at the end of the file."""
        bytes_count = max(0, min(bytes_count, self._size - self.offset))
        start = self.offset - self._window_offset
        if start + bytes_count > len(self._window):
            wanted = max(bytes_count, READ_BYTES)
            data = self._filesystem.read_at(self._handle, self.offset, wanted)
            self._window, self._window_offset, start = memoryview(data), self.offset, 0
        return self._window[start : start + bytes_count]


def create_segment(
    filesystem: Filesystem, path: str, header: SegmentHeader
) -> tuple[Handle, Segment]:
    """Create the file with its header; durable only once the caller has synced both.

    Raises:
        FileExistsError: there is such a file.
        StorageFailed: the medium refused.
    """
    block, tag = encode_segment_header(header)
    handle = filesystem.create_exclusive(path)
    try:
        filesystem.write_at(handle, 0, [block])
    except BaseException:
        handle.close()
        raise
    return handle, Segment(path, header, tag)


class SegmentWriter:
    """Writes groups at the end of the log, one write and one sync each.

    So at most one group is ever not durable. Owns the last segment's file, its offset and the LSN.
    """

    def __init__(
        self,
        filesystem: Filesystem,
        entropy: Entropy,
        handle: Handle,
        segments: list[Segment],
        *,
        crc: int,
        last_lsn: Lsn,
        segment_bytes_max: int,
    ) -> None:
        check(segments, "a log has at least one segment")
        self._filesystem = filesystem
        self._entropy = entropy
        self._handle = handle
        self._crc = crc
        self._segment_bytes_max = segment_bytes_max
        self.segments = segments
        self.durable_lsn = last_lsn

    @property
    def directory(self) -> str:
        """The directory the segments are in."""
        return self.segments[-1].path.rpartition("/")[0]

    def write_group(self, entries: Sequence[tuple[Entry, int]]) -> None:
        """Make the entries durable as one group, all or none after a crash.

        Raises:
            StorageFailed: the medium refused; this writer must not be used again.
        """
        buffers, group_bytes, crc = self._encode(entries)
        segment = self.segments[-1]
        is_empty = segment.end_offset == BLOCK_BYTES
        if not is_empty and segment.end_offset + group_bytes > self._segment_bytes_max:
            self._rotate()
            segment = self.segments[-1]
            buffers, group_bytes, crc = self._encode(entries)
        self._filesystem.write_at(self._handle, segment.end_offset, buffers)
        self._filesystem.sync(self._handle)
        segment.end_offset += group_bytes
        self._crc = crc
        self.durable_lsn += len(entries)

    def close(self) -> None:
        """Release the file."""
        self._handle.close()

    def _encode(
        self, entries: Sequence[tuple[Entry, int]]
    ) -> tuple[list[bytes | memoryview], int, int]:
        segment = self.segments[-1]
        place = GroupPlace(
            tag=segment.tag,
            block=segment.end_offset // BLOCK_BYTES,
            first_lsn=self.durable_lsn + 1,
            durable_lsn=self.durable_lsn,
            epoch=segment.header.epoch,
            previous_crc=self._crc,
        )
        return encode_group(entries, place)

    def _rotate(self) -> None:
        """Begin the next segment: create, header, sync file, sync directory, then first use."""
        before = self.segments[-1].header
        first_lsn = self.durable_lsn + 1
        header = before._replace(
            number=before.number + 1,
            first_lsn=first_lsn,
            previous_crc=self._crc,
            salt=self._entropy.token(SALT_BYTES),
        )
        path = f"{self.directory}/{segment_name(first_lsn)}"
        handle, segment = create_segment(self._filesystem, path, header)
        try:
            self._filesystem.sync(handle)
            self._filesystem.sync_directory(self.directory)
        except BaseException:
            handle.close()
            raise
        self._handle.close()
        self._handle = handle
        self.segments.append(segment)
        self._crc = segment.tag
