"""One segment file: its name, its header, and reading its groups one after the other.

Plain blocking code: whoever calls it brings the thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from engram.model.errors import StoreTooNew
from engram.wal.limits import BLOCK_BYTES, READ_BYTES, READ_BYTES_FIRST
from engram.wal.record import (
    GROUP_HEADER_BYTES,
    VERSION,
    Damaged,
    GroupHeader,
    NewerVersion,
    SegmentHeader,
    check_body,
    decode_group_header,
    decode_segment_header,
)

if TYPE_CHECKING:
    from engram.ports import Filesystem, Handle
    from engram.wal.protocol import Lsn

SALT_BYTES = 16
SEGMENT_SUFFIX = ".wal"
_NAME = re.compile(r"\d{20}\.wal")


def segment_name(first_lsn: Lsn) -> str:
    """Return the file name of the segment that begins with this LSN."""
    return f"{first_lsn:020d}{SEGMENT_SUFFIX}"


def is_segment_name(name: str) -> bool:
    """Tell whether a directory entry is a segment."""
    return _NAME.fullmatch(name) is not None


def first_lsn_of(name: str) -> Lsn:
    """Return the LSN that a segment, or a file named after one, begins with."""
    return int(name.rpartition("/")[2][:20])


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


class Head(NamedTuple):
    """A segment's header and its CRC, the tag that each of its groups carries."""

    header: SegmentHeader
    tag: int


@dataclass(slots=True)
class Segment:
    """A segment of the log.

    Its groups end at `end_offset` (the file's length, as long as nobody has read them);
    `size_bytes` is what it may grow to, or the file's length when that is more.
    """

    path: str
    first_lsn: Lsn
    end_offset: int
    size_bytes: int


def read_head(filesystem: Filesystem, handle: Handle, path: str, identity: LogIdentity) -> Head:
    """Return the header of the segment at `path` after checking whose and which it is.

    Raises:
        Damaged: it is no sound header, or another segment's; the reason is the message.
        StoreTooNew: a later release wrote it.
        StorageFailed: the medium cannot be read.
    """
    try:
        header, tag = decode_segment_header(filesystem.read_at(handle, 0, BLOCK_BYTES))
    except NewerVersion as exc:
        raise StoreTooNew(path, exc.version, VERSION) from exc
    if (header.store_id, header.space_id) != identity:
        raise Damaged("the segment belongs to another log")
    if header.first_lsn != first_lsn_of(path):
        raise Damaged("the segment has another segment's name")
    return Head(header, tag)


class GroupReader:
    """Walks the groups of one open segment, verifying each against the one before.

    Reads ahead in steps that become large. `offset`, `next_lsn` and `crc` say where the next group
    must begin, with which LSN, and after which CRC.
    """

    def __init__(self, filesystem: Filesystem, handle: Handle, head: Head) -> None:
        self._filesystem = filesystem
        self._handle = handle
        self._head = head
        self._size = filesystem.size(handle)
        self._window = memoryview(b"")
        self._window_offset = 0
        self._ahead_bytes = READ_BYTES_FIRST
        self.offset = BLOCK_BYTES
        self.next_lsn = head.header.first_lsn
        self.crc = head.tag

    @property
    def ahead(self) -> memoryview:
        """What was read from `offset` on already."""
        return self._window[self.offset - self._window_offset :]

    def next_group(self) -> Group:
        """Return the next group and step over it.

        Raises:
            Damaged: no valid group begins at `offset`, with the reason; nothing moved.
            StorageFailed: the medium cannot be read.
        """
        header = self._next_header()
        data = self._bytes(header.group_bytes)
        if len(data) < header.group_bytes:
            raise Damaged("the file ends within the group")
        body = data[GROUP_HEADER_BYTES:]
        check_body(header, body)
        return Group(header, body, self._step(header))

    def skip_groups(self, upto: Lsn) -> None:
        """Step over the groups that end at or before `upto`; their records are not verified.

        Stops at the first that is no group too. Raises StorageFailed.
        """
        while self.next_lsn <= upto:
            try:
                header = self._next_header()
            except Damaged:
                return
            if header.last_lsn > upto or self.offset + header.group_bytes > self._size:
                return
            self._step(header)

    def move_to(self, offset: int, header: GroupHeader) -> None:
        """Go on with the group at `offset`, whose header this is, whatever stands before it."""
        self.offset = offset
        self.next_lsn = header.first_lsn
        self.crc = header.previous_crc

    def _step(self, header: GroupHeader) -> int:
        """Move behind a group and return where it begins."""
        offset = self.offset
        self.offset += header.group_bytes
        self.next_lsn = header.last_lsn + 1
        self.crc = header.crc
        return offset

    def _next_header(self) -> GroupHeader:
        header = decode_group_header(self._bytes(GROUP_HEADER_BYTES))
        if header.tag != self._head.tag:
            raise Damaged("the group belongs to another segment")
        if header.block * BLOCK_BYTES != self.offset:
            raise Damaged("the group stands in the wrong place")
        if header.first_lsn != self.next_lsn:
            raise Damaged(f"the group begins with LSN {header.first_lsn}")
        if header.previous_crc != self.crc or header.epoch != self._head.header.epoch:
            raise Damaged("the group does not follow the one before it")
        return header

    def _bytes(self, bytes_count: int) -> memoryview:
        """Return that many bytes from `offset`, fewer at the end of the file."""
        bytes_count = max(0, min(bytes_count, self._size - self.offset))
        start = self.offset - self._window_offset
        if start + bytes_count > len(self._window):
            wanted = max(bytes_count, self._ahead_bytes)
            self._ahead_bytes = min(READ_BYTES, 2 * self._ahead_bytes)
            data = self._filesystem.read_at(self._handle, self.offset, wanted)
            self._window, self._window_offset, start = memoryview(data), self.offset, 0
        return self._window[start : start + bytes_count]
