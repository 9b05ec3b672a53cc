"""Segments that nothing is written to any more, for those who keep copies of them.

Who restores a log puts the copies back as segments; who restores to an LSN reads their records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.model.errors import LogCorrupted
from engram.wal.limits import BLOCK_BYTES, READ_BYTES
from engram.wal.record import Damaged, decode_records
from engram.wal.segment import GroupReader, read_head, segment_name
from engram.wal.spares import fill_with_zeros

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.ports import Filesystem, Handle
    from engram.wal.protocol import Lsn, Record
    from engram.wal.segment import Head, LogIdentity, Segment


class ClosedSegment:
    """A run of records, from `first_lsn` to `last_lsn`, that will not change.

    Readable until the call it was given to returns, or until the log is trimmed beyond it. All
    methods block, and raise LogCorrupted when what they read is damaged, StorageFailed when the
    medium cannot be read.
    """

    def __init__(
        self, filesystem: Filesystem, segment: Segment, last_lsn: Lsn, identity: LogIdentity
    ) -> None:
        self._filesystem = filesystem
        self._path = segment.path
        self._identity = identity
        self.first_lsn = segment.first_lsn
        self.last_lsn = last_lsn

    @property
    def name(self) -> str:
        """What the segment is called among those of its log."""
        return segment_name(self.first_lsn)

    def chunks(self) -> Iterator[bytes]:
        """Give the segment's bytes with nothing behind its last group, verified before the last.

        Together they are a whole segment file.
        """
        handle = self._filesystem.open(self._path)
        try:
            end_offset = BLOCK_BYTES
            for group_end, _ in self._groups(handle):
                end_offset = group_end
            for offset in range(0, end_offset, READ_BYTES):
                wanted = min(READ_BYTES, end_offset - offset)
                yield self._filesystem.read_at(handle, offset, wanted)
        finally:
            handle.close()

    def records(self) -> Iterator[Record]:
        """Give the records, in order."""
        handle = self._filesystem.open(self._path)
        try:
            for _, records in self._groups(handle):
                yield from records
        finally:
            handle.close()

    def wipe_behind(self) -> None:
        """Overwrite what the file still holds of a former life, durably."""
        handle = self._filesystem.open(self._path)
        try:
            head = self._head(handle)
            if head.header.is_recycled:
                reader = GroupReader(self._filesystem, handle, head)
                reader.skip_groups(self.last_lsn)
                if reader.next_lsn <= self.last_lsn:
                    raise LogCorrupted(
                        self._path,
                        reader.offset,
                        reader.next_lsn,
                        self.last_lsn,
                        "no group begins here, so it is unknown where the records end",
                    )
                size_bytes = self._filesystem.size(handle)
                fill_with_zeros(self._filesystem, handle, reader.offset, size_bytes)
                self._filesystem.sync(handle)
        finally:
            handle.close()

    def _head(self, handle: Handle) -> Head:
        try:
            return read_head(self._filesystem, handle, self._path, self._identity)
        except Damaged as exc:
            raise LogCorrupted(self._path, 0, self.first_lsn, self.last_lsn, str(exc)) from exc

    def _groups(self, handle: Handle) -> Iterator[tuple[int, list[Record]]]:
        """Give where each group ends and its records."""
        offset, next_lsn = BLOCK_BYTES, self.first_lsn
        try:
            reader = GroupReader(self._filesystem, handle, self._head(handle))
            while reader.next_lsn <= self.last_lsn:
                offset, next_lsn = reader.offset, reader.next_lsn
                group = reader.next_group()
                yield reader.offset, decode_records(group.header, group.body)
        except Damaged as exc:
            raise LogCorrupted(self._path, offset, next_lsn, self.last_lsn, str(exc)) from exc
