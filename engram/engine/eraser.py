"""Erases memories of one space: takes their bytes out of every file, column and index.

Rule 1: an erasure is an event like any other. Once it is durable no answer shows the memory, and
        what is in RAM of its body was overwritten; what follows removes bytes that nobody reads.
Rule 2: every step may be done again. A pass that fails or is cut short begins anew, at the next
        opening too: the manifest says last of all up to which LSN nothing is left.
Rule 3: erasures that come while a pass is under way share the next one.
Rule 4: until all is done, files that go are overwritten first.

The log is not rewritten without the erased records: two snapshots are taken behind the erasure, so
that nobody needs the log before it any more, and all of that goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

import anyio
import numpy as np

from engram.engine.checkpointer import RETRY_NS_FIRST, RETRY_NS_MAX, Checkpointer
from engram.engine.replay import RunBlocking, in_thread
from engram.engine.segments import Segments, tier_of
from engram.model.commands import Erase
from engram.model.errors import Closed, EngramError, check
from engram.state.bodies import NO_ROW
from engram.state.moves import Move, exchange, in_use, without
from engram.state.space import ERASED, View
from engram.state.unused_labels import UnusedLabels
from engram.storage.removal import Shredded
from engram.storage.snapshots import RETAINED_COUNT, Snapshots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.engine.words import Words
    from engram.model.commands import Command
    from engram.model.ids import MemoryId
    from engram.ports import Clock
    from engram.retrieval.records import RecordColumns
    from engram.state.outcomes import Outcome
    from engram.state.space import SpaceState
    from engram.wal.protocol import Log, Lsn

T = TypeVar("T")

Progress = Callable[[int, int], None]

STEPS: Final = 7
"""Steps of a pass, for progress."""

# 100 ms between two looks whether a backup still holds an older snapshot.
_LOOK_NS: Final = 100_000_000


class Erasable(Protocol):
    """The engine of a space, as far as erasing goes."""

    space: str
    log: Log
    words: Words
    records: RecordColumns

    @property
    def view(self) -> View:
        """The newest durable view."""

    async def submit(self, command: Command) -> tuple[Outcome, int]:
        """Carry out a command, durably."""

    async def between_groups(self, change: Callable[[SpaceState], T]) -> T:
        """Run a change while nothing is being written."""


class Erasure(NamedTuple):
    """What became of one call: when and at which LSN, and what the passes did it waited for."""

    at: int
    lsn: Lsn
    segments_rewritten: int
    files: int
    bytes_count: int


class _Pass:
    """One go at everything that is pending, and what all who wait for it are told."""

    def __init__(self) -> None:
        self.goal: Lsn = 0
        self.done = anyio.Event()
        self.error: EngramError | None = None
        self.segments_rewritten = 0
        self.shredded = Shredded()
        self.watchers: list[Progress] = []

    def step(self, number: int) -> None:
        """Tell those who watch that so many of the steps are done."""
        for watcher in self.watchers:
            watcher(number, STEPS)


class Eraser:
    """Erasures of one space. `run` carries them out, those left over from before first."""

    def __init__(
        self,
        engine: Erasable,
        checkpointer: Checkpointer,
        segments: Segments,
        clock: Clock,
        moving: anyio.Lock,
        *,
        run: RunBlocking = in_thread,
    ) -> None:
        """Prepare; `moving` is what whoever moves bodies or numbers rows holds meanwhile."""
        self._engine = engine
        self._checkpointer = checkpointer
        self._snapshots = checkpointer.snapshots
        self._segments = segments
        self._clock = clock
        self._moving = moving
        self._run_blocking = run
        self._pass = _Pass()
        self._asking_count = 0
        self._unrecorded: set[anyio.Event] = set()
        self._wake = anyio.Event()
        self._scope = anyio.CancelScope()
        self._rest = anyio.CancelScope()
        self._closing = False
        self._settle()

    @property
    def pending(self) -> bool:
        """Whether bytes of erased memories may be left in a file."""
        return self._engine.view.erased_lsn > self._snapshots.erased_lsn

    async def erase(
        self,
        memories: Sequence[MemoryId],
        progress: Progress | None = None,
        *,
        gone_too: bool = False,
    ) -> Erasure:
        """Erase memories; when this returns no byte of them is left in the store's files.

        With `gone_too` those that are not there are noted, too: copies may hold them. `progress`
        is called with (steps done, steps in all); when others' erasures go first it begins again.

        Raises:
            MemoryNotFound: one of them is not there, and that was not allowed; none was erased.
            StorageFailed: the medium refused. When the erasure itself is durable by then no answer
                shows the memories, and what is left of them goes later; asking again waits for it.
            Closed: the space was closed; what is left goes when it is opened again.
        """
        self._asking_count += 1
        self._settle()
        try:
            self._check_open()
            await self._record(Erase(tuple(memories), gone_too))
            passes = await self._wait(self._engine.view.erased_lsn, progress)
        finally:
            self._asking_count -= 1
            self._settle()
        at, lsn = await self._engine.between_groups(
            lambda state: state.erasures.last_of(list(memories))
        )
        return Erasure(
            at,
            lsn,
            sum(each.segments_rewritten for each in passes),
            sum(each.shredded.files for each in passes),
            sum(each.shredded.bytes_count for each in passes),
        )

    async def run(self) -> None:
        """Carry out what is pending, until the space is closed."""
        retry_ns = RETRY_NS_FIRST
        with self._scope:
            while not self._closing:
                while not self.pending:
                    self._wake = anyio.Event()
                    await self._wake.wait()
                for asked in tuple(self._unrecorded):  # one pass for all that came together
                    await asked.wait()
                try:
                    await self._carry_out()
                    retry_ns = RETRY_NS_FIRST
                except EngramError:  # those who wait were told
                    self._rest = anyio.CancelScope()
                    with self._rest:
                        await self._clock.sleep_until(self._clock.monotonic() + retry_ns)
                    retry_ns = min(2 * retry_ns, RETRY_NS_MAX)

    def close(self) -> None:
        """End what runs; those who wait meet Closed."""
        self._closing = True
        self._scope.cancel()
        self._end(self._pass, self._closed())

    async def _record(self, command: Erase) -> None:
        """Make an erasure durable; a pass that is due waits until it is."""
        recorded = anyio.Event()
        self._unrecorded.add(recorded)
        try:
            await self._engine.submit(command)
        finally:
            self._unrecorded.discard(recorded)
            recorded.set()

    async def _wait(self, lsn: Lsn, progress: Progress | None) -> list[_Pass]:
        """Return once nothing is left of what was erased up to `lsn`, with the passes it took."""
        passes = []
        while self._snapshots.erased_lsn < lsn:
            self._check_open()
            one = self._pass
            if progress is not None:
                one.watchers.append(progress)
            self._wake.set()
            self._rest.cancel()
            await one.done.wait()
            passes.append(one)
            if one.error is not None and one.goal >= lsn:
                raise one.error.with_traceback(None)
        return passes

    async def _carry_out(self) -> None:
        one = self._pass
        one.goal = self._engine.view.erased_lsn
        self._snapshots.removal.shredded = Shredded()
        try:
            await self._steps(one)
        except EngramError as error:
            self._end(one, error)
            raise
        except BaseException:
            self._end(one, self._closed())
            raise
        self._end(one, None)

    def _end(self, one: _Pass, error: EngramError | None) -> None:
        one.error = one.error or error
        if self._pass is one:
            self._pass = _Pass()
        self._settle()
        one.done.set()

    async def _steps(self, one: _Pass) -> None:
        engine, snapshots = self._engine, self._snapshots
        engine.records.clear()
        await self._run_blocking(partial(engine.words.erase, engine.view))
        one.step(1)
        async with self._moving:
            await self._empty_segments(one)
        one.step(2)
        labels = await self._run_blocking(partial(UnusedLabels, engine.view))
        await engine.between_groups(labels.blank)
        await engine.log.rotate()
        separable_lsn = engine.log.durable_lsn
        one.step(3)
        for number in range(4, 4 + RETAINED_COUNT):  # so that every snapshot is one without them
            await self._checkpointer.checkpoint()
            one.step(number)
        while snapshots.trim_lsn < separable_lsn:  # a backup reads an older one
            await self._clock.sleep_until(self._clock.monotonic() + _LOOK_NS)
        async with self._moving:
            used = _directories(engine.view)
            await self._checkpointer.with_snapshots(partial(_sweep, used))
        one.step(6)
        purged = await engine.log.purge(snapshots.trim_lsn)
        await self._checkpointer.with_snapshots(lambda kept: kept.note_erased(one.goal))
        shredded = snapshots.removal.shredded
        one.shredded = Shredded(
            shredded.files + purged.files, shredded.bytes_count + purged.bytes_count
        )
        one.step(STEPS)

    async def _empty_segments(self, one: _Pass) -> None:
        """Put others in the place of tier segments that hold something of erased memories."""
        clean: set[int] = set()
        engine = self._engine
        while True:
            view = engine.view
            index = await self._run_blocking(partial(self._find, view, clean))
            part = None if index is None else view.sealed[index]
            if index is None or part is None:
                return
            if await self._replace(view, index):
                self._segments.let_go(part.segment)
                one.segments_rewritten += 1

    def _find(self, view: View, clean: set[int]) -> int | None:
        """Return the index of a segment that holds something of an erased memory. Blocks."""
        for index, part in enumerate(view.sealed):
            if part is None or part.segment.number in clean:
                continue
            offsets = np.flatnonzero(part.rows != NO_ROW).astype(np.uint32)
            erased = (view.gather("flags", part.rows[offsets]) & ERASED) != 0
            if erased.any() and self._segments.holds(part.segment, offsets[erased]):
                return index
            clean.add(part.segment.number)
        return None

    async def _replace(self, view: View, index: int) -> bool:
        """Put a segment without what erased memories had in its place; False when it is outdated.

        Of those the new one has empty bodies, so that every row has a place.
        """
        engine, part = self._engine, view.sealed[index]
        check(part is not None, "a segment that holds something is there")
        rows = await self._run_blocking(partial(_rows_in_use, view, index))
        if part is None or not len(rows):
            parts = without(view, [index])
            return await engine.between_groups(lambda state: exchange(view, parts, state))
        write = partial(self._segments.write, engine.space, tier_of(part.segment), view, rows)
        landing = await self._run_blocking(write)
        has_moved = False
        try:
            move = await self._run_blocking(partial(Move, view, [landing]))
            has_moved = await engine.between_groups(move.swap)
        finally:
            if not has_moved:
                with anyio.CancelScope(shield=True):
                    await self._run_blocking(
                        partial(self._segments.remove, engine.space, landing.segment)
                    )
        return has_moved

    def _settle(self) -> None:
        """Have files overwritten before they go as long as one may hold something erased."""
        self._snapshots.removal.shreds = self.pending or self._asking_count > 0

    def _closed(self) -> Closed:
        return Closed(f"memory space {self._engine.space!r}")

    def _check_open(self) -> None:
        if self._closing:
            raise self._closed()


def _rows_in_use(view: View, index: int) -> NDArray[np.uint32]:
    part = view.sealed[index]
    check(part is not None, "a segment that holds something is there")
    return np.sort(part.rows[in_use(view, index)])  # type: ignore[union-attr]


def _directories(view: View) -> set[str]:
    """Return the directories of the tier segments of a view, from the space's."""
    segments = [part.segment for part in view.sealed if part is not None]
    return {f"{segment.tier}/{segment.number:020d}" for segment in segments}


def _sweep(used: set[str], snapshots: Snapshots) -> None:
    snapshots.sweep()
    snapshots.sweep_segments(used)
