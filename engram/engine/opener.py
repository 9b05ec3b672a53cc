"""Opens a space: the newest snapshot that is whole, then the log after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

import anyio

from engram.engine.replay import Replayer, RunBlocking, in_thread
from engram.engine.words import Words
from engram.model.errors import (
    Conflict,
    DurabilityError,
    FileCorrupted,
    LogCorrupted,
    SpaceNotFound,
    StorageFailed,
)
from engram.ports import Clock, Filesystem
from engram.retrieval.sketch_index import SketchIndex
from engram.state.bodies import Sealed
from engram.state.space import SpaceState
from engram.storage.ahead import Helpers, in_no_thread
from engram.storage.side_index import SavedIndex
from engram.storage.snapshot_content import SealedName
from engram.storage.snapshot_loading import Identity, Loaded, OpenSegment
from engram.storage.snapshots import TIERS, Snapshots
from engram.wal.protocol import Log, Lsn, Record


class LogHints(NamedTuple):
    """What is known about a log before it is opened.

    `durable_lsn` is durable, what a snapshot `after` covers need not be read, and `remembered` is
    what the log asked to be remembered the last time.
    """

    durable_lsn: Lsn = 0
    after: Lsn = 0
    remembered: str = ""


Replay: TypeAlias = Callable[[Sequence[Record]], None]
"""Takes the records of a log in their order, each once, in a worker thread."""


class OpenLog(Protocol):
    """Opens the log of a space in a directory; made when it is missing."""

    def __call__(
        self, space: str, directory: str, hints: LogHints, replay: Replay | None = None
    ) -> Awaitable[tuple[Log, str]]:
        """Return the log and what it wants remembered; `replay` was given what it holds."""


def open_no_segment(space: str) -> OpenSegment:
    """Return what refuses every tier segment of a space: for stores that have none."""

    def refuse(name: SealedName) -> Sealed:
        path = f"{space}/{name.tier}/{name.number:020d}"
        raise FileCorrupted(path, 0, "this store was opened without its tiers")

    return refuse


class Opening(NamedTuple):
    """How opening a space went; `notes` name what was found damaged and served by something else.

    `entries` records of the log were applied to the snapshot at `snapshot_lsn` (0: to nothing).
    """

    snapshot_lsn: Lsn
    snapshot_bytes: int
    entries: int
    log_bytes: int
    duration_ms: float
    notes: tuple[str, ...]


class Opened(NamedTuple):
    """A recovered space."""

    log: Log
    state: SpaceState
    snapshots: Snapshots
    words: Words
    sketches: SketchIndex
    opening: Opening


class _Found(NamedTuple):
    """What the snapshots of a space give, and whether something is there that none of them names.

    Without a snapshot `loaded` is None, and the rest empty.
    """

    loaded: Loaded | None
    words: Words
    sketches: SketchIndex
    leaves_something: bool


class Opener:
    """Recovers the spaces of one store."""

    def __init__(
        self,
        filesystem: Filesystem,
        clock: Clock,
        store_id: bytes,
        open_log: OpenLog,
        open_segment: Callable[[str], OpenSegment],
        run: RunBlocking = in_thread,
        helpers: Helpers = in_no_thread,
    ) -> None:
        self._filesystem = filesystem
        self._clock = clock
        self._store_id = store_id
        self._open_log = open_log
        self._open_segment = open_segment
        self._run = run
        self._helpers = helpers

    async def open(self, space: str, *, create: bool = True) -> Opened:
        """Recover a space; make one where there is none if `create` is set.

        Raises:
            SpaceNotFound: there is none, and it is not to be made.
            FileCorrupted: no snapshot is whole, and the log does not reach back to its beginning.
            LogCorrupted: acknowledged data in the log is damaged or missing.
            StoreTooNew: a later release wrote it.
            StorageFailed: the medium refused; of snapshots, all that could be used.
        """
        started = self._clock.monotonic()
        snapshots = Snapshots(self._filesystem, Identity(self._store_id, space))
        with anyio.CancelScope(shield=True):
            found = await self._run(partial(self._load, space, snapshots, create=create))
        if found is None:
            raise SpaceNotFound(space)
        loaded, words, sketches, leaves_something = found
        state = SpaceState() if loaded is None else loaded.state
        after, replayer = state.lsn, Replayer(state)
        hints = LogHints(snapshots.durable_lsn, after, snapshots.remembered)
        try:
            log, remembered = await self._open_log(space, f"{space}/wal", hints, replayer.apply)
        except (Conflict, LogCorrupted) as gap:
            if not (replayer.found_gap or (isinstance(gap, LogCorrupted) and snapshots.damaged)):
                raise
            raise _unreachable(snapshots, after, gap) from gap
        try:
            _check_arrived(snapshots, state.lsn, log.last_lsn)
            notes = [f"{file} was not used: {why}" for file, why in snapshots.damaged]
            if snapshots.damaged_words:
                notes.append(f"the word index is built anew: {snapshots.damaged_words}")
            # What an unfinished erasure left behind must not merely lose its name.
            snapshots.removal.shreds = state.erasures.lsn_last() > snapshots.erased_lsn
            if leaves_something or remembered != snapshots.remembered:
                with anyio.CancelScope(shield=True):
                    notes += await self._run(partial(_tidy, snapshots, remembered))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await log.aclose()
            raise
        opening = Opening(
            snapshot_lsn=after,
            snapshot_bytes=0 if loaded is None else loaded.bytes_count,
            entries=replayer.entries,
            log_bytes=replayer.bytes_count,
            duration_ms=(self._clock.monotonic() - started) / 1_000_000,
            notes=tuple(notes),
        )
        return Opened(log, state, snapshots, words, sketches, opening)

    def _load(self, space: str, snapshots: Snapshots, *, create: bool) -> _Found | None:
        """Return what the files of a space hold, None if there is none; without the log."""
        if not create and not self._filesystem.list(f"{space}/wal"):
            return None

        def words_of(saved: SavedIndex) -> Words | None:
            words = Words()
            return words if words.load(saved, snapshots.erased_lsn) else None

        with self._helpers() as begin:
            snapshots.read()
            loaded = snapshots.load(self._open_segment(space), begin, words_of)
            words: Words | None = None if loaded is None else snapshots.load_words(loaded.state.lsn)
        sketches = SketchIndex()
        if loaded is not None:
            sketches.load(loaded.state.hot.view(), loaded.extras)
        if words is None:
            words = Words()
        else:
            snapshots.remember_words(words.dump())
        return _Found(loaded, words, sketches, self._leaves_something(space, snapshots))

    def _leaves_something(self, space: str, snapshots: Snapshots) -> bool:
        """Whether a file or tier segment is there that no retained snapshot names."""
        retained, listed = snapshots.retained, self._filesystem.list
        files = {file for each in retained for file in each.files()}
        segments = {directory for each in retained for directory in each.segments()}
        try:
            return not files.issuperset(listed(snapshots.directory)) or any(
                f"{tier}/{name}" not in segments
                for tier in TIERS
                for name in listed(f"{space}/{tier}")
            )
        except StorageFailed:
            return True  # `_tidy` meets it again, and notes it


def _unreachable(snapshots: Snapshots, lsn: Lsn, why: object) -> DurabilityError:
    """Return the error that says why neither a snapshot nor the log leads to the present.

    Where a snapshot could not be read that is the reason: the medium may yet give it.
    """
    for _, error in snapshots.damaged:
        if isinstance(error, StorageFailed):
            return error
    damaged = "".join(f"; {file}: {error}" for file, error in snapshots.damaged)
    reason = f"what follows LSN {lsn} cannot be recovered: {why}{damaged}"
    return FileCorrupted(snapshots.directory, 0, reason)


def _check_arrived(snapshots: Snapshots, lsn: Lsn, last_lsn: Lsn) -> None:
    if lsn != last_lsn:
        raise _unreachable(snapshots, lsn, f"the log ends with LSN {last_lsn}")


def _tidy(snapshots: Snapshots, remembered: str) -> list[str]:
    """Remember and clean up; a disk that refuses either must not keep a space from serving."""
    try:
        snapshots.remember(remembered)
        snapshots.sweep_at_opening()
    except StorageFailed as failure:
        return [str(failure)]
    return []
