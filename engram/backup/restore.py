"""Restore spaces: choose what leads to the goal, check it whole, rebuild it, put it in place.

Rule 1: every object that is needed is read and compared before anything in the target changes.
Rule 2: a space is built under a hidden name and put in place as a whole, or not at all.
Rule 3: a space restored to the LSN of its backup has the digest it was backed up with, or it is
        not put in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from engram.backup.erasing import Ids, blanked
from engram.backup.manifest import Manifest, SpaceEntry, manifest_name
from engram.backup.reading import Goal, check_whole, records_of, replay
from engram.model.errors import ArchiveCorrupted, BackupNotFound, InvalidRequest, check
from engram.model.events import Erased, encode
from engram.state.apply import apply
from engram.state.digest import digest
from engram.state.space import SpaceState
from engram.wal.protocol import Entry, Log

if TYPE_CHECKING:
    from engram.backup.repository import Repository
    from engram.backup.upload import Progress
    from engram.wal.protocol import Record


class Plan(NamedTuple):
    """One space to restore: from which backup, and how far."""

    manifest: Manifest
    entry: SpaceEntry
    goal: Goal


class Rebuilt(NamedTuple):
    """A space as it was rebuilt; `recorded_last` in nanoseconds since the epoch."""

    lsn: int
    digest: str
    memories: int
    recorded_last: int
    erased: int
    """Memories that the backup holds and that were erased since; they are not there."""


async def plan(
    repository: Repository,
    *,
    backup_id: str | None = None,
    space: str | None = None,
    goal: Goal = Goal(),  # noqa: B008 - immutable
    store_id: str | None = None,
) -> list[Plan]:
    """Choose, for one space or all, the backup that leads to the goal with the least to read.

    Without a backup id it is the newest of the store that leads there. `store_id` decides when the
    repository holds backups of several stores and no backup was named.

    Raises:
        BackupNotFound: there is no repository, backup or space of that name.
        InvalidRequest: the goal is not reached by any backup, or it is not clear which is meant.
        ArchiveCorrupted: a manifest that has to be read is damaged.
    """
    if goal.lsn is not None and (goal.time is not None or space is None):
        raise InvalidRequest("an LSN is one of one space: name the space, and give no time with it")
    await repository.check_there()
    if backup_id is not None:
        manifests = [await repository.manifest(backup_id)]
    else:
        manifests = _of_one_store(repository, await repository.manifests(), store_id)
    wanted = [space] if space is not None else sorted(_spaces_to_restore(manifests, goal))
    return [_choose(repository, manifests, name, goal) for name in wanted]


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


def _choose(repository: Repository, manifests: Sequence[Manifest], space: str, goal: Goal) -> Plan:
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
        reached = "; ".join(
            f"{each.manifest.id}: LSN {each.entry.base_lsn} to {each.entry.lsn}" for each in found
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
        return entry.base_lsn <= goal.lsn <= entry.lsn
    check(goal.time is not None, "a goal is an LSN or a time")
    time = goal.time or 0
    return entry.base_time <= time <= choice.manifest.created_at


async def check_plans(
    repository: Repository, plans: Sequence[Plan], progress: Progress | None = None
) -> None:
    """Raise ArchiveCorrupted unless all the plans need is there as it was stored."""
    await check_whole(repository, [each.entry for each in plans], progress)


async def rebuild(
    repository: Repository,
    choice: Plan,
    log: Log,
    erased: Ids,
    progress: Progress | None = None,
) -> Rebuilt:
    """Write the space into an empty log, without erased memories, and return what it holds then.

    Where memories were erased after the goal, one more record says so. Raises ArchiveCorrupted when
    it is not the space that was backed up. `progress` is called with (records, records in all).
    """
    check(log.last_lsn == 0, "a space is rebuilt in an empty log")
    state = SpaceState()
    total = choice.entry.lsn if choice.goal.lsn is None else choice.goal.lsn
    async with aclosing(records_of(repository, choice.entry, choice.goal)) as chunks:
        async for records in chunks:
            clean = await repository.run(_applied, state, records, erased)
            entries = [Entry(each.kind, [each.payload], each.flags) for each in clean]
            await log.sync(log.append(entries, expected_last_lsn=log.last_lsn))
            if progress is not None:
                progress(state.lsn, total)
    again = await repository.run(_erased_again, state, erased)
    found = await repository.run(digest, state)
    if state.lsn == choice.entry.lsn and not again and found != choice.entry.digest:
        raise ArchiveCorrupted(
            repository.location,
            manifest_name(choice.manifest.id),
            f"rebuilt, space {choice.entry.space!r} has digest {found} and not "
            f"{choice.entry.digest}",
        )
    if again:
        event = Erased(b"".join(again), repository.clock.now())
        kind, buffers = encode(event)
        await log.sync(log.append([Entry(kind, buffers)], expected_last_lsn=state.lsn))
        apply(state, event, b"", state.lsn + 1)
        found = await repository.run(digest, state)
    alive = state.count - state.forgotten_count
    return Rebuilt(state.lsn, found, alive, state.recorded_last, len(again))


def _applied(state: SpaceState, records: Sequence[Record], erased: Ids) -> list[Record]:
    clean = [blanked(record, erased) for record in records]
    replay(state, clean)
    return clean


def _erased_again(state: SpaceState, erased: Ids) -> list[bytes]:
    """Return which erased memories the state still counts as there."""
    found = []
    for raw in sorted(erased):
        high, low = int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")
        if state.row_with_id(high, low) is not None and not state.erasures.holds(high, low):
            found.append(raw)
    return found
