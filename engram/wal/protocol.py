"""The contract of a log: what an append, a sync and a read promise, and what they do not.

Rule 1: a record is appended, then durable; only `sync` moves the second mark.
Rule 2: LSNs start at 1, one a record, without a gap; 0 means "nothing".
Rule 3: one writer, proved at each append by the last LSN it expects.
Rule 4: a failed write or sync poisons the log until it is reopened; it is never tried again.
Rule 5: of several writers at most one wins: who opened last, or who holds the log; the others
meet Conflict when they open, or at their next append or sync, and nothing of theirs is read.
Rule 6: after a failed sync each record is wholly there or wholly absent, and what is there is a
prefix of what was appended: a writer finds out how far by opening the log and reading on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from engram.ports import ReadableBuffer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Lsn: TypeAlias = int


class Entry(NamedTuple):
    """What is appended; the payload is the buffers one after the other.

    A log may keep references to the buffers instead of copies (vectors run to 15 MB), so they must
    not change until the record is durable. `kind` and `flags` are the caller's, 0 to 255 each.
    """

    kind: int
    buffers: Sequence[ReadableBuffer]
    flags: int = 0

    @property
    def bytes_count(self) -> int:
        """Bytes of the payload."""
        return sum(memoryview(buffer).nbytes for buffer in self.buffers)


class Record(NamedTuple):
    """What is read back: the payload's bytes exactly as they were appended."""

    lsn: Lsn
    kind: int
    flags: int
    payload: bytes | memoryview


class Purged(NamedTuple):
    """How many files a purge overwrote and removed, and their bytes; zeros where there are none."""

    files: int = 0
    bytes_count: int = 0


class Log(Protocol):
    """An ordered, durable sequence of records with one writer.

    Nothing here promises a file: the same contract is carried by memory, by segments on a disk,
    or by a replicated stream. All methods belong to the event loop the log was opened on.

    A replicated stream carries it so: opening raises the stream's epoch, and the stream takes
    nothing more from a lower one (rule 5); `append` gathers; `sync` publishes what has gathered as
    one message, on the condition that the stream still ends where this writer thinks, and returns
    when a quorum has it; an LSN counts this log's records, even where several logs share a stream;
    a publish without an answer poisons the log, and reading the stream on reopening tells what
    became of it (rule 6); `trim` lets the stream drop its beginning, or does nothing.
    """

    @property
    def last_lsn(self) -> Lsn:
        """LSN of the last record appended, durable or not; 0 when there is none."""

    @property
    def durable_lsn(self) -> Lsn:
        """LSN up to which every record survives a crash; never above `last_lsn`."""

    @property
    def first_lsn(self) -> Lsn:
        """LSN of the first record the log still has, or will have."""

    @property
    def record_bytes_max(self) -> int:
        """The longest payload one record may have, in bytes."""

    def append(self, entries: Sequence[Entry], *, expected_last_lsn: Lsn) -> Lsn:
        """Take the entries in, in order, and return the new last LSN.

        Promises nothing: what is not synced may be lost, though never reordered. All entries are
        taken or none is.

        Raises:
            Conflict: `expected_last_lsn` is not `last_lsn`: there is another writer.
            InvalidRequest: a payload is over `record_bytes_max`, or a kind or flags is no byte.
            LogPoisoned: an earlier write failed.
            Closed: the log was closed.
        """

    def begin(self, upto: Lsn) -> None:
        """Begin what `sync` waits for; a log that has nothing to begin ahead does nothing.

        Raises:
            InvalidRequest: `upto` is above `last_lsn`.
            LogPoisoned: an earlier write failed.
            Closed: the log was closed.
        """

    async def sync(self, upto: Lsn) -> None:
        """Return once `durable_lsn >= upto`; concurrent callers share one flush.

        A cancelled caller leaves the flush and the other callers alone. May return without
        yielding to the event loop when there is nothing to wait for.

        Raises:
            InvalidRequest: `upto` is above `last_lsn`.
            LogPoisoned: the record did not become durable and never will.
            Conflict: another writer has taken over; the record did not become durable.
            Closed: the log was closed before the record became durable.
        """

    def read(self, after: Lsn) -> AsyncIterator[Record]:
        """Iterate over the records with LSN > `after` that are durable now, in order.

        Raises (from the first step on):
            Conflict: records after `after` were trimmed away.
            LogCorrupted: a stored record is damaged.
            StorageFailed: the medium cannot be read.
            Closed: the log was closed.
        """

    async def trim(self, upto: Lsn) -> None:
        """Allow the log to drop records with LSN <= `upto`; a hint, it may keep any of them.

        Raises:
            InvalidRequest: `upto` is above `durable_lsn`.
            StorageFailed: something could not be dropped; the log goes on working.
            Closed: the log was closed.
        """

    async def rotate(self) -> None:
        """Let `trim` and `purge` reach everything that is durable now, whatever comes after it.

        Raises:
            LogPoisoned: an earlier write failed, or this one did.
            StorageFailed: the medium refused; the log is poisoned.
            Closed: the log was closed.
        """

    async def purge(self, upto: Lsn) -> Purged:
        """Trim, and leave no byte of what was trimmed now or ever before; return what went.

        Reaches as far as `trim` may. Calling it again after a failure goes on.

        Raises what `trim` raises, and LogPoisoned.
        """

    async def aclose(self) -> None:
        """Finish the flushes that were asked for and release the log; harmless when repeated.

        What was appended and never synced is dropped.
        """
