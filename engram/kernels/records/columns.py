"""Columns in pages, prepared to be read together."""

from __future__ import annotations

from functools import lru_cache
from operator import gt, is_
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from engram.kernels.addresses import address
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Pages = Sequence[NDArray[Any]]
    Addresses = NDArray[np.uint64]

ITEM_BYTES: Final = (1, 2, 4, 8)
_SHIFT_MAX: Final = 31
# What stands where in a column's entry: `GatheredColumn` of abi/records.zig.
_TABLE, _REACH = 0, 1


class Column(NamedTuple):
    """A column by its name: pages of T[page_rows], the last one perhaps shorter or longer.

    Rows from `reach` on are not looked at. `dtype` is that of its values.
    """

    name: str
    dtype: str
    pages: Pages
    reach: int


class PagedColumns:
    """Columns whose values below their reach never change, for any number of threads.

    `dtype` has a field for each, in their order.

    Raises:
        InvalidRequest: page_rows is no power of two up to 2**31, a name comes twice, or a page has
            another dtype than its column, is not contiguous or shorter than the reach asks for.
    """

    __slots__ = (
        "_capacities",
        "_entries",
        "_pages",
        "_reaches",
        "_tables",
        "block",
        "dtype",
        "fields",
        "shift",
    )  # fmt: skip

    def __init__(self, columns: Sequence[Column], page_rows: int) -> None:
        self.shift = page_rows.bit_length() - 1
        if page_rows < 1 or page_rows != 1 << self.shift or self.shift > _SHIFT_MAX:
            raise InvalidRequest(f"page_rows is {page_rows}, not a power of two up to 2**31")
        self.fields = tuple([column[:2] for column in columns])
        self.dtype, offsets = _layout(self.fields)
        width = self.dtype.itemsize
        sizes = [np.dtype(kind).itemsize for _, kind in self.fields]
        entries = [[0, 0, size, at, width] for size, at in zip(sizes, offsets, strict=True)]
        self._entries: Addresses = np.array(entries, np.uint64).reshape(len(columns), -1)
        self._pages: tuple[Pages, ...] = ((),) * len(columns)
        self._tables: list[Addresses] = [np.zeros(0, np.uint64)] * len(columns)
        self._capacities = [0] * len(columns)
        self._reach([column.pages for column in columns], [column.reach for column in columns])

    @property
    def columns(self) -> list[Column]:
        """Return what it was made of."""
        parts = zip(self.fields, self._pages, self._reaches, strict=True)
        return [Column(*field, pages, reach) for field, pages, reach in parts]

    def at(self, pages: Sequence[Pages], reaches: Sequence[int]) -> PagedColumns:
        """Return the same columns at another moment; looks up only pages that are others by then.

        Args:
            pages: of each column, in their order.
            reaches: of each column.

        Raises:
            InvalidRequest: as when they are made.
        """
        found = object.__new__(PagedColumns)
        found.shift, found.fields, found.dtype = self.shift, self.fields, self.dtype
        found._entries, found._pages = self._entries.copy(), self._pages
        found._tables, found._capacities = self._tables, self._capacities
        found._reach(pages, reaches)
        return found

    def _reach(self, pages: Sequence[Pages], reaches: Sequence[int]) -> None:
        entries, before = self._entries, self._pages
        if len(pages) != len(before) or len(reaches) != len(before):
            raise InvalidRequest(
                f"{len(pages)} and {len(reaches)} values for {len(before)} columns"
            )
        if not all(map(is_, pages, before)):
            self._tables, self._capacities = self._tables.copy(), self._capacities.copy()
            for place, (one, other) in enumerate(zip(pages, before, strict=True)):
                if one is not other:
                    self._look_up(place, one, other)
        if any(map(gt, reaches, self._capacities)):
            columns = zip(self.fields, reaches, self._capacities, strict=True)
            name, reach, capacity = next((n, r, c) for (n, _), r, c in columns if r > c)
            raise InvalidRequest(f"column {name} reaches {reach} rows in pages of {capacity}")
        entries[:, _REACH] = reaches
        self._pages, self._reaches = tuple(pages), tuple(reaches)
        self.block = address(entries)

    def _look_up(self, place: int, pages: Pages, before: Pages) -> None:
        """Note where the pages of a column are, and how many rows they hold."""
        (name, dtype), page_rows = self.fields[place], 1 << self.shift
        kind, count = np.dtype(dtype), len(pages)
        table = np.zeros(count, np.uint64)
        table[: len(before)] = self._tables[place][:count]
        for number, page in enumerate(pages):
            if number < len(before) and page is before[number]:
                continue
            if page.dtype != kind or page.ndim != 1 or not page.flags.c_contiguous:
                raise InvalidRequest(f"a page of {name} is no contiguous {kind}[n]")
            table[number] = address(page)
        if any(len(page) < page_rows for page in pages[:-1]):
            raise InvalidRequest(f"a page of {name} before the last has under {page_rows} rows")
        last = min(len(pages[-1]), page_rows) if pages else 0
        self._tables[place], self._entries[place, _TABLE] = table, address(table)
        self._capacities[place] = max(count - 1, 0) * page_rows + last


@lru_cache(64)
def _layout(fields: tuple[tuple[str, str], ...]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype of a record, the largest values first so that each is aligned."""
    kinds = [np.dtype(kind) for _, kind in fields]
    names = [name for name, _ in fields]
    if len(set(names)) < len(names):
        raise InvalidRequest("two columns have the same name")
    if any(kind.itemsize not in ITEM_BYTES or kind.kind not in "iuf" for kind in kinds):
        raise InvalidRequest(f"values are numbers of {ITEM_BYTES} bytes")
    offsets, end = [0] * len(fields), 0
    for place in sorted(range(len(fields)), key=lambda place: -kinds[place].itemsize):
        offsets[place] = end
        end += kinds[place].itemsize
    widest = max((kind.itemsize for kind in kinds), default=1)
    whole = -(-end // widest) * widest
    layout: Any = {"names": names, "formats": kinds, "offsets": offsets, "itemsize": whole}
    return np.dtype(layout), tuple(offsets)
