"""Removes files; while memories are being erased, their bytes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engram.storage.checked_files import overwrite
from engram.storage.segment_index import remove_segment

if TYPE_CHECKING:
    from engram.ports import Filesystem


class Shredded(NamedTuple):
    """How many files were overwritten with zeros before they were removed, and their bytes."""

    files: int = 0
    bytes_count: int = 0


class Removal:
    """Removes what a space needs no more. Blocking; one thread at a time.

    While `shreds` is set every file is overwritten with zeros, durably, before its name goes.
    """

    def __init__(self, filesystem: Filesystem) -> None:
        self.shreds = False
        self.shredded = Shredded()
        self._filesystem = filesystem

    def remove(self, path: str) -> None:
        """Remove a file; the name is gone for good after a sync of its directory.

        Raises:
            StorageFailed: the medium refused; calling again goes on.
        """
        if self.shreds:
            self._count(1, overwrite(self._filesystem, path))
        self._filesystem.remove(path)

    def remove_segment(self, directory: str) -> None:
        """Remove a tier segment, finished or not, durably; raises as `remove`."""
        self._count(*remove_segment(self._filesystem, directory, shred=self.shreds))

    def _count(self, files: int, bytes_count: int) -> None:
        before = self.shredded
        self.shredded = Shredded(before.files + files, before.bytes_count + bytes_count)
