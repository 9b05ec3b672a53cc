"""What a backup reads of a space while the space goes on being written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from engram.model.errors import InvariantViolated
from engram.model.events import Reembedded, Remembered, Revectored, decode
from engram.state.digest import digest

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.state.space import Frozen
    from engram.wal.protocol import Log, Record


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
    def erased(self) -> frozenset[bytes]:
        """Ids of the memories that were erased and must not come back, 16 bytes each."""

    def read(self, path: str, offset: int, bytes_count: int) -> bytes:
        """Return bytes of one of the files; blocks."""

    def records(self) -> AsyncGenerator[Record, None]:
        """Iterate over the records with LSN in (base_lsn, lsn]."""

    def digest(self) -> str:
        """Return the digest of the state at `lsn`; blocks."""


class LogSource:
    """Source of a space whose whole log is kept: no files, every record from the first on."""

    base_lsn = 0
    base_time = 0
    files: Sequence[SourceFile] = ()

    def __init__(self, space: str, log: Log, frozen: Frozen, log_bytes: int) -> None:
        self.space = space
        self.lsn = frozen.view.lsn
        self.memories = frozen.view.count - frozen.view.forgotten_count
        self.log_bytes = log_bytes
        self.erased = ids_of(frozen)
        self._log = log
        self._view = frozen.view

    def read(self, path: str, offset: int, bytes_count: int) -> bytes:
        """Raise InvariantViolated: there are no files."""
        raise InvariantViolated(f"{path} ({bytes_count} at {offset}) is no file of this source")

    async def records(self) -> AsyncGenerator[Record, None]:
        """Iterate over the records up to `lsn`."""
        if self.lsn == 0:
            return
        stream = self._log.read(0)
        try:
            async for record in stream:
                yield record
                if record.lsn >= self.lsn:
                    return
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    def digest(self) -> str:
        """Return the digest of the view."""
        return digest(self._view)


async def open_source(engine: SpaceEngine, log_bytes: int) -> BackupSource:
    """Return the source of a space as it is now; `log_bytes` is for the progress alone."""
    frozen = await engine.between_groups(lambda state: state.freeze())
    return LogSource(engine.space, engine.log, frozen, log_bytes)


def ids_of(frozen: Frozen) -> frozenset[bytes]:
    """Return the ids of the memories that were erased, each as u64 high and low, little-endian."""
    raw = frozen.erasures.ids.astype("<u8").tobytes()
    return frozenset(raw[start : start + 16] for start in range(0, len(raw), 16))


def record_time(kind: int, payload: bytes | memoryview) -> int | None:
    """Return when a record was made, in nanoseconds since the epoch; None when it does not say."""
    event, _ = decode(kind, payload)
    if isinstance(event, Remembered):
        last = event.recorded_at[-8:]
        return int.from_bytes(last, "little", signed=True) if last else None
    return None if isinstance(event, Reembedded | Revectored) else event.at


def time_of_last(records: Sequence[Record], otherwise: int) -> int:
    """Return when the last of the records that tells its time was made, else `otherwise`."""
    for record in reversed(records):
        made_at = record_time(record.kind, record.payload)
        if made_at is not None:
            return made_at
    return otherwise
