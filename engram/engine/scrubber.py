"""Reads the snapshots and tier segments of all open spaces again, a little at a time.

Rule 1: it reads no faster than it may, and gives way while callers are served.
Rule 2: damage is told in the space's status, and changes nothing: what serves goes on.
Rule 3: a file that no retained snapshot names any more may be gone; nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import anyio

from engram.engine.activity import Activity
from engram.engine.replay import RunBlocking
from engram.engine.space_engine import SpaceEngine
from engram.model.errors import Closed, EngramError
from engram.ports import Clock, Filesystem
from engram.storage.checked_files import FileFacts, hash_whole
from engram.storage.limits import READ_BYTES
from engram.storage.open_files import OpenFiles
from engram.storage.parts import read_index
from engram.storage.retained import HOT, Retained
from engram.storage.segment_verify import verify_segment

# 1 minute after opening: whoever opens a store for one question has left by then.
_START_NS: Final = 60_000_000_000
# 1 hour between two passes, so that a small store is not read over and over.
_BETWEEN_NS: Final = 3_600_000_000_000
# As for housekeeping: 100 ms without a caller count as idle, and no piece waits longer than 10 s.
_IDLE_NS: Final = 100_000_000
_PATIENCE_NS: Final = 10_000_000_000


class ScrubStatus(NamedTuple):
    """When the last whole pass over a space ended (wall time; None: none yet), and all damage."""

    at: int | None = None
    damage: tuple[str, ...] = ()


class _Piece(NamedTuple):
    """Bytes that were read, and what was found wrong."""

    bytes_count: int
    damage: str | None = None


class Scrubber:
    """One task for all spaces of a store. Belongs to its event loop; 0 bytes a second: never."""

    def __init__(
        self,
        filesystem: Filesystem,
        clock: Clock,
        activity: Activity,
        bytes_per_s: int,
        engines: Mapping[str, SpaceEngine],
        run: RunBlocking,
    ) -> None:
        self._filesystem = filesystem
        self._files = OpenFiles(filesystem)
        self._clock = clock
        self._activity = activity
        self._bytes_per_s = bytes_per_s
        self._engines = engines
        self._run_blocking = run
        self._found: WeakKeyDictionary[SpaceEngine, ScrubStatus] = WeakKeyDictionary()
        self._unpaid_bytes = 0
        self._scope = anyio.CancelScope()
        self._lock = anyio.Lock()

    def status_of(self, engine: SpaceEngine) -> ScrubStatus:
        """Return what is known about the files of an open space."""
        return self._found.get(engine, ScrubStatus())

    async def run(self) -> None:
        """Go over all spaces, again and again, until closed."""
        if not self._bytes_per_s:
            return
        with self._scope:
            await self._sleep(_START_NS)
            while True:
                for engine in self._serving():
                    await self._scrub(engine)
                await self._sleep(_BETWEEN_NS)

    async def aclose(self) -> None:
        """End after the piece being read; harmless when repeated."""
        self._scope.cancel()
        async with self._lock:
            self._files.close()

    def _serving(self) -> list[SpaceEngine]:
        return [engine for engine in self._engines.values() if engine.failure is None]

    async def _scrub(self, engine: SpaceEngine) -> None:
        """Read all files of one space that its retained snapshots name."""
        found: list[str] = []
        for name, pieces in self._readings(engine.space, _retained(engine)).items():
            while (piece := await self._next(pieces)) is not None:
                is_named = engine in self._serving() and name in _names(_retained(engine))
                if piece.damage is not None and is_named:
                    found.append(piece.damage)
                    before = self.status_of(engine)
                    known = dict.fromkeys([*before.damage, piece.damage])
                    self._found[engine] = before._replace(damage=tuple(known))
                await self._pay(piece.bytes_count)
        if engine in self._serving():
            self._found[engine] = ScrubStatus(self._clock.now(), tuple(found))

    def _readings(self, space: str, retained: Sequence[Retained]) -> dict[str, Iterator[_Piece]]:
        """Return what reads each file, or tier segment, under its name in the space."""
        hot, readings = f"{space}/{HOT}", {}
        for each in retained:
            name, words = each.name, each.words
            readings[name.file] = self._index(hot, name.file, name.digest)
            parts = each.body.parts
            if words is not None:
                readings[name.words_file] = self._index(hot, name.words_file, name.words_digest)
                parts += words.parts
            for part in parts:
                facts = FileFacts(part.file, part.bytes_count, part.digest)
                readings[part.file] = self._part(hot, facts)
            for sealed in filter(None, each.body.sealed):
                directory = f"{sealed.tier}/{sealed.number:020d}"
                readings[directory] = self._segment(f"{space}/{directory}", sealed.digest)
        return readings

    def _index(self, directory: str, file: str, digest: bytes) -> Iterator[_Piece]:
        try:
            body = read_index(self._filesystem, directory, file, digest or None)
        except EngramError as error:
            yield _Piece(0, str(error))
        else:
            yield _Piece(len(body))

    def _part(self, directory: str, facts: FileFacts) -> Iterator[_Piece]:
        try:
            yield from map(_Piece, hash_whole(self._files, directory, facts))
        except EngramError as error:
            yield _Piece(0, _told(error))
        finally:
            self._files.let_go(directory)

    def _segment(self, directory: str, digest: bytes) -> Iterator[_Piece]:
        done = 0
        try:
            for step in verify_segment(self._files, directory, digest):
                damage = None if step.damage is None else str(step.damage)
                yield _Piece(step.bytes_done - done, damage)
                done = step.bytes_done
        except EngramError as error:
            yield _Piece(0, _told(error))
        finally:
            self._files.let_go(directory)

    async def _next(self, pieces: Iterator[_Piece]) -> _Piece | None:
        async with self._lock:
            with anyio.CancelScope(shield=True):
                piece = await self._run_blocking(lambda: next(pieces, None))
        return piece

    async def _pay(self, bytes_count: int) -> None:
        """Rest as long as the bytes read since the last rest must take, and while not idle."""
        self._unpaid_bytes += bytes_count
        if self._unpaid_bytes < min(READ_BYTES, self._bytes_per_s):
            return
        started, begun = self._clock.monotonic(), self._activity.begun
        await self._sleep(self._unpaid_bytes * 1_000_000_000 // self._bytes_per_s)
        self._unpaid_bytes = 0
        while self._activity.begun != begun:
            if self._clock.monotonic() - started > _PATIENCE_NS:
                return
            begun = self._activity.begun
            await self._sleep(_IDLE_NS)

    async def _sleep(self, duration_ns: int) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + duration_ns)


def _retained(engine: SpaceEngine) -> Sequence[Retained]:
    return engine.checkpoints.snapshots.retained


def _names(retained: Sequence[Retained]) -> set[str]:
    return {name for each in retained for name in each.files() | each.segments()}


def _told(error: EngramError) -> str | None:
    """Return what is to be said of a failed read; nothing when the store was closed meanwhile."""
    return None if isinstance(error, Closed) else str(error)
