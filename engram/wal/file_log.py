"""The log on a filesystem: segments of groups, one write and one sync a group.

The format is drawn in docs/formats/log.md; what is decided when a log is opened stands in
`engram.wal.recovery`, who writes and who waits in `engram.wal.appender`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from engram.model.errors import Closed, Conflict, LogCorrupted
from engram.wal.appender import Appender
from engram.wal.entries import admit, check_fence, check_kept, check_reachable
from engram.wal.evidence import DurableMark
from engram.wal.limits import READ_BYTES, RECORD_BYTES_MAX, SEGMENT_BYTES_MAX
from engram.wal.record import Damaged, decode_records
from engram.wal.recovery import survey
from engram.wal.repair import continue_log, renew_log
from engram.wal.segment import GroupReader, LogIdentity, Segment, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from engram.ports import Clock, Entropy, Filesystem, Handle
    from engram.wal.protocol import Entry, Lsn, Record

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What opening a log found and did.

    `entries` records from `first_lsn` to `last_lsn` (0 and 0 when empty) in `segments` files;
    `cut_bytes` of a torn tail were kept in `cut_to`; it took `duration_ns`.
    """

    entries: int
    segments: int
    first_lsn: Lsn
    last_lsn: Lsn
    cut_bytes: int
    cut_to: str | None
    duration_ns: int


