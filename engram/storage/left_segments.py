"""Tier segments that wait to be removed: for snapshots that name them, and for readers.

A view that was taken before bodies moved reads them where they were, and may be kept long: by a
backup, a slow search, a question about the past. Its segments stay as long as it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class LeftSegments:
    """Directories of the segments of one space, with who may still read them."""

    def __init__(self) -> None:
        self._readers: dict[str, Callable[[], object]] = {}

    def names(self) -> set[str]:
        """Return all their directories."""
        return set(self._readers)

    def add(self, directory: str, segment: object) -> None:
        """Let a segment go when nobody has this object any more."""
        self._readers[directory] = ref(segment)

    def add_unread(self, directories: Iterable[str]) -> None:
        """Let segments go that a dropped snapshot named; readers of those added before count."""
        for directory in directories:
            self._readers.setdefault(directory, _nobody)

    def unread(self) -> set[str]:
        """Return those that no reader has."""
        return {name for name, reader in list(self._readers.items()) if reader() is None}

    def removed(self, directory: str) -> None:
        """Note that one is gone."""
        self._readers.pop(directory, None)


def _nobody() -> None:
    """Stand for a segment that no reader had when it was left."""
