"""The log on a filesystem: segments of groups, one durable write a group.

The format is drawn in docs/formats/log.md; what is decided when a log is opened stands in
`engram.wal.recovery`, who writes and who waits in `engram.wal.appender`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import anyio
import anyio.to_thread

from engram.model.errors import Closed, Conflict, LogCorrupted
from engram.wal.appender import Appender
from engram.wal.closed import ClosedSegment
from engram.wal.entries import admit, check_fence, check_kept, check_reachable
from engram.wal.limits import READ_BYTES, RECORD_BYTES_MAX, SPARES_MAX
from engram.wal.opening import Opened, open_directory
from engram.wal.protocol import Purged
from engram.wal.record import Damaged, decode_records
from engram.wal.segment import GroupReader, LogIdentity, first_lsn_of, read_head
from engram.wal.spares import is_spare_name, wipe
from engram.wal.threads import AppenderThreads
from engram.wal.writer import SegmentSizes, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from engram.ports import Clock, DurableWriters, Entropy, Filesystem, Handle, SyncMethod
    from engram.wal.protocol import Entry, Lsn, Record
    from engram.wal.segment import Segment

T = TypeVar("T")

OnTrim: TypeAlias = Callable[[ClosedSegment], Awaitable[None]]
"""Called with a segment that is about to be trimmed; while it raises, the segment stays."""

# What is kept beside a segment of bytes that were cut off or moved out of the way.
_KEPT_ASIDE = (".cut", ".damaged")


class FileLog:
    """Log in a directory of a Filesystem; made by `FileLog.open`, which recovers it first.

    `recovery` says what that found. `on_trim`, when set, may copy each segment before it goes.
    """

    def __init__(
        self,
        opened: Opened,
        identity: LogIdentity,
        *,
        record_bytes_max: int,
        threads: AppenderThreads | None,
        own_threads: AppenderThreads | None,
        writers: DurableWriters | None = None,
    ) -> None:
        self.recovery = opened.report
        self.on_trim: OnTrim | None = None
        self._writer = opened.writer
        self._filesystem = opened.writer.medium.filesystem
        self._directory = opened.writer.medium.directory
        self._identity = identity
        self._record_bytes_max = record_bytes_max
        self._inline = threads is None
        self._own_threads = own_threads
        self._is_open = True
        self._readers_count = 0
        self._trimming = anyio.Lock()
        self._going: list[Segment] = []
        self._appender = Appender(opened.writer, opened.mark, threads, writers)

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
        after: Lsn = 0,
        replay: Callable[[Sequence[Record]], None] | None = None,
        sync_method: SyncMethod | None = None,
        sizes: SegmentSizes | None = None,
        record_bytes_max: int = RECORD_BYTES_MAX,
        threads: AppenderThreads | None = None,
        writers: DurableWriters | None = None,
        inline: bool = False,
    ) -> FileLog:
        """Recover the log in `directory` (made when it is missing) and return it ready.

        Args:
            filesystem: holds the directory and the lock that keeps a second writer out.
            directory: path of the log in it.
            store_id: 16 bytes.
            space_id: whose log it is.
            entropy: salts new segments.
            clock: times the recovery and the trial of sync methods.
            durable_lsn: what the caller knows to be durable from elsewhere (a manifest).
            after: what a snapshot covers: only what follows is verified.
            replay: called in a worker thread with the records after `after` while they are
                verified, group by group, each once and in order: so they need not be read again.
                When this raises, what it was given means nothing. Payloads are views.
            sync_method: as an earlier `recovery.sync_method` found it; left out, both are tried.
            sizes: of segments.
            record_bytes_max: the longest payload, in bytes.
            threads: those that write for all logs of the process; left out, one of its own.
            writers: what may write beside the event loop, of this loop; left out, threads do it.
            inline: run all file calls in the calling task: for simulations only.

        Raises:
            Conflict: another writer has the log open.
            LogCorrupted: acknowledged data is damaged or missing; nothing was changed.
            StoreTooNew: a later release wrote it.
            StorageFailed: the medium refused.
        """
        identity = LogIdentity(store_id, space_id)
        recover = partial(
            open_directory,
            filesystem,
            directory,
            identity,
            clock,
            entropy,
            sizes=sizes or SegmentSizes(),
            sync_method=sync_method,
            durable_lsn=durable_lsn,
            after=after,
            replay=replay,
        )
        with anyio.CancelScope(shield=True):
            opened = await _call(recover, inline=inline)
        own_threads = AppenderThreads(1) if threads is None and not inline else None
        return cls(
            opened,
            identity,
            record_bytes_max=record_bytes_max,
            threads=None if inline else threads or own_threads,
            own_threads=own_threads,
            writers=None if inline else writers,
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
        """Bytes of all segments up to the end of their last group, as far as that is known."""
        return sum(segment.end_offset for segment in list(self._writer.segments))

    @property
    def first_lsn(self) -> Lsn:
        """LSN of the first record the log still has, or will have."""
        return self._writer.segments[0].first_lsn

    @property
    def closed_segments(self) -> list[ClosedSegment]:
        """The segments nothing is written to any more, oldest first."""
        segments = list(self._writer.segments)
        return [
            ClosedSegment(self._filesystem, segment, after.first_lsn - 1, self._identity)
            for segment, after in pairwise(segments)
        ]

    def append(self, entries: Sequence[Entry], *, expected_last_lsn: Lsn) -> Lsn:
        """Take the entries in, in order, and return the new last LSN; see `Log.append`."""
        self._appender.check_usable()
        check_fence(expected_last_lsn, self._appender.last_lsn)
        return self._appender.gather(admit(entries, self._record_bytes_max))

    def begin(self, upto: Lsn) -> None:
        """Begin what `sync` waits for, where it is done beside the event loop; see `Log.begin`."""
        self._appender.check_usable()
        check_reachable("begin", upto, self._appender.last_lsn)
        self._appender.begin(upto)

    async def sync(self, upto: Lsn) -> None:
        """Return once `durable_lsn >= upto`; see `Log.sync`."""
        check_reachable("sync", upto, self._appender.last_lsn)
        await self._appender.wait_durable(upto)

    async def read(self, after: Lsn) -> AsyncIterator[Record]:
        """Iterate over the durable records after `after`; see `Log.read`."""
        self._check_open()
        upto = self.durable_lsn
        segments = list(self._writer.segments)
        check_kept(after, segments[0].first_lsn)
        self._readers_count += 1
        try:
            for position, segment in enumerate(segments):
                last = upto
                if position + 1 < len(segments):
                    last = min(upto, segments[position + 1].first_lsn - 1)
                if last <= after or segment.first_lsn > upto:
                    continue
                handle, reader = await self._run(partial(self._open_reader, segment, after, last))
                try:
                    while reader.next_lsn <= last:
                        step = partial(_read_some, reader, segment, after, last)
                        for record in await self._read_step(step, segment):
                            yield record
                finally:
                    handle.close()
        finally:
            self._readers_count -= 1

    async def _read_step(self, step: Callable[[], list[Record]], segment: Segment) -> list[Record]:
        try:
            return await self._run(step)
        except LogCorrupted as exc:
            if segment.first_lsn >= self.first_lsn:
                raise
            raise _trimmed(segment) from exc

    async def trim(self, upto: Lsn) -> None:
        """Let go of the segments wholly up to `upto`, with the cut bytes beside them.

        Each is given to `on_trim` first, and kept, like all after it, when that raises; what it
        raised reaches the caller. Files are recycled; `purge` leaves nothing of them.
        """
        self._check_open()
        check_reachable("trim", upto, self.durable_lsn)
        async with self._trimming:
            await self._let_go(upto, self._drop)

    async def rotate(self) -> None:
        """Begin a new segment, so that `trim` and `purge` may reach everything durable before.

        Raises LogPoisoned, StorageFailed (the log is poisoned then), and Closed.
        """
        await self._appender.change(SegmentWriter.rotate)

    async def purge(self, upto: Lsn) -> Purged:
        """Leave no byte in the medium of the segments wholly up to `upto`, nor of what was trimmed.

        Overwrites them with zeros, and likewise the recycled files, the ends of segments that
        reach into a file's former life, and whatever was cut off or moved aside.
        A crash on the way leaves a sound log; purging again finishes. A reader that is on its way
        through what goes is refused. Raises what `trim` raises,
        and LogPoisoned.
        """
        self._check_open()
        check_reachable("purge", upto, self.durable_lsn)
        async with self._trimming:
            await self._let_go(upto, partial(self._drop, for_wiping=True))
            await self._appender.change(_leave_recycled)
            return await self._run(self._wipe_rest)

    async def aclose(self) -> None:
        """Finish the flushes that were asked for and release the files; see `Log.aclose`."""
        self._is_open = False
        await self._appender.aclose()
        if self._own_threads is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._own_threads.close)

    def _check_open(self) -> None:
        if not self._is_open:
            raise Closed("the log")

    async def _run(self, call: Callable[[], T]) -> T:
        return await _call(call, inline=self._inline)

    def _open_reader(self, segment: Segment, after: Lsn, last: Lsn) -> tuple[Handle, GroupReader]:
        try:
            handle = self._filesystem.open(segment.path)
        except FileNotFoundError as exc:
            raise _trimmed(segment) from exc
        try:
            head = read_head(self._filesystem, handle, segment.path, self._identity)
            reader = GroupReader(self._filesystem, handle, head)
            reader.skip_groups(after)
        except Damaged as exc:
            handle.close()
            raise LogCorrupted(segment.path, 0, segment.first_lsn, last, str(exc)) from exc
        except BaseException:
            handle.close()
            raise
        return handle, reader

    async def _let_go(self, upto: Lsn, drop: Callable[[Segment], None]) -> None:
        """Take the segments wholly up to `upto` out of the log, oldest first, and drop each.

        What could not be dropped comes first the next time, so that no crash finds a gap.
        """
        while True:
            if not self._going:
                closed = self.closed_segments[:1]
                if not closed or closed[0].last_lsn > upto:
                    return
                if self.on_trim is not None:
                    await self.on_trim(closed[0])
                self._going.append(self._writer.segments.pop(0))
            with anyio.CancelScope(shield=True):
                await self._run(partial(drop, self._going[0]))
            self._going.clear()

    def _drop(self, segment: Segment, *, for_wiping: bool = False) -> None:
        """Recycle the file or remove it, durably, and the cut bytes beside it."""
        names = self._filesystem.list(self._directory)
        spares = self._writer.spares
        size_bytes_min = self._writer.medium.sizes.after(self._writer.segments) // 2
        if segment.path.rpartition("/")[2] in names:
            # A reader may hold a file open: then its name goes, and its bytes stay as they are.
            is_free = self._readers_count == 0 and len(spares) < SPARES_MAX
            if for_wiping or (is_free and segment.size_bytes >= size_bytes_min):
                spares.keep(segment.path, segment.size_bytes)
            else:
                self._filesystem.remove(segment.path)
                self._filesystem.sync_directory(self._directory)
        else:  # the name went the last time, and syncing the directory failed
            self._filesystem.sync_directory(self._directory)
        for name in names:
            if name.endswith(".cut") and first_lsn_of(name) == segment.first_lsn:
                self._filesystem.remove(f"{self._directory}/{name}")

    def _wipe_rest(self) -> Purged:
        """Overwrite what else is left of former records: spares, kept bytes, ends of files."""
        names = self._filesystem.list(self._directory)
        kept_aside = [name for name in names if name.endswith(_KEPT_ASIDE)]
        gone = [*filter(is_spare_name, names), *kept_aside]
        bytes_count = sum(wipe(self._filesystem, f"{self._directory}/{name}") for name in gone)
        self._filesystem.sync_directory(self._directory)
        for closed in self.closed_segments:
            closed.wipe_behind()
        return Purged(len(gone), bytes_count)


def _trimmed(segment: Segment) -> Conflict:
    return Conflict(
        f"{segment.path} was trimmed away while it was to be read; start from a snapshot"
    )


def _leave_recycled(writer: SegmentWriter) -> None:
    """Have the log write to no file with a former life, and keep none for later."""
    writer.spares.release()
    if writer.is_at_start:
        writer.wipe_behind()
    elif writer.is_recycled:
        writer.rotate()


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
