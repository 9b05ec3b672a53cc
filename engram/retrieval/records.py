"""Columns of a view, prepared so that a kernel reads few rows of many at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from engram.kernels.records.columns import Column, PagedColumns
from engram.state.columns import PAGE_ROWS
from engram.state.reading import ACCESSED_AT, ACCESSES, COLUMNS_READ
from engram.state.row_columns import COLUMN_TYPES

if TYPE_CHECKING:
    from engram.state.columns import Pages
    from engram.state.space import View

_RANKED: Final = ("reviewed_at", "stability_days", "confidence", "flags")


@cache
def _without_rows(names: tuple[str, ...]) -> PagedColumns:
    """Return these columns and the accesses before the first row, the same for all spaces."""
    fields = [(name, COLUMN_TYPES[name]) for name in names]
    fields += ((ACCESSES, "u4"), (ACCESSED_AT, "i8"))
    return PagedColumns([Column(*field, (), 0) for field in fields], PAGE_ROWS)


class ViewColumns:
    """Some columns of the view that was asked for last, and its accesses; for any thread.

    Those of the next view are made from them: only pages that changed are looked up. Until then
    their pages are held, nothing else of the view.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._pages_of = itemgetter(*names)
        self._last: tuple[dict[str, Pages], PagedColumns] | None = None
        self._none = _without_rows(tuple(names))

    def __call__(self, view: View) -> PagedColumns:
        """Return the columns of a view."""
        last = self._last
        if last is not None and last[0] is view.columns:
            return last[1]
        pages, accesses = self._pages_of(view.columns), view.accesses
        reaches = [view.count] * len(pages)
        reaches += (accesses.row_count, accesses.row_count)
        before = self._none if last is None else last[1]
        found = before.at((*pages, accesses.counts, accesses.times), reaches)
        self._last = view.columns, found
        return found

    def holds_pages(self) -> bool:
        """Whether pages of a view are held."""
        return self._last is not None

    def clear(self) -> None:
        """Hold no pages any more."""
        self._last = None


class RecordColumns:
    """The columns of a space that are read together."""

    def __init__(self) -> None:
        self.made_of = ViewColumns(COLUMNS_READ)
        """What memories are made of: `state.reading.memories_at` takes their records."""
        self.ranked = ViewColumns(_RANKED)
        """What candidates are ranked by: `fusion.fuse` takes their records."""

    def clear(self) -> None:
        """Hold no pages any more."""
        self.made_of.clear()
        self.ranked.clear()
