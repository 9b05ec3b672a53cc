"""The tier segments of one open store: where they are written, and what they are read through."""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check
from engram.ports import Filesystem
from engram.state.bodies import (
    OFFSET_BITS,
    OFFSET_MASK,
    SEALED,
    SEALED_TEXT,
    TEXT_BITS,
    Sealed,
)
from engram.state.gathering import gathered
from engram.state.moves import Landing, Rows
from engram.state.space import ERASED, View
from engram.storage.block_cache import BlockCache
from engram.storage.bodies import Bodies, text_starts
from engram.storage.open_files import OpenFiles
from engram.storage.segment_index import Tier, remove_segment, segment_directory
from engram.storage.segment_writer import write_segment
from engram.storage.snapshot_content import SealedName
from engram.storage.snapshot_loading import OpenSegment
from engram.storage.tier_segment import TierSegment

_TIERS: tuple[Tier, ...] = ("warm", "cold")


class Segments:
    """Writes and opens segments; all of them share a cache and a number of open files."""

    def __init__(self, filesystem: Filesystem) -> None:
        # Nothing is held until the budget says how much may be.
        self.cache = BlockCache(0)
        self._filesystem = filesystem
        self._files = OpenFiles(filesystem)
        self._lock = Lock()
        self._numbers: dict[str, int] = {}

    def of(self, space: str) -> OpenSegment:
        """Return what opens the segments of a space that a snapshot names; it blocks."""
        # Another space may have come under this id: its files have the names of those of the last.
        with self._lock:
            self._numbers.pop(space, None)
        self._files.let_go(space)

        def open_segment(name: SealedName) -> Sealed:
            directory = segment_directory(space, _tier(name.tier), name.number)
            return TierSegment.open(self._files, directory, self.cache, name.digest)

        return open_segment

    def write(self, space: str, tier: Tier, view: View, rows: Rows) -> Landing:
        """Write the bodies of rows (uint32[n], 1 to 65,536) as a segment, durably. Blocks.

        Raises:
            StorageFailed: the medium refused; nothing of the segment is left there.
            FileCorrupted: a body is in a segment that is damaged.
        """
        bodies = _of_one_segment(view, rows) or Bodies(*gathered(view, rows))
        directory = segment_directory(space, tier, self._next_number(space))
        facts = write_segment(self._filesystem, directory, tier, bodies)
        segment = TierSegment.open(self._files, directory, self.cache, facts.digest)
        return Landing(segment, rows, *text_starts(bodies.content_bytes, bodies.metadata_bytes))

    def remove(self, space: str, segment: Sealed) -> None:
        """Remove a segment that nothing names; what stays is swept at the next opening. Blocks.

        Its bytes are overwritten: a memory may have been erased since it was written.
        """
        self.let_go(segment)
        directory = segment_directory(space, tier_of(segment), segment.number)
        remove_segment(self._filesystem, directory, shred=True)

    def holds(self, segment: Sealed, offsets: NDArray[np.uint32]) -> bool:
        """Whether the files of a segment hold something of these bodies. Blocks."""
        check(isinstance(segment, TierSegment), "a segment of a store is one on its disk")
        return isinstance(segment, TierSegment) and bool(segment.filled(offsets).any())

    def let_go(self, segment: Sealed) -> None:
        """Take no more room in the cache for a segment that only old views still read."""
        if isinstance(segment, TierSegment):
            segment.let_go()

    def forget(self, space: str, view: View) -> None:
        """Close the files of a space that was closed, and hold nothing of what was read. Blocks.

        Who still reads a view of it goes on, as long as its files are there.
        """
        for part in view.sealed:
            if part is not None:
                self.let_go(part.segment)
        with self._lock:
            self._numbers.pop(space, None)
        self._files.let_go(space)

    def close(self) -> None:
        """Close all files."""
        self._files.close()

    def _next_number(self, space: str) -> int:
        """Return a number that no directory of a segment has or had since the space was opened."""
        with self._lock:
            last = self._numbers.get(space)
            if last is None:
                found = [
                    name for tier in _TIERS for name in self._filesystem.list(f"{space}/{tier}")
                ]
                last = max((int(name) for name in found if name.isdecimal()), default=0)
            self._numbers[space] = last + 1
            return last + 1


def _of_one_segment(view: View, rows: Rows) -> Bodies | None:
    """Return bodies that stand in one segment, in this order, as it streams them; else None.

    They come past the cache, a piece at a time, and with the sketches when they are all it has.
    """
    places, sealed_bit = view.gather("place", rows), np.uint32(SEALED)
    offsets = places & np.uint32(OFFSET_MASK)
    owner = int(places[0] ^ sealed_bit) >> OFFSET_BITS
    first = sealed_bit | np.uint32(owner << OFFSET_BITS)
    ascends = np.diff(offsets.astype(np.int64), prepend=-1) > 0
    if not ((places - offsets == first) & ascends).all():
        return None
    part = view.sealed[owner]
    if part is None or not isinstance(part.segment, TierSegment):
        return None
    texts = view.gather("content_address", rows) >> np.uint64(TEXT_BITS)
    is_whole = (texts == np.uint64(SEALED_TEXT >> TEXT_BITS | owner)) | _is_blank(view, rows)
    if part.live is not None:
        is_whole &= (part.live[offsets >> 3] >> (offsets & 7).astype(np.uint8) & 1) > 0
    if not is_whole.all() or (view.gather("flags", rows) & ERASED).any():
        return None
    return part.segment.bodies(None if len(rows) == part.segment.count else offsets)._replace(
        rows=rows
    )


def _is_blank(view: View, rows: Rows) -> NDArray[np.bool_]:
    lengths = view.gather("content_bytes", rows) | view.gather("metadata_bytes", rows)
    return np.asarray(lengths == 0)


def tier_of(segment: Sealed) -> Tier:
    """Return the tier of a segment."""
    return _tier(segment.tier)


def _tier(name: str) -> Tier:
    return "cold" if name == "cold" else "warm"
