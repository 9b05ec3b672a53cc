"""Copies of log records that the log itself is about to let go, for going to any moment between.

```
logs/<store id>/<space>/<first LSN>-<last LSN>-<time before>-<time>-<bytes>-<address>.log
```

The times are when the record before the first and when the last one were made, in nanoseconds. The
name says all; the records are an object of the repository like those of a backup. Rule: the
reference is written after the object, and both under a lock, so no prune takes the object away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from engram.backup.limits import LOG_CHUNK_BYTES
from engram.backup.locking import locked
from engram.backup.log_chunk import encode_chunk
from engram.backup.manifest import LogEntry
from engram.backup.objects import address_of
from engram.backup.source import time_of_last
from engram.model.errors import Conflict

if TYPE_CHECKING:
    from engram.backup.repository import Repository
    from engram.wal.closed import ClosedSegment
    from engram.wal.protocol import Lsn, Record

FOLDER: Final = "logs"
_NAME: Final = re.compile(
    r"logs/([0-9a-f]{32})/([a-z0-9_-]{1,64})/"
    r"(\d{20})-(\d{20})-(\d{1,20})-(\d{1,20})-(\d{1,12})-([0-9a-f]{64})\.log"
)


class Archived(NamedTuple):
    """Records of a space that were copied, under the name their reference has.

    `previous_time` is when the record before them was made, 0 when that is not known.
    """

    name: str
    store_id: str
    space: str
    previous_time: int
    entry: LogEntry


def archived_in(name: str) -> Archived | None:
    """Return what a reference says, None when the name is none."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    store_id, space, first, last, before, time, bytes_count, address = found.groups()
    entry = LogEntry(int(first), int(last), int(time), address, int(bytes_count))
    return Archived(name, store_id, space, int(before), entry)


def _name_of(store_id: str, space: str, previous_time: int, entry: LogEntry) -> str:
    lsns = f"{entry.first_lsn:020d}-{entry.last_lsn:020d}"
    rest = f"{previous_time}-{entry.last_time}-{entry.bytes_count}-{entry.chunk}"
    return f"{FOLDER}/{store_id}/{space}/{lsns}-{rest}.log"


async def archived(repository: Repository, store_id: str = "", space: str = "") -> list[Archived]:
    """Return the records that were copied, of one space or of all, by first LSN."""
    folder = f"{FOLDER}/{store_id}/{space}" if store_id else FOLDER
    names = await repository.run(repository.archive.list, folder)
    found = [each for name in names if (each := archived_in(name)) is not None]
    return sorted(found, key=lambda each: (each.entry.first_lsn, each.entry.last_time))


class LogArchive:
    """Copies records of the spaces of one store into a repository."""

    def __init__(self, repository: Repository, store_id: bytes) -> None:
        self._repository = repository
        self._store_id = store_id.hex()

    async def keep(self, space: str, segment: ClosedSegment) -> None:
        """Copy the records of a segment; harmless when repeated.

        Raises Conflict while the repository is pruned, ArchiveUnavailable, StorageFailed, and
        LogCorrupted; then nothing that counts on the copy may let the records go.
        """
        run = self._repository.run
        await self._repository.prepare()
        async with locked(self._repository, "backup") as lock:
            records = segment.records()
            last_time = await self._time_before(space, segment.first_lsn)
            while some := await run(_next_records, records):
                await lock.refresh()
                last_time = await self._put(space, some, last_time)
            if not await lock.is_held():
                raise Conflict(
                    f"the lock of this copy in {self._repository.location} is gone; the log keeps "
                    "its records and they are copied again"
                )

    async def _time_before(self, space: str, first_lsn: Lsn) -> int:
        kept = [each.entry for each in await archived(self._repository, self._store_id, space)]
        return max((each.last_time for each in kept if each.last_lsn == first_lsn - 1), default=0)

    async def _put(self, space: str, records: list[Record], since: int) -> int:
        run = self._repository.run
        last_time: int = await run(time_of_last, records, since)
        data = await run(encode_chunk, records)
        address = await run(address_of, data)
        await self._repository.put_object(address, data)
        entry = LogEntry(records[0].lsn, records[-1].lsn, last_time, address, len(data))
        name = _name_of(self._store_id, space, since, entry)
        await run(self._repository.archive.put, name, [b"\n"])
        return last_time


def _next_records(records: Iterator[Record]) -> list[Record]:
    """Return the next records of an iterator that blocks, about LOG_CHUNK_BYTES of them."""
    found: list[Record] = []
    found_bytes = 0
    for record in records:
        found.append(record)
        found_bytes += len(record.payload)
        if found_bytes >= LOG_CHUNK_BYTES:
            break
    return found
