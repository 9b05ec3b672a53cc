"""The STORE file: which store this is, in which format, and the lock that keeps others out."""

from __future__ import annotations

import struct
from typing import Final

import google_crc32c

from engram.model.errors import InvalidRequest, LogCorrupted, StoreTooNew
from engram.ports import Entropy, Filesystem, Handle
from engram.wal.limits import BLOCK_BYTES
from engram.wal.record import Damaged, decode_segment_header
from engram.wal.segment import is_segment_name

STORE_FILE: Final = "STORE"
FORMAT_VERSION: Final = 1
_MAGIC: Final = b"ENGRAMST"
_STORE_ID_BYTES: Final = 16
# magic, format version, store id, CRC32C of what stands before it; see docs/formats/store.md
_HEADER: Final = struct.Struct("<8sI16s")
_CRC: Final = struct.Struct("<I")
_BYTES: Final = _HEADER.size + _CRC.size


class Store:
    """An open store: its id and the lock it holds until it is closed."""

    def __init__(self, store_id: bytes, lock: Handle) -> None:
        self.store_id = store_id
        self._lock = lock

    @classmethod
    def open(cls, filesystem: Filesystem, entropy: Entropy, path: str) -> Store:
        """Take the lock and read the store's id, or make a new store where there is none.

        `path` is what messages call the store. Raises StoreInUse, StoreTooNew, LogCorrupted,
        StorageFailed.
        """
        lock = filesystem.lock(STORE_FILE)
        try:
            return cls(_read_or_create(filesystem, entropy, lock, path), lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def open_as_it_is(cls, filesystem: Filesystem, path: str) -> tuple[Store, bool]:
        """Take the lock of a store that may be damaged; return it and whether STORE is whole.

        Where it is not, the id is the one that the logs of its spaces name. Nothing is written.

        Raises:
            InvalidRequest: there is no store.
            StoreInUse: another process holds it.
            StoreTooNew: a later release wrote it.
            LogCorrupted: neither STORE nor any log tells the id.
            StorageFailed: the medium cannot be read.
        """
        names = filesystem.list("")
        if not any(name == STORE_FILE or filesystem.list(f"{name}/wal") for name in names):
            raise InvalidRequest(
                f"there is no store at {path}; name its directory with --data or ENGRAM_DATA_ROOT"
            )
        lock = filesystem.lock(STORE_FILE)
        try:
            store_id = _read(filesystem, lock, path)
            if store_id is not None:
                return cls(store_id, lock), True
            return cls(_id_from_logs(filesystem, names, path), lock), False
        except BaseException:
            lock.close()
            raise

    def write_header(self, filesystem: Filesystem) -> None:
        """Write STORE anew, durably; StorageFailed when the medium refused."""
        _write(filesystem, self._lock, self.store_id)

    def close(self) -> None:
        """Let others open the store."""
        self._lock.close()


def _read_or_create(filesystem: Filesystem, entropy: Entropy, lock: Handle, path: str) -> bytes:
    has_spaces = any(not name.startswith(".") for name in filesystem.list("") if name != STORE_FILE)
    store_id = _read(filesystem, lock, path)
    if store_id is not None and has_spaces:
        return store_id
    if has_spaces:
        # Only the creation of an empty store may leave this file unfinished.
        raise LogCorrupted(f"{path}/{STORE_FILE}", 0, 0, 0, "the store's header is not intact")
    # A header may be readable and yet on no medium: the start that wrote it was killed, or its sync
    # failed. So it is written again until there are spaces, which come only after this.
    store_id = store_id or entropy.token(_STORE_ID_BYTES)
    _write(filesystem, lock, store_id)
    return store_id


def _write(filesystem: Filesystem, lock: Handle, store_id: bytes) -> None:
    header = _HEADER.pack(_MAGIC, FORMAT_VERSION, store_id)
    filesystem.write_at(lock, 0, [header, _CRC.pack(google_crc32c.value(header))])
    filesystem.sync(lock)
    filesystem.sync_directory("")


def _id_from_logs(filesystem: Filesystem, spaces: list[str], path: str) -> bytes:
    """Return the store id that the first sound segment of a log names."""
    for space in spaces:
        for name in filter(is_segment_name, filesystem.list(f"{space}/wal")):
            handle = filesystem.open(f"{space}/wal/{name}")
            try:
                header, _ = decode_segment_header(filesystem.read_at(handle, 0, BLOCK_BYTES))
            except Damaged:
                continue
            finally:
                handle.close()
            if header.space_id == space:
                return header.store_id
    raise LogCorrupted(f"{path}/{STORE_FILE}", 0, 0, 0, "the store's header is not intact")


def _read(filesystem: Filesystem, lock: Handle, path: str) -> bytes | None:
    """Return the store's id, None when the header is not intact."""
    data = filesystem.read_at(lock, 0, _BYTES)
    if len(data) < _BYTES:
        return None
    magic, version, store_id = _HEADER.unpack_from(data)
    (stored,) = _CRC.unpack_from(data, _HEADER.size)
    if magic != _MAGIC or stored != google_crc32c.value(data[: _HEADER.size]):
        return None
    if version > FORMAT_VERSION:
        raise StoreTooNew(path, version, FORMAT_VERSION)
    return bytes(store_id)
