"""Verify backups in depth: every object is read again, every space is rebuilt and compared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from engram.backup.base import Kept, load_kept
from engram.backup.log_archive import archived
from engram.backup.manifest import Manifest, SpaceEntry, manifest_name
from engram.backup.objects import object_name
from engram.backup.reading import Damage, Goal, damage_of, records_of, replay
from engram.model.errors import ArchiveCorrupted, EngramError
from engram.state.digest import digest
from engram.state.space import SpaceState
from engram.storage.snapshot_loading import Identity

if TYPE_CHECKING:
    from engram.backup.repository import Repository
    from engram.backup.upload import Progress


class Verified(NamedTuple):
    """What verifying found; `spaces` is how many were rebuilt and had their digest."""

    backups: int
    objects: int
    spaces: int
    damage: tuple[Damage, ...]
    broken_backups: tuple[str, ...]
    """Ids of the backups that cannot be restored whole."""


async def verify(
    repository: Repository,
    backup_ids: Sequence[str] = (),
    *,
    rebuild: bool = True,
    progress: Progress | None = None,
) -> Verified:
    """Read every object of the backups again and say what is damaged.

    Without ids it is all of them, and the log records that were copied beside them.

    With `rebuild` each space is rebuilt in RAM from what was read, and its digest compared with
    the one the backup was made with. `progress` is called with (objects read, objects in all).

    Raises:
        BackupNotFound: there is no repository, or no backup of that id.
        ArchiveUnavailable, StorageFailed: the repository cannot be read.
    """
    await repository.check_there()
    ids = list(backup_ids) or await repository.ids()
    damage: list[Damage] = []
    broken: list[str] = []
    manifests: list[Manifest] = []
    for backup_id in ids:
        try:
            manifests.append(await repository.manifest(backup_id))
        except ArchiveCorrupted as error:
            damage.append(Damage(error.name, error.reason))
            broken.append(backup_id)
    needed = {chunk for each in manifests for space in each.spaces for chunk in space.chunks}
    if not backup_ids:
        needed.update(each.entry.chunk for each in await archived(repository))
    damage += await damage_of(repository, needed, progress)
    bad = {each.name for each in damage}
    rebuilt = 0
    for manifest in manifests:
        whole = [
            space for space in manifest.spaces if not bad & set(map(object_name, space.chunks))
        ]
        found = [await _rebuild(repository, manifest, space) for space in whole if rebuild]
        damage += [each for each in found if each is not None]
        rebuilt += found.count(None)
        if len(whole) < len(manifest.spaces) or any(found):
            broken.append(manifest.id)
    return Verified(len(ids), len(needed), rebuilt, tuple(damage), tuple(broken))


async def _rebuild(repository: Repository, manifest: Manifest, entry: SpaceEntry) -> Damage | None:
    """Return what is wrong with a space whose objects are whole; None when nothing is."""
    where = f"{manifest_name(manifest.id)} ({entry.space})"
    try:
        state = SpaceState()
        if entry.files:
            identity = Identity(bytes.fromhex(manifest.store_id), entry.space)
            state = await repository.run(load_kept, Kept(repository, entry, identity))
        async with aclosing(records_of(repository, entry, Goal())) as chunks:
            async for records in chunks:
                await repository.run(replay, state, records)
    except ArchiveCorrupted as error:
        return Damage(error.name, error.reason)
    except EngramError as error:
        return Damage(where, f"it cannot be rebuilt: {error}")
    found = await repository.run(digest, state)
    if found != entry.digest:
        return Damage(where, f"rebuilt, the space has digest {found} and not {entry.digest}")
    return None
