"""Moves of bodies between the tiers, prepared from a view and swapped in between two groups.

Rule 1: what takes long happens before the swap, in a worker thread, from an immutable view.
Rule 2: the swap adds what was recorded since the last view it caught up with, and exchanges
        references.
Rule 3: a move that no longer fits the state, because something else moved or a memory was erased
        after the view, changes nothing and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check
from engram.state.bodies import (
    NO_ROW,
    OFFSET_BITS,
    OFFSET_MASK,
    SEALED,
    SEALED_TEXT,
    TEXT_BITS,
    HotBodies,
    Sealed,
    SealedPart,
)
from engram.state.columns import PAGE_MASK, PAGE_SHIFT, Array, PagedColumn, Pages, take
from engram.state.gathering import PIECE_ROWS, copy_texts, norms_of, vector_pieces
from engram.state.space import SpaceState, View

_COLUMNS: Final = ("place", "content_address", "metadata_address")
_NO_ROWS: Final[NDArray[np.uint32]] = np.zeros(0, np.uint32)
_SEGMENTS_MAX: Final = SEALED >> OFFSET_BITS

Rows = NDArray[np.uint32]


class Landing(NamedTuple):
    """Bodies that stand in a segment now, by offset: whose they are and where their texts begin."""

    segment: Sealed
    rows: Rows
    content_starts: NDArray[np.uint64]
    metadata_starts: NDArray[np.uint64]


class Move:
    """Bodies on their way: `landed` ones into segments, `raised` ones into RAM.

    Making it is the long part: it copies the bodies that stay hot when some of those that land were
    (they leave no holes), and blocks when it reads segments. `swap` is the short one.
    """

    def __init__(self, view: View, landed: Sequence[Landing] = (), raised: Rows = _NO_ROWS) -> None:
        self._view = view
        self._indexes = _free_indexes(view, len(landed))
        self._parts = [SealedPart(each.segment, each.rows) for each in landed]
        self._patches = _Patches(view)
        self._hot: HotBodies | None = None
        self._slots_done = view.hot.count
        self._raised = raised
        self._risen = _Bodies(view, raised)
        for index, landing in zip(self._indexes, landed, strict=True):
            self._land(index, landing)
        leaving = _leaving(view, landed)
        if leaving.any():
            self._hot = self._rebuilt(np.flatnonzero(~leaving))
        self._patches.prepare(raised if self._hot is None else _NO_ROWS)

    @property
    def resident_bytes(self) -> int:
        """Bytes of RAM it holds besides the state, until it is swapped in."""
        hot = 0 if self._hot is None else self._hot.resident_bytes
        return hot + self._risen.resident_bytes + self._patches.resident_bytes

    def catch_up(self, view: View) -> None:
        """Add what was recorded up to a newer view, so that the swap need not."""
        if self._hot is not None and view.hot.layout is self._view.hot.layout:
            self._add_tail(view, self._hot)

    def swap(self, state: SpaceState) -> bool:
        """Carry the move out; return whether it still fitted the state. For `between_groups`."""
        if (
            state.hot.layout is not self._view.hot.layout
            or state.sealed is not self._view.sealed
            or state.erasures.lsn_last() > self._view.lsn
            or not self._patches.fit(state)
        ):
            return False
        if self._hot is not None:
            self._add_tail(state.view(), self._hot)
            self._patches.install(state)
            state.hot = self._hot
        else:
            self._patches.install(state)
            if len(self._raised):
                # Slots are only added: what was derived from the others, as sketches are, holds.
                self._risen.append_to(state.hot, state)
                state.hot.slots_are_rows = False
        state.sealed = self._sealed()
        return True

    def _land(self, index: int, landing: Landing) -> None:
        rows = landing.rows
        offsets = np.arange(len(rows), dtype=np.uint32)
        text = np.uint64(SEALED_TEXT | index << TEXT_BITS)
        self._patches.add("place", rows, offsets | np.uint32(SEALED | index << OFFSET_BITS))
        self._patches.add("content_address", rows, landing.content_starts | text)
        self._patches.add("metadata_address", rows, landing.metadata_starts | text)

    def _rebuilt(self, slots: Array) -> HotBodies:
        """Return the hot bodies in `slots`, in their order, and after them the risen ones."""
        view, hot = self._view, HotBodies()
        hot.slots_are_rows = False
        if len(slots):
            rows = take(view.hot.rows, slots)
            for first in range(0, len(slots) if view.hot.vectors else 0, PIECE_ROWS):
                found = take(view.hot.vectors, slots[first : first + PIECE_ROWS])
                hot.vector_column(view.dimensions).append(found)
            hot.norms.append(take(view.hot.norms, slots))
            hot.rows.append(rows)
            self._patches.add("place", rows, np.arange(len(rows), dtype=np.uint32))
            for name, source, target in (
                ("content", view.hot.contents, hot.contents),
                ("metadata", view.hot.metadata, hot.metadata),
            ):
                addresses = view.gather(f"{name}_address", rows)
                inside = (addresses & np.uint64(SEALED_TEXT)) == 0
                lengths = view.gather(f"{name}_bytes", rows)[inside]
                moved = copy_texts(source, target, addresses[inside], lengths)
                self._patches.add(f"{name}_address", rows[inside], moved)
        if len(self._raised):
            for column, values in self._risen.append(hot).items():
                self._patches.add(column, self._raised, values)
        return hot

    def _add_tail(self, view: View, hot: HotBodies) -> None:
        """Add to `hot` what was recorded since the last time; all of it is in RAM still."""
        old = view.hot
        slots = np.arange(self._slots_done, old.count)
        self._slots_done = old.count
        if not len(slots):
            return
        rows = take(old.rows, slots)
        places = np.arange(hot.count, hot.count + len(rows), dtype=np.uint32)
        if old.vectors:
            column = hot.vector_column(view.dimensions)
            for first in range(0, len(slots), PIECE_ROWS):
                column.append(take(old.vectors, slots[first : first + PIECE_ROWS]))
        elif hot.vectors is not None:
            hot.vectors.append_zeros(len(slots))
        hot.norms.append(take(old.norms, slots))
        hot.rows.append(rows)
        self._patches.add_late("place", rows, places)
        for name, source, target in (
            ("content", old.contents, hot.contents),
            ("metadata", old.metadata, hot.metadata),
        ):
            addresses = view.gather(f"{name}_address", rows)
            lengths = view.gather(f"{name}_bytes", rows)
            moved = copy_texts(source, target, addresses, lengths)
            self._patches.add_late(f"{name}_address", rows, moved)

    def _sealed(self) -> tuple[SealedPart | None, ...]:
        """Return the parts after the move: risen bodies no longer live, empty parts gone."""
        parts = list(self._view.sealed)
        _bury(parts, self._view.gather("place", self._raised) if len(self._raised) else _NO_ROWS)
        for landing in self._parts:
            places = self._view.gather("place", landing.rows)
            _bury(parts, places[(places & np.uint32(SEALED)) != 0])
        for index, part in zip(self._indexes, self._parts, strict=True):
            if index == len(parts):
                parts.append(part)
            else:
                parts[index] = part
        return tuple(parts)


class _Bodies:
    """Bodies of rows on their way into RAM."""

    def __init__(self, view: View, rows: Rows) -> None:
        self._rows = rows
        self._dimensions = view.dimensions
        if not len(rows):
            self._contents: list[bytes | bytearray] = []
            self._metadata: list[bytes | bytearray] = []
            return
        self._norms = norms_of(view, rows)
        self._vectors = list(vector_pieces(view, rows))
        self._contents = view.contents(rows)
        self._metadata = [view.metadata_of(row) for row in rows.tolist()]

    @property
    def resident_bytes(self) -> int:
        """Bytes of what it holds."""
        texts = sum(map(len, self._contents)) + sum(map(len, self._metadata))
        return texts + 4 * len(self._rows) * (self._dimensions + 1)

    def append(self, hot: HotBodies) -> dict[str, Array]:
        """Add the bodies behind the others; return place and addresses of each."""
        places = np.arange(hot.count, hot.count + len(self._rows), dtype=np.uint32)
        if self._dimensions:
            column = hot.vector_column(self._dimensions)
            for piece in self._vectors:
                column.append(piece)
        hot.norms.append(self._norms)
        hot.rows.append(self._rows)
        return {
            "place": places,
            "content_address": np.array(
                [hot.contents.append(text) for text in self._contents], np.uint64
            ),
            "metadata_address": np.array(
                [hot.metadata.append(text) for text in self._metadata], np.uint64
            ),
        }

    def append_to(self, hot: HotBodies, state: SpaceState) -> None:
        """Add the bodies to the hot ones of `state`."""
        for column, values in self.append(hot).items():
            state.columns[column].set(self._rows, values)


class _Patches:
    """New values of stored rows, with the full pages they are in copied beforehand.

    A page that may still grow is changed at the end, where it stands.
    """

    def __init__(self, view: View) -> None:
        self._columns = view.columns
        self._full_pages = view.count >> PAGE_SHIFT
        self._values: dict[str, list[tuple[Rows, Array]]] = {name: [] for name in _COLUMNS}
        self._pages: dict[str, dict[int, Array]] = {}
        self._late: list[tuple[str, Rows, Array]] = []

    def add(self, column: str, rows: Rows, values: Array) -> None:
        """Note the new values of some rows."""
        self._values[column].append((rows, values))

    def add_late(self, column: str, rows: Rows, values: Array) -> None:
        """Note the new values of rows that are changed where they stand, at the end."""
        self._late.append((column, rows, values))

    def prepare(self, later: Rows) -> None:
        """Make the new pages, and copies of those that the rows `later` are in."""
        for name, changes in self._values.items():
            old: Pages = self._columns[name]
            pages: dict[int, Array] = {}
            for number in np.unique(later >> np.uint32(PAGE_SHIFT)).tolist():
                if number < self._full_pages:
                    pages[number] = old[number].copy()
            for rows, values in changes:
                for number in np.unique(rows >> np.uint32(PAGE_SHIFT)).tolist():
                    inside = rows >> np.uint32(PAGE_SHIFT) == number
                    if number >= self._full_pages:
                        self.add_late(name, rows[inside], values[inside])
                        continue
                    page = pages.setdefault(number, old[number])
                    if page is old[number]:
                        page = pages[number] = page.copy()
                    page[rows[inside] & np.uint32(PAGE_MASK)] = values[inside]
            self._pages[name] = pages

    @property
    def resident_bytes(self) -> int:
        """Bytes of the new pages."""
        return sum(page.nbytes for pages in self._pages.values() for page in pages.values())

    def fit(self, state: SpaceState) -> bool:
        """Whether the pages they replace are those that are there."""
        return all(
            state.columns[name].pages[number] is self._columns[name][number]
            for name, pages in self._pages.items()
            for number in pages
        )

    def install(self, state: SpaceState) -> None:
        """Put the new pages and values into the columns."""
        for name, pages in self._pages.items():
            column: PagedColumn = state.columns[name]
            for number, page in pages.items():
                column.replace_page(number, page)
        for name, rows, values in self._late:
            state.columns[name].set(rows, values)


def without(view: View, indexes: Sequence[int]) -> tuple[SealedPart | None, ...]:
    """Return the parts of `view` but those at `indexes`, of which no body is in use."""
    return tuple(None if index in indexes else part for index, part in enumerate(view.sealed))


def exchange(view: View, parts: tuple[SealedPart | None, ...], state: SpaceState) -> bool:
    """Put `parts` in the place of those of `view`; return whether they were still there."""
    if state.sealed is not view.sealed or state.erasures.lsn_last() > view.lsn:
        return False
    state.sealed = parts
    return True


def in_use(view: View, index: int) -> NDArray[np.bool_]:
    """Return bool[count]: which bodies of a segment are still a memory's vector or its text."""
    part = view.sealed[index]
    if part is None:
        return np.zeros(0, bool)
    used: NDArray[np.bool_] = part.rows != NO_ROW
    offsets = np.flatnonzero(used).astype(np.uint32)
    rows = part.rows[used]
    if not len(rows):
        return used
    vector = view.gather("place", rows) == (offsets | np.uint32(SEALED | index << OFFSET_BITS))
    owner = np.uint64(SEALED_TEXT >> TEXT_BITS | index)
    used[offsets] = vector | (view.gather("content_address", rows) >> np.uint64(TEXT_BITS) == owner)
    return used


