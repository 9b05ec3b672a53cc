"""Filters as row masks: decided before any candidate is chosen, honoured by every source."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.model.cue import Filters
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT, take
from engram.state.space import ALIVE, ERASED, HAS_VECTOR, View

Bools = NDArray[np.bool_]


class RowMasks(NamedTuple):
    """Which rows may be recalled: bitmaps uint8[ceil(rows / 8)], least significant bit first.

    `words` holds for sources that need only text, `vectors` for those that need a vector; None
    means every row. `rows` is the number of rows the bitmaps speak of, `candidates` how many pass.
    """

    words: NDArray[np.uint8] | None
    vectors: NDArray[np.uint8] | None
    rows: int
    candidates: int


def row_masks(view: View, filters: Filters) -> RowMasks:
    """Return the rows of `view` that live, or lived at `filters.as_of`, and pass `filters`."""
    count = view.count
    unfiltered = filters.empty and not view.forgotten_count
    if unfiltered and view.vector_count == count:
        return RowMasks(None, None, count, count)
    passing = rows_passing(view, filters)
    flags = _column(view, "flags")
    vectors = np.packbits(passing & ((flags & HAS_VECTOR) != 0), bitorder="little")
    words = None if unfiltered else np.packbits(passing, bitorder="little")
    return RowMasks(words, vectors, count, int(np.count_nonzero(passing)))


def rows_passing(view: View, filters: Filters) -> Bools:
    """Return bool[count]: whether each row lives, or lived at that time, and passes `filters`."""
    passing = rows_known(view, filters.as_of)
    if filters.empty:
        return passing
    if filters.kinds:
        passing &= np.isin(_column(view, "kind"), filters.kinds)
    for column, wanted in (("source", filters.sources), ("session", filters.sessions)):
        if wanted:
            passing &= np.isin(_column(view, column), _numbers(view, wanted))
    for column, after, before in (
        ("occurred_at", filters.occurred_after, filters.occurred_before),
        ("recorded_at", filters.recorded_after, filters.recorded_before),
    ):
        if after is not None:
            passing &= _column(view, column) >= after
        if before is not None:
            passing &= _column(view, column) < before
    if filters.confidence_min is not None:
        passing &= _column(view, "confidence") >= np.float32(filters.confidence_min)
    if filters.tags_any:
        passing &= _tagged(view, filters.tags_any)
    for tag in filters.tags_all:
        passing &= _tagged(view, (tag,))
    if filters.tags_none:
        passing &= ~_tagged(view, filters.tags_none)
    return passing


def rows_known(view: View, as_of: int | None) -> Bools:
    """Return bool[count]: whether each row lives, or lived at `as_of` (nanoseconds).

    A memory lives from `recorded_at` until before `ended_at`; one that was erased never did.
    """
    flags = _column(view, "flags")
    living: Bools = (flags & ALIVE) != 0
    if as_of is None:
        return living
    living |= _column(view, "ended_at") > as_of
    living &= _column(view, "recorded_at") <= as_of
    living &= (flags & ERASED) == 0
    return living


def _column(view: View, name: str) -> NDArray[Any]:
    pages = view.columns[name]
    parts = [page[: view.count - (number << PAGE_SHIFT)] for number, page in enumerate(pages)]
    if not parts:
        return np.zeros(0, np.int64)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _numbers(view: View, labels: tuple[str, ...]) -> list[int]:
    known = view.labels.numbers
    return [known[label] for label in labels if label in known]


def _tagged(view: View, tags: tuple[str, ...]) -> Bools:
    """Return bool[count]: whether each row has at least one of `tags`."""
    out = np.zeros(view.count, bool)
    wanted = _numbers(view, tags)
    if not wanted:
        return out
    for first in range(0, view.count, PAGE_ROWS):
        rows = np.arange(first, min(view.count, first + PAGE_ROWS))
        counts = view.gather("tag_count", rows).astype(np.int64)
        total = int(counts.sum())
        if total:
            start = int(view.gather("tag_start", rows[:1])[0])
            numbers = take(view.tags, np.arange(start, start + total))
            owners = np.repeat(rows, counts)
            out[owners[np.isin(numbers, wanted)]] = True
    return out
