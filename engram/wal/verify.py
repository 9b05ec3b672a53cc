"""Looks at a log's directory and says everything that is wrong with it; changes nothing.

Opening a log stops at the first damage; this goes on behind it, block by block, to say how much is
sound and what exactly is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engram.model.errors import LogCorrupted
from engram.wal.evidence import read_mark
from engram.wal.limits import BLOCK_BYTES, READ_BYTES
from engram.wal.record import (
    GROUP_HEADER_BYTES,
    GROUP_MAGIC,
    Damaged,
    check_body,
    decode_group_header,
    decode_records,
)
from engram.wal.recovery import survey
from engram.wal.segment import GroupReader, first_lsn_of, is_segment_name, read_head

if TYPE_CHECKING:
    from engram.ports import Filesystem, Handle
    from engram.wal.protocol import Lsn
    from engram.wal.record import GroupHeader
    from engram.wal.segment import Head, LogIdentity


@dataclass(frozen=True, slots=True)
class Damage:
    """One place where acknowledged records are not as they were written.

    `bytes_count` from `offset` of the file at `path` do not say what they must; they held LSN
    `lsn_first` to `lsn_last` (as far as what follows tells).
    """

    path: str
    offset: int
    bytes_count: int
    lsn_first: Lsn
    lsn_last: Lsn
    reason: str


@dataclass(slots=True)
class SegmentReport:
    """What one segment holds: LSNs that verify, in `groups_count` groups up to `end_offset`.

    `last_lsn` is `first_lsn - 1` when there is none. `number` and `epoch` are 0 when the header
    is damaged.
    """

    path: str
    number: int
    first_lsn: Lsn
    last_lsn: Lsn
    epoch: int
    is_recycled: bool
    groups_count: int
    end_offset: int
    file_bytes: int


@dataclass(slots=True)
class LogReport:
    """Everything in a log's directory: segments, damage in order of LSN, and other files.

    `durable_lsn` is the best evidence there is; `other_names` are spares, cut bytes and the like.
    """

    segments: list[SegmentReport] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    durable_lsn: Lsn = 0
    other_names: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Tell whether nothing acknowledged is damaged or missing."""
        return not self.damage


def verify(
    filesystem: Filesystem,
    directory: str,
    identity: LogIdentity,
    *,
    durable_lsn: Lsn = 0,
    after: Lsn = 0,
) -> LogReport:
    """Return what the directory holds and every damage in it; blocks while it reads everything.

    `durable_lsn` is evidence from elsewhere (a manifest), `after` what a snapshot covers. A torn
    write behind the last group is no damage. The log may be open and written to, but must not be
    trimmed meanwhile.

    Raises:
        StoreTooNew: a later release wrote it.
        StorageFailed: the medium cannot be read.
    """
    names = filesystem.list(directory)
    known = max(durable_lsn, after, read_mark(filesystem, directory, identity.as_bytes()))
    report = LogReport(durable_lsn=known)
    report.other_names = [name for name in names if not is_segment_name(name)]
    walk = _Walk(filesystem, directory, identity, report)
    segments = [name for name in names if is_segment_name(name)]
    for position, name in enumerate(segments):
        until = first_lsn_of(segments[position + 1]) if position + 1 < len(segments) else None
        walk.segment(name, until)
    if report.is_sound:
        # What only opening decides: how a torn tail is told from damage.
        try:
            survey(filesystem, directory, identity, known, after=after)
        except LogCorrupted as exc:
            report.damage.append(
                Damage(exc.path, exc.offset, 0, exc.lsn_first, exc.lsn_last, exc.reason)
            )
    return report


