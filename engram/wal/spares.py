"""Files of trimmed segments, kept for a new life as segments to come.

A spare has a name no reader looks for, and that name is durable before the file is changed: else
a crash could bring the old name back over new content.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from engram.wal.limits import READ_BYTES, SPARES_MAX

if TYPE_CHECKING:
    from engram.ports import Filesystem, Handle

_SUFFIX = ".spare"
_NAME = re.compile(r"\d{20}\.spare")
_ZEROS = bytes(READ_BYTES)


class Spare(NamedTuple):
    """A file that may be written over."""

    path: str
    size_bytes: int


def is_spare_name(name: str) -> bool:
    """Tell whether a directory entry is a spare."""
    return _NAME.fullmatch(name) is not None


class Spares:
    """The spares of one log's directory, at most SPARES_MAX of them.

    Every call raises StorageFailed when the medium refuses.
    """

    def __init__(self, filesystem: Filesystem, directory: str) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._spares: list[Spare] = []

    def __len__(self) -> int:
        return len(self._spares)

    @property
    def size_bytes(self) -> int:
        """Bytes of all spares."""
        return sum(spare.size_bytes for spare in self._spares)

    def adopt(self, names: list[str]) -> None:
        """Take over those of the names that are spares, left by an earlier run.

        That run may have ended before their names were durable, so they are made so here.
        """
        spares = [name for name in names if is_spare_name(name)]
        if spares:
            self._filesystem.sync_directory(self._directory)
        for name in spares:
            path = f"{self._directory}/{name}"
            if len(self._spares) < SPARES_MAX:
                handle = self._filesystem.open(path)
                try:
                    self._spares.append(Spare(path, self._filesystem.size(handle)))
                finally:
                    handle.close()
            else:
                self._filesystem.remove(path)

    def keep(self, path: str, size_bytes: int) -> None:
        """Make a spare of a segment's file; durable when this returns."""
        spare = path.rpartition(".")[0] + _SUFFIX
        self._filesystem.rename(path, spare)
        self._filesystem.sync_directory(self._directory)
        self._spares.append(Spare(spare, size_bytes))

    def take(self, size_bytes_min: int) -> Spare | None:
        """Return a spare of at least that size; those that are too small are removed."""
        while self._spares:
            spare = self._spares.pop(0)
            if spare.size_bytes >= size_bytes_min:
                return spare
            self._filesystem.remove(spare.path)
        return None

    def release(self) -> None:
        """Forget all spares; their files stay for the caller to remove."""
        self._spares.clear()


def wipe(filesystem: Filesystem, path: str) -> int:
    """Overwrite a file with zeros, make that durable, and remove its name (not yet durable).

    Returns how many bytes it had.

    Raises:
        StorageFailed: the medium refused; wiping it again starts over.
    """
    handle = filesystem.open(path)
    try:
        size_bytes = filesystem.size(handle)
        fill_with_zeros(filesystem, handle, 0, size_bytes)
        filesystem.sync(handle)
    finally:
        handle.close()
    filesystem.remove(path)
    return int(size_bytes)


def fill_with_zeros(
    filesystem: Filesystem, handle: Handle, start_offset: int, end_offset: int
) -> None:
    """Write zeros over [start_offset, end_offset) of an open file; durable once it is synced."""
    for offset in range(start_offset, end_offset, READ_BYTES):
        zeros = _ZEROS[: min(READ_BYTES, end_offset - offset)]
        filesystem.write_at(handle, offset, [zeros])
