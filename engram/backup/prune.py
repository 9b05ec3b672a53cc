"""Let old backups go: manifests first, then the objects no manifest names any more.

Rule 1: while it runs no backup does (locking); manifests are read after the lock is held.
Rule 2: a crash leaves objects nobody names, which the next prune removes; never the opposite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from engram.backup.locking import Lock, locked
from engram.backup.log_archive import Archived, archived
from engram.backup.manifest import FOLDER as MANIFESTS
from engram.backup.manifest import Manifest, id_in, manifest_name
from engram.backup.objects import FOLDER as OBJECTS
from engram.backup.objects import address_in
from engram.model.errors import Conflict, InvalidRequest

if TYPE_CHECKING:
    from engram.backup.repository import Repository
    from engram.backup.upload import Progress

# Objects removed between two looks after the lock.
_BATCH_COUNT: Final = 64


class Pruned(NamedTuple):
    """What was removed, and which backups are left."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    objects_removed: int


async def prune(
    repository: Repository,
    *,
    keep: int | None = None,
    older_than: int | None = None,
    progress: Progress | None = None,
) -> Pruned:
    """Remove backups, all but the newest `keep` of each store, and what only they need.

    With `older_than` (wall time, nanoseconds) only those made before it; with both, what both let
    go. The newest backup of a store always stays. `progress` is called with (removed, in all).

    Raises:
        InvalidRequest: neither was given, or `keep` is below 1.
        Conflict: a backup is at work.
        ArchiveCorrupted: a manifest is damaged, so what it needs is not known; nothing was removed.
    """
    if keep is None and older_than is None:
        raise InvalidRequest("say what may go: how many backups to keep, or before when")
    if keep is not None and keep < 1:
        raise InvalidRequest(f"keep is {keep}; at least the newest backup stays: keep 1 or more")
    await repository.check_there()
    async with locked(repository, "prune") as lock:
        manifests = await repository.manifests()
        gone = _let_go(manifests, keep or 1, older_than)
        kept = [each for each in manifests if each not in gone]
        for manifest in gone:
            await _remove(repository, lock, [manifest_name(manifest.id)])
        copied = await archived(repository)
        old = [each for each in copied if _is_behind(each, kept)]
        await _remove(repository, lock, [each.name for each in old])
        needed = {chunk for each in kept for space in each.spaces for chunk in space.chunks}
        needed.update(each.entry.chunk for each in copied if each not in old)
        idle = await _idle(repository, needed)
        for first in range(0, len(idle), _BATCH_COUNT):
            await _remove(repository, lock, idle[first : first + _BATCH_COUNT])
            if progress is not None:
                progress(min(first + _BATCH_COUNT, len(idle)), len(idle))
    return Pruned(
        tuple(each.id for each in gone),
        tuple(each.id for each in kept),
        sum(address_in(name) is not None for name in idle),
    )


def _let_go(manifests: list[Manifest], keep: int, older_than: int | None) -> list[Manifest]:
    gone = []
    for store_id in {each.store_id for each in manifests}:
        own = [each for each in manifests if each.store_id == store_id]
        gone += [each for each in own[:-keep] if older_than is None or each.created_at < older_than]
    return sorted(gone, key=lambda manifest: manifest.created_at)


def _is_behind(copied: Archived, kept: list[Manifest]) -> bool:
    """Whether nothing that is kept leads to these archived records: all of it is newer."""
    own = [each for each in kept if each.store_id == copied.store_id]
    return bool(own) and copied.entry.last_time < min(
        (
            space.recorded_last
            for each in own
            for space in each.spaces
            if space.space == copied.space
        ),
        default=own[0].created_at,
    )


async def _idle(repository: Repository, needed: set[str]) -> list[str]:
    """Return the names of objects nobody needs, and of what interrupted writes left."""
    objects = await repository.run(repository.archive.list, OBJECTS)
    manifests = await repository.run(repository.archive.list, MANIFESTS)
    return [name for name in objects if address_in(name) not in needed] + [
        name for name in manifests if id_in(name) is None
    ]


async def _remove(repository: Repository, lock: Lock, names: list[str]) -> None:
    await lock.refresh()
    if not await lock.is_held():
        raise Conflict(
            f"the lock of this prune in {repository.location} is gone: its process stood still for "
            "over an hour, or someone deleted the lock; what is left over goes with the next prune"
        )
    for name in names:
        await repository.run(repository.archive.delete, name)