def searched_count(part: SealedPart) -> int:
    """Return how many bodies of a segment searches look at: nearly always that many are in use.

    Quick, where `in_use` goes through the places of all its rows. A memory that was given a vector
    later, and left its text behind afterwards, is still counted.
    """
    return int(np.count_nonzero(_live(part) & (part.rows != NO_ROW)))


def _leaving(view: View, landed: Sequence[Landing]) -> NDArray[np.bool_]:
    """Return bool by slot: which bodies in RAM land in a segment, or are nobody's any more.

    A memory that was given a vector later has it in another slot than its first.
    """
    slots = np.arange(view.hot.count)
    if not len(slots):
        return np.zeros(0, bool)
    leaving: NDArray[np.bool_] = view.gather("place", take(view.hot.rows, slots)) != slots
    for landing in landed:
        places = view.gather("place", landing.rows)
        leaving[places[(places & np.uint32(SEALED)) == 0]] = True
    return leaving


def _free_indexes(view: View, count: int) -> list[int]:
    """Return places among the parts that are free, then ones behind the last."""
    free = [index for index, part in enumerate(view.sealed) if part is None][:count]
    more = range(len(view.sealed), len(view.sealed) + count - len(free))
    check(more.stop <= _SEGMENTS_MAX, "a place has bits for 32,768 segments")
    return [*free, *more]


def _bury(parts: list[SealedPart | None], places: NDArray[np.uint32]) -> None:
    """Mark the vectors at sealed `places` as moved, and take out parts that have none left."""
    owners = (places & np.uint32(SEALED - 1)) >> np.uint32(OFFSET_BITS)
    sealed = (places & np.uint32(SEALED)) != 0
    for index in np.unique(owners[sealed]).tolist():
        part = parts[index]
        check(part is not None, "a place names a segment that is there")
        if part is None:
            continue
        offsets = places[sealed & (owners == index)] & np.uint32(OFFSET_MASK)
        live = _live(part)
        live[offsets] = False
        if live.any():
            parts[index] = part._replace(live=np.packbits(live, bitorder="little"))
        else:
            parts[index] = None


def _live(part: SealedPart) -> NDArray[np.bool_]:
    if part.live is None:
        return np.asarray(part.rows != NO_ROW)
    return np.unpackbits(part.live, count=len(part.rows), bitorder="little").astype(bool)
