"""Group commit: everything appended while one sync runs becomes the next group.

Rule 1: one thread writes; the event loop only gathers and waits. Groups that need no more than a
write may be given to durable writers, which need no thread of Python.
Rule 2: no delay is ever added in the hope of a larger group.
Rule 3: one moment a flush, never a future shared by waiters: cancelling one leaves the others be.
Rule 4: the first failure is final; every waiter hears of it, nothing is tried again.
Rule 5: whoever waits is told right after the sync; what only helps later comes behind.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio import lowlevel

from engram.model.errors import Closed, LogPoisoned
from engram.ports import DurableWrite
from engram.wal.limits import DURABLE_WRITE_BYTES_MAX, GROUP_BYTES_MAX
from engram.wal.moments import Moment, Moments
from engram.wal.record import GROUP_HEADER_BYTES, encoded_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from engram.model.errors import StorageFailed
    from engram.ports import DurableWriters
    from engram.wal.evidence import DurableMark
    from engram.wal.protocol import Entry, Lsn
    from engram.wal.threads import AppenderThreads
    from engram.wal.writer import Planned, SegmentWriter


class _Flush:
    """Entries that become durable together; `done` exists once somebody waits for them."""

    __slots__ = ("bytes_count", "done", "entries", "last_lsn")

    def __init__(self, last_lsn: Lsn) -> None:
        self.entries: list[tuple[Entry, int]] = []
        self.bytes_count = 0
        self.last_lsn = last_lsn
        self.done: Moment | None = None


class Appender:
    """Owns a log's writer and has one thread at a time work on it.

    With `threads` None, writes run in the waiter itself: for simulations, where each step must be
    repeatable from a seed. Belongs to the event loop it was made on.
    """

    def __init__(
        self,
        writer: SegmentWriter,
        mark: DurableMark,
        threads: AppenderThreads | None,
        writers: DurableWriters | None = None,
    ) -> None:
        self._durable_writers = writers
        self._writer = writer
        self._mark = mark
        self._threads = threads
        self._lock = threading.Lock()
        self._writer_lock = threading.Lock()
        self._gathering = _Flush(writer.durable_lsn)
        self._in_flight: _Flush | None = None
        self._is_awake = False
        self._at_rest: anyio.Event | None = None
        self._moments = Moments()
        self._closed = False
        self._poison: str | None = None
        native = lowlevel.current_token().native_token
        # asyncio's loop and trio's token have the same call under two names.
        self._call_soon: Callable[[Callable[[], object]], object] = getattr(
            native, "call_soon_threadsafe", None
        ) or getattr(native, "run_sync_soon")  # noqa: B009 - the type is the backend's own

    @property
    def last_lsn(self) -> Lsn:
        """LSN of the last record taken in."""
        return self._gathering.last_lsn

    @property
    def durable_lsn(self) -> Lsn:
        """LSN up to which a sync has returned."""
        return self._writer.durable_lsn

    def check_usable(self) -> None:
        """Raise Closed or LogPoisoned when nothing may be appended any more."""
        if self._closed:
            raise Closed("the log")
        if self._poison is not None:
            raise LogPoisoned(self._writer.medium.directory, self._poison)

    def gather(self, entries: Sequence[tuple[Entry, int]]) -> Lsn:
        """Take admitted entries in and return the new last LSN."""
        with self._lock:
            self.check_usable()
            flush = self._gathering
            flush.entries.extend(entries)
            flush.bytes_count += sum([encoded_bytes(payload_bytes) for _, payload_bytes in entries])
            flush.last_lsn += len(entries)
            return flush.last_lsn

    def begin(self, upto: Lsn) -> None:
        """Have what was gathered up to `upto` written, when somebody else than waiters writes."""
        if self._threads is not None and self._writer.durable_lsn < upto:
            self._join(upto, self._threads)

    async def wait_durable(self, upto: Lsn) -> None:
        """Return once `durable_lsn >= upto`; `upto` must have been gathered."""
        while self._writer.durable_lsn < upto:
            if self._threads is None:
                self.check_usable()
                await lowlevel.checkpoint()  # as with a disk, others go on meanwhile
                while (flush := self._take(only_wanted=False)) is not None:
                    self._commit(flush)
                    self._fill_ahead()
            else:
                await self._join(upto, self._threads).wait()

    async def change(self, change: Callable[[SegmentWriter], None]) -> None:
        """Let `change` have the writer, between two groups.

        Raises what `change` raises; the log is poisoned then.
        """
        if self._threads is None:
            self._change(change)
            return
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._change, change)

    async def aclose(self) -> None:
        """Finish what was asked for and release the files."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._is_awake:
                self._at_rest = anyio.Event()
        with anyio.CancelScope(shield=True):
            if self._at_rest is not None:
                await self._at_rest.wait()
            if self._threads is None:
                self._release()
            else:
                await anyio.to_thread.run_sync(self._release)

    def _join(self, upto: Lsn, threads: AppenderThreads) -> Moment:
        """Return the moment of the flush that holds `upto`, waking a thread if none is at work."""
        with self._lock:
            flush = self._in_flight
            if flush is None or upto > flush.last_lsn:
                self.check_usable()
                flush = self._gathering
            if flush.done is None:
                flush.done = self._moments.next()
            if not self._is_awake:
                self._is_awake = True
                if not self._begin():
                    threads.submit(self._work)
            return flush.done

    def _begin(self) -> bool:
        """Give what has gathered to a durable writer; False when a thread must see to it.

        To be called on the event loop, with the lock. Until the end no thread has the writer.
        """
        flush, writers = self._gathering, self._durable_writers
        if (
            writers is None
            or flush.bytes_count > DURABLE_WRITE_BYTES_MAX
            or self._poison is not None
        ):
            return False
        if not flush.entries or not self._writer_lock.acquire(blocking=False):
            return False
        planned = self._writer.plan(flush.entries)
        if planned is not None:
            write = DurableWrite(
                planned.handle,
                planned.offset,
                planned.buffers,
                self._writer.medium.sync_method,
                self._mark.handle,
                self._mark.bytes_of(flush.last_lsn),
            )
            if writers.begin(write, partial(self._ended, flush, planned)):
                self._in_flight = flush
                self._gathering = _Flush(flush.last_lsn)
                return True
        self._writer_lock.release()
        return False

    def _ended(
        self,
        flush: _Flush,
        planned: Planned,
        failure: StorageFailed | None,
        mark_failure: StorageFailed | None,
    ) -> None:
        """Go on after a durable writer, on the event loop."""
        if failure is None:
            self._writer.land(planned)
        self._writer_lock.release()
        self._settle(flush, None if failure is None else _reason(failure), on_the_loop=True)
        if mark_failure is not None:
            self._settle(None, _reason(mark_failure), on_the_loop=True)
        with self._lock:
            is_wanted = self._gathering.done is not None and self._poison is None
            if is_wanted and self._begin():
                return
            if not is_wanted and (self._poison is not None or not self._writer.wants_filling):
                self._rest()
                return
        if self._threads is not None:
            self._threads.submit(self._work)

    def _rest(self) -> None:
        """Note, with the lock, that nobody is at work any more."""
        self._is_awake = False
        if self._at_rest is not None:
            self._tell(self._at_rest.set)

    def _work(self) -> None:
        """Commit until nobody waits any more, giving way to other logs after each flush."""
        threads = self._threads
        while True:
            while (flush := self._take(only_wanted=True)) is not None:
                self._commit(flush)
                if threads is not None and threads.has_waiting:
                    threads.submit(self._work)
                    return
            self._fill_ahead()
            with self._lock:
                if self._gathering.done is None or self._poison is not None:
                    self._rest()
                    return

    def _take(self, *, only_wanted: bool) -> _Flush | None:
        """Return what has gathered and begin to gather anew; None when there is nothing to do."""
        with self._lock:
            flush = self._gathering
            idle = flush.done is None if only_wanted else not flush.entries
            if idle or self._poison is not None:
                return None
            self._in_flight = flush
            self._gathering = _Flush(flush.last_lsn)
            return flush

    def _commit(self, flush: _Flush) -> None:
        poison: str | None = None
        try:
            with self._writer_lock:
                poison = self._poison  # by a change, while this waited for the writer
                for group in _groups(flush.entries) if poison is None else ():
                    self._writer.write_group(group)
        except BaseException as exc:  # noqa: BLE001 - whatever it was, no waiter may be left hanging
            poison = _reason(exc)
        self._settle(flush, poison)
        if poison is None:
            try:
                self._mark.write(self._writer.durable_lsn)
            except BaseException as exc:  # noqa: BLE001 - see above
                self._settle(None, _reason(exc))

    def _settle(
        self, flush: _Flush | None, poison: str | None, *, on_the_loop: bool = False
    ) -> None:
        """Tell those who wait for the flush, and everybody when nothing will be written again."""
        finished = [flush.done] if flush is not None else []
        with self._lock:
            if flush is not None:
                self._in_flight = None
            if poison is not None and self._poison is None:
                self._poison = poison
                finished.append(self._gathering.done)
        for done in finished:
            if done is not None and on_the_loop:
                done.come()
            elif done is not None:
                self._tell(done.come)

    def _fill_ahead(self) -> None:
        """Prepare the file for what comes next, while nobody waits."""
        if self._poison is None:
            try:
                with self._writer_lock:
                    self._writer.fill_ahead()
            except BaseException as exc:  # noqa: BLE001 - a failed sync is final, as any other
                self._settle(None, _reason(exc))

    def _change(self, change: Callable[[SegmentWriter], None]) -> None:
        with self._writer_lock:
            self.check_usable()
            try:
                change(self._writer)
            except BaseException as exc:
                self._settle(None, _reason(exc))
                raise

    def _tell(self, come: Callable[[], object]) -> None:
        """Have it come on its own loop; a loop that has ended has no waiters left."""
        try:
            self._call_soon(come)
        except RuntimeError:
            return

    def _release(self) -> None:
        try:
            if self._poison is None:
                self._mark.sync()
        finally:
            self._mark.close()
            self._writer.close()


def _reason(exc: BaseException) -> str:
    return str(exc) or type(exc).__name__


def _groups(entries: list[tuple[Entry, int]]) -> Iterator[list[tuple[Entry, int]]]:
    """Split entries into runs that each fit one group."""
    room = GROUP_BYTES_MAX - GROUP_HEADER_BYTES
    start, used = 0, 0
    for position, (_, payload_bytes) in enumerate(entries):
        needed = encoded_bytes(payload_bytes)
        if used + needed > room:
            yield entries[start:position]
            start, used = position, 0
        used += needed
    if start < len(entries):
        yield entries[start:] if start else entries
