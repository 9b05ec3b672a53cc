"""Read a backup back: check that all it needs is whole, then go through its log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import anyio

from engram.backup.limits import TRANSFERS_MAX
from engram.backup.log_chunk import decode_chunk
from engram.backup.manifest import LogEntry, SpaceEntry
from engram.backup.objects import Unreadable, object_name
from engram.backup.source import record_time
from engram.backup.upload import Progress
from engram.model.errors import ArchiveCorrupted, EngramError
from engram.model.events import decode
from engram.state.apply import apply
from engram.state.space import SpaceState

if TYPE_CHECKING:
    from engram.backup.repository import Repository
    from engram.wal.protocol import Record


class Goal(NamedTuple):
    """How far to go: up to an LSN, up to a time (ns since the epoch, inclusive), or all the way."""

    lsn: int | None = None
    time: int | None = None


class Damage(NamedTuple):
    """What is wrong with an object of a repository."""

    name: str
    reason: str


async def damage_of(
    repository: Repository, addresses: Iterable[str], progress: Progress | None = None
) -> list[Damage]:
    """Read objects, each once, and return those that are missing or damaged, sorted by name.

    `progress` is called with (objects read, objects in all).
    """
    waiting = sorted(set(addresses), reverse=True)
    total = len(waiting)
    found: list[Damage] = []
    failures: list[EngramError] = []

    async def work() -> None:
        while waiting and not failures:
            try:
                await repository.get_object(waiting.pop())
            except ArchiveCorrupted as error:
                found.append(Damage(error.name, error.reason))
            except EngramError as error:
                failures.append(error)
            if progress is not None:
                progress(total - len(waiting), total)

    async with anyio.create_task_group() as tasks:
        for _ in range(TRANSFERS_MAX):
            tasks.start_soon(work)
    if failures:
        raise failures[0]
    return sorted(found)


async def check_whole(
    repository: Repository, addresses: Iterable[str], progress: Progress | None = None
) -> None:
    """Raise ArchiveCorrupted unless every object of these addresses is there as it was."""
    damage = await damage_of(repository, addresses, progress)
    if damage:
        more = f" (and {len(damage) - 1} more)" if len(damage) > 1 else ""
        raise ArchiveCorrupted(repository.location, damage[0].name, f"{damage[0].reason}{more}")


async def records_of(
    repository: Repository, entry: SpaceEntry, goal: Goal, tail: Sequence[LogEntry] = ()
) -> AsyncGenerator[list[Record], None]:
    """Iterate over the records of a space's log up to the goal, some at a time.

    `tail` holds records beyond those of the backup; they may begin before its end. Raises
    ArchiveCorrupted when the records are not those the manifest tells of.
    """
    lsn, end = entry.base_lsn, tail[-1].last_lsn if tail else entry.lsn
    for chunk in (*entry.log, *tail):
        if goal.lsn is not None and lsn >= goal.lsn:
            return
        records = (await read_chunk(repository, chunk))[lsn + 1 - chunk.first_lsn :]
        if not records or records[0].lsn != lsn + 1:
            raise ArchiveCorrupted(
                repository.location,
                object_name(chunk.chunk),
                f"it holds LSN {chunk.first_lsn} to {chunk.last_lsn} where {lsn + 1} should follow",
            )
        kept = await repository.run(_up_to, records, goal, chunk.last_time)
        if kept:
            yield kept
        if len(kept) < len(records):
            return
        lsn = chunk.last_lsn
    if lsn != end:
        name = object_name(entry.log[-1].chunk) if entry.log else f"the log of {entry.space}"
        raise ArchiveCorrupted(
            repository.location, name, f"the log ends at LSN {lsn} and not at {end}"
        )


async def read_chunk(repository: Repository, chunk: LogEntry) -> list[Record]:
    """Return the records of a chunk; ArchiveCorrupted when they are not those it is to hold."""
    data = await repository.get_object(chunk.chunk)
    name = object_name(chunk.chunk)
    try:
        records = await repository.run(decode_chunk, data)
    except Unreadable as exc:
        raise ArchiveCorrupted(repository.location, name, str(exc)) from exc
    found = (records[0].lsn, records[-1].lsn) if records else (0, 0)
    if found != (chunk.first_lsn, chunk.last_lsn):
        told = f"{chunk.first_lsn} to {chunk.last_lsn}"
        reason = f"it holds LSN {found[0]} to {found[1]}, not {told}"
        raise ArchiveCorrupted(repository.location, name, reason)
    return records


def _up_to(records: list[Record], goal: Goal, last_time: int) -> list[Record]:
    if goal.lsn is not None:
        return [record for record in records if record.lsn <= goal.lsn]
    if goal.time is None or last_time <= goal.time:
        return records
    for position, record in enumerate(records):
        made_at = record_time(record.kind, record.payload)
        if made_at is not None and made_at > goal.time:
            return records[:position]
    return records


def replay(state: SpaceState, records: Iterable[Record]) -> None:
    """Apply records to a state, in order."""
    for record in records:
        event, vectors = decode(record.kind, record.payload)
        apply(state, event, vectors, record.lsn)
