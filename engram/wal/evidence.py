"""`durable.lsn`: what was last known to be durable, written without a sync of its own.

It is written after a sync, so what it says is true; it may lag behind or be lost, so what it
does not say means nothing. Recovery never cuts what it covers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from engram.wal.record import crc32c

if TYPE_CHECKING:
    from engram.ports import Filesystem, Handle
    from engram.wal.protocol import Lsn

NAME = "durable.lsn"

_MARK = struct.Struct("<8sQI")
_MAGIC = b"ENGRDLSN"


class DurableMark:
    """The side file of one log, open for writing; `identity` is store id and space id."""

    def __init__(self, filesystem: Filesystem, directory: str, identity: bytes) -> None:
        self._filesystem = filesystem
        self._seed = crc32c(0, identity)
        path = f"{directory}/{NAME}"
        try:
            self._handle: Handle = filesystem.open(path)
        except FileNotFoundError:
            self._handle = filesystem.create_exclusive(path)

    def read(self) -> Lsn:
        """Return the LSN it vouches for; 0 when it is empty, torn or another log's."""
        data = self._filesystem.read_at(self._handle, 0, _MARK.size)
        if len(data) < _MARK.size:
            return 0
        magic, lsn, crc = _MARK.unpack(data)
        if magic != _MAGIC or crc != self._crc(lsn):
            return 0
        return int(lsn)

    def write(self, lsn: Lsn) -> None:
        """Vouch for everything up to `lsn`, which a finished sync has made durable."""
        self._filesystem.write_at(self._handle, 0, [_MARK.pack(_MAGIC, lsn, self._crc(lsn))])

    def sync(self) -> None:
        """Make the mark itself durable."""
        self._filesystem.sync(self._handle)

    def close(self) -> None:
        """Release the file."""
        self._handle.close()

    def _crc(self, lsn: Lsn) -> int:
        return crc32c(self._seed, lsn.to_bytes(8, "little"))
