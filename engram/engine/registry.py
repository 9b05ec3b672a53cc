"""Which memory spaces there are, and the one engine of each that is open.

Nothing is shared between two spaces but the process: each has its own directory, log, state and
indexes, and one that cannot be opened leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from engram.engine.activity import Activity
from engram.engine.background import NOTHING_UNASKED, Background, Unasked
from engram.engine.backup_places import BackupPlaces
from engram.engine.checkpointer import Checkpointer
from engram.engine.compactor import Compactor
from engram.engine.consolidator import Consolidator
from engram.engine.eraser import Eraser
from engram.engine.housekeeping import Housekeeping, Tiers
from engram.engine.linker import Linker
from engram.engine.opener import Opened, Opening
from engram.engine.replay import RunBlocking, in_thread
from engram.engine.scrubber import Scrubber
from engram.engine.space_directories import SpaceDirectories
from engram.engine.space_engine import SpaceEngine
from engram.engine.space_locks import SpaceLocks
from engram.engine.traced import make_engine, make_readers
from engram.kernels.protocol import KernelBackend
from engram.model.errors import (
    Closed,
    EngramError,
    InvalidRequest,
    SpaceAlreadyExists,
    SpaceNotFound,
    StorageFailed,
)
from engram.model.ids import DEFAULT_SPACE, check_space_id
from engram.model.limits import CHECKPOINT_LOG_BYTES_DEFAULT, HISTORY_RETENTION_SECONDS_DEFAULT
from engram.ports import Clock, Entropy, Filesystem, Tracer


class OpenSpace(Protocol):
    """Recovers a space; makes one where there is none if `create` is set, or SpaceNotFound."""

    def __call__(self, space: str, *, create: bool) -> Awaitable[Opened]:
        """Return the space, recovered."""


Fill = Callable[[Filesystem, str], Awaitable[None]]
"""Writes all of a space into an empty directory of the filesystem, durably."""

# Spaces opened at once: recovery is bound by the disk and two cores.
RECOVERIES_AT_ONCE_MAX: Final = 4


class SpaceRegistry:
    """Creates, opens and drops the spaces of one store."""

    def __init__(
        self,
        filesystem: Filesystem,
        clock: Clock,
        entropy: Entropy,
        tasks: TaskGroup,
        open_space: OpenSpace,
        tiers: Tiers,
        kernels: KernelBackend,
        *,
        unasked: Unasked = NOTHING_UNASKED,
        history_retention_ns: int = 10**9 * HISTORY_RETENTION_SECONDS_DEFAULT,
        checkpoint_log_bytes: int = CHECKPOINT_LOG_BYTES_DEFAULT,
        scrub_bytes_per_s: int = 0,
        run: RunBlocking = in_thread,
        tracer: Tracer | None = None,
    ) -> None:
        self._filesystem, self._clock, self._tracer = filesystem, clock, tracer
        self.backup_places = BackupPlaces(filesystem)
        """Where backups of the store were made to."""
        self._directories = SpaceDirectories(filesystem, entropy)
        self._open_space = open_space
        self._history_retention_ns = history_retention_ns
        # What is replayed after a crash is in RAM again, all of it, and must fit as well.
        self._checkpoint_log_bytes = min(checkpoint_log_bytes, tiers.budget_bytes // 8)
        self._run = run
        self._openings: dict[str, Opening] = {}
        self.unavailable: dict[str, EngramError] = {}
        """Why a space could not be opened the last time, or stopped; the others serve."""
        self.recovering: set[str] = set()
        """Spaces that are being opened."""
        self._engines: dict[str, SpaceEngine] = {}
        self.locks = SpaceLocks(clock)
        self._closed = False
        self._readers = make_readers(run, tracer)
        self._activity, self._segments = Activity(), tiers.segments
        self.housekeeping = Housekeeping(tiers, clock, self._activity, run)
        tasks.start_soon(self.housekeeping.run, name="housekeeping")
        self._background = Background(
            self._engines, tasks, clock, entropy, kernels, self._activity, run, unasked
        )
        tasks.start_soon(self._background.run, name="beginnings")
        self.scrubber = Scrubber(
            filesystem, clock, self._activity, scrub_bytes_per_s, self._engines, run
        )
        tasks.start_soon(self.scrubber.run, name="scrub")

    @property
    def filesystem(self) -> Filesystem:
        """Where the spaces are, each in a directory of its id."""
        return self._filesystem

    def open_now(self, space: str) -> SpaceEngine | None:
        """Return the engine of a space that is open and serves, None otherwise."""
        engine = self._engines.get(space)
        return engine if engine is not None and engine.failure is None else None

    async def open(self, space: str, *, create: bool = False) -> SpaceEngine:
        """Return the engine of a space; the first caller pays for its recovery.

        Raises SpaceNotFound when there is none and `create` is not set, what recovery raises, and
        after a failure that failure again until the store is reopened.
        """
        check_space_id(space)
        async with self.locks.held(space):
            return await self._open(space, create=create)

    async def recover_all(self, at_once_max: int = RECOVERIES_AT_ONCE_MAX) -> list[str]:
        """Open every space that is not open, several at once; return the ids of all, sorted.

        One that cannot be opened leaves the others alone: it is in `unavailable` then.

        Raises:
            Closed: the store is.
            StorageFailed: the store's directory cannot be read.
        """
        names = await self.names()
        limiter = anyio.CapacityLimiter(at_once_max)

        async def recover(space: str) -> None:
            async with limiter:
                try:
                    await self.open(space)
                except Closed:
                    raise
                except EngramError:
                    return  # dropped meanwhile, or in `unavailable`

        async with anyio.create_task_group() as tasks:
            for space in names:
                tasks.start_soon(recover, space)
        return [name for name in names if name in self._engines or name in self.unavailable]

    async def create(self, space: str) -> SpaceEngine:
        """Make a new space; SpaceAlreadyExists when its id is taken."""
        check_space_id(space)
        async with self.locks.held(space):
            if await self.exists(space):
                raise SpaceAlreadyExists(space)
            return await self._open(space, create=True)

    async def drop(self, space: str) -> None:
        """Remove a space with all its bytes; it is gone for good when this returns."""
        check_space_id(space)
        if space == DEFAULT_SPACE:
            raise InvalidRequest(
                "memory space 'default' is always there and cannot be deleted; forget its "
                "memories one by one, or delete the whole data root"
            )
        async with self.locks.held(space):
            if not await self.exists(space):
                raise SpaceNotFound(space)
            engine = self._engines.pop(space, None)
            self.unavailable.pop(space, None)
            if engine is not None:
                await self._leave_alone(engine)
                await engine.aclose(last_checkpoint=False)
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._directories.remove, space)
                if engine is not None:
                    await anyio.to_thread.run_sync(self._segments.forget, space, engine.view)

    async def restore(self, space: str, fill: Fill, *, replace: bool = False) -> SpaceEngine:
        """Put a space in place that `fill` writes, as a whole or not at all.

        It is built under a hidden name. Raises SpaceAlreadyExists when something was ever recorded
        in a space of this id, unless `replace` is set: then that one is removed in the same step.
        """
        check_space_id(space)
        async with self.locks.held(space):
            if not replace:
                await self._check_empty(space)
            hidden = self._directories.hidden_name()
            try:
                await fill(self._filesystem, hidden)
                replaced = await self._make_way(space, replace=replace)
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._directories.put_in_place, hidden, space)
                    if replaced is not None:
                        await anyio.to_thread.run_sync(self._segments.forget, space, replaced.view)
            except BaseException:
                with anyio.CancelScope(shield=True), suppress(StorageFailed):
                    await anyio.to_thread.run_sync(self._directories.remove_hidden, hidden)
                raise
            return await self._open(space, create=False)

    def known(self) -> list[str]:
        """Return the ids of spaces that are open, are being opened, or could not be; sorted."""
        return sorted({*self._engines, *self.recovering, *self.unavailable})

    def failure_of(self, space: str) -> EngramError | None:
        """Return why a space does not serve; None when it does, or nobody tried to open it."""
        engine = self._engines.get(space)
        return self.unavailable.get(space) if engine is None else engine.failure

    def opening_of(self, space: str) -> Opening:
        """Return how opening a space went that is open."""
        return self._openings[space]

    def linker_of(self, space: str) -> Linker:
        """Return who links the memories of an open space; Closed when it is not, or no more."""
        return self._background.linker_of(space)

    def consolidator_of(self, space: str) -> Consolidator:
        """Return who forms the concepts of an open space; Closed when it is not, or no more."""
        return self._background.consolidator_of(space)

    async def exists(self, space: str) -> bool:
        """Whether there is a space with this id."""
        return space in self._engines or bool(
            await anyio.to_thread.run_sync(self._filesystem.list, f"{space}/wal")
        )

    async def names(self) -> list[str]:
        """Return the ids of all spaces, sorted; Closed when the store is."""
        if self._closed:
            raise Closed("the store")
        return await anyio.to_thread.run_sync(self._directories.names)

    async def sweep(self) -> None:
        """Remove what dropping or restoring a space left behind when it was interrupted."""
        await anyio.to_thread.run_sync(self._directories.sweep)

    async def aclose(self) -> None:
        """Close every space, then raise the first failure; harmless when repeated."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            await self._background.aclose()
            await self.scrubber.aclose()
            await self.housekeeping.aclose()
        failure: EngramError | None = None
        for engine in list(self._engines.values()):
            self._activity.begin()  # so that none of the others indexes now
            try:
                await engine.aclose()
            except EngramError as error:
                failure = failure or error
        self._engines.clear()
        with anyio.CancelScope(shield=True):
            await self._readers.aclose()
            await anyio.to_thread.run_sync(self._segments.close)
        if failure is not None:
            raise failure

    async def _open(self, space: str, *, create: bool) -> SpaceEngine:
        try:
            engine = await self._open_or_raise(space, create=create)
        except (Closed, SpaceNotFound):
            raise
        except EngramError as error:
            self.unavailable[space] = error
            raise
        self.unavailable.pop(space, None)
        return engine

    async def _open_or_raise(self, space: str, *, create: bool) -> SpaceEngine:
        self._check_open()
        engine = self._engines.get(space)
        if engine is not None:
            if engine.failure is not None:
                raise engine.failure
            return engine
        self.recovering.add(space)
        self._activity.begin()
        try:
            opened = await self._open_space(space, create=create)
        finally:
            self.recovering.discard(space)
        try:
            self._check_open()  # while it recovered; nobody would ever stop this engine
        except Closed:
            with anyio.CancelScope(shield=True):
                await opened.log.aclose()
            raise
        engine = self._engines[space] = make_engine(
            self._tracer,
            space,
            opened.log,
            self._clock,
            opened.state,
            self._readers,
            self._activity,
            self.housekeeping,
            words=opened.words,
            sketches=opened.sketches,
            history_retention_ns=self._history_retention_ns,
        )
        engine.checkpointer = Checkpointer(
            space,
            opened.snapshots,
            opened.log,
            self._clock,
            self._activity,
            engine.freeze,
            log_bytes=opened.opening.log_bytes,
            log_bytes_max=self._checkpoint_log_bytes,
            run=self._run,
        )
        eraser = engine.eraser = Eraser(
            engine,
            engine.checkpointer,
            self._segments,
            self._clock,
            self.housekeeping.moving,
            run=self._run,
        )
        engine.compactor = Compactor(
            engine, self.housekeeping, self._clock, lambda: eraser.pending, self._run
        )
        self._openings[space] = opened.opening
        self._background.add(engine)
        return engine

    async def _leave_alone(self, engine: SpaceEngine) -> None:
        """Let nothing move or link memories of a space that is about to be closed."""
        with anyio.CancelScope(shield=True):
            await self._background.leave_alone(engine)
            await self.housekeeping.remove(engine.space)

    async def _check_empty(self, space: str) -> None:
        if await self.exists(space) and (await self._open(space, create=False)).view.lsn:
            raise SpaceAlreadyExists(space)

    async def _make_way(self, space: str, *, replace: bool) -> SpaceEngine | None:
        """Close and return the space to be replaced; what was written to it meanwhile counts."""
        engine = self._engines.pop(space, None)
        if engine is None:
            return None
        await self._leave_alone(engine)
        try:
            await engine.aclose()
        except EngramError:
            if not replace:
                raise
        if engine.view.lsn and not replace:
            raise SpaceAlreadyExists(space)
        return engine

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the store")
