"""What is left of a state whose tier segments are damaged: which memories are lost, and the rest.

Nothing here changes a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from engram.model.ids import MemoryId
from engram.state.bodies import (
    NO_ROW,
    OFFSET_BITS,
    OFFSET_MASK,
    SEALED,
    SEALED_TEXT,
    TEXT_BITS,
    TEXT_MASK,
    Sealed,
)
from engram.state.moves import Move, Rows, in_use, without
from engram.state.space import ALIVE, SpaceState, View
from engram.storage.block_cache import BlockCache
from engram.storage.open_files import OpenFiles
from engram.storage.salvaged_segment import SalvagedSegment
from engram.storage.snapshot_content import SealedName
from engram.storage.snapshot_loading import OpenSegment
from engram.storage.tier_segment import TierSegment


def salvaging(
    files: OpenFiles, space: str, damaged: Mapping[str, int], cache: BlockCache
) -> OpenSegment:
    """Return what opens the segments of a space, and those `damaged` for what is left of them.

    Args:
        files: reads the store's files.
        space: whose segments.
        damaged: directories from the space's, with how many bodies each is known to hold.
        cache: for those that are whole.
    """

    def open_segment(name: SealedName) -> Sealed:
        directory = f"{name.tier}/{name.number:020d}"
        path = f"{space}/{directory}"
        if directory in damaged:
            return SalvagedSegment(files, path, name, damaged[directory])
        return TierSegment.open(files, path, cache, name.digest)

    return open_segment


def lost_rows(view: View) -> Rows:
    """Return the rows of living memories whose vector, text or metadata cannot be read."""
    found = [
        row
        for index, segment in _salvaged(view)
        for row in _rows_in_use(view, index).tolist()
        if _is_lost(view, index, segment, row)
    ]
    return np.unique(np.array(found, np.uint32))


def ids_of(view: View, rows: Rows) -> list[str]:
    """Return the ids of some rows as people write them."""
    pairs = zip(
        view.gather("id_high", rows).tolist(), view.gather("id_low", rows).tolist(), strict=True
    )
    return [str(MemoryId(high, low)) for high, low in pairs]


def raise_what_is_left(state: SpaceState) -> None:
    """Bring all bodies of damaged segments into RAM, so that nothing names those any more."""
    view = state.view()
    indexes = [index for index, _ in _salvaged(view)]
    if not indexes:
        return
    rows = np.unique(np.concatenate([_rows_in_use(view, index) for index in indexes]))
    if len(rows):
        Move(view, raised=rows).swap(state)
    state.sealed = without(state.view(), indexes)


def _salvaged(view: View) -> Iterator[tuple[int, SalvagedSegment]]:
    for index, part in enumerate(view.sealed):
        if part is not None and isinstance(part.segment, SalvagedSegment):
            yield index, part.segment


def _rows_in_use(view: View, index: int) -> Rows:
    part = view.sealed[index]
    rows = np.zeros(0, np.uint32) if part is None else part.rows[in_use(view, index)]
    return np.asarray(rows[rows != NO_ROW])


def _is_lost(view: View, index: int, segment: SalvagedSegment, row: int) -> bool:
    if not int(view.value("flags", row)) & ALIVE:
        return False
    if segment.is_gone:
        return True
    place = int(view.value("place", row))
    is_here = place & SEALED and (place & ~SEALED) >> OFFSET_BITS == index
    if is_here and segment.vector_is_lost[place & OFFSET_MASK]:
        return True
    for name in ("content", "metadata"):
        address = int(view.gather(f"{name}_address", np.array([row]))[0])
        if not address & SEALED_TEXT or (address & ~SEALED_TEXT) >> TEXT_BITS != index:
            continue
        if segment.text_is_lost(address & TEXT_MASK, int(view.value(f"{name}_bytes", row))):
            return True
    return False
