"""Re-reads everything a segment consists of; for the scrub and for `engram verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engram.model.errors import FileCorrupted
from engram.storage.checked_files import hash_whole
from engram.storage.segment_index import INDEX_FILE, read_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.storage.open_files import OpenFiles


class Verified(NamedTuple):
    """How far the verification of a segment is: after each piece, and once for each damage."""

    file: str
    """Name of the file being read."""
    bytes_done: int
    bytes_total: int
    """Of the whole segment; 0 when its index cannot be read."""
    damage: FileCorrupted | None


def verify_segment(
    files: OpenFiles, directory: str, digest: bytes | None = None
) -> Iterator[Verified]:
    """Compare every byte of a segment with its digests, going on after damage.

    Reads a bounded piece at a time, past the cache, and gives the progress after each.

    Args:
        files: reads the store's files.
        directory: the segment's.
        digest: of the index, as `SegmentFacts` has it; None when it is not known.

    Raises:
        StoreTooNew: a later release wrote it.
        StorageFailed: the medium cannot be read.
    """
    try:
        index, facts = read_index(files, directory, digest)
    except FileCorrupted as damage:
        yield Verified(INDEX_FILE, 0, 0, damage)
        return
    done = 0
    for file in index.files:
        before = done
        try:
            for bytes_count in hash_whole(files, directory, file):
                done += bytes_count
                yield Verified(file.name, done, facts.file_bytes, None)
        except FileCorrupted as damage:
            yield Verified(file.name, before + file.bytes_count, facts.file_bytes, damage)
        done = before + file.bytes_count
