"""A log kept in RAM: for spaces that need not survive the process, and as the contract's model."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Self

from anyio import lowlevel

from engram.model.errors import Closed, Conflict
from engram.wal.entries import admit, check_fence, check_kept, check_reachable
from engram.wal.limits import RECORD_BYTES_MAX
from engram.wal.protocol import Purged, Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from engram.wal.protocol import Entry, Lsn


class MemoryMedium:
    """What outlives a MemoryLog: the durable records, and how often they were opened."""

    def __init__(self, records: Iterable[Record] = (), first_lsn: Lsn = 1) -> None:
        self.records = list(records)
        self.first_lsn = first_lsn
        self.epoch = 0

    @property
    def last_lsn(self) -> Lsn:
        """LSN of the last durable record."""
        return self.first_lsn + len(self.records) - 1


class MemoryLog:
    """Log whose records live as long as its medium does; opening that anew fences this log off.

    Takes the medium, a new one when it is left out, and the payload limit in bytes.
    """

    def __init__(
        self, medium: MemoryMedium | None = None, *, record_bytes_max: int = RECORD_BYTES_MAX
    ) -> None:
        self._medium = medium or MemoryMedium()
        self._medium.epoch += 1
        self._epoch = self._medium.epoch
        self._durable_lsn = self._medium.last_lsn
        self._gathered: list[Record] = []
        self._record_bytes_max = record_bytes_max
        self._closed = False

    @property
    def last_lsn(self) -> Lsn:
        """LSN of the last record appended."""
        return self._durable_lsn + len(self._gathered)

    @property
    def durable_lsn(self) -> Lsn:
        """LSN up to which records were synced."""
        return self._durable_lsn

    @property
    def first_lsn(self) -> Lsn:
        """LSN of the first record the medium still has, or will have."""
        return self._medium.first_lsn

    @property
    def record_bytes_max(self) -> int:
        """The longest payload one record may have, in bytes."""
        return self._record_bytes_max

    def append(self, entries: Sequence[Entry], *, expected_last_lsn: Lsn) -> Lsn:
        """Take the entries in, in order, and return the new last LSN; see `Log.append`."""
        self._check_writable()
        check_fence(expected_last_lsn, self.last_lsn)
        for entry, _ in admit(entries, self._record_bytes_max):
            payload = b"".join(entry.buffers)
            self._gathered.append(Record(self.last_lsn + 1, entry.kind, entry.flags, payload))
        return self.last_lsn

    def begin(self, upto: Lsn) -> None:
        """Begin nothing: `sync` does it all; see `Log.begin`."""
        check_reachable("begin", upto, self.last_lsn)
        self._check_writable()

    async def sync(self, upto: Lsn) -> None:
        """Move everything appended to the medium; see `Log.sync`."""
        check_reachable("sync", upto, self.last_lsn)
        if upto <= self._durable_lsn:
            return
        self._check_writable()
        last_lsn = self.last_lsn
        await lowlevel.checkpoint()
        self._check_writable()
        count = max(0, last_lsn - self._durable_lsn)
        self._medium.records += self._gathered[:count]
        del self._gathered[:count]
        self._durable_lsn += count

    async def read(self, after: Lsn) -> AsyncIterator[Record]:
        """Iterate over the durable records after `after`; see `Log.read`."""
        self._check_open()
        medium = self._medium
        check_kept(after, medium.first_lsn)
        start = after + 1 - medium.first_lsn
        stop = self._durable_lsn + 1 - medium.first_lsn
        for record in list(islice(medium.records, start, max(start, stop))):
            yield record

    async def trim(self, upto: Lsn) -> None:
        """Drop the records up to `upto`; see `Log.trim`."""
        self._check_writable()
        check_reachable("trim", upto, self._durable_lsn)
        await lowlevel.checkpoint()
        self._check_writable()
        drop_count = max(0, upto + 1 - self._medium.first_lsn)
        del self._medium.records[:drop_count]
        self._medium.first_lsn += drop_count

    async def rotate(self) -> None:
        """Do nothing: records go one by one; see `Log.rotate`."""
        self._check_writable()

    async def purge(self, upto: Lsn) -> Purged:
        """Drop the records up to `upto`; see `Log.purge`."""
        await self.trim(upto)
        return Purged()

    async def aclose(self) -> None:
        """Refuse further use; `reopened` still gives what was durable."""
        self._closed = True

    def reopened(self) -> Self:
        """Return a new log on the same medium, as opening a file again would."""
        return type(self)(self._medium, record_bytes_max=self._record_bytes_max)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the log")

    def _check_writable(self) -> None:
        self._check_open()
        if self._medium.epoch != self._epoch:
            raise Conflict(
                f"the log was opened again, in epoch {self._medium.epoch}, after this writer's "
                f"epoch {self._epoch}; close this one and open the log again"
            )
