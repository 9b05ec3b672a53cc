"""Columns in pages, and arenas of bytes: what a space's state is made of.

Rule 1: one writer. Rule 2: rows are only added at the end. Rule 3: a reader holds the tuple of
pages it was given together with a row count and never looks beyond that count, so appending needs
no copy; changing a stored value copies its page first if a reader may hold it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engram.model.errors import check

Array = NDArray[Any]
Pages = tuple[Array, ...]

# 65,536 rows a page: a copied page of single bytes is 64 KiB (1 us), and 10 M rows are 153 pages.
PAGE_SHIFT: Final = 16
PAGE_ROWS: Final = 1 << PAGE_SHIFT
PAGE_MASK: Final = PAGE_ROWS - 1
_FIRST_ROWS: Final = 256
_IS_LITTLE: Final = sys.byteorder == "little"

# 4 MiB a chunk: small spaces hold one short chunk, large ones waste at most a part of the last.
CHUNK_BYTES: Final = 4 << 20


class PagedColumn:
    """A growing column of one dtype: flat, or with `width` values a row."""

    __slots__ = ("_frozen", "_shared", "count", "dtype", "pages", "width")

    def __init__(self, dtype: DTypeLike, width: int = 0) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.width = width
        self.count = 0
        self.pages: list[Array] = []
        self._shared: list[bool] = []
        self._frozen: Pages | None = ()

    def adopt(self, pages: Sequence[Array], count: int) -> None:
        """Take over `count` rows in pages that are never written to: a change copies them.

        All pages but the last are full, and the last one ends with its last row.
        """
        self.pages, self.count = list(pages), count
        self._shared = [True] * len(self.pages)
        self._frozen = tuple(self.pages)

    def append(self, values: Array) -> None:
        """Add `values` ([n] or [n, width]) behind the last row."""
        done, total = 0, len(values)
        offset = self.count & PAGE_MASK
        if total and offset and offset + total <= len(self.pages[-1]):
            self.pages[-1][offset : offset + total] = values
            self.count += total
            return
        while done < total:
            offset = self.count & PAGE_MASK
            taken = min(total - done, PAGE_ROWS - offset)
            page = self._room(offset, taken)
            page[offset : offset + taken] = values[done : done + taken]
            self.count += taken
            done += taken

    def append_raw(self, data: bytes | memoryview, rows: int) -> None:
        """Add `rows` rows given as the raw little-endian bytes of their values.

        As `append`, at a third of what that costs for a group of lone writes: no array is made.
        """
        offset = self.count & PAGE_MASK
        row_bytes = self.dtype.itemsize * (self.width or 1)
        if offset and offset + rows <= len(self.pages[-1]) and _IS_LITTLE:
            raw = self.pages[-1].data.cast("B")
            raw[offset * row_bytes : (offset + rows) * row_bytes] = data
            self.count += rows
            return
        values = np.frombuffer(data, self.dtype.newbyteorder("<"))
        self.append(values.reshape(-1, self.width) if self.width else values)

    def append_one(self, value: Any) -> None:
        """Add one row, at a fifth of what `append` costs for it."""
        offset = self.count & PAGE_MASK
        page = self.pages[-1] if offset else None
        if page is None or offset >= len(page):
            page = self._room(offset, 1)
        page[offset] = value
        self.count += 1

    def append_zeros(self, rows: int) -> None:
        """Add `rows` rows of zeros."""
        while rows:
            offset = self.count & PAGE_MASK
            taken = min(rows, PAGE_ROWS - offset)
            self._room(offset, taken)[offset : offset + taken] = 0
            self.count += taken
            rows -= taken

    def view(self) -> Pages:
        """Return the pages as they are; from now on changing a stored value copies its page."""
        if self._frozen is None:
            self._frozen = tuple(self.pages)
            self._shared = [True] * len(self.pages)
        return self._frozen

    def set(self, rows: Array, values: Array | float) -> None:
        """Change stored rows; readers that hold a view keep what they saw."""
        pages = rows >> PAGE_SHIFT
        for number in np.unique(pages):
            inside = pages == number
            page = self._own(int(number))
            page[rows[inside] & PAGE_MASK] = (
                values[inside] if isinstance(values, np.ndarray) else values
            )

    def set_one(self, row: int, value: Any) -> None:
        """Change one stored row, at a tenth of what `set` costs for it."""
        self._own(row >> PAGE_SHIFT)[row & PAGE_MASK] = value

    def share_page(self, number: int, page: Array) -> None:
        """Put an equal page that others have too in the place of a full one."""
        self.replace_page(number, page)
        self._shared[number] = True

    def replace_page(self, number: int, page: Array) -> None:
        """Put another page of as many rows in the place of a full one; readers keep theirs."""
        check(len(page) == PAGE_ROWS == len(self.pages[number]), "a full page replaces a full page")
        self.pages[number] = page
        self._shared[number] = False
        self._frozen = None

    def value(self, row: int) -> Any:
        """Return the value of one row."""
        return self.pages[row >> PAGE_SHIFT][row & PAGE_MASK]

    def take(self, rows: Array) -> Array:
        """Return the values of `rows`, in their order, as they are now."""
        return take(tuple(self.pages), rows)

    @property
    def resident_bytes(self) -> int:
        """Bytes of all rows; of the last page the rest was never touched and takes no RAM."""
        return self.count * max(self.width, 1) * self.dtype.itemsize

    def _room(self, offset: int, rows: int) -> Array:
        """Return the last page with room for `rows` rows from `offset`."""
        if offset == 0:
            first = not self.pages
            size = max(_FIRST_ROWS, 1 << (rows - 1).bit_length()) if first else PAGE_ROWS
            self.pages.append(self._page(min(size, PAGE_ROWS)))
            self._shared.append(False)
            self._frozen = None
        page = self.pages[-1]
        if offset + rows > len(page):
            # Eightfold: the copies of a growing first page stay below a sixth of the full one.
            wanted = max(8 * len(page), 1 << (offset + rows - 1).bit_length())
            grown = self._page(min(PAGE_ROWS, wanted))
            grown[:offset] = page[:offset]
            self.pages[-1] = page = grown
            self._shared[-1] = False
            self._frozen = None
        return page

    def _page(self, rows: int) -> Array:
        return np.empty((rows, self.width) if self.width else rows, self.dtype)

    def _own(self, number: int) -> Array:
        if self._shared[number]:
            self.pages[number] = self.pages[number].copy()
            self._shared[number] = False
            self._frozen = None
        return self.pages[number]


class RowSet:
    """Rows sorted out by page once, to be taken from several columns. Takes integers [n]."""

    __slots__ = ("_parts", "rows")

    def __init__(self, rows: Array) -> None:
        self.rows = rows.astype(np.int64, copy=False)
        self._parts: list[tuple[int, Array | slice, Array]] | None = None

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def take(self, pages: Pages) -> Array:
        """Return the values of the rows, in their order."""
        if len(pages) == 1:
            return np.asarray(pages[0][self.rows])
        if self._parts is None:
            self._parts = self._sorted_out()
        out = np.empty((len(self.rows), *pages[0].shape[1:]), pages[0].dtype)
        for number, inside, offsets in self._parts:
            out[inside] = pages[number][offsets]
        return out

    def _sorted_out(self) -> list[tuple[int, Array | slice, Array]]:
        """Return each page's number, which of the rows are in it, and where."""
        numbers = self.rows >> PAGE_SHIFT
        offsets = self.rows & PAGE_MASK
        present = set(numbers.tolist())
        if len(present) == 1:
            return [(present.pop(), slice(None), offsets)]
        parts: list[tuple[int, Array | slice, Array]] = []
        for number in present:
            inside = (numbers == number).nonzero()[0]
            parts.append((number, inside, offsets[inside]))
        return parts


