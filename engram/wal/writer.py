"""Writes groups at the end of a log, each by one write that is durable when it returns.

Rule 1: so at most one group is ever not durable.
Rule 2: small groups land on bytes that were written before (zeros, or a file's former life), so
that making them durable needs no new file length; see FILL_GROUP_BYTES_MAX for where this pays.
Rule 3: in a recycled file a zero block follows each group: what begins behind it is a torn write
of this life or nothing, never mistaken for the past.
Plain blocking code: whoever calls it brings the thread.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from engram.model.errors import StorageFailed, check
from engram.wal.limits import (
    BLOCK_BYTES,
    FILL_GROUP_BYTES_MAX,
    FILL_STEP_BYTES,
    SEGMENT_BYTES_FIRST,
    SEGMENT_BYTES_MAX,
)
from engram.wal.record import RECYCLED, GroupPlace, SegmentHeader, encode_group, group_bytes_of
from engram.wal.record import encode_segment_header as encode_header
from engram.wal.segment import SALT_BYTES, Head, Segment, segment_name
from engram.wal.spares import fill_with_zeros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.ports import Entropy, Filesystem, Handle, SyncMethod
    from engram.wal.protocol import Entry, Lsn
    from engram.wal.spares import Spares

_ZERO_BLOCK = bytes(BLOCK_BYTES)


class SegmentSizes(NamedTuple):
    """How long segments become, in bytes: the first, the longest, and the zeros written at once."""

    first: int = SEGMENT_BYTES_FIRST
    longest: int = SEGMENT_BYTES_MAX
    fill_step: int = FILL_STEP_BYTES

    def after(self, segments: Sequence[Segment]) -> int:
        """Return the size of the segment that follows these: twice the longest of them."""
        before = max((max(s.size_bytes, s.end_offset) for s in segments), default=0)
        return min(self.longest, max(self.first, 2 * before))

    def filled_at_first(self, size_bytes: int, group_bytes: int) -> int:
        """Return how much of a new segment of that size is written before such a group."""
        return min(size_bytes, self.fill_step) if group_bytes <= FILL_GROUP_BYTES_MAX else 0


class Planned(NamedTuple):
    """One group on its way to the end of the log: its bytes, and where the writer stands after it.

    `is_small` says that it lands on bytes that were written before, where there is room for those.
    """

    handle: Handle
    offset: int
    buffers: list[bytes | memoryview]
    end_offset: int
    crc: int
    records_count: int
    is_small: bool


class Medium(NamedTuple):
    """Where a log's bytes go and how: what all parts of one log share."""

    filesystem: Filesystem
    directory: str
    entropy: Entropy
    sizes: SegmentSizes
    sync_method: SyncMethod


def create_segment(
    filesystem: Filesystem, path: str, header: SegmentHeader, *, filled_bytes: int
) -> tuple[Handle, Head]:
    """Create the file with its header and zeros up to that length; sync file and name before use.

    Zeros for which there is no room are left out.

    Raises:
        FileExistsError: there is such a file.
        StorageFailed: the medium refused.
    """
    block, tag = encode_header(header)
    handle = filesystem.create_exclusive(path)
    try:
        filesystem.write_at(handle, 0, [block])
        with suppress(StorageFailed):
            fill_with_zeros(filesystem, handle, BLOCK_BYTES, filled_bytes)
    except BaseException:
        handle.close()
        raise
    return handle, Head(header, tag)


