"""Backups in a directory, behind the Filesystem port, so that a simulated disk can crash them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engram.ports import Entropy, Filesystem, ReadableBuffer

_TEMPORARY: Final = ".part"
_TOKEN_BYTES: Final = 8


class DirectoryArchive:
    """ArchiveStore in the root of a Filesystem: write a temporary file, sync, rename, sync."""

    def __init__(self, filesystem: Filesystem, entropy: Entropy, location: str) -> None:
        self._filesystem = filesystem
        self._entropy = entropy
        self._location = location

    @property
    def location(self) -> str:
        """The directory's path."""
        return self._location

    def put(self, name: str, buffers: Sequence[ReadableBuffer]) -> None:
        """Store an object durably; see `ArchiveStore.put`."""
        folder = name.rpartition("/")[0]
        temporary = f"{name}.{self._entropy.token(_TOKEN_BYTES).hex()}{_TEMPORARY}"
        handle = self._filesystem.create_exclusive(temporary)
        try:
            self._filesystem.write_at(handle, 0, buffers)
            self._filesystem.sync(handle)
        finally:
            handle.close()
        self._filesystem.rename(temporary, name)
        self._filesystem.sync_directory(folder)

    def get(self, name: str, bytes_max: int) -> bytes:
        """Return the first `bytes_max` bytes of an object; see `ArchiveStore.get`."""
        handle = self._filesystem.open(name)
        try:
            return self._filesystem.read_at(handle, 0, bytes_max)
        finally:
            handle.close()

    def exists(self, name: str) -> bool:
        """Whether there is an object of that name."""
        folder, _, last = name.rpartition("/")
        return last in self._filesystem.list(folder)

    def list(self, folder: str) -> list[str]:
        """Return the names of all objects below a folder; see `ArchiveStore.list`."""
        return sorted(self._names_below(folder))

    def delete(self, name: str) -> None:
        """Remove an object; harmless when it is missing."""
        if self.exists(name):
            self._filesystem.remove(name)
            self._filesystem.sync_directory(name.rpartition("/")[0])

    def _names_below(self, folder: str) -> Iterator[str]:
        for name in self._filesystem.list(folder):
            path = f"{folder}/{name}" if folder else name
            if "." in name:
                yield path
            else:
                yield from self._names_below(path)