def take(pages: Pages, rows: Array) -> Array:
    """Return the values of `rows`, in their order."""
    if len(pages) == 1:
        return np.asarray(pages[0][rows])
    return RowSet(rows).take(pages)


def few_from(pages: Pages, start: int, count: int) -> list[Any]:
    """Return the values of at most a page's rows, one after the other from `start`."""
    number, at = start >> PAGE_SHIFT, start & PAGE_MASK
    values: list[Any] = pages[number][at : at + count].tolist()
    if at + count > PAGE_ROWS:
        values += pages[number + 1][: at + count - PAGE_ROWS].tolist()
    return values


class Arena:
    """Byte strings one after the other in chunks; an address is chunk << 32 | offset.

    A chunk only grows, unless `wipes` counts a change in it.
    """

    __slots__ = ("__weakref__", "chunks", "wipes")

    def __init__(self) -> None:
        self.chunks: list[bytearray] = []
        self.wipes: dict[int, int] = {}

    def append(self, data: bytes | bytearray) -> int:
        """Add bytes and return the address of the first; they never straddle two chunks."""
        if not self.chunks or len(self.chunks[-1]) >= CHUNK_BYTES:
            self.chunks.append(bytearray())
        chunk = self.chunks[-1]
        offset = len(chunk)
        chunk += data
        return (len(self.chunks) - 1) << 32 | offset

    def read(self, address: int, bytes_count: int) -> bytearray:
        """Return a copy of `bytes_count` bytes at `address`."""
        offset = address & 0xFFFF_FFFF
        return self.chunks[address >> 32][offset : offset + bytes_count]

    def wipe(self, address: int, bytes_count: int) -> None:
        """Overwrite `bytes_count` bytes at `address` with zeros, for every reader."""
        number, offset = address >> 32, address & 0xFFFF_FFFF
        self.chunks[number][offset : offset + bytes_count] = bytes(bytes_count)
        self.wipes[number] = self.wipes.get(number, 0) + 1

    @property
    def resident_bytes(self) -> int:
        """Bytes of all chunks."""
        return sum(len(chunk) for chunk in self.chunks)


class Interner:
    """Gives every distinct label a number from 1; 0 means none. Numbers are never logged.

    Labels are only added, unless `blanks` counts a time when some were blanked.
    """

    __slots__ = ("__weakref__", "blanks", "labels", "numbers")

    def __init__(self) -> None:
        self.labels: list[str] = [""]
        self.numbers: dict[str, int] = {}
        self.blanks = 0

    def intern(self, label: str) -> int:
        """Return the number of `label`, adding it when it is new."""
        number = self.numbers.get(label)
        if number is None:
            number = self.numbers[label] = len(self.labels)
            self.labels.append(label)
        return number

    def blank(self, numbers: Sequence[int]) -> None:
        """Forget how these labels read; their numbers are not given again."""
        for number in numbers:
            self.numbers.pop(self.labels[number], None)
            self.labels[number] = ""
        self.blanks += bool(numbers)