class _Walk:
    """Reads segment after segment, noting what does not follow."""

    def __init__(
        self, filesystem: Filesystem, directory: str, identity: LogIdentity, report: LogReport
    ) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._identity = identity
        self._report = report
        self._crc: int | None = None
        self._next_lsn: Lsn | None = None

    def segment(self, name: str, until: Lsn | None) -> None:
        """Walk one segment up to LSN `until`, where the next one takes over."""
        path = f"{self._directory}/{name}"
        first_lsn = first_lsn_of(name)
        handle = self._filesystem.open(path)
        try:
            size = self._filesystem.size(handle)
            found = SegmentReport(
                path, 0, first_lsn, first_lsn - 1, 0, is_recycled=False, groups_count=0,
                end_offset=0, file_bytes=size,
            )  # fmt: skip
            self._report.segments.append(found)
            try:
                head = read_head(self._filesystem, handle, path, self._identity)
            except Damaged as exc:
                if until is not None or self._report.durable_lsn >= first_lsn:
                    self._note(found, 0, size, first_lsn, until, str(exc))
                self._crc, self._next_lsn = None, until
                return
            self._check_follows(found, head)
            found.number, found.epoch = head.header.number, head.header.epoch
            found.is_recycled = head.header.is_recycled
            self._groups(handle, head, found, until)
        finally:
            handle.close()

    def _check_follows(self, found: SegmentReport, head: Head) -> None:
        if self._next_lsn is not None and self._next_lsn < found.first_lsn:
            reason = "the segments between this and the one before it are missing"
            self._note(found, 0, 0, self._next_lsn, found.first_lsn, reason)
        elif self._crc is not None and head.header.previous_crc != self._crc:
            reason = "the segment does not follow the one before it"
            self._note(found, 0, BLOCK_BYTES, found.first_lsn, found.first_lsn + 1, reason)

    def _groups(self, handle: Handle, head: Head, found: SegmentReport, until: Lsn | None) -> None:
        reader = GroupReader(self._filesystem, handle, head)
        sound_crc: int | None = reader.crc
        while until is None or reader.next_lsn < until:
            try:
                group = reader.next_group()
                decode_records(group.header, group.body)
            except Damaged as exc:
                start, lsn, reason = reader.offset, reader.next_lsn, str(exc)
                later = self._next_sound(handle, head, start, lsn, until)
                if later is None:
                    self._note_end(found, start, lsn, until, reason)
                    sound_crc = None
                    break
                offset, header = later
                self._note(found, start, offset - start, lsn, header.first_lsn, reason)
                reader.move_to(offset, header)
                continue
            sound_crc = reader.crc
            found.groups_count += 1
            found.last_lsn = group.header.last_lsn
            known = max(self._report.durable_lsn, group.header.durable_lsn)
            self._report.durable_lsn = known
        found.end_offset = reader.offset
        self._crc, self._next_lsn = sound_crc, until

    def _note_end(
        self, found: SegmentReport, start: int, lsn: Lsn, until: Lsn | None, reason: str
    ) -> None:
        """Note what is missing at the end of a segment, if anything was promised there."""
        end = until if until is not None else self._report.durable_lsn + 1
        if lsn < end:
            self._note(found, start, found.file_bytes - start, lsn, end, reason)

    def _next_sound(
        self, handle: Handle, head: Head, start: int, lsn: Lsn, until: Lsn | None
    ) -> tuple[int, GroupHeader] | None:
        """Return the next group behind `start` that is whole and belongs to this life."""
        size = self._filesystem.size(handle)
        for base in range(start + BLOCK_BYTES, size, READ_BYTES):
            data = self._filesystem.read_at(handle, base, READ_BYTES)
            for at in range(0, len(data), BLOCK_BYTES):
                if data[at : at + 4] != GROUP_MAGIC:
                    continue
                header = self._sound(handle, data[at : at + BLOCK_BYTES], base + at, head)
                if header is not None and lsn < header.first_lsn < (until or header.first_lsn + 1):
                    return base + at, header
        return None

    def _sound(self, handle: Handle, block: bytes, offset: int, head: Head) -> GroupHeader | None:
        try:
            header = decode_group_header(block)
            if header.tag != head.tag or header.block * BLOCK_BYTES != offset:
                return None
            data = self._filesystem.read_at(handle, offset, header.group_bytes)
            if len(data) < header.group_bytes:
                return None
            check_body(header, memoryview(data)[GROUP_HEADER_BYTES:])
        except Damaged:
            return None
        return header

    def _note(
        self,
        found: SegmentReport,
        offset: int,
        bytes_count: int,
        lsn: Lsn,
        until: Lsn | None,
        reason: str,
    ) -> None:
        last = max(lsn, self._report.durable_lsn if until is None else until - 1)
        self._report.damage.append(Damage(found.path, offset, bytes_count, lsn, last, reason))
