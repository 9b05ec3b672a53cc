"""Reads a log's directory after whatever happened and decides what it holds.

Only reads. A bad group is a torn tail, which nobody was promised, only if it lies in the last
segment, nothing later was written after it, no evidence says it was durable, and it is no larger
than one group may be: a writer syncs each group before it writes the next, so at most one can
be torn. Anything else is damage, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engram.model.errors import LogCorrupted, StoreTooNew
from engram.wal.limits import BLOCK_BYTES, GROUP_BYTES_MAX, READ_BYTES
from engram.wal.record import (
    GROUP_MAGIC,
    VERSION,
    Damaged,
    NewerVersion,
    decode_group_header,
    decode_segment_header,
)
from engram.wal.segment import (
    Group,
    GroupReader,
    LogIdentity,
    Segment,
    is_segment_name,
    segment_name,
)

if TYPE_CHECKING:
    from engram.ports import Filesystem, Handle
    from engram.wal.protocol import Lsn

_ZERO_BLOCK = bytes(BLOCK_BYTES)


class Survey(NamedTuple):
    """What a directory holds.

    `segments` are the sound ones; `torn_path` is the file with bytes to cut, from `cut_offset` on,
    `cut_bytes` of them (a file whose header never became whole has `cut_offset` 0);
    `suffix` is the last group when no evidence says that it was ever durable.
    `crc` is the last group's, `suffix_crc` that of what stands before the suffix.
    """

    segments: list[Segment]
    entries: int
    last_lsn: Lsn
    crc: int
    suffix: Group | None
    suffix_crc: int
    torn_path: str | None
    cut_offset: int
    cut_bytes: int

    @property
    def is_clean(self) -> bool:
        """Tell whether writing may go on right behind the last group."""
        whole = bool(self.segments) and self.segments[-1].end_offset > BLOCK_BYTES
        return whole and self.suffix is None and self.torn_path is None


def survey(
    filesystem: Filesystem, directory: str, identity: LogIdentity, durable_lsn: Lsn
) -> Survey:
    """Verify every segment of the directory; `durable_lsn` is the evidence from outside.

    Raises:
        LogCorrupted: something is damaged where acknowledged data must be.
        StoreTooNew: a segment has a later format.
        StorageFailed: the medium cannot be read.
    """
    return _Surveyor(filesystem, directory, identity, durable_lsn).survey()


class _Surveyor:
    def __init__(
        self, filesystem: Filesystem, directory: str, identity: LogIdentity, durable_lsn: Lsn
    ) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._identity = identity
        self._durable_lsn = durable_lsn
        self._entries = 0
        self._last_group: Group | None = None
        self._crc_before = 0

    def survey(self) -> Survey:
        names = [name for name in self._filesystem.list(self._directory) if is_segment_name(name)]
        if names:
            # A segment is created only after everything before it was synced.
            self._durable_lsn = max(self._durable_lsn, int(names[-1][:20]) - 1)
        segments: list[Segment] = []
        torn_path: str | None = None
        cut_bytes = cut_offset = 0
        for position, name in enumerate(names):
            path = f"{self._directory}/{name}"
            segment = self._read_header(path, is_last=position == len(names) - 1)
            if segment is None:
                torn_path = path
                cut_bytes = self._size_of(path)
            else:
                segments.append(segment)
        last_lsn, crc = 0, 0
        for position, segment in enumerate(segments):
            self._check_follows(segment, segments[position - 1] if position else None, crc)
            until = None
            if position + 1 < len(segments):
                until = segments[position + 1].header.first_lsn
            elif torn_path is not None:
                until = int(names[-1][:20])
            last_lsn, crc, dirty_bytes = self._walk(segment, until)
            if dirty_bytes:
                torn_path, cut_offset, cut_bytes = segment.path, segment.end_offset, dirty_bytes
        self._check_nothing_missing(segments, names, last_lsn)
        suffix = self._last_group
        if suffix is not None and suffix.header.last_lsn <= self._durable_lsn:
            suffix = None
        return Survey(
            segments, self._entries, last_lsn, crc, suffix, self._crc_before,
            torn_path, cut_offset, cut_bytes,
        )  # fmt: skip

    def _read_header(self, path: str, *, is_last: bool) -> Segment | None:
        """Return the segment, or None when its creation was cut short and it holds nothing."""
        handle = self._filesystem.open(path)
        try:
            block = self._filesystem.read_at(handle, 0, BLOCK_BYTES)
            first_lsn = int(path[-24:-4])
            try:
                header, tag = decode_segment_header(block)
            except NewerVersion as exc:
                raise StoreTooNew(path, exc.version, VERSION) from exc
            except Damaged as exc:
                if is_last and self._durable_lsn < first_lsn and self._is_zero_after(handle):
                    return None
                raise self._corrupted(path, 0, first_lsn, str(exc)) from exc
        finally:
            handle.close()
        if (header.store_id, header.space_id) != self._identity:
            raise self._corrupted(path, 0, first_lsn, "the segment belongs to another log")
        if segment_name(header.first_lsn) != path.rpartition("/")[2]:
            raise self._corrupted(path, 0, first_lsn, "the segment has another segment's name")
        return Segment(path, header, tag)

    def _check_follows(self, segment: Segment, before: Segment | None, crc: int) -> None:
        header = segment.header
        if before is not None and (
            header.previous_crc != crc or header.epoch < before.header.epoch
        ):
            raise self._corrupted(
                segment.path, 0, header.first_lsn, "the segment does not follow the one before it"
            )

    def _walk(self, segment: Segment, until: Lsn | None) -> tuple[Lsn, int, int]:
        """Verify groups up to LSN `until` (exclusive), or all; return last LSN, CRC, dirty bytes.

        What lies behind `until` in a segment was superseded by the next one and means nothing.
        """
        handle = self._filesystem.open(segment.path)
        try:
            reader = GroupReader(self._filesystem, handle, segment)
            reason = ""
            while until is None or reader.next_lsn < until:
                before = reader.crc
                try:
                    group = reader.next_group()
                except Damaged as exc:
                    reason = str(exc)
                    break
                self._last_group, self._crc_before = group, before
                self._entries += group.header.record_count
                self._durable_lsn = max(self._durable_lsn, group.header.durable_lsn)
            segment.end_offset = reader.offset
            dirty_bytes = 0
            if until is None:
                dirty_bytes = self._judge_tail(handle, segment, reader.next_lsn, reason)
            elif reader.next_lsn != until:
                reason = reason or "the next segment begins within a group"
                raise self._corrupted(segment.path, reader.offset, reader.next_lsn, reason, until)
            return reader.next_lsn - 1, reader.crc, dirty_bytes
        finally:
            handle.close()

    def _judge_tail(self, handle: Handle, segment: Segment, next_lsn: Lsn, reason: str) -> int:
        """Return how many bytes behind the last group were begun and never finished."""
        start = segment.end_offset
        dirty_end = start
        stale_end = start
        for offset, block in self._blocks(handle, start):
            if block[:4] == GROUP_MAGIC:
                try:
                    header = decode_group_header(block)
                except Damaged:
                    header = None
                if header is not None and header.tag != segment.tag:
                    stale_end = max(stale_end, offset + header.group_bytes)
                elif header is not None and offset > start and header.first_lsn >= next_lsn:
                    later = f"{reason}, yet a later group begins at byte {offset}"
                    raise self._corrupted(segment.path, start, next_lsn, later, header.last_lsn + 1)
            if offset >= stale_end and block != _ZERO_BLOCK[: len(block)]:
                dirty_end = offset + len(block)
        if self._durable_lsn >= next_lsn:
            missing = f"{reason}, yet LSN {self._durable_lsn} is known to be durable"
            raise self._corrupted(segment.path, start, next_lsn, missing)
        if dirty_end - start > GROUP_BYTES_MAX:
            large = f"{reason}, and what follows is larger than one torn write can be"
            raise self._corrupted(segment.path, start, next_lsn, large)
        return dirty_end - start

    def _blocks(self, handle: Handle, start: int) -> list[tuple[int, bytes]]:
        """Return the blocks from `start` to the end that are not all zero, with their offsets."""
        found: list[tuple[int, bytes]] = []
        offset = start
        while data := self._filesystem.read_at(handle, offset, READ_BYTES):
            if data.count(0) < len(data):
                for at in range(0, len(data), BLOCK_BYTES):
                    block = data[at : at + BLOCK_BYTES]
                    if block != _ZERO_BLOCK[: len(block)]:
                        found.append((offset + at, block))
            offset += len(data)
        return found

    def _is_zero_after(self, handle: Handle) -> bool:
        return not self._blocks(handle, BLOCK_BYTES)

    def _size_of(self, path: str) -> int:
        handle = self._filesystem.open(path)
        try:
            return self._filesystem.size(handle)
        finally:
            handle.close()

    def _check_nothing_missing(
        self, segments: list[Segment], names: list[str], last_lsn: Lsn
    ) -> None:
        """Refuse a directory that lost its segments while evidence says there was data."""
        if not segments and self._durable_lsn > 0:
            path = f"{self._directory}/{names[0] if names else segment_name(1)}"
            reason = f"the segments that held LSN 1 to {self._durable_lsn} are missing"
            raise self._corrupted(path, 0, last_lsn + 1, reason)

    def _corrupted(
        self, path: str, offset: int, lsn: Lsn, reason: str, until: Lsn | None = None
    ) -> LogCorrupted:
        last = max(lsn, self._durable_lsn) if until is None else max(lsn, until - 1)
        return LogCorrupted(path, offset, lsn, last, reason)
