"""What is known about snapshots that count, are pinned, or could not be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from engram.model.errors import DurabilityError
    from engram.storage.manifest import SnapshotName
    from engram.storage.side_index import SideBody
    from engram.storage.snapshot_content import SnapshotBody

HOT: Final = "hot"
"""The directory of snapshots in a space's."""


def directory_of(tier: str, number: int) -> str:
    """Return the directory of a tier segment, from its space's."""
    return f"{tier}/{number:020d}"


class CheckpointFacts(NamedTuple):
    """What a checkpoint did: the LSN it holds, bytes written and named again, and parts written."""

    lsn: int
    bytes_written: int
    bytes_shared: int
    parts_written: int


class Retained(NamedTuple):
    """A snapshot that counts, and what it consists of."""

    name: SnapshotName
    body: SnapshotBody
    words: SideBody | None = None

    def own_files(self) -> set[str]:
        """Return its files in `hot`, without the word index saved beside it."""
        return {self.name.file, *(part.file for part in self.body.parts)}

    def files(self) -> set[str]:
        """Return all its files in `hot`."""
        if self.words is None:
            return self.own_files()
        parts = {part.file for part in self.words.parts}
        return self.own_files() | {self.name.words_file} | parts

    def segments(self) -> set[str]:
        """Return the directories of its tier segments, from the space's."""
        sealed = [each for each in self.body.sealed if each is not None]
        return {directory_of(each.tier, each.number) for each in sealed}


class Pin(NamedTuple):
    """A snapshot held for a reader: its LSN (0: none, only the log), its files with their bytes.

    Paths begin at the space's directory; `names` are the files and directories that are kept.
    """

    lsn: int
    files: tuple[tuple[str, int], ...]
    names: tuple[str, ...]


class FoundDamage(NamedTuple):
    """A snapshot that could not be used, and why."""

    file: str
    error: DurabilityError