class SegmentWriter:
    """Owns the last segment's file, its offset and the LSN; used by one thread at a time."""

    def __init__(
        self,
        medium: Medium,
        handle: Handle,
        segments: list[Segment],
        head: Head,
        spares: Spares,
        *,
        crc: int,
        last_lsn: Lsn,
    ) -> None:
        check(segments, "a log has at least one segment")
        self._medium = medium
        self._filesystem = medium.filesystem
        self._handle = handle
        self._crc = crc
        self._head = head
        self._filled_bytes = self._filesystem.size(handle)
        self._fills = True
        self.segments = segments
        self.spares = spares
        self.durable_lsn = last_lsn

    @property
    def medium(self) -> Medium:
        """Where the bytes go."""
        return self._medium

    @property
    def is_at_start(self) -> bool:
        """Tell whether the last segment holds no group yet."""
        return self.segments[-1].end_offset == BLOCK_BYTES

    @property
    def is_recycled(self) -> bool:
        """Tell whether the last segment's file had a former life."""
        return self._head.header.is_recycled

    def write_group(self, entries: Sequence[tuple[Entry, int]]) -> None:
        """Make the entries durable as one group, all or none after a crash.

        Raises:
            StorageFailed: the medium refused; this writer must not be used again.
        """
        planned = self.plan(entries) or self._plan_with_room(entries)
        self._filesystem.write_durably(
            planned.handle, planned.offset, planned.buffers, self._medium.sync_method
        )
        self.land(planned)

    def plan(self, entries: Sequence[tuple[Entry, int]]) -> Planned | None:
        """Return the write of one group, as `land` takes it once it is durable; changes nothing.

        None when room must be made for it first, which only `write_group` does.
        """
        group_bytes = group_bytes_of(entries)
        end_offset = self.segments[-1].end_offset + group_bytes
        if not self._has_room(group_bytes) or (
            group_bytes <= FILL_GROUP_BYTES_MAX and end_offset > self._filled_bytes
        ):
            return None
        return self._planned(entries)

    def land(self, planned: Planned) -> None:
        """Go on behind a group that has become durable."""
        self._fills = planned.is_small
        self.segments[-1].end_offset = planned.end_offset
        self._filled_bytes = max(self._filled_bytes, planned.end_offset)
        self._crc = planned.crc
        self.durable_lsn += planned.records_count

    @property
    def wants_filling(self) -> bool:
        """Whether small groups will soon need zeros that `fill_ahead` would write."""
        segment = self.segments[-1]
        room = self._filled_bytes - segment.end_offset
        is_short = room < self._medium.sizes.fill_step // 2
        return self._fills and is_short and self._filled_bytes < segment.size_bytes

    def fill_ahead(self) -> None:
        """Write zeros ahead while nobody waits, when small groups will soon need them.

        Raises:
            StorageFailed: they could not be made durable; this writer must not be used again.
        """
        if self.wants_filling:
            self._fill(self._filled_bytes)

    def rotate(self) -> None:
        """Begin a new segment, unless the last one holds nothing yet.

        Raises:
            StorageFailed: the medium refused; this writer must not be used again.
        """
        if not self.is_at_start:
            self._rotate(0)

    def wipe_behind(self) -> None:
        """Overwrite what a recycled last segment still holds of its former life, durably.

        Raises:
            StorageFailed: the medium refused; this writer must not be used again.
        """
        if self.is_recycled:
            end_offset = self.segments[-1].end_offset
            fill_with_zeros(self._filesystem, self._handle, end_offset, self._filled_bytes)
            self._filesystem.sync(self._handle)

    def close(self) -> None:
        """Release the file."""
        self._handle.close()

    def _has_room(self, group_bytes: int) -> bool:
        segment = self.segments[-1]
        return self.is_at_start or segment.end_offset + group_bytes <= segment.size_bytes

    def _plan_with_room(self, entries: Sequence[tuple[Entry, int]]) -> Planned:
        """Make room for a group, in another segment or by zeros, and return its write."""
        group_bytes = group_bytes_of(entries)
        if not self._has_room(group_bytes):
            self._rotate(group_bytes)
        end_offset = self.segments[-1].end_offset + group_bytes
        if group_bytes <= FILL_GROUP_BYTES_MAX and end_offset > self._filled_bytes:
            self._fill(end_offset)
        return self._planned(entries)

    def _planned(self, entries: Sequence[tuple[Entry, int]]) -> Planned:
        head, offset = self._head, self.segments[-1].end_offset
        place = GroupPlace(
            tag=head.tag,
            block=offset // BLOCK_BYTES,
            first_lsn=self.durable_lsn + 1,
            durable_lsn=self.durable_lsn,
            epoch=head.header.epoch,
            previous_crc=self._crc,
        )
        buffers, group_bytes, crc = encode_group(entries, place)
        end_offset = offset + group_bytes
        if self.is_recycled and end_offset + BLOCK_BYTES <= self._filled_bytes:
            buffers.append(_ZERO_BLOCK)
        is_small = group_bytes <= FILL_GROUP_BYTES_MAX
        return Planned(self._handle, offset, buffers, end_offset, crc, len(entries), is_small)

    def _fill(self, needed_bytes: int) -> None:
        """Write zeros up to `needed_bytes` and a step beyond, within the segment; sync them."""
        start_offset = self._filled_bytes
        size_bytes = self.segments[-1].size_bytes
        end_offset = min(size_bytes, max(needed_bytes, start_offset + self._medium.sizes.fill_step))
        if end_offset <= start_offset:
            return
        try:
            fill_with_zeros(self._filesystem, self._handle, start_offset, end_offset)
        except StorageFailed:
            # Zeros are a convenience: a disk that has no room for them may have some for the group.
            return
        self._filesystem.sync(self._handle)
        self._filled_bytes = end_offset

    def _rotate(self, group_bytes: int) -> None:
        """Begin the next segment: header, sync file, sync directory, then first use."""
        before = self._head.header
        first_lsn = self.durable_lsn + 1
        header = before._replace(
            number=before.number + 1,
            first_lsn=first_lsn,
            previous_crc=self._crc,
            salt=self._medium.entropy.token(SALT_BYTES),
        )
        path = f"{self._medium.directory}/{segment_name(first_lsn)}"
        size_bytes = self._medium.sizes.after(self.segments)
        size_bytes_min = max(BLOCK_BYTES + group_bytes, size_bytes // 2)
        handle, head = self._recycle(path, header, size_bytes_min) or create_segment(
            self._filesystem,
            path,
            header._replace(flags=0),
            filled_bytes=self._medium.sizes.filled_at_first(size_bytes, group_bytes),
        )
        try:
            self._filesystem.sync(handle)
            self._filesystem.sync_directory(self._medium.directory)
            filled_bytes = self._filesystem.size(handle)
        except BaseException:
            handle.close()
            raise
        if head.header.is_recycled:
            size_bytes = filled_bytes
        self.segments[-1].size_bytes = self._filled_bytes
        self._handle.close()
        self._handle, self._head, self._crc = handle, head, head.tag
        self._filled_bytes = filled_bytes
        self.segments.append(Segment(path, first_lsn, BLOCK_BYTES, size_bytes))

    def _recycle(
        self, path: str, header: SegmentHeader, size_bytes_min: int
    ) -> tuple[Handle, Head] | None:
        """Give a spare its new header and then its new name; None when there is no spare."""
        spare = self.spares.take(size_bytes_min)
        if spare is None:
            return None
        header = header._replace(flags=RECYCLED)
        block, tag = encode_header(header)
        handle = self._filesystem.open(spare.path)
        try:
            self._filesystem.write_at(handle, 0, [block, _ZERO_BLOCK])
            self._filesystem.sync(handle)
            self._filesystem.rename(spare.path, path)
        except BaseException:
            handle.close()
            raise
        return handle, Head(header, tag)
