"""What a backup reads of a space while the space goes on being written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, NamedTuple, Protocol

from anyio import to_thread

from engram.model.errors import InvariantViolated
from engram.model.events import Accessed, Reembedded, Remembered, Revectored, decode
from engram.state.digest import digest
from engram.storage.open_files import OpenFiles
from engram.storage.retained import HOT
from engram.storage.segment_index import read_index
from engram.storage.snapshot_loading import Identity, read_body

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.ports import Filesystem
    from engram.state.space import Frozen
    from engram.storage.retained import Pin
    from engram.storage.snapshot_content import SnapshotBody
    from engram.wal.protocol import Log, Record


INDEX_SUFFIX = ".snapshot"


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


class SpaceSource:
    """Source of an open space: its newest snapshot, held by a pin, and the log behind that."""

    def __init__(
        self,
        space: str,
        log: Log,
        frozen: Frozen,
        filesystem: Filesystem,
        base: SnapshotBody | None,
        files: Sequence[SourceFile],
        log_bytes: int,
    ) -> None:
        self.space = space
        self.lsn = frozen.view.lsn
        self.base_lsn = 0 if base is None else base.lsn
        self.base_time = 0 if base is None else base.recorded_last
        self.memories = frozen.view.count - frozen.view.forgotten_count
        self.files = files
        self.log_bytes = log_bytes
        self.erased = ids_of(frozen)
        self._log = log
        self._view = frozen.view
        self._filesystem = filesystem

    def read(self, path: str, offset: int, bytes_count: int) -> bytes:
        """Return bytes of one of the files; blocks."""
        handle = self._filesystem.open(f"{self.space}/{path}")
        try:
            return self._filesystem.read_at(handle, offset, bytes_count)
        finally:
            handle.close()

    async def records(self) -> AsyncGenerator[Record, None]:
        """Iterate over the records behind the snapshot, up to `lsn`."""
        if self.lsn == self.base_lsn:
            return
        stream = self._log.read(self.base_lsn)
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


@asynccontextmanager
async def open_source(
    engine: SpaceEngine, filesystem: Filesystem, store_id: bytes
) -> AsyncIterator[BackupSource]:
    """Lend the source of a space as it is now; its files and its log are held meanwhile.

    Memories that were erased are erased in its files: the log behind them names none. A record of
    one is restored blank, and without its session and labels others would be linked in another way.

    Raises:
        StorageFailed: the space cannot be read, or a snapshot that is needed not be written.
        Closed: the space is being closed.
    """
    checkpointer = engine.checkpointer
    if checkpointer is None:
        raise InvariantViolated("a space that serves has a checkpointer")
    while True:
        async with checkpointer.pinned() as pin:
            frozen = await engine.between_groups(lambda state: state.freeze())
            if frozen.erasures.lsn_last() <= pin.lsn:
                base, files = await to_thread.run_sync(
                    _base_of, filesystem, Identity(store_id, engine.space), pin
                )
                log_bytes = checkpointer.status.log_bytes
                yield SpaceSource(
                    engine.space, engine.log, frozen, filesystem, base, files, log_bytes
                )
                return
        await checkpointer.checkpoint()


def _base_of(
    filesystem: Filesystem, identity: Identity, pin: Pin
) -> tuple[SnapshotBody | None, list[SourceFile]]:
    """Return the index of the pinned snapshot and its files, with their digests where known."""
    if not pin.lsn:
        return None, []
    hot = f"{identity.space}/{HOT}"
    (index,) = (path for path, _ in pin.files if path.endswith(INDEX_SUFFIX))
    body = read_body(filesystem, hot, index.removeprefix(f"{HOT}/"), None, identity)
    known = {f"{HOT}/{part.file}": part.digest.hex() for part in body.parts}
    with closing(OpenFiles(filesystem)) as files:
        for name in body.sealed:
            if name is not None:
                segment = f"{name.tier}/{name.number:020d}"
                facts, _ = read_index(files, f"{identity.space}/{segment}", name.digest)
                known |= {f"{segment}/{each.name}": each.digest.hex() for each in facts.files}
    return body, [SourceFile(path, size, known.get(path)) for path, size in pin.files]


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
    return None if isinstance(event, Accessed | Reembedded | Revectored) else event.at


def time_of_last(records: Sequence[Record], otherwise: int) -> int:
    """Return when the last of the records that tells its time was made, else `otherwise`."""
    for record in reversed(records):
        made_at = record_time(record.kind, record.payload)
        if made_at is not None:
            return made_at
    return otherwise
