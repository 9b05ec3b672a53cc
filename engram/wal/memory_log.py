"""A log kept in RAM: for spaces that need not survive the process, and as the contract's model."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from anyio import lowlevel

from engram.model.errors import Closed
from engram.wal.entries import admit, check_fence, check_kept, check_reachable
from engram.wal.limits import RECORD_BYTES_MAX
from engram.wal.protocol import Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from engram.wal.protocol import Entry, Lsn


class MemoryLog:
    """Log whose records live as long as the object does.

    Takes the records to begin with (what an earlier MemoryLog's `reopened` passes on), the LSN of
    the first of them, and the payload limit in bytes.
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        first_lsn: Lsn = 1,
        record_bytes_max: int = RECORD_BYTES_MAX,
    ) -> None:
        self._records = list(records)
        self._first_lsn = first_lsn
        self._record_bytes_max = record_bytes_max
        self._durable_lsn = self.last_lsn
        self._closed = False

    @property
    def last_lsn(self) -> Lsn:
        """LSN of the last record appended."""
        return self._first_lsn + len(self._records) - 1

    @property
    def durable_lsn(self) -> Lsn:
        """LSN up to which records were synced."""
        return self._durable_lsn

    @property
    def record_bytes_max(self) -> int:
        """The longest payload one record may have, in bytes."""
        return self._record_bytes_max

    def append(self, entries: Sequence[Entry], *, expected_last_lsn: Lsn) -> Lsn:
        """Take the entries in, in order, and return the new last LSN; see `Log.append`."""
        self._check_open()
        check_fence(expected_last_lsn, self.last_lsn)
        for entry, _ in admit(entries, self._record_bytes_max):
            payload = b"".join(entry.buffers)
            self._records.append(Record(self.last_lsn + 1, entry.kind, entry.flags, payload))
        return self.last_lsn

    async def sync(self, upto: Lsn) -> None:
        """Mark everything appended as durable; see `Log.sync`."""
        check_reachable("sync", upto, self.last_lsn)
        if upto <= self._durable_lsn:
            return
        self._check_open()
        last_lsn = self.last_lsn
        await lowlevel.checkpoint()
        self._check_open()
        self._durable_lsn = max(self._durable_lsn, last_lsn)

    async def read(self, after: Lsn) -> AsyncIterator[Record]:
        """Iterate over the durable records after `after`; see `Log.read`."""
        self._check_open()
        check_kept(after, self._first_lsn)
        start = after + 1 - self._first_lsn
        stop = self._durable_lsn + 1 - self._first_lsn
        for record in list(islice(self._records, start, max(start, stop))):
            yield record

    async def trim(self, upto: Lsn) -> None:
        """Drop the records up to `upto`; see `Log.trim`."""
        self._check_open()
        check_reachable("trim", upto, self._durable_lsn)
        await lowlevel.checkpoint()
        drop_count = max(0, upto + 1 - self._first_lsn)
        del self._records[:drop_count]
        self._first_lsn += drop_count

    async def aclose(self) -> None:
        """Refuse further use; `reopened` still gives what was durable."""
        self._closed = True

    def reopened(self) -> MemoryLog:
        """Return a new log holding what was durable in this one, as opening a file again would."""
        kept = self._records[: self._durable_lsn + 1 - self._first_lsn]
        return MemoryLog(kept, first_lsn=self._first_lsn, record_bytes_max=self._record_bytes_max)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the log")