class FileLog:
    """Log in a directory of a Filesystem; made by `FileLog.open`, which recovers it first."""

    def __init__(
        self,
        filesystem: Filesystem,
        writer: SegmentWriter,
        mark: DurableMark,
        recovery: RecoveryReport,
        *,
        record_bytes_max: int,
        inline: bool,
    ) -> None:
        self.recovery = recovery
        self._filesystem = filesystem
        self._writer = writer
        self._record_bytes_max = record_bytes_max
        self._inline = inline
        self._is_open = True
        self._appender = Appender(writer, mark, writer.directory, inline=inline)

    @classmethod
    async def open(
        cls,
        filesystem: Filesystem,
        directory: str,
        *,
        store_id: bytes,
        space_id: str,
        entropy: Entropy,
        clock: Clock,
        durable_lsn: Lsn = 0,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        record_bytes_max: int = RECORD_BYTES_MAX,
        inline: bool = False,
    ) -> FileLog:
        """Recover the log in `directory` (made when it is missing) and return it ready.

        `store_id` has 16 bytes. `durable_lsn` is what the caller knows to be durable from
        elsewhere (a manifest). The caller holds the store's lock. `inline` runs all file calls in
        the calling task: for simulations only.

        Raises:
            LogCorrupted: acknowledged data is damaged or missing; nothing was changed.
            StoreTooNew: a later release wrote it.
            StorageFailed: the medium refused.
        """
        identity = LogIdentity(store_id, space_id)
        started = clock.monotonic()

        def recover() -> tuple[SegmentWriter, DurableMark, RecoveryReport]:
            mark = DurableMark(filesystem, directory, identity.as_bytes())
            try:
                known = max(durable_lsn, mark.read())
                found = survey(filesystem, directory, identity, known)
                cut_to = None
                if found.is_clean:
                    writer = continue_log(
                        filesystem, entropy, found, segment_bytes_max=segment_bytes_max
                    )
                else:
                    writer, cut_to = renew_log(
                        filesystem,
                        entropy,
                        found,
                        directory,
                        identity,
                        segment_bytes_max=segment_bytes_max,
                    )
                mark.write(found.last_lsn)
            except BaseException:
                mark.close()
                raise
            report = RecoveryReport(
                entries=found.entries,
                segments=len(found.segments),
                first_lsn=found.segments[0].header.first_lsn if found.entries else 0,
                last_lsn=found.last_lsn,
                cut_bytes=found.cut_bytes,
                cut_to=cut_to,
                duration_ns=clock.monotonic() - started,
            )
            return writer, mark, report

        with anyio.CancelScope(shield=True):
            writer, mark, report = await _call(recover, inline=inline)
        return cls(
            filesystem, writer, mark, report, record_bytes_max=record_bytes_max, inline=inline
        )

    @property
    def last_lsn(self) -> Lsn:
        """LSN of the last record appended."""
        return self._appender.last_lsn

    @property
    def durable_lsn(self) -> Lsn:
        """LSN up to which a sync has returned."""
        return self._appender.durable_lsn

    @property
    def record_bytes_max(self) -> int:
        """The longest payload one record may have, in bytes."""
        return self._record_bytes_max

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments up to the end of their last group."""
        return sum(segment.end_offset for segment in list(self._writer.segments))

    def append(self, entries: Sequence[Entry], *, expected_last_lsn: Lsn) -> Lsn:
        """Take the entries in, in order, and return the new last LSN; see `Log.append`."""
        self._appender.check_usable()
        check_fence(expected_last_lsn, self._appender.last_lsn)
        return self._appender.gather(admit(entries, self._record_bytes_max))

    async def sync(self, upto: Lsn) -> None:
        """Return once `durable_lsn >= upto`; see `Log.sync`."""
        check_reachable("sync", upto, self._appender.last_lsn)
        await self._appender.wait_durable(upto)

    async def read(self, after: Lsn) -> AsyncIterator[Record]:
        """Iterate over the durable records after `after`; see `Log.read`."""
        self._check_open()
        upto = self.durable_lsn
        segments = list(self._writer.segments)
        check_kept(after, segments[0].header.first_lsn)
        for position, segment in enumerate(segments):
            last = upto
            if position + 1 < len(segments):
                last = min(upto, segments[position + 1].header.first_lsn - 1)
            if last <= after or segment.header.first_lsn > upto:
                continue
            handle, reader = await self._run(partial(self._open_reader, segment))
            try:
                while reader.next_lsn <= last:
                    records = await self._run(partial(_read_some, reader, segment, after, last))
                    for record in records:
                        yield record
            finally:
                handle.close()

    async def trim(self, upto: Lsn) -> None:
        """Remove the segments wholly up to `upto`, with the cut bytes beside them."""
        self._check_open()
        check_reachable("trim", upto, self.durable_lsn)
        await self._run(partial(self._trim, upto))

    async def aclose(self) -> None:
        """Finish the flushes that were asked for and release the files; see `Log.aclose`."""
        self._is_open = False
        await self._appender.aclose()

    def _check_open(self) -> None:
        if not self._is_open:
            raise Closed("the log")

    async def _run(self, call: Callable[[], T]) -> T:
        return await _call(call, inline=self._inline)

    def _open_reader(self, segment: Segment) -> tuple[Handle, GroupReader]:
        try:
            handle = self._filesystem.open(segment.path)
        except FileNotFoundError as exc:
            raise Conflict(
                f"{segment.path} was trimmed away while it was to be read; start from a snapshot"
            ) from exc
        return handle, GroupReader(self._filesystem, handle, segment)

    def _trim(self, upto: Lsn) -> None:
        segments = self._writer.segments
        directory = self._writer.directory
        names = self._filesystem.list(directory)
        while len(segments) > 1 and segments[1].header.first_lsn - 1 <= upto:
            path = segments[0].path
            # Oldest first, each one durable, so that no crash leaves a gap.
            self._filesystem.remove(path)
            self._filesystem.sync_directory(directory)
            del segments[0]
            prefix = path.rpartition("/")[2] + "."
            for name in names:
                if name.startswith(prefix):
                    self._filesystem.remove(f"{directory}/{name}")


async def _call(call: Callable[[], T], *, inline: bool) -> T:
    return call() if inline else await anyio.to_thread.run_sync(call)


def _read_some(reader: GroupReader, segment: Segment, after: Lsn, last: Lsn) -> list[Record]:
    """Return the records in (after, last] of the next groups, about READ_BYTES of them."""
    records: list[Record] = []
    end_offset = reader.offset + READ_BYTES
    while reader.next_lsn <= last and reader.offset < end_offset:
        try:
            group = reader.next_group()
            found = decode_records(group.header, group.body)
        except Damaged as exc:
            raise LogCorrupted(
                segment.path, reader.offset, reader.next_lsn, last, str(exc)
            ) from exc
        if group.header.last_lsn > after:
            records.extend(found if found[0].lsn > after else [r for r in found if r.lsn > after])
    return records
