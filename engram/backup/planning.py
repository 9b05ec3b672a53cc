"""Choose what leads to where a restore is to go: a backup, and log records copied after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from engram.backup.log_archive import Archived, archived
from engram.backup.manifest import LogEntry, Manifest, SpaceEntry
from engram.backup.reading import Goal, read_chunk
from engram.backup.source import time_of_last
from engram.model.errors import BackupNotFound, InvalidRequest, check

if TYPE_CHECKING:
    from engram.backup.repository import Repository


class Plan(NamedTuple):
    """One space to restore: from which backup, how far, and the records behind the backup."""

    manifest: Manifest
    entry: SpaceEntry
    goal: Goal
    tail: tuple[LogEntry, ...] = ()

    @property
    def last_lsn(self) -> int:
        """How far this could go."""
        return self.tail[-1].last_lsn if self.tail else self.entry.lsn

    @property
    def last_time(self) -> int:
        """The last moment of which all that was written is known."""
        made_at = self.manifest.created_at
        return max(made_at, self.tail[-1].last_time) if self.tail else made_at

    @property
    def chunks(self) -> list[str]:
        """Addresses of every object it needs."""
        return [*self.entry.chunks, *(entry.chunk for entry in self.tail)]


async def plan(
    repository: Repository,
    *,
    backup_id: str | None = None,
    space: str | None = None,
    goal: Goal = Goal(),  # noqa: B008 - immutable
    is_one: bool = False,
    store_id: str | None = None,
) -> list[Plan]:
    """Choose, for one space or all, the backup that leads to the goal with the least to read.

    Without a backup id it is the newest of the store that leads there. `store_id` decides when the
    repository holds backups of several stores and no backup was named. With `is_one`, or an LSN,
    a space is named or the backup holds just one.

    Raises:
        BackupNotFound: there is no repository, backup or space of that name.
        InvalidRequest: the goal is not reached by any backup, or it is not clear which is meant.
        ArchiveCorrupted: a manifest that has to be read is damaged.
    """
    if goal.lsn is not None and goal.time is not None:
        raise InvalidRequest("give an LSN or a time to go to, not both")
    await repository.check_there()
    if backup_id is not None:
        manifests = [await repository.manifest(backup_id)]
    else:
        manifests = _of_one_store(repository, await repository.manifests(), store_id)
    wanted = [space] if space is not None else sorted(_spaces_to_restore(manifests, goal))
    if len(wanted) > 1 and (is_one or goal.lsn is not None):
        meant = "that is to get another id" if is_one else "that the LSN is one of"
        raise InvalidRequest(f"the backup holds {', '.join(wanted)}: name the space {meant}")
    return [await _choose(repository, manifests, name, goal) for name in wanted]


def _of_one_store(
    repository: Repository, manifests: Sequence[Manifest], store_id: str | None
) -> list[Manifest]:
    if not manifests:
        raise BackupNotFound(repository.location, "backup")
    stores = {each.store_id for each in manifests}
    if len(stores) > 1 and store_id not in stores:
        newest = {each.store_id: each.id for each in manifests}
        raise InvalidRequest(
            f"{repository.location} holds backups of {len(stores)} stores; name the backup you "
            f"mean; the newest of each: {', '.join(sorted(newest.values()))}"
        )
    return [each for each in manifests if len(stores) == 1 or each.store_id == store_id]


def _spaces_to_restore(manifests: Sequence[Manifest], goal: Goal) -> set[str]:
    """Return the spaces of the newest backup, or of the first one made after the time."""
    later = [each for each in manifests if goal.time is not None and each.created_at >= goal.time]
    chosen = later[0] if later else manifests[-1]
    return {entry.space for entry in chosen.spaces}


async def _choose(
    repository: Repository, manifests: Sequence[Manifest], space: str, goal: Goal
) -> Plan:
    found = [
        Plan(manifest, entry, goal)
        for manifest in manifests
        for entry in manifest.spaces
        if entry.space == space
    ]
    if not found:
        raise BackupNotFound(repository.location, f"backup of memory space {space!r}")
    if goal == Goal():
        return found[-1]
    leading = [each for each in found if _leads_to(each)]
    if not leading:
        # Records copied after the newest backup that is not beyond the goal may lead there.
        found = [await _with_tail(repository, each) for each in found]
        leading = [each for each in found if _leads_to(each)]
    if not leading:
        reached = "; ".join(
            f"{each.manifest.id}: LSN {each.entry.base_lsn} to {each.last_lsn}" for each in found
        )
        raise InvalidRequest(
            f"no backup of memory space {space!r} in {repository.location} leads there; they "
            f"reach {reached}, a backup any time up to when it was made"
        )
    # The highest base leaves the least to apply; of equals the oldest has the least behind it.
    return max(leading, key=lambda each: each.entry.base_lsn)


def _leads_to(choice: Plan) -> bool:
    entry, goal = choice.entry, choice.goal
    if goal.lsn is not None:
        return entry.base_lsn <= goal.lsn <= choice.last_lsn
    check(goal.time is not None, "a goal is an LSN or a time")
    # Compared in microseconds, which is as exact as a moment can be given.
    time = (goal.time or 0) // 1_000
    return entry.base_time // 1_000 <= time <= choice.last_time // 1_000


async def _with_tail(repository: Repository, choice: Plan) -> Plan:
    """Return the plan with the archived records that continue its backup without a gap.

    A space that was dropped and made anew has LSNs of its own under the same id. So what follows an
    LSN must also follow the moment, to the nanosecond, at which the record there was made.
    """
    entry = choice.entry
    known = await archived(repository, choice.manifest.store_id, entry.space)
    tail: list[LogEntry] = []
    lsn, time = entry.lsn, entry.recorded_last
    for each in known:
        if not each.entry.first_lsn <= lsn + 1 <= each.entry.last_lsn:
            continue
        if await _time_before(repository, each, lsn) == time:
            tail.append(each.entry)
            lsn, time = each.entry.last_lsn, each.entry.last_time
    return choice._replace(tail=tuple(tail))


async def _time_before(repository: Repository, copied: Archived, lsn: int) -> int:
    """Return when the record at `lsn`, in what was copied or just before it, was made."""
    if copied.entry.first_lsn == lsn + 1:
        return copied.previous_time
    records = await read_chunk(repository, copied.entry)
    before = records[: lsn + 1 - copied.entry.first_lsn]
    return await repository.run(time_of_last, before, copied.previous_time)
