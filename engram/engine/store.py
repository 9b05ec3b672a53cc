"""The STORE file: which store this is, in which format, and the lock that keeps others out.

Rule 1: the header stands there twice, COPY_OFFSET apart, so that a torn write spoils one of them.
Rule 2: a migration writes the copy first, and the header, which is in force, once that is durable.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import google_crc32c

from engram.model.errors import InvalidRequest, LogCorrupted, StoreTooNew
from engram.ports import Entropy, Filesystem, Handle
from engram.wal.limits import BLOCK_BYTES
from engram.wal.record import Damaged, decode_segment_header
from engram.wal.segment import is_segment_name

STORE_FILE: Final = "STORE"
FORMAT_VERSION: Final = 2
COPY_OFFSET: Final = 4096
"""Where the copy of the header is, in bytes: in another page and sector than the header."""

_FORMAT_VERSION_MIN: Final = 1
_MAGIC: Final = b"ENGRAMST"
_STORE_ID_BYTES: Final = 16
# magic, format version, store id, CRC32C of what stands before it; see docs/formats/store.md
_HEADER: Final = struct.Struct("<8sI16s")
_CRC: Final = struct.Struct("<I")
_BYTES: Final = _HEADER.size + _CRC.size


class Migration(NamedTuple):
    """How far a store is on its way from one format to another: `done` of `steps`."""

    path: str
    from_format: int
    to_format: int
    done: int
    steps: int


OnMigration: TypeAlias = Callable[[Migration], None]
"""Is told when a migration begins and after each of its steps, in a worker thread."""


class _Header(NamedTuple):
    version: int
    store_id: bytes


class Store:
    """An open store: its id and the lock it holds until it is closed."""

    def __init__(self, store_id: bytes, lock: Handle) -> None:
        self.store_id = store_id
        self._lock = lock

    @classmethod
    def open(
        cls,
        filesystem: Filesystem,
        entropy: Entropy,
        path: str,
        on_migration: OnMigration | None = None,
    ) -> Store:
        """Take the lock and read the store's id, or make a new store where there is none.

        A store of the format before this one is migrated in place; a crash or a failure on the way
        leaves a store that the next opening migrates. `path` is what messages call the store.
        Raises StoreInUse, StoreTooNew, LogCorrupted, StorageFailed.
        """
        lock = filesystem.lock(STORE_FILE)
        try:
            return cls(_ready(filesystem, entropy, lock, path, on_migration), lock)
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
            header, copy = _headers(filesystem, lock, path)
            found = header or copy
            if found is not None:
                return cls(found.store_id, lock), _is_whole(header, copy)
            return cls(_id_from_logs(filesystem, names, path), lock), False
        except BaseException:
            lock.close()
            raise

    def write_header(self, filesystem: Filesystem) -> None:
        """Write STORE anew, in format 2, durably; StorageFailed when the medium refused."""
        _write_both(filesystem, self._lock, self.store_id)

    def close(self) -> None:
        """Let others open the store."""
        self._lock.close()


def _ready(
    filesystem: Filesystem,
    entropy: Entropy,
    lock: Handle,
    path: str,
    on_migration: OnMigration | None,
) -> bytes:
    """Return the store's id, once both headers are as this release writes them."""
    has_spaces = any(not name.startswith(".") for name in filesystem.list("") if name != STORE_FILE)
    header, copy = _headers(filesystem, lock, path)
    found = header or copy
    if not has_spaces:
        # Headers may be readable and yet on no medium: the start that wrote them was killed, or its
        # sync failed. So they are written again until there are spaces, which come only after this.
        store_id = found.store_id if found else entropy.token(_STORE_ID_BYTES)
        _write_both(filesystem, lock, store_id)
        return store_id
    if found is None:
        # Only the creation of an empty store may leave this file unfinished.
        raise LogCorrupted(f"{path}/{STORE_FILE}", 0, 0, 0, "the store's header is not intact")
    if found.version < FORMAT_VERSION:
        _migrate(filesystem, lock, path, found, on_migration)
    elif not _is_whole(header, copy):
        # The header was torn while it was migrated, or one of the two was damaged since.
        _write(filesystem, lock, found.store_id, 0 if header is None else COPY_OFFSET)
        filesystem.sync(lock)
    return found.store_id


def _migrate(
    filesystem: Filesystem, lock: Handle, path: str, found: _Header, report: OnMigration | None
) -> None:
    """Raise the format number in both headers, durably.

    Format 2 only adds files to what format 1 has, and lets a log begin late; so a release that
    knows format 1 alone must be told to keep out, and there is nothing else to rewrite.
    """
    offsets = (COPY_OFFSET, 0)
    for done in range(len(offsets) + 1):
        if report is not None:
            report(Migration(path, found.version, FORMAT_VERSION, done, len(offsets)))
        if done < len(offsets):
            _write(filesystem, lock, found.store_id, offsets[done])
            filesystem.sync(lock)


def _write_both(filesystem: Filesystem, lock: Handle, store_id: bytes) -> None:
    _write(filesystem, lock, store_id, COPY_OFFSET, 0)
    filesystem.sync(lock)
    filesystem.sync_directory("")


def _write(filesystem: Filesystem, lock: Handle, store_id: bytes, *offsets: int) -> None:
    header = _HEADER.pack(_MAGIC, FORMAT_VERSION, store_id)
    for offset in offsets:
        filesystem.write_at(lock, offset, [header, _CRC.pack(google_crc32c.value(header))])


def _is_whole(header: _Header | None, copy: _Header | None) -> bool:
    """Whether STORE is as its format wants it; format 1 has no copy."""
    return header is not None and (header.version < FORMAT_VERSION or header == copy)


def _headers(
    filesystem: Filesystem, lock: Handle, path: str
) -> tuple[_Header | None, _Header | None]:
    """Return the header and its copy, None for what is not intact."""
    header = _read(filesystem, lock, path, 0)
    return header, _read(filesystem, lock, path, COPY_OFFSET)


def _read(filesystem: Filesystem, lock: Handle, path: str, offset: int) -> _Header | None:
    """Return a header, None when it is not intact; StoreTooNew when it is of a later format."""
    data = filesystem.read_at(lock, offset, _BYTES)
    if len(data) < _BYTES:
        return None
    magic, version, store_id = _HEADER.unpack_from(data)
    (stored,) = _CRC.unpack_from(data, _HEADER.size)
    if magic != _MAGIC or stored != google_crc32c.value(data[: _HEADER.size]):
        return None
    if version > FORMAT_VERSION:
        raise StoreTooNew(path, version, FORMAT_VERSION)
    return _Header(version, bytes(store_id)) if version >= _FORMAT_VERSION_MIN else None


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
