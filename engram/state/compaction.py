"""Lets go of the rows nobody may ask about any more: forgotten, and their history over.

Rule 1: the space without them is built beside the one that serves, from an immutable view.
Rule 2: rows keep their order. Every structure that knows rows is renumbered in the same swap.
Rule 3: what was recorded, forgotten or seen again meanwhile is caught up with by comparing pages;
        what no longer fits, because bodies moved or a memory was erased, changes nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.model.particulars import LABEL_MASK
from engram.state.access_columns import AccessColumns, AccessView
from engram.state.bodies import NO_ROW, SEALED_TEXT, HotBodies, SealedPart
from engram.state.columns import (
    PAGE_MASK,
    PAGE_ROWS,
    PAGE_SHIFT,
    Array,
    Interner,
    PagedColumn,
    Pages,
    RowSet,
    take,
)
from engram.state.corrections import chain_ends
from engram.state.gathering import PIECE_ROWS, copy_texts
from engram.state.key_index import KeyIndex
from engram.state.renumbered_edges import renumbered
from engram.state.row_columns import new_columns
from engram.state.space import (
    ALIVE,
    ERASED,
    Frozen,
    SpaceState,
    View,
)
from engram.state.staged import Staged, StagedView

# Where bodies are and where tags begin: written anew, never copied. They change by moves only.
_PLACES: Final = ("place", "content_address", "metadata_address", "tag_start")
_LABELS: Final = ("source", "session")


def rows_to_drop(view: View, horizon: int, *, erased_stay: bool) -> NDArray[np.bool_]:
    """Return bool[count]: what was forgotten at `horizon` (nanoseconds) or before, for good.

    What was superseded stays as long as what took its place in the end. While `erased_stay`,
    erased memories do: a segment on disk may hold the body of one, wherever its place is now, and
    only the row tells that.
    """
    drop = np.zeros(view.count, bool)
    for first in range(0, view.count, PAGE_ROWS):
        page = slice(first, min(first + PAGE_ROWS, view.count))
        number, inside = first >> PAGE_SHIFT, page.stop - first
        flags, ended = (view.columns[name][number][:inside] for name in ("flags", "ended_at"))
        stays = (flags & ERASED) != 0 if erased_stay else np.zeros(inside, bool)
        drop[page] = ((flags & ALIVE) == 0) & (ended <= horizon) & ~stays
    old, new = view.corrections.pairs(view.count)
    drop[old] &= drop[chain_ends(old, new)]
    return drop


class Compaction:
    """A space without the rows that were forgotten at `horizon` (nanoseconds) or before.

    Making it is the long part and needs the RAM of the columns and the hot bodies once more. It
    reads no segment. `erased_stay` as in `rows_to_drop`.
    """

    def __init__(self, frozen: Frozen, horizon: int, *, erased_stay: bool) -> None:
        view = frozen.view
        drop = rows_to_drop(view, horizon, erased_stay=erased_stay)
        self.rows_dropped = int(np.count_nonzero(drop))
        """How many rows go."""
        self._new_rows = np.where(drop, NO_ROW, np.cumsum(~drop) - 1).astype(np.uint32)
        self._horizon = horizon
        self._base = frozen
        self._seen = frozen
        self._columns = new_columns()
        self._tags = PagedColumn("u4")
        self._labels = _Labels(view.labels)
        self._hot = HotBodies()
        self._hot.slots_are_rows = view.hot.slots_are_rows
        self._ids = KeyIndex(self._columns["id_low"])
        self._content_keys = KeyIndex(self._columns["content_key"])
        self._staged: dict[str, Staged] = {}
        self._accesses = AccessColumns()
        self._accesses_seen = self._accesses.view()
        self._rows_done = self._slots_done = 0
        self._is_void = False
        self._advance(frozen)
        self._sealed = tuple(map(self._renumbered, view.sealed))

    def new_rows(self, count: int) -> NDArray[np.uint32]:
        """Return uint32[count]: the new number of each row, NO_ROW for those that go."""
        known = self._new_rows[:count]
        later = np.arange(len(self._new_rows), max(count, len(self._new_rows)), dtype=np.uint32)
        return np.concatenate([known, later - np.uint32(self.rows_dropped)])

    def catch_up(self, frozen: Frozen) -> None:
        """Take over what happened up to a newer moment, so that the swap need not."""
        if self._fits(frozen):
            self._advance(frozen)

    def swap(self, state: SpaceState) -> bool:
        """Make it the state; return whether it still fitted. For `between_groups`."""
        frozen = state.freeze()
        if not self._fits(frozen):
            return False
        self._advance(frozen)
        if self._is_void:
            return False
        state.columns, state.tags, state.labels = self._columns, self._tags, self._labels.new
        state.hot, state.sealed, state.staged = self._hot, self._sealed, self._staged
        state.ids, state.content_keys = self._ids, self._content_keys
        edges = state.associations
        if edges.label_nodes.count or edges.edge_count or edges.linked_rows:
            state.associations = renumbered(edges, self._renumber, self._labels, state.count)
        state.accesses = self._accesses
        state.corrections = state.corrections.renumbered(self._renumber, NO_ROW)
        state.forgotten_count -= self.rows_dropped
        if self.rows_dropped:
            state.history_from = max(state.history_from, self._horizon)
        state.numbering += 1
        return True

    def _fits(self, frozen: Frozen) -> bool:
        base, now = self._base.view, frozen.view
        return (
            not self._is_void
            and now.hot.layout is base.hot.layout
            and now.sealed is base.sealed
            and frozen.erasures.lsn_last() == self._base.erasures.lsn_last()
        )

    def _advance(self, frozen: Frozen) -> None:
        """Take over the changed values of the rows that are here, then the rows that are not."""
        view = frozen.view
        for name in view.columns:
            self._refresh(name, view)
        for first in range(self._rows_done, view.count, PAGE_ROWS):
            old = np.arange(first, min(first + PAGE_ROWS, view.count))
            self._add_rows(view, old[self._renumber(old) != NO_ROW])
        self._rows_done = view.count
        self._add_slots(view)
        for embedder in [each for each in self._staged if each not in frozen.staged]:
            del self._staged[embedder]
        for embedder, staged in frozen.staged.items():
            self._add_staged(embedder, staged)
        self._add_accesses(view.accesses)
        self._seen = frozen

    def _renumber(self, rows: Array) -> NDArray[np.uint32]:
        """Return the new numbers of rows, NO_ROW for those that go."""
        known = rows < len(self._new_rows)
        found = (rows - self.rows_dropped).astype(np.uint32)
        found[known] = self._new_rows[rows[known]]
        return found

    def _refresh(self, name: str, view: View) -> None:
        """Take over what changed in a column; pages that are the same objects did not."""
        for rows, values in _changes(
            self._seen.view.columns[name], view.columns[name], self._rows_done
        ):
            if name in _PLACES or name == "tag_count":
                self._is_void = True
                return
            new_rows = self._renumber(rows)
            kept = new_rows != NO_ROW
            new_rows, news = new_rows[kept].astype(np.int64), values[kept]
            if name == "flags":
                self._take_out(new_rows[(news & ALIVE) == 0])
            if name in _LABELS:
                news = self._labels.numbers(news)
            self._columns[name].set(new_rows, news)

    def _take_out(self, rows: Array) -> None:
        """Remove the contents of forgotten memories from the index of contents."""
        keys = take(tuple(self._columns["content_key"].pages), rows) if len(rows) else rows
        for row, key in zip(rows.tolist(), keys.tolist(), strict=True):
            if key:
                self._content_keys.remove(key, row)

    def _add_rows(self, view: View, rows: Array) -> None:
        if not len(rows):
            return
        chosen, columns = RowSet(rows), view.columns
        first = self._columns["flags"].count
        taken = {name: chosen.take(pages) for name, pages in columns.items() if name != "tag_start"}
        for name in _LABELS:
            taken[name] = self._labels.numbers(taken[name])
        counts = taken["tag_count"].astype(np.int64)
        begins = np.cumsum(counts) - counts
        taken["tag_start"] = (begins + self._tags.count).astype(np.uint64)
        if counts.any():
            starts = chosen.take(columns["tag_start"]).astype(np.int64)
            at = np.repeat(starts - begins, counts) + np.arange(int(counts.sum()))
            tags = take(view.tags, at)
            numbers = self._labels.numbers(tags & np.uint32(LABEL_MASK))
            self._tags.append(numbers | (tags & np.uint32(~LABEL_MASK & 0xFFFF_FFFF)))
        for name, source, target in (
            ("content", view.hot.contents, self._hot.contents),
            ("metadata", view.hot.metadata, self._hot.metadata),
        ):
            addresses = taken[f"{name}_address"]
            inside = (addresses & np.uint64(SEALED_TEXT)) == 0
            lengths = taken[f"{name}_bytes"][inside]
            addresses[inside] = copy_texts(source, target, addresses[inside], lengths)
        for name, values in taken.items():
            self._columns[name].append(values)
        new_rows = np.arange(first, first + len(rows), dtype=np.uint32)
        self._ids.add_many(taken["id_low"], new_rows)
        known = ((taken["flags"] & ALIVE) != 0) & (taken["content_key"] != 0)
        self._content_keys.add_many(taken["content_key"][known], new_rows[known])

    def _add_slots(self, view: View) -> None:
        """Add the hot bodies that are not here yet; what was recorded since has the next slots."""
        old, hot = view.hot, self._hot
        for piece in range(self._slots_done, old.count, PIECE_ROWS):
            slots = np.arange(piece, min(piece + PIECE_ROWS, old.count))
            rows = self._renumber(take(old.rows, slots).astype(np.int64))
            # A row that was given a vector later has a slot of its own for it; the first is void.
            kept = rows != NO_ROW
            kept &= view.gather("place", take(old.rows, slots)) == slots
            slots, rows = slots[kept], rows[kept]
            if not len(slots):
                continue
            if old.vectors:
                hot.vector_column(view.dimensions).append(take(old.vectors, slots))
            hot.norms.append(take(old.norms, slots))
            places = np.arange(hot.count, hot.count + len(slots), dtype=np.uint32)
            hot.rows.append(rows)
            self._columns["place"].set(rows.astype(np.int64), places)
        self._slots_done = old.count

    def _add_staged(self, embedder: str, staged: StagedView) -> None:
        new = self._staged.get(embedder)
        if new is None or new.dimensions != staged.dimensions:
            new = self._staged[embedder] = Staged(staged.dimensions)
            seen = StagedView(staged.dimensions, 0, (), ())
        else:
            seen = self._seen.staged[embedder]
        for pages, before, column in (
            (staged.vectors, seen.vectors, new.vectors),
            (staged.norms, seen.norms, new.norms),
        ):
            self._bring_up(column, before, pages, (seen.row_count, staged.row_count))

    def _add_accesses(self, accesses: AccessView) -> None:
        new, seen = self._accesses, self._accesses_seen
        counts = (seen.row_count, accesses.row_count)
        self._bring_up(new.counts, seen.counts, accesses.counts, counts)
        self._bring_up(new.times, seen.times, accesses.times, counts)
        self._accesses_seen = accesses

    def _bring_up(
        self, column: PagedColumn, before: Pages, pages: Pages, counts: tuple[int, int]
    ) -> None:
        """Take over what changed in the rows that are here, then those that are not."""
        here, count = counts
        for rows, values in _changes(before, pages, here):
            new_rows = self._renumber(rows)
            kept = new_rows != NO_ROW
            column.set(new_rows[kept].astype(np.int64), values[kept])
        for first in range(here, count, PIECE_ROWS):
            old = np.arange(first, min(first + PIECE_ROWS, count))
            column.append(take(pages, old[self._renumber(old) != NO_ROW]))

    def _renumbered(self, part: SealedPart | None) -> SealedPart | None:
        """Return the part with new row numbers, None when all of its memories are gone."""
        if part is None:
            return None
        rows = part.rows.copy()
        held = rows != NO_ROW
        rows[held] = self._renumber(rows[held].astype(np.int64))
        still = rows != NO_ROW
        if np.array_equal(still, held):
            return part._replace(rows=rows)
        if not still.any():
            return None
        live = held if part.live is None else _unpacked(part.live, len(rows))
        return part._replace(rows=rows, live=np.packbits(live & still, bitorder="little"))


class _Labels:
    """Gives the labels that are still used numbers of their own, as they are met."""

    def __init__(self, old: Interner) -> None:
        self.new = Interner()
        self._old = old
        self._known: dict[int, int] = {0: 0}

    def numbers(self, old: Array) -> NDArray[np.uint32]:
        """Return the new numbers of labels."""
        distinct, inverse = np.unique(old, return_inverse=True)
        known = self._known
        for number in distinct.tolist():
            if number not in known:
                known[number] = self.new.intern(self._old.labels[number])
        return np.array([known[n] for n in distinct.tolist()], np.uint32)[inverse]

    def known(self, old: Array) -> NDArray[np.uint32]:
        """Return the new numbers of labels that were met, 0 for others."""
        distinct, inverse = np.unique(old, return_inverse=True)
        return np.array([self._known.get(n, 0) for n in distinct.tolist()], np.uint32)[inverse]


def _changes(before: Pages, after: Pages, count: int) -> list[tuple[Array, Array]]:
    """Return rows below `count` whose values differ in two views of a column, and the newer ones.

    Pages that are one object in both views hold the same in all those rows.
    """
    found = []
    for number in range((count + PAGE_MASK) >> PAGE_SHIFT):
        if before[number] is after[number]:
            continue
        inside = min(PAGE_ROWS, count - (number << PAGE_SHIFT))
        old, new = before[number][:inside], after[number][:inside]
        differs = _bits(old) != _bits(new)
        changed = np.flatnonzero(differs.any(axis=1) if differs.ndim > 1 else differs)
        if len(changed):
            found.append((changed + (number << PAGE_SHIFT), new[changed]))
    return found


def _bits(values: Array) -> Array:
    """Return floats as integers, so that one that is not a number equals itself."""
    return values.view(f"u{values.dtype.itemsize}") if values.dtype.kind == "f" else values


def _unpacked(live: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    return np.unpackbits(live, count=count, bitorder="little").astype(bool)
