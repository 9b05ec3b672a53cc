"""Labels that no memory has any more: found in a view, blanked between two groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engram.model.particulars import LABEL_MASK
from engram.state.columns import PAGE_ROWS, Pages, take
from engram.state.space import SpaceState, View


class UnusedLabels:
    """The labels that no row and no edge of a view has, forgotten rows and ended edges included.

    Making it is the long part.
    """

    def __init__(self, view: View) -> None:
        self._labels = view.labels
        self._row_count = view.count
        self._tag_count = _tag_count(view)
        used = np.zeros(len(view.labels.labels), bool)
        for name in ("source", "session"):
            _mark(used, view.columns[name], view.count)
        _mark(used, view.tags, self._tag_count)
        self._edge_count = view.associations.edge_count
        _mark(used, view.associations.columns["why"], self._edge_count)
        used[0] = True
        self._numbers = np.flatnonzero(~used)

    def blank(self, state: SpaceState) -> int:
        """Blank those that newer rows do not have either; return how many. For `between_groups`.

        After a compaction there is none: it takes along what is used.
        """
        if state.labels is not self._labels:
            return 0
        rows = np.arange(self._row_count, state.count)
        tags = np.arange(self._tag_count, state.tags.count)
        edges = np.arange(self._edge_count, state.associations.edge_count)
        columns = [(state.columns[name], rows) for name in ("source", "session")]
        columns += [(state.tags, tags), (state.associations.columns["why"], edges)]
        for column, places in columns:
            if len(places):
                newer = take(column.view(), places) & np.uint32(LABEL_MASK)
                self._numbers = np.setdiff1d(self._numbers, newer)
        labels = state.labels
        numbers = [number for number in self._numbers.tolist() if labels.labels[number]]
        labels.blank(numbers)
        return len(numbers)


def _tag_count(view: View) -> int:
    """Return how many tags the rows of a view have: they lie one after the other without a gap."""
    if not view.count:
        return 0
    last = view.count - 1
    return int(view.value("tag_start", last)) + int(view.value("tag_count", last))


def _mark(used: NDArray[np.bool_], pages: Pages, count: int) -> None:
    for number, first in enumerate(range(0, count, PAGE_ROWS)):
        labels = pages[number][: min(PAGE_ROWS, count - first)]
        used[labels & np.uint32(LABEL_MASK)] = True
