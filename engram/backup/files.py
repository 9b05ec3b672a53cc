"""The files of a backed-up space, read straight from the repository as if they were on a disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final, NoReturn

from engram.backup.limits import CHUNK_BYTES
from engram.backup.manifest import FileEntry, SpaceEntry
from engram.model.errors import InvariantViolated

if TYPE_CHECKING:
    from engram.backup.repository import Repository
    from engram.ports import Handle, ReadableBuffer, SyncMethod

# Chunks kept at hand, 16 MiB each: a segment is read from a few files side by side.
_CHUNKS_MAX: Final = 6


class _Opened:
    """A file that is open; there is nothing to release."""

    def __init__(self, file: FileEntry) -> None:
        self.file = file

    def close(self) -> None:
        """Do nothing."""


class BackedUpFiles:
    """Filesystem of one space in a backup that can only be read; paths begin at the space.

    Its methods block; any thread may call them. They raise ArchiveCorrupted for an object that is
    not as it was stored, and ArchiveUnavailable.
    """

    sync_methods: Sequence[SyncMethod] = ("sync",)

    def __init__(self, repository: Repository, entry: SpaceEntry) -> None:
        self._repository = repository
        self._files = {file.path: file for file in entry.files}
        self._chunks: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def open(self, path: str) -> Handle:
        """Open a file (FileNotFoundError when the backup has none of that path)."""
        if path not in self._files:
            raise FileNotFoundError(path)
        return _Opened(self._files[path])

    def read_at(self, handle: Handle, offset: int, bytes_count: int) -> bytes:
        """Return up to `bytes_count` bytes from `offset`; fewer only at the end of the file."""
        file = _file_of(handle)
        end = min(offset + bytes_count, file.bytes_count)
        parts = []
        while offset < end:
            number, start = divmod(offset, CHUNK_BYTES)
            chunk = self._chunk(file.chunks[number])
            parts.append(chunk[start : start + end - offset])
            offset += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def expect(self, handle: Handle, offset: int, bytes_count: int) -> None:
        """Do nothing: a backup is read from one end to the other."""

    def size(self, handle: Handle) -> int:
        """Return the file's length in bytes."""
        return _file_of(handle).bytes_count

    def list(self, path: str) -> list[str]:
        """Return the names in a directory, sorted; empty when it does not exist."""
        start = f"{path}/" if path else ""
        inside = [name.removeprefix(start) for name in self._files if name.startswith(start)]
        return sorted({name.partition("/")[0] for name in inside})

    def create_exclusive(self, path: str) -> Handle:
        """Refuse: a backup is not written through its files."""
        return self._refuse(path)

    def lock(self, path: str) -> Handle:
        """Refuse, as all that follows."""
        return self._refuse(path)

    def write_at(self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer]) -> None:
        """Refuse."""
        self._refuse(_file_of(handle).path, offset, buffers)

    def write_durably(
        self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer], method: SyncMethod
    ) -> None:
        """Refuse."""
        self._refuse(_file_of(handle).path, offset, buffers, method)

    def sync(self, handle: Handle) -> None:
        """Refuse."""
        self._refuse(_file_of(handle).path)

    def set_size(self, handle: Handle, bytes_count: int) -> None:
        """Refuse."""
        self._refuse(_file_of(handle).path, bytes_count)

    def rename(self, source: str, target: str) -> None:
        """Refuse."""
        self._refuse(source, target)

    def sync_directory(self, path: str) -> None:
        """Refuse."""
        self._refuse(path)

    def remove(self, path: str) -> None:
        """Refuse."""
        self._refuse(path)

    def _refuse(self, path: str, *_: object) -> NoReturn:
        raise InvariantViolated(f"{path} is a file of a backup and cannot be changed")

    def _chunk(self, address: str) -> bytes:
        with self._lock:
            chunk = self._chunks.get(address)
            if chunk is not None:
                self._chunks.move_to_end(address)
                return chunk
        chunk = self._repository.read_object(address)
        with self._lock:
            self._chunks[address] = chunk
            while len(self._chunks) > _CHUNKS_MAX:
                self._chunks.popitem(last=False)
        return chunk


def _file_of(handle: Handle) -> FileEntry:
    if not isinstance(handle, _Opened):
        raise TypeError(f"{type(handle).__name__} is no handle of BackedUpFiles")
    return handle.file
