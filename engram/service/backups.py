"""The verbs of backups: make, list, verify, prune, restore."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple

from engram.backup import create, planning, prune, restore, verify
from engram.backup.base import Place
from engram.backup.erasing import Ids
from engram.backup.manifest import Manifest
from engram.backup.prune import Pruned
from engram.backup.reading import Goal
from engram.backup.receiving import receive
from engram.backup.repository import Repository
from engram.backup.sending import bytes_max, packed
from engram.backup.source import ids_of, open_source
from engram.backup.tar import END, head_of, members, padding_of
from engram.backup.upload import Progress
from engram.backup.verify import Verified
from engram.model.errors import ArchiveCorrupted, DurabilityError, InvalidRequest
from engram.model.ids import check_space_id
from engram.model.memory import to_datetime, to_nanoseconds
from engram.ports import Filesystem
from engram.service.core import Core
from engram.storage.snapshot_loading import Identity


class SpaceBackup(NamedTuple):
    """One space in a backup: everything up to `lsn`, the last of it recorded at `recorded_last`."""

    space: str
    lsn: int
    memories: int
    recorded_last: datetime
    bytes_count: int
    digest: str


class BackupInfo(NamedTuple):
    """One backup; `damage` says why it cannot be read, then there is nothing else."""

    id: str
    created_at: datetime | None
    store_id: str
    spaces: tuple[SpaceBackup, ...]
    damage: str | None = None

    @property
    def bytes_count(self) -> int:
        """Bytes of all spaces, before compression."""
        return sum(space.bytes_count for space in self.spaces)


class BackupMade(NamedTuple):
    """A backup that was just made, and how much of it was not there before."""

    backup: BackupInfo
    objects_stored: int
    bytes_stored: int


class BackupsReceived(NamedTuple):
    """Backups that came over a wire, and how much of them was not there before."""

    backups: tuple[BackupInfo, ...]
    objects_stored: int
    bytes_stored: int


class Restored(NamedTuple):
    """A space that was restored: what it is called now, from what, and how far."""

    space: str
    backup_id: str
    backup_space: str
    lsn: int
    memories: int
    recorded_last: datetime
    digest: str
    erased: int


class RestoreRequest(NamedTuple):
    """What to restore; see `Engram.restore` for what each field says."""

    backup_id: str | None = None
    space: str | None = None
    into: str | None = None
    to_lsn: int | None = None
    to_time: datetime | None = None

    def goal(self) -> Goal:
        """Return how far to go; InvalidRequest when that is not clear."""
        if self.to_lsn is not None and self.to_lsn < 0:
            raise InvalidRequest(f"there is no LSN {self.to_lsn}; they begin at 1, 0 is empty")
        if self.to_time is None:
            return Goal(self.to_lsn)
        # A datetime has no nanoseconds: all that was recorded in its microsecond is meant.
        return Goal(self.to_lsn, to_nanoseconds(self.to_time) + 999)


class Backups:
    """A place where backups are kept; `engram.open_backups` makes one."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def __repr__(self) -> str:
        """Return the place."""
        return f"<Backups {self.location!r}>"

    @property
    def location(self) -> str:
        """The directory or URL."""
        return self.repository.location

    async def list(self) -> list[BackupInfo]:
        """Return every backup, oldest first; one whose manifest is damaged says so.

        Raises BackupNotFound when nothing was ever backed up here.
        """
        await self.repository.check_there()
        found: list[BackupInfo] = []
        for backup_id in await self.repository.ids():
            try:
                found.append(_info(await self.repository.manifest(backup_id)))
            except ArchiveCorrupted as error:
                found.append(BackupInfo(backup_id, None, "", (), str(error)))
        return sorted(found, key=lambda each: (str(each.created_at), each.id))

    async def verify(
        self, *backup_ids: str, rebuild: bool = True, progress: Progress | None = None
    ) -> Verified:
        """Read everything the backups need again, all of them by default, and say what is damaged.

        With `rebuild` every space is rebuilt in RAM, and its digest compared with the one it was
        backed up with. `progress` is called with (objects, objects in all).
        """
        return await verify.verify(self.repository, backup_ids, rebuild=rebuild, progress=progress)

    async def prune(
        self,
        *,
        keep: int | None = None,
        older_than: datetime | None = None,
        progress: Progress | None = None,
    ) -> Pruned:
        """Remove all but the newest `keep` backups of each store, or those made before a time.

        With both, only what both let go; the newest of each store always stays. Raises Conflict
        while a backup is being made.
        """
        before = None if older_than is None else to_nanoseconds(older_than)
        return await prune.prune(self.repository, keep=keep, older_than=before, progress=progress)

    async def check(self, request: RestoreRequest, progress: Progress | None = None) -> None:
        """Raise what keeps a restore from working, before any store is touched.

        Reads all it needs; `progress` is called with (objects, objects in all).
        """
        plans = await self.plans(request, None)
        await self.repository.erased()
        await restore.check_plans(self.repository, plans, progress)

    async def receive(self, chunks: AsyncIterable[bytes]) -> BackupsReceived:
        """Keep the backups of an archive that comes in chunks, as a server sends it.

        Raises:
            ArchiveCorrupted: it is damaged or cut off; no backup was added.
            Conflict: backups are being pruned here at the moment.
            ArchiveUnavailable, StorageFailed: the place cannot be written.
        """
        async with aclosing(members(chunks, bytes_max)) as found:
            done = await receive(self.repository, found)
        infos = tuple(map(_info, done.manifests))
        return BackupsReceived(infos, done.objects_stored, done.bytes_stored)

    async def pack(self, request: RestoreRequest) -> AsyncGenerator[bytes, None]:
        """Iterate over an archive of what a restore needs, as a server takes it.

        Records that were copied behind a backup are not in it.

        Raises what `check` does, and InvalidRequest when the backup alone does not lead there.
        """
        plans = await self.plans(request, None)
        if any(plan.tail for plan in plans):
            raise InvalidRequest(
                "that is behind the backup, in records copied after it, which are not sent over "
                "the network; stop the server to restore to there"
            )
        chosen = {plan.manifest.id: plan.manifest for plan in plans}
        async with aclosing(packed(self.repository, chosen.values())) as found:
            async for name, data in found:
                yield head_of(name, len(data))
                yield data + padding_of(len(data))
        yield END

    async def plans(
        self, request: RestoreRequest, store_id: bytes | None
    ) -> Sequence[planning.Plan]:
        """Return what the request comes to, a plan for each space."""
        if request.into is not None:
            check_space_id(request.into)
        return await planning.plan(
            self.repository,
            backup_id=request.backup_id,
            space=request.space,
            goal=request.goal(),
            is_one=request.into is not None,
            store_id=None if store_id is None else store_id.hex(),
        )


