"""An open store: its memory spaces and what they are served with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from engram.engine.checking import verify_space
from engram.engine.verification import SpaceReport
from engram.kernels.protocol import KernelBackend
from engram.model.errors import DurabilityError, SpaceNotFound
from engram.model.health import StoreHealth
from engram.model.ids import DEFAULT_SPACE, check_space_id
from engram.model.memory import Checkpointed, Compacted, ResidentBytes, SpaceInfo
from engram.ports import Embedder, Tracer
from engram.service import health
from engram.service.backups import (
    BackupMade,
    Backups,
    Restored,
    RestoreRequest,
    back_up,
    restore_spaces,
)
from engram.service.core import Core
from engram.service.space import Progress, Space
from engram.service.spaces import space_infos
from engram.service.traced import make_space
from engram.service.vectors import check_embedder


class Engram:
    """A store that is open in this process; `engram.open` makes one."""

    def __init__(self, path: str, core: Core) -> None:
        self.path = path
        self._core = core

    def __repr__(self) -> str:
        """Return the store with its path."""
        return f"<Engram {self.path!r}>"

    @property
    def kernels(self) -> KernelBackend:
        """The kernel backend in use."""
        return self._core.kernels

    @property
    def embedder(self) -> Embedder | None:
        """Who makes the vectors of texts; None when words alone are compared."""
        return self._core.embedder

    @property
    def tracer(self) -> Tracer | None:
        """What measures the verbs; None when nothing does."""
        return self._core.tracer

    @property
    def resident_bytes(self) -> ResidentBytes:
        """Bytes in RAM by what they are for; `total` is kept below `memory_budget`."""
        return self._core.registry.housekeeping.resident()

    @property
    def memory_budget(self) -> int:
        """How many bytes may be resident."""
        return self._core.registry.housekeeping.budget.total_bytes

    async def health(self) -> StoreHealth:
        """Return how the store and each of its spaces stand; none is opened for it.

        Raises:
            StorageFailed: the store's directory cannot be read.
            Closed: the store is.
        """
        return await health.store_health(self._core)

    def metrics(self) -> dict[str, float]:
        """Return every measured number under its Prometheus name, labels included.

        `engram_resident_bytes{part="hot"}` is one of them. Spaces that are not open have none but
        their phase.
        """
        return health.metrics(self._core)

    async def space(self, space_id: str = DEFAULT_SPACE, *, principal: str = "") -> Space:
        """Return the handle of a memory space; it is created by the first write to it.

        Request keys are those of a `principal`: two that use the same key do not meet.

        Raises:
            InvalidRequest: the id breaks the rule.
            EmbedderMismatch: the space holds vectors of another embedder than the store's.
            LogCorrupted, StorageFailed: the space cannot be recovered; the others still serve.
        """
        check_space_id(space_id)
        registry = self._core.registry
        engine = registry.open_now(space_id)
        if engine is None:
            with suppress(SpaceNotFound):
                engine = await registry.open(space_id)
        if engine is not None:
            check_embedder(space_id, engine.view, self._core.embedder)
        return make_space(space_id, self._core, principal)

    async def create_space(self, space_id: str) -> Space:
        """Create a memory space and return its handle.

        Raises SpaceAlreadyExists when it is there, TooManySpaces when it is one too many.
        """
        await self._core.check_room(check_space_id(space_id))
        await self._core.registry.create(space_id)
        return make_space(space_id, self._core)

    async def drop_space(self, space_id: str) -> None:
        """Delete a memory space with all its bytes; `default` cannot be deleted."""
        await self._core.registry.drop(space_id)
        if self._core.new_spaces is not None:
            self._core.new_spaces.changed(space_id)

    async def check_new_space(self, space_id: str, caller: str) -> None:
        """Raise TooManySpaces when a caller may make no more spaces, and this one is not there.

        For servers, which ask before they let a write in; `caller` is who holds a key, or empty.
        """
        await self._core.check_room(space_id, caller)

    async def reembed(self, space_id: str = DEFAULT_SPACE, progress: Progress | None = None) -> int:
        """Convert a space to the store's embedder; see `Space.reembed`."""
        check_space_id(space_id)
        return await make_space(space_id, self._core).reembed(progress)

    async def compact(self, space_id: str = DEFAULT_SPACE) -> Compacted:
        """Let go of what a space forgot long ago; see `Space.compact`."""
        check_space_id(space_id)
        return await make_space(space_id, self._core).compact()

    async def checkpoint(
        self, space_id: str = DEFAULT_SPACE, progress: Progress | None = None
    ) -> Checkpointed:
        """Write a snapshot of a space; see `Space.checkpoint`."""
        check_space_id(space_id)
        return await make_space(space_id, self._core).checkpoint(progress)

    async def verify(
        self, space_id: str = DEFAULT_SPACE, progress: Progress | None = None
    ) -> SpaceReport:
        """Read a space again, all its files, and say what is damaged; it goes on serving.

        Takes as much RAM again as the space, for every way to its state is gone and compared. No
        checkpoint is taken meanwhile. A space that cannot be opened is read all the same.

        Args:
            space_id: which space.
            progress: called with (bytes done, bytes in all).

        Raises:
            SpaceNotFound: there is no such space.
            StoreTooNew: a later release wrote something.
            Closed: the store is.
        """
        check_space_id(space_id)
        core = self._core
        if not await core.registry.exists(space_id):
            raise SpaceNotFound(space_id)
        verified = partial(
            verify_space,
            core.registry.filesystem,
            core.clock,
            core.store_id,
            space_id,
            progress,
        )
        try:
            engine = await core.registry.open(space_id)
        except DurabilityError:
            return await verified()
        async with engine.checkpoints.paused():
            return await verified()

    async def backup(
        self,
        backups: Backups,
        *,
        spaces: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> BackupMade:
        """Back up the spaces named, all by default, while they go on being read and written.

        Each space is backed up as it was at one LSN. What the place holds already is not stored
        again. `progress` is called with (bytes done, bytes in all).

        Raises:
            SpaceNotFound: there is no such space.
            Conflict: backups are being pruned there at the moment.
            ArchiveUnavailable, StorageFailed: the place cannot be written; earlier backups are as
                they were.
            LogCorrupted: a space is damaged; nothing was backed up.
        """
        return await back_up(self._core, backups, spaces, progress)

    async def restore(
        self,
        backups: Backups,
        backup_id: str | None = None,
        *,
        space: str | None = None,
        into: str | None = None,
        to_lsn: int | None = None,
        to_time: datetime | None = None,
        replace: bool = False,
        check: bool = True,
        progress: Progress | None = None,
    ) -> list[Restored]:
        """Restore spaces from a backup; each appears as a whole, or not at all.

        A space that is restored as it was has the digest it had. Memories that were erased since do
        not come back.

        Args:
            backups: where the backups are.
            backup_id: which one; left out, the newest, or the one that leads to the goal.
            space: which space of it; left out, all.
            into: the id that one space gets; left out, the one it had.
            to_lsn: how far to go, of one space; left out, as far as the backup goes.
            to_time: the last moment whose writes are to be there, with a zone.
            replace: take the place of a space that holds something; that one is removed.
            check: read all that is needed once before anything changes; False when `Backups.check`
                has just done so.
            progress: called with (bytes done, bytes in all) for each space.

        Raises:
            BackupNotFound: there is no such backup, or no such space in it.
            SpaceAlreadyExists: the target holds something and `replace` is not set.
            InvalidRequest: no backup leads to the goal, or it is not clear which is meant.
            ArchiveCorrupted: something needed is damaged or missing; no space was changed by it.
            ArchiveUnavailable, StorageFailed: the backups cannot be read, or the store not written.
        """
        request = RestoreRequest(backup_id, space, into, to_lsn, to_time)
        done = await restore_spaces(
            self._core, backups, request, replace=replace, check=check, progress=progress
        )
        if self._core.new_spaces is not None:
            self._core.new_spaces.changed()
        return done

    async def spaces(self) -> list[SpaceInfo]:
        """Return every memory space, opening those that are not; damaged ones say why."""
        return await space_infos(self._core)
