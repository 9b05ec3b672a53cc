"""Removes files; while memories are being erased, their bytes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from engram.storage.checked_files import overwrite
from engram.storage.segment_index import remove_segment

if TYPE_CHECKING:
    from engram.ports import Filesystem


KEPT_ASIDE: Final = ".damaged"
"""How the names of files and directories end that a repair moved out of the way: they stay."""


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

    def remove_kept_aside(self, directory: str) -> None:
        """Remove the directories, with all in them, that a repair moved aside in this one.

        Raises as `remove`; calling again goes on.
        """
        names = [each for each in self._filesystem.list(directory) if each.endswith(KEPT_ASIDE)]
        for name in names:
            path = f"{directory}/{name}"
            for inside in self._filesystem.list(path):
                self.remove(f"{path}/{inside}")
            self._filesystem.sync_directory(path)
            self._filesystem.remove(path)
        if names:
            self._filesystem.sync_directory(directory)

    def _count(self, files: int, bytes_count: int) -> None:
        before = self.shredded
        self.shredded = Shredded(before.files + files, before.bytes_count + bytes_count)
