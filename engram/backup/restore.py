"""Rebuild a space from a backup and put it in place.

Rule 1: every object that is needed is read and compared before anything in the target changes.
Rule 2: a space is built under a hidden name and put in place as a whole, or not at all.
Rule 3: a space restored to the LSN of its backup has the digest it was backed up with, or it is
        not put in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import anyio

from engram.backup.base import Kept, Place, put_in_place
from engram.backup.erasing import Ids, blanked
from engram.backup.manifest import manifest_name
from engram.backup.planning import Plan
from engram.backup.reading import check_whole, records_of, replay
from engram.model.errors import ArchiveCorrupted
from engram.model.events import Erased, encode
from engram.state.apply import apply
from engram.state.digest import digest
from engram.state.space import SpaceState
from engram.storage.open_files import OpenFiles
from engram.storage.snapshot_loading import Identity
from engram.wal.beginning import begin_log
from engram.wal.file_log import FileLog
from engram.wal.protocol import Entry

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
    place: Place,
    erased: Ids,
    progress: Progress | None = None,
) -> Rebuilt:
    """Build the space in an empty directory, durably, and return what it holds then.

    Records of erased memories are left blank, and where memories were erased after the goal, one
    more record says so: opening the space then takes what files hold of them out, too.
    `progress` is called with (bytes, bytes in all).

    Raises:
        ArchiveCorrupted: it is not the space that was backed up.
        ArchiveUnavailable, StorageFailed: the backup cannot be read, or the place not written.
    """
    with closing(OpenFiles(place.filesystem)) as opened:
        state, done = await _put_base(repository, choice, place, opened)
        log = await _begin(repository, place, state.lsn)
        try:
            await _replay_into(repository, choice, (state, log), erased, _Report(progress, done))
            found, again = await _check(repository, choice, state, erased)
            if again:
                found = await _record_erased(repository, state, log, again)
        finally:
            with anyio.CancelScope(shield=True):
                await log.aclose()
    alive = state.count - state.forgotten_count
    return Rebuilt(state.lsn, found, alive, state.recorded_last, len(again))


class _Report(NamedTuple):
    """Whom to tell how far it is, and how many bytes were done before."""

    progress: Progress | None
    done: int


async def _put_base(
    repository: Repository, choice: Plan, place: Place, opened: OpenFiles
) -> tuple[SpaceState, int]:
    """Put the files in place, if there are any, and return their state and bytes."""
    entry = choice.entry
    if not entry.files:
        return SpaceState(), 0
    identity = Identity(bytes.fromhex(choice.manifest.store_id), entry.space)
    kept = Kept(repository, entry, identity)
    state, done = await repository.run(put_in_place, kept, place, opened)
    if state.lsn != entry.base_lsn:
        raise _other(repository, choice, f"its files are of LSN {state.lsn}, not {entry.base_lsn}")
    return state, done


async def _replay_into(
    repository: Repository,
    choice: Plan,
    target: tuple[SpaceState, FileLog],
    erased: Ids,
    report: _Report,
) -> None:
    """Record and apply the log up to the goal."""
    entry, (state, log), (progress, done) = choice.entry, target, report
    total = entry.bytes_count + sum(each.bytes_count for each in choice.tail)
    if progress is not None:
        progress(done, total)
    async with aclosing(records_of(repository, entry, choice.goal, choice.tail)) as chunks:
        async for some in chunks:
            clean = await repository.run(_applied, state, some, erased)
            entries = [Entry(each.kind, [each.payload], each.flags) for each in clean]
            await log.sync(log.append(entries, expected_last_lsn=log.last_lsn))
            if progress is not None:
                done = min(total, done + sum(len(each.payload) for each in clean))
                progress(done, total)


async def _begin(repository: Repository, place: Place, lsn: int) -> FileLog:
    """Return the empty log of a space whose state at `lsn` is in its files."""
    directory, (store_id, space) = f"{place.directory}/wal", place.identity
    if lsn:
        begin = partial(
            begin_log,
            place.filesystem,
            directory,
            store_id=store_id,
            space_id=space,
            entropy=repository.entropy,
            first_lsn=lsn + 1,
        )
        await repository.run(begin)
    return await FileLog.open(
        place.filesystem,
        directory,
        store_id=store_id,
        space_id=space,
        entropy=repository.entropy,
        clock=repository.clock,
        durable_lsn=lsn,
        after=lsn,
    )


async def _check(
    repository: Repository, choice: Plan, state: SpaceState, erased: Ids
) -> tuple[str, list[bytes]]:
    """Return the digest and which erased memories are still there; raise when it is another."""
    again = await repository.run(_erased_again, state, erased)
    found = await repository.run(digest, state)
    if state.lsn == choice.entry.lsn and not again and found != choice.entry.digest:
        raise _other(repository, choice, f"it has digest {found} and not {choice.entry.digest}")
    return found, again


def _other(repository: Repository, choice: Plan, reason: str) -> ArchiveCorrupted:
    name = manifest_name(choice.manifest.id)
    return ArchiveCorrupted(
        repository.location, name, f"space {choice.entry.space!r} was rebuilt and {reason}"
    )


async def _record_erased(
    repository: Repository, state: SpaceState, log: FileLog, again: list[bytes]
) -> str:
    event = Erased(b"".join(again), repository.clock.now())
    kind, buffers = encode(event)
    await log.sync(log.append([Entry(kind, buffers)], expected_last_lsn=state.lsn))
    apply(state, event, b"", state.lsn + 1)
    return await repository.run(digest, state)


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
