"""What came of an export or an import."""

from __future__ import annotations

import msgspec


class Exported(msgspec.Struct, frozen=True):
    """What was written: memories, the associations somebody made between them, and bytes."""

    memories_count: int
    associations_count: int
    bytes_count: int


class RejectedLine(msgspec.Struct, frozen=True):
    """A line of a file that is no memory, and why; the first line has number 1.

    `place` says where it is when that is no line: `record 3`, `notes/tea.md line 12`.
    """

    number: int
    reason: str
    place: str = ""


class Imported(msgspec.Struct, frozen=True):
    """What became of the lines of a file.

    `created_count` are new memories, `known_count` were in the space already. Of the lines that
    were rejected the first are told; all are in the file of rejected lines, where one was asked
    for. `dangling_count` associations lead to memories that are not in the file.
    """

    created_count: int
    known_count: int
    rejected_count: int
    rejected: tuple[RejectedLine, ...]
    associations_count: int
    dangling_count: int
