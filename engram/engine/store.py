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
_FILE_BYTES: Final = COPY_OFFSET + _BYTES
# In the order they are written: never both headers at once, each durable before the next.
_PARTS: Final = (slice(COPY_OFFSET, _FILE_BYTES), slice(0, _BYTES), slice(_BYTES, COPY_OFFSET))


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
    def open_as_it_is(cls, filesystem: Filesystem, path: str) -> tuple[Store, str]:
        """Take the lock of a store that may be damaged; return it and what serves instead of STORE.

        That is its other header, or else what the logs of its spaces name; empty where all of STORE
        is whole. Nothing is written.

        Raises:
            InvalidRequest: there is no store.
            StoreInUse: another process holds it.
            StoreTooNew: a later release wrote it.
            LogCorrupted: neither STORE nor any log tells the id.
            StorageFailed: the medium cannot be read.
        """
        # What begins with a dot, such as the log of a server, is no space.
        names = [name for name in filesystem.list("") if not name.startswith(".")]
        if not any(name == STORE_FILE or filesystem.list(f"{name}/wal") for name in names):
            raise InvalidRequest(
                f"there is no store at {path}; name its directory with --data or ENGRAM_DATA_ROOT"
            )
        lock = filesystem.lock(STORE_FILE)
        try:
            data, header = _read(filesystem, lock, path)
            if header is not None:
                is_whole = _is_whole(data, header)
                return cls(header.store_id, lock), "" if is_whole else "its other header"
            return cls(_id_from_logs(filesystem, names, path), lock), "the id that the logs name"
        except BaseException:
            lock.close()
            raise

    def write_header(self, filesystem: Filesystem) -> None:
        """Write STORE anew, in format 2, durably; StorageFailed when the medium refused."""
        _write(filesystem, self._lock, self.store_id)

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
    data, header = _read(filesystem, lock, path)
    if not has_spaces:
        # Headers may be readable and yet on no medium: the start that wrote them was killed, or its
        # sync failed. So they are written again until there are spaces, which come only after this.
        store_id = header.store_id if header else entropy.token(_STORE_ID_BYTES)
        _write(filesystem, lock, store_id)
        return store_id
    if header is None:
        # Only the creation of an empty store may leave this file unfinished.
        raise LogCorrupted(f"{path}/{STORE_FILE}", 0, 0, 0, "the store's header is not intact")
    if header.version < FORMAT_VERSION:
        _migrate(filesystem, lock, path, header, on_migration)
    elif not _is_whole(data, header):
        # The header was torn while it was migrated, or something was damaged since.
        for part in _PARTS:
            if data[part] != _content(header.store_id)[part]:
                _write_part(filesystem, lock, header.store_id, part)
    return header.store_id


def _migrate(
    filesystem: Filesystem, lock: Handle, path: str, found: _Header, report: OnMigration | None
) -> None:
    """Write STORE in this release's format, durably, the header in force after its copy.

    Format 2 only adds files to what format 1 has, and lets a log begin late; so a release that
    knows format 1 alone must be told to keep out, and there is nothing else to rewrite.
    """
    for done in range(len(_PARTS) + 1):
        if report is not None:
            report(Migration(path, found.version, FORMAT_VERSION, done, len(_PARTS)))
        if done < len(_PARTS):
            _write_part(filesystem, lock, found.store_id, _PARTS[done])


def _content(store_id: bytes) -> bytes:
    """Return all bytes of STORE: the header, zeros, the copy."""
    header = _HEADER.pack(_MAGIC, FORMAT_VERSION, store_id)
    header += _CRC.pack(google_crc32c.value(header))
    return header + bytes(COPY_OFFSET - _BYTES) + header


def _write(filesystem: Filesystem, lock: Handle, store_id: bytes) -> None:
    filesystem.write_at(lock, 0, [_content(store_id)])
    filesystem.sync(lock)
    filesystem.sync_directory("")


def _write_part(filesystem: Filesystem, lock: Handle, store_id: bytes, part: slice) -> None:
    filesystem.write_at(lock, part.start, [_content(store_id)[part]])
    filesystem.sync(lock)


def _is_whole(data: bytes, header: _Header) -> bool:
    """Whether STORE is byte for byte what its format wants; format 1 has the header alone."""
    if header.version < FORMAT_VERSION:
        return len(data) == _BYTES
    return data == _content(header.store_id)


def _read(filesystem: Filesystem, lock: Handle, path: str) -> tuple[bytes, _Header | None]:
    """Return all bytes of STORE and the header that counts, None when neither is intact."""
    data = filesystem.read_at(lock, 0, _FILE_BYTES)
    return data, _header(data[:_BYTES], path) or _header(data[COPY_OFFSET:], path)


def _header(data: bytes, path: str) -> _Header | None:
    """Return a header, None when it is not intact; StoreTooNew when it is of a later format."""
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
