"""Rebuild a space from a backup and put it in place.

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
from engram.backup.manifest import manifest_name
from engram.backup.planning import Plan
from engram.backup.reading import check_whole, records_of, replay
from engram.model.errors import ArchiveCorrupted, check
from engram.model.events import Erased, encode
from engram.state.apply import apply
from engram.state.digest import digest
from engram.state.space import SpaceState
from engram.wal.protocol import Entry, Log

if TYPE_CHECKING:
    from engram.backup.repository import Repository
    from engram.backup.upload import Progress
    from engram.wal.protocol import Record


class Rebuilt(NamedTuple):
    """A space as it was rebuilt; `recorded_last` in nanoseconds since the epoch."""

    lsn: int
    digest: str
    memories: int
    recorded_last: int
    erased: int
    """Memories that the backup holds and that were erased since; they are not there."""


async def check_plans(
    repository: Repository, plans: Sequence[Plan], progress: Progress | None = None
) -> None:
    """Raise ArchiveCorrupted unless all the plans need is there as it was stored."""
    needed = [chunk for each in plans for chunk in each.chunks]
    await check_whole(repository, needed, progress)


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
    total = choice.last_lsn if choice.goal.lsn is None else choice.goal.lsn
    records = records_of(repository, choice.entry, choice.goal, choice.tail)
    async with aclosing(records) as chunks:
        async for some in chunks:
            clean = await repository.run(_applied, state, some, erased)
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
