"""Reads a log's directory after whatever happened and decides what it holds.

Only reads. A bad group is a torn tail, which nobody was promised, only if it lies in the last
segment, nothing later was written after it, no evidence says it was durable, and it is no larger
than one group may be: a writer syncs each group before it writes the next, so at most one can
be torn. Anything else is damage, and is refused.
Every byte is read once: who wants to replay the records gets them while they are verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engram.model.errors import LogCorrupted
from engram.wal.limits import BLOCK_BYTES, GROUP_BYTES_MAX, READ_BYTES_FIRST
from engram.wal.record import (
    GROUP_MAGIC,
    Damaged,
    GroupHeader,
    NewerVersion,
    decode_group_header,
    decode_records,
    decode_segment_header,
)
from engram.wal.segment import (
    Group,
    GroupReader,
    Head,
    LogIdentity,
    Segment,
    first_lsn_of,
    is_segment_name,
    read_head,
    segment_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from engram.ports import Filesystem, Handle
    from engram.wal.protocol import Lsn, Record

_ZERO_BLOCK = bytes(BLOCK_BYTES)
_ZEROS = bytes(READ_BYTES_FIRST)
_NOTHING = memoryview(b"")


class Survey(NamedTuple):
    """What a directory holds.

    `segments` are the sound ones, `head` the last one's header; `torn_path` is the file with bytes
    to cut, from `cut_offset` on, `cut_bytes` of them (a file whose header never became whole has
    `cut_offset` 0); `suffix` is the last group when no evidence says that it was ever durable.
    `crc` is the last group's, `suffix_crc` that of what stands before the suffix. `entries` and
    `read_bytes` count what was verified.
    """

    names: list[str]
    segments: list[Segment]
    head: Head | None
    entries: int
    read_bytes: int
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
    filesystem: Filesystem,
    directory: str,
    identity: LogIdentity,
    durable_lsn: Lsn,
    *,
    after: Lsn = 0,
    replay: Callable[[Sequence[Record]], None] | None = None,
) -> Survey:
    """Verify what the directory holds after LSN `after`, which a snapshot covers.

    `durable_lsn` is the evidence from outside. Groups up to `after` in the first segment needed are
    only followed by their headers, segments before it are not opened. `replay` is given the
    records after `after`, group by group and in order, each once; when this raises, what it was
    given means nothing.

    Raises:
        LogCorrupted: something is damaged where acknowledged data must be.
        StoreTooNew: a segment has a later format.
        StorageFailed: the medium cannot be read.
    """
    evidence = max(durable_lsn, after)
    return _Surveyor(filesystem, directory, identity, evidence, after, replay).survey()


class _Surveyor:
    def __init__(
        self,
        filesystem: Filesystem,
        directory: str,
        identity: LogIdentity,
        durable_lsn: Lsn,
        after: Lsn,
        replay: Callable[[Sequence[Record]], None] | None,
    ) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._identity = identity
        self._durable_lsn = durable_lsn
        self._after = after
        self._replay = replay
        self._entries = 0
        self._read_bytes = 0
        self._last_group: Group | None = None
        self._crc_before = 0

    def survey(self) -> Survey:
        listed = self._filesystem.list(self._directory)
        names = [name for name in listed if is_segment_name(name)]
        if names:
            # A segment is created only after everything before it was synced.
            self._durable_lsn = max(self._durable_lsn, first_lsn_of(names[-1]) - 1)
        segments = self._skip(names)
        before: Head | None = None
        head: Head | None = None
        torn_path: str | None = None
        last_lsn, crc, cut_offset, cut_bytes = 0, 0, 0, 0
        for position in range(len(segments), len(names)):
            is_last = position == len(names) - 1
            segment = self._segment(names[position])
            handle = self._filesystem.open(segment.path)
            try:
                head = self._head(handle, segment, is_last=is_last)
                if head is None:
                    torn_path, cut_bytes = segment.path, self._filesystem.size(handle)
                    head = before
                    break
                self._check_follows(segment, head, before, crc)
                until = None if is_last else first_lsn_of(names[position + 1])
                last_lsn, crc, dirty_bytes = self._walk(handle, segment, head, until)
            finally:
                handle.close()
            if dirty_bytes:
                torn_path, cut_offset, cut_bytes = segment.path, segment.end_offset, dirty_bytes
            segments.append(segment)
            before = head
        self._check_nothing_missing(segments, names, last_lsn)
        suffix = self._last_group
        if suffix is not None and suffix.header.last_lsn <= self._durable_lsn:
            suffix = None
        return Survey(
            listed, segments, head, self._entries, self._read_bytes, last_lsn, crc, suffix,
            self._crc_before, torn_path, cut_offset, cut_bytes,
        )  # fmt: skip

    def _skip(self, names: list[str]) -> list[Segment]:
        """Return the segments that end at or before `after`, unread."""
        count = 0
        while count + 1 < len(names) and first_lsn_of(names[count + 1]) <= self._after + 1:
            count += 1
        if count and first_lsn_of(names[count]) > self._after and not self._is_begun(names[count]):
            count -= 1
        if names and self._after and first_lsn_of(names[count]) > self._after + 1:
            path = f"{self._directory}/{names[count]}"
            missing = f"the log begins here, LSN {self._after + 1} and what follows it are missing"
            raise self._corrupted(path, 0, self._after + 1, missing, first_lsn_of(names[count]))
        return [self._segment(name) for name in names[:count]]

    def _is_begun(self, name: str) -> bool:
        """Tell whether the segment has a header; without one, what follows stands before it."""
        handle = self._filesystem.open(f"{self._directory}/{name}")
        try:
            return _is_header(self._filesystem.read_at(handle, 0, BLOCK_BYTES))
        finally:
            handle.close()

    def _segment(self, name: str) -> Segment:
        """Return a segment whose groups nobody has read."""
        path = f"{self._directory}/{name}"
        handle = self._filesystem.open(path)
        try:
            size_bytes = self._filesystem.size(handle)
        finally:
            handle.close()
        return Segment(path, first_lsn_of(name), size_bytes, size_bytes)

    def _head(self, handle: Handle, segment: Segment, *, is_last: bool) -> Head | None:
        """Return the header, or None when the file's creation was cut short and it is empty."""
        try:
            return read_head(self._filesystem, handle, segment.path, self._identity)
        except Damaged as exc:
            block = self._filesystem.read_at(handle, 0, BLOCK_BYTES)
            unfinished = is_last and self._durable_lsn < segment.first_lsn
            if unfinished and not _is_header(block) and self._is_zero_after(handle):
                return None
            raise self._corrupted(segment.path, 0, segment.first_lsn, str(exc)) from exc

    def _check_follows(self, segment: Segment, head: Head, before: Head | None, crc: int) -> None:
        header = head.header
        if before is not None and (
            header.previous_crc != crc or header.epoch < before.header.epoch
        ):
            raise self._corrupted(
                segment.path, 0, header.first_lsn, "the segment does not follow the one before it"
            )

    def _walk(
        self, handle: Handle, segment: Segment, head: Head, until: Lsn | None
    ) -> tuple[Lsn, int, int]:
        """Verify groups up to LSN `until` (exclusive), or all; return last LSN, CRC, dirty bytes.

        What lies behind `until` in a segment was superseded by the next one and means nothing.
        """
        reader = GroupReader(self._filesystem, handle, head)
        reader.skip_groups(self._after if until is None else min(self._after, until - 1))
        reason = ""
        while until is None or reader.next_lsn < until:
            before = reader.crc
            try:
                group = reader.next_group()
                self._take(group)
            except Damaged as exc:
                reason = str(exc)
                break
            self._last_group, self._crc_before = group, before
            self._durable_lsn = max(self._durable_lsn, group.header.durable_lsn)
        segment.end_offset = reader.offset
        self._read_bytes += reader.offset
        dirty_bytes = 0
        if until is None:
            ahead, end_offset = reader.ahead, segment.end_offset
            tail = _Tail(segment.path, end_offset, head, reader.next_lsn, reason, ahead)
            dirty_bytes = self._judge(handle, tail)
        elif reader.next_lsn != until:
            reason = reason or "the next segment begins within a group"
            raise self._corrupted(segment.path, reader.offset, reader.next_lsn, reason, until)
        return reader.next_lsn - 1, reader.crc, dirty_bytes

    def _take(self, group: Group) -> None:
        """Hand the records of a verified group on."""
        self._entries += group.header.record_count
        if self._replay is not None:
            records = decode_records(group.header, group.body)
            if records[0].lsn <= self._after:
                records = [record for record in records if record.lsn > self._after]
            self._replay(records)

    def _judge(self, handle: Handle, tail: _Tail) -> int:
        """Return how many bytes behind the last group were begun and never finished."""
        dirty_end = self._dirty_end(handle, tail)
        if self._durable_lsn >= tail.next_lsn:
            missing = f"{tail.reason}, yet LSN {self._durable_lsn} is known to be durable"
            raise self._corrupted(tail.path, tail.offset, tail.next_lsn, missing)
        if dirty_end - tail.offset > GROUP_BYTES_MAX:
            large = f"{tail.reason}, and what follows is larger than one torn write can be"
            raise self._corrupted(tail.path, tail.offset, tail.next_lsn, large)
        return dirty_end - tail.offset

    def _dirty_end(self, handle: Handle, tail: _Tail) -> int:
        """Return where the bytes that this life of the file left behind its last group end.

        In a recycled file a zero block was written behind each group, so what begins behind one is
        of this life, and ends at the latest where the former life shows itself.
        """
        dirty_end = tail.offset
        is_recycled = tail.head.header.is_recycled
        in_tail = True
        for offset, block in self._blocks(handle, tail.offset, tail.ahead):
            header = _group_header(block)
            if header is not None and header.tag == tail.head.tag:
                if offset > tail.offset and header.first_lsn >= tail.next_lsn:
                    later = f"{tail.reason}, yet a later group begins at byte {offset}"
                    raise self._corrupted(
                        tail.path, tail.offset, tail.next_lsn, later, header.last_lsn + 1
                    )
            elif is_recycled:
                in_tail = in_tail and header is None and offset <= dirty_end
            if in_tail and (not is_recycled or offset < tail.offset + GROUP_BYTES_MAX):
                dirty_end = offset + len(block)
        return dirty_end

    def _blocks(
        self, handle: Handle, start: int, ahead: memoryview = _NOTHING
    ) -> Iterator[tuple[int, bytes]]:
        """Give the blocks from `start` to the end that are not all zero, with their offsets.

        What was read `ahead` from there is not read again.
        """
        offset = start
        while data := (
            bytes(ahead[offset - start :][:READ_BYTES_FIRST])
            or self._filesystem.read_at(handle, offset, READ_BYTES_FIRST)
        ):
            if not _ZEROS.startswith(data):  # 20 times as quick as to count them
                for at in range(0, len(data), BLOCK_BYTES):
                    block = data[at : at + BLOCK_BYTES]
                    if block != _ZERO_BLOCK[: len(block)]:
                        yield offset + at, block
            offset += len(data)

    def _is_zero_after(self, handle: Handle) -> bool:
        return next(self._blocks(handle, BLOCK_BYTES), None) is None

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


class _Tail(NamedTuple):
    """What begins behind the last valid group of a segment, and why it is none."""

    path: str
    offset: int
    head: Head
    next_lsn: Lsn
    reason: str
    ahead: memoryview
    """What was read of it."""


def _is_header(block: bytes) -> bool:
    try:
        decode_segment_header(block)
    except NewerVersion:
        return True
    except Damaged:
        return False
    return True


def _group_header(block: bytes) -> GroupHeader | None:
    if block[:4] != GROUP_MAGIC:
        return None
    try:
        return decode_group_header(block)
    except Damaged:
        return None
