"""What a backup reads of a space while the space goes on being written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from engram.model.errors import check
from engram.model.events import Reembedded, Remembered, decode
from engram.state.digest import digest

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.wal.protocol import Record


class SourceFile(NamedTuple):
    """A file of a space that does not change any more; `digest` is its BLAKE3 where it is known."""

    path: str
    bytes_count: int
    digest: str | None


class BackupSource(Protocol):
    """One space at one LSN: files that hold its state at `base_lsn`, and the log from there on."""

    @property
    def space(self) -> str:
        """The space's id."""

    @property
    def lsn(self) -> int:
        """The LSN the backup is of."""

    @property
    def base_lsn(self) -> int:
        """The LSN the files are of; 0 when there are none and the log tells everything."""

    @property
    def base_time(self) -> int:
        """When the record at `base_lsn` was made, in nanoseconds since the epoch; 0 for none."""

    @property
    def memories(self) -> int:
        """How many memories live at `lsn`."""

    @property
    def files(self) -> Sequence[SourceFile]:
        """The files; they stay until the backup has ended."""

    @property
    def log_bytes(self) -> int:
        """About how many bytes of log there are to read."""

    @property
    def erased(self) -> Sequence[str]:
        """Ids of the memories that were erased and must not come back."""

    def read(self, path: str, offset: int, bytes_count: int) -> bytes:
        """Return bytes of one of the files; blocks."""

    def records(self) -> AsyncIterator[Record]:
        """Iterate over the records with LSN in (base_lsn, lsn]."""

    def digest(self) -> str:
        """Return the digest of the state at `lsn`; blocks."""


class LogSource:
    """Source of a space whose whole log is kept: no files, every record from the first on.

    The view is the one of the moment this object is made; `log_bytes` is for the progress alone.
    """

    base_lsn = 0
    base_time = 0
    files: Sequence[SourceFile] = ()
    erased: Sequence[str] = ()

    def __init__(self, engine: SpaceEngine, log_bytes: int) -> None:
        self._log = engine.log
        self._view = engine.view
        self.space = engine.space
        self.lsn = self._view.lsn
        self.memories = self._view.count - self._view.forgotten_count
        self.log_bytes = log_bytes

    def read(self, path: str, offset: int, bytes_count: int) -> bytes:
        """Raise: there are no files."""
        check(condition=False, sentence=f"{path} ({bytes_count} at {offset}) is no file of a log")
        raise AssertionError

    async def records(self) -> AsyncIterator[Record]:
        """Iterate over the records up to `lsn`."""
        if self.lsn == 0:
            return
        async for record in self._log.read(0):
            yield record
            if record.lsn >= self.lsn:
                return

    def digest(self) -> str:
        """Return the digest of the view."""
        return digest(self._view)


def record_time(kind: int, payload: bytes | memoryview) -> int | None:
    """Return when a record was made, in nanoseconds since the epoch; None when it does not say."""
    event, _ = decode(kind, payload)
    if isinstance(event, Remembered):
        last = event.recorded_at[-8:]
        return int.from_bytes(last, "little", signed=True) if last else None
    return None if isinstance(event, Reembedded) else event.at
