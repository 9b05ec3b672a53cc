"""`durable.lsn`: what was last known to be durable, written without a sync of its own.

It is written after a sync, so what it says is true; it may lag behind or be lost, so what it
does not say means nothing. Recovery never cuts what it covers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from engram.model.errors import Conflict, StoreInUse
from engram.wal.record import crc32c

if TYPE_CHECKING:
    from engram.ports import Filesystem, Handle
    from engram.wal.protocol import Lsn

NAME = "durable.lsn"

_MARK = struct.Struct("<8sQI")
_MAGIC = b"ENGRDLSN"


class DurableMark:
    """The side file of one log, held by its one writer; `identity` is store id and space id.

    Raises Conflict when another writer, of this process or another, has the log open.
    """

    def __init__(self, filesystem: Filesystem, directory: str, identity: bytes) -> None:
        self._filesystem = filesystem
        self._seed = crc32c(0, identity)
        try:
            self._handle = filesystem.lock(f"{directory}/{NAME}")
        except StoreInUse as exc:
            raise Conflict(
                f"the log in {directory} has another writer already; close that one first"
            ) from exc

    def read(self) -> Lsn:
        """Return the LSN it vouches for; 0 when it is empty, torn or another log's."""
        return _decode(self._filesystem.read_at(self._handle, 0, _MARK.size), self._seed)

    def write(self, lsn: Lsn) -> None:
        """Vouch for everything up to `lsn`, which a finished sync has made durable."""
        self._filesystem.write_at(self._handle, 0, [self.bytes_of(lsn)])

    def bytes_of(self, lsn: Lsn) -> bytes:
        """Return what the file holds when it vouches for everything up to `lsn`."""
        return _MARK.pack(_MAGIC, lsn, _crc(self._seed, lsn))

    @property
    def handle(self) -> Handle:
        """The file, for whoever writes `bytes_of` to its start."""
        return self._handle

    def sync(self) -> None:
        """Make the mark itself durable."""
        self._filesystem.sync(self._handle)

    def close(self) -> None:
        """Release the file."""
        self._handle.close()


def read_mark(filesystem: Filesystem, directory: str, identity: bytes) -> Lsn:
    """Return the LSN a log's mark vouches for, without holding it; 0 when there is none.

    Raises:
        StorageFailed: the medium cannot be read.
    """
    try:
        handle = filesystem.open(f"{directory}/{NAME}")
    except FileNotFoundError:
        return 0
    try:
        return _decode(filesystem.read_at(handle, 0, _MARK.size), crc32c(0, identity))
    finally:
        handle.close()


def is_damaged(filesystem: Filesystem, directory: str, identity: bytes) -> bool:
    """Tell whether a log's mark holds something and vouches for nothing; changes nothing.

    Raises:
        StorageFailed: the medium cannot be read.
    """
    try:
        handle = filesystem.open(f"{directory}/{NAME}")
    except FileNotFoundError:
        return False
    try:
        data = filesystem.read_at(handle, 0, _MARK.size)
    finally:
        handle.close()
    return bool(data.strip(b"\0")) and not _is_whole(data, crc32c(0, identity))


def _is_whole(data: bytes, seed: int) -> bool:
    if len(data) < _MARK.size:
        return False
    magic, lsn, crc = _MARK.unpack(data)
    return bool(magic == _MAGIC and crc == _crc(seed, lsn))


def _decode(data: bytes, seed: int) -> Lsn:
    return int(_MARK.unpack(data)[1]) if _is_whole(data, seed) else 0


def _crc(seed: int, lsn: Lsn) -> int:
    return crc32c(seed, lsn.to_bytes(8, "little"))