async def back_up(
    core: Core, backups: Backups, spaces: Sequence[str] | None, progress: Progress | None
) -> BackupMade:
    """Back up spaces of an open store; see `Engram.backup`."""
    names = await core.registry.names() if spaces is None else list(dict.fromkeys(spaces))
    await backups.repository.run(core.registry.backup_places.note, backups.location)
    async with AsyncExitStack() as held:
        sources = []
        for name in names:
            engine = await core.registry.open(name)
            source = open_source(engine, core.registry.filesystem, core.store_id)
            sources.append(await held.enter_async_context(source))
        made = await create.create(backups.repository, core.store_id, sources, progress)
    return BackupMade(_info(made.manifest), made.objects_stored, made.bytes_stored)


async def restore_spaces(
    core: Core,
    backups: Backups,
    request: RestoreRequest,
    *,
    replace: bool,
    check: bool,
    progress: Progress | None,
) -> list[Restored]:
    """Restore spaces into an open store; see `Engram.restore`."""
    repository = backups.repository
    plans = await backups.plans(request, core.store_id)
    if check:
        await restore.check_plans(repository, plans)
    erased = await repository.erased()
    done: list[Restored] = []
    for plan in plans:
        target = request.into or plan.entry.space
        known = erased | await _erased_in(core, {target, plan.entry.space})
        rebuilt: list[restore.Rebuilt] = []
        identity = Identity(core.store_id, target)
        fill = partial(_fill, repository, plan, identity, known, progress, rebuilt)
        await core.registry.restore(target, fill, replace=replace)
        (one,) = rebuilt
        done.append(
            Restored(
                space=target,
                backup_id=plan.manifest.id,
                backup_space=plan.entry.space,
                lsn=one.lsn,
                memories=one.memories,
                recorded_last=to_datetime(one.recorded_last),
                digest=one.digest,
                erased=one.erased,
            )
        )
    return done


async def _fill(
    repository: Repository,
    plan: planning.Plan,
    identity: Identity,
    erased: Ids,
    progress: Progress | None,
    rebuilt: list[restore.Rebuilt],
    filesystem: Filesystem,
    directory: str,
) -> None:
    place = Place(filesystem, directory, identity)
    rebuilt.append(await restore.rebuild(repository, plan, place, erased, progress))


async def _erased_in(core: Core, spaces: set[str]) -> Ids:
    """Return what was erased in these spaces of the store, as far as they can be opened."""
    found: Ids = frozenset()
    for space in spaces:
        if await core.registry.exists(space):
            # Of a damaged space the lists in the repository are what is left.
            with suppress(DurabilityError):
                engine = await core.registry.open(space)
                found |= ids_of(await engine.between_groups(lambda state: state.freeze()))
    return found


def _info(manifest: Manifest) -> BackupInfo:
    return BackupInfo(
        manifest.id,
        to_datetime(manifest.created_at),
        manifest.store_id,
        tuple(
            SpaceBackup(
                each.space,
                each.lsn,
                each.memories,
                to_datetime(each.recorded_last),
                each.bytes_count,
                each.digest,
            )
            for each in manifest.spaces
        ),
    )
