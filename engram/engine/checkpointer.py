"""Takes snapshots of one space while it works, and lets its log be trimmed.

Rule 1: a checkpoint that fails harms nothing: the snapshots before count, the log stays whole.
Rule 2: it goes in short steps and gives way while callers wait for something.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeVar

import anyio

from engram.engine.activity import Activity
from engram.engine.pace import BURST_SHARE, is_burst
from engram.engine.replay import RunBlocking, in_thread
from engram.model.errors import Closed, EngramError
from engram.model.limits import CHECKPOINT_LOG_BYTES_DEFAULT
from engram.ports import Clock
from engram.state.bodies import Sealed
from engram.state.space import View
from engram.storage.limits import SEGMENT_ROWS_MAX
from engram.storage.retained import CheckpointFacts, Pin, directory_of
from engram.storage.side_index import SideIndex
from engram.storage.snapshot_content import Capture
from engram.storage.snapshots import Snapshots
from engram.wal.protocol import Log

T = TypeVar("T")

CLOSE_LOG_BYTES: Final = 16 << 20
"""Bytes of log that are worth a checkpoint when the space is closed: 50 ms of replay."""

CLOSE_SHARE_MAX: Final = 4
"""Bytes such a checkpoint may write for each byte of log it saves: a disk writes several times
faster than a log is replayed."""

RETRY_NS_FIRST: Final = 1_000_000_000
RETRY_NS_MAX: Final = 300_000_000_000
"""Nanoseconds before a failed checkpoint is tried again: doubled each time, at most five minutes,
so that a full disk is noticed as free soon and is not worn out."""

LEFT_SEGMENTS_MIN: Final = 2
LEFT_SHARE_MAX: Final = 8
"""Bodies that only snapshots hold where they were, in segments that readers need no more or among
the hot ones: a checkpoint is worth it when they are an eighth of all, and fill two segments. It
writes what is hot and the columns of what moved, and shares the rest with the one before."""

Progress = Callable[[int, int], None]


class Frozen(NamedTuple):
    """A space at one moment, and its word index when that numbers rows in the same way."""

    state: Capture
    words: SideIndex | None


class CheckpointStatus(NamedTuple):
    """How the snapshots of a space stand.

    `lsn` of the newest (0: none), `at` wall time of the last checkpoint of this process (None:
    none yet), `log_bytes` of records since, and why the last attempt failed, None when it did not.
    """

    lsn: int
    at: int | None
    log_bytes: int
    error: str | None


class Checkpointer:
    """Checkpoints of one space. `run` takes one whenever the log has grown enough."""

    def __init__(
        self,
        space: str,
        snapshots: Snapshots,
        log: Log,
        clock: Clock,
        activity: Activity,
        freeze: Callable[[], Awaitable[Frozen]],
        *,
        log_bytes: int = 0,
        log_bytes_max: int = CHECKPOINT_LOG_BYTES_DEFAULT,
        run: RunBlocking = in_thread,
    ) -> None:
        self.space = space
        self.snapshots = snapshots
        self._log = log
        self._clock = clock
        self._activity = activity
        self._freeze = freeze
        self._log_bytes = log_bytes
        self._log_bytes_max = log_bytes_max
        self._run_blocking = run
        self._lock = anyio.Lock()
        self._is_due = bool(snapshots.damaged)  # one snapshot less stands behind the log
        self._wake = anyio.Event()
        self._scope = anyio.CancelScope()
        self._closing = False
        self._at: int | None = None
        self._error: str | None = None
        self._is_wanted = False
        self._segment_rows = SEGMENT_ROWS_MAX
        self.note(0)

    @property
    def status(self) -> CheckpointStatus:
        """How the snapshots stand now."""
        retained = self.snapshots.retained
        lsn = retained[-1].name.lsn if retained else 0
        return CheckpointStatus(lsn, self._at, self._log_bytes, self._error)

    @property
    def is_due(self) -> bool:
        """Whether `run` has a checkpoint to take."""
        return self._is_due or self._is_wanted

    def note(self, bytes_count: int) -> None:
        """Note that so many bytes were added to the log."""
        self._log_bytes += bytes_count
        if self._log_bytes >= self._log_bytes_max:
            self._is_due = True
            self._wake.set()

    def ask(self) -> None:
        """Have a checkpoint taken soon, however little the log has grown.

        What is being written already does not count: it may not hold what it is wanted for.
        """
        self._is_wanted = True
        self._wake.set()

    def moved(self, view: View, left: Iterable[Sealed], segment_rows: int) -> None:
        """Note that bodies moved and where they are now.

        Where they were they are kept for the snapshots. When that is much, two checkpoints come
        soon, and it goes.

        Args:
            view: what readers see now.
            left: tier segments that it needs no more; older views may.
            segment_rows: bodies of a full segment.
        """
        snapshots, self._segment_rows = self.snapshots, segment_rows
        for segment in left:
            snapshots.left.add(directory_of(segment.tier, segment.number), segment)
        retained = snapshots.retained
        parts = [part.segment for part in view.sealed if part is not None]
        used = {directory_of(part.tier, part.number) for part in parts}
        named = snapshots.left.names().union(*(each.segments() for each in retained))
        hot = max((each.body.hot_count for each in retained), default=0) - view.hot.count
        if self._is_much(len(named - used), hot, view.count):
            self.ask()

    async def checkpoint(self, progress: Progress | None = None) -> CheckpointFacts:
        """Write a snapshot of the space as it is now, and trim the log below the one before.

        `progress` is called with (bytes done, bytes in all) after each step.

        Raises:
            StorageFailed: the medium refused; the space goes on as before.
            Closed: the space is being closed.
        """
        async with self._lock:
            self._check_open()
            return await self._checkpoint(progress)

    async def run(self) -> None:
        """Take a checkpoint whenever one is due, until the space is closed."""
        retry_ns = RETRY_NS_FIRST
        with self._scope:
            while not self._closing:
                while not self.is_due:
                    self._wake = anyio.Event()
                    await self._wake.wait()
                try:
                    await self.checkpoint()
                    retry_ns = RETRY_NS_FIRST
                except EngramError:  # kept in `status`; the space itself is fine, or says why not
                    await self._clock.sleep_until(self._clock.monotonic() + retry_ns)
                    retry_ns = min(2 * retry_ns, RETRY_NS_MAX)

    async def with_snapshots(self, call: Callable[[Snapshots], T]) -> T:
        """Return what a blocking call on the snapshots returns, run while nothing changes them.

        Raises what it raises, and Closed when the space is being closed.
        """
        async with self._lock:
            self._check_open()
            return await self._run_blocking(lambda: call(self.snapshots))

    @asynccontextmanager
    async def pinned(self) -> AsyncIterator[Pin]:
        """Hold the newest snapshot and the log after it while the block runs.

        Raises:
            StorageFailed: the medium cannot be read.
            Closed: the space is being closed.
        """
        async with self._lock:
            self._check_open()
            pin = await self._run_blocking(self.snapshots.pin)
        try:
            yield pin
        finally:
            self.snapshots.unpin(pin)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Let no checkpoint write or remove anything while the block runs.

        Raises:
            Closed: the space is being closed.
        """
        async with self._lock:
            self._check_open()
            yield

    async def aclose(self, *, last: bool = True) -> None:
        """End what runs; unless told not to, take a `last` checkpoint when that is worth it.

        That is when it is quick and spares much replaying.
        """
        self._closing = True
        self._scope.cancel()
        async with self._lock:
            if not last or self._log_bytes < CLOSE_LOG_BYTES:
                return
            try:
                frozen = await self._freeze()
                size = await self._run_blocking(lambda: self.snapshots.bytes_to_write(*frozen))
                if size <= CLOSE_SHARE_MAX * self._log_bytes:
                    await self._checkpoint(None, is_last=True)
            except EngramError as failure:  # the log holds everything
                self._error = str(failure)

    def _keeps_much(self) -> bool:
        """Whether much is kept for the older snapshot alone."""
        older, newest = self.snapshots.retained[0], self.snapshots.retained[-1]
        segments = older.segments() - newest.segments()
        hot = older.body.hot_count - newest.body.hot_count
        return self._is_much(len(segments), hot, newest.body.count)

    def _is_much(self, segments: int, hot: int, count: int) -> bool:
        bodies = segments * self._segment_rows + max(0, hot)
        return bodies >= max(LEFT_SEGMENTS_MIN * self._segment_rows, count // LEFT_SHARE_MAX)

    def _check_open(self) -> None:
        if self._closing:
            raise Closed(f"memory space {self.space!r}")

    async def _checkpoint(
        self, progress: Progress | None, *, is_last: bool = False
    ) -> CheckpointFacts:
        was_wanted, self._is_wanted = self._is_wanted, False  # who asks from now on wants another
        try:
            frozen = await self._freeze()
            before = self._log_bytes
            total = await self._run_blocking(lambda: self.snapshots.bytes_to_write(*frozen))
            steps = self.snapshots.checkpoint(*frozen)
            try:
                facts = await self._drive(steps, total, progress, is_last=is_last)
            finally:
                steps.close()
        except BaseException as failure:
            self._is_wanted |= was_wanted
            if isinstance(failure, EngramError):
                self._error = str(failure)
            raise
        self._log_bytes -= before
        self._is_due = self._log_bytes >= self._log_bytes_max or self._keeps_much()
        self._at, self._error = self._clock.now(), None
        await self._tidy()
        return facts

    async def _drive(
        self,
        steps: Generator[int, None, CheckpointFacts],
        total: int,
        progress: Progress | None,
        *,
        is_last: bool,
    ) -> CheckpointFacts:
        """Go through the steps, resting as long as a step took while callers wait.

        In a burst of them it rests four times as long.
        """
        done = 0
        while True:
            begun, started = self._activity.begun, self._clock.monotonic()
            facts, written = await self._run_blocking(lambda: _next(steps))
            if facts is not None:
                return facts
            if self._closing and not is_last:
                self._check_open()
            done += written
            if progress is not None:
                progress(done, max(done, total))
            served = self._activity.begun - begun
            if served and not self._closing:
                ended = self._clock.monotonic()
                took = ended - started
                rest = BURST_SHARE * took if is_burst(served, took) else took
                await self._clock.sleep_until(ended + rest)

    async def _tidy(self) -> None:
        """Remove what no snapshot names any more, and let the log drop what none needs."""
        try:
            await self._run_blocking(self.snapshots.sweep)
            upto = self.snapshots.trim_lsn
            # What is trimmed may be recycled or unlinked as it is; an erasure purges it.
            if upto and not self.snapshots.removal.shreds:
                await self._log.trim(upto)
        except EngramError as failure:  # the disk's, or that of an archive of trimmed segments
            self._error = str(failure)


def _next(steps: Generator[int, None, CheckpointFacts]) -> tuple[CheckpointFacts | None, int]:
    try:
        return None, next(steps)
    except StopIteration as end:
        return end.value, 0
