"""Media that refuse once, when they are told to: what a conformance suite breaks a log with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.model.errors import LogPoisoned, StorageFailed
from engram.wal.memory_log import MemoryLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.ports import Filesystem, Handle, ReadableBuffer, SyncMethod
    from engram.wal.protocol import Entry, Lsn


class FailingFilesystem:
    """Filesystem that passes everything on, but fails one write that is to be durable.

    After `fail_next_write(share)`, the next such write stops after that share of its bytes, in
    whole sectors or not, and raises StorageFailed.
    """

    def __init__(self, inner: Filesystem) -> None:
        self._inner = inner
        self._share: float | None = None
        self.create_exclusive = inner.create_exclusive
        self.open = inner.open
        self.read_at = inner.read_at
        self.expect = inner.expect
        self.write_at = inner.write_at
        self.sync = inner.sync
        self.set_size = inner.set_size
        self.size = inner.size
        self.rename = inner.rename
        self.sync_directory = inner.sync_directory
        self.remove = inner.remove
        self.list = inner.list
        self.lock = inner.lock

    @property
    def sync_methods(self) -> Sequence[SyncMethod]:
        """The methods of the filesystem within."""
        return self._inner.sync_methods

    def fail_next_write(self, share: float) -> None:
        """Let the next durable write stop after `share` of its bytes, 0 to 1."""
        self._share = share

    def write_durably(
        self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer], method: SyncMethod
    ) -> None:
        """Write and sync, unless this one is to fail."""
        if self._share is None:
            self._inner.write_durably(handle, offset, buffers, method)
            return
        data = b"".join(buffers)
        self._inner.write_at(handle, offset, [data[: round(len(data) * self._share)]])
        self._share = None
        raise StorageFailed("write to", "the log", "told to fail", "open the log again")


class FailingMemoryLog(MemoryLog):
    """MemoryLog one of whose syncs fails, with a prefix of what it was to make durable kept."""

    _kept_share: float | None = None
    _poisoned = False

    def fail_next_sync(self, share: float) -> None:
        """Let the next sync keep `share` of what has gathered, 0 to 1, and fail."""
        self._kept_share = share

    def append(self, entries: Sequence[Entry], *, expected_last_lsn: Lsn) -> Lsn:
        """Take the entries in; LogPoisoned after a failed sync."""
        self._check_sound()
        return super().append(entries, expected_last_lsn=expected_last_lsn)

    async def sync(self, upto: Lsn) -> None:
        """Move what has gathered to the medium, or fail as told."""
        if upto > self.durable_lsn:
            self._check_sound()
            if self._kept_share is not None:
                self._poisoned = True
                count = round(len(self._gathered) * self._kept_share)
                self._medium.records += self._gathered[:count]
                self._check_sound()
        await super().sync(upto)

    def _check_sound(self) -> None:
        if self._poisoned:
            raise LogPoisoned("in memory", "told to fail")
