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
_FEW: Final = 40  # rows that are sooner read one by one than sorted out by page
_IS_LITTLE: Final = sys.byteorder == "little"
_NO_RAW: Final[tuple[Array | None, memoryview, int]] = (None, memoryview(b""), 0)

# 4 MiB a chunk: small spaces hold one short chunk, large ones waste at most a part of the last.
CHUNK_BYTES: Final = 4 << 20
# 1 MiB: what is shorter begins a new chunk rather than have the last one copied.
_LONG_BYTES: Final = 1 << 20
_LARGE_PAGE_BYTES: Final = 2 << 20  # of x86, and of ARM with pages of 4 KiB


class PagedColumn:
    """A growing column of one dtype: flat, or with `width` values a row."""

    __slots__ = (
        "_ahead", "_frozen", "_raw", "_shared", "_staged", "count", "dtype", "pages", "width",
    )  # fmt: skip

    def __init__(self, dtype: DTypeLike, width: int = 0) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.width, self.count, self._raw = width, 0, _NO_RAW
        self.pages: list[Array] = []
        self._shared = bytearray()  # unlike a list nothing for the garbage collector
        self._frozen: Pages | None = ()
        self._staged: tuple[int, bytes | memoryview] | None = None
        self._ahead: Array | None = None

    def adopt(self, pages: Sequence[Array], count: int) -> None:
        """Take over `count` rows in pages that are never written to: a change copies them.

        All pages but the last are full, and the last one ends with its last row.
        """
        self.pages, self.count = list(pages), count
        self._shared = bytearray(b"\1") * len(self.pages)
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
        if self._staged is not None and self._take_staged(data, rows):
            return
        offset = self.count & PAGE_MASK
        if offset and offset + rows <= len(page := self.pages[-1]) and _IS_LITTLE:
            if self._raw[0] is not page:
                self._raw = (page, page.data.cast("B"), self.dtype.itemsize * (self.width or 1))
            _, raw, row_bytes = self._raw
            raw[offset * row_bytes : (offset + rows) * row_bytes] = data
            self.count += rows
            return
        self.append(self._values(data))

    def stage(self, data: bytes | memoryview, rows: int) -> None:
        """Copy rows to where `append_raw` of the same `data` wants them next, if that is easy.

        Readers see nothing of it, nor is anything changed should that call never come.
        """
        self._staged = self._ahead = None  # of what was staged before and never came
        if not self.pages:
            return
        values, offset = self._values(data), self.count & PAGE_MASK
        inside = min(rows, len(self.pages[-1]) - offset) if offset else 0
        if inside < rows and (len(self.pages[-1]) < PAGE_ROWS or rows - inside > PAGE_ROWS):
            return  # the last page has to grow
        if inside:
            self.pages[-1][offset : offset + inside] = values[:inside]
        if inside < rows:
            self._ahead = self._page(PAGE_ROWS)
            self._ahead[: rows - inside] = values[inside:]
        self._staged = (self.count, data)

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
            self._shared = bytearray(b"\1") * len(self.pages)
        return self._frozen

    def set(self, rows: Array, values: Array | float) -> None:
        """Change stored rows; readers that hold a view keep what they saw."""
        pages = rows >> PAGE_SHIFT
        for number in np.unique(pages):
            inside = pages == number
            own = values[inside] if isinstance(values, np.ndarray) else values
            self._own(int(number))[rows[inside] & PAGE_MASK] = own

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

    def _values(self, data: bytes | memoryview) -> Array:
        values = np.frombuffer(data, self.dtype.newbyteorder("<"))
        return values.reshape(-1, self.width) if self.width else values

    def _take_staged(self, data: bytes | memoryview, rows: int) -> bool:
        """Let go of what is staged; whether it was this, which then is behind the last row."""
        staged, ahead, self._staged, self._ahead = self._staged, self._ahead, None, None
        if staged is None or staged[0] != self.count or staged[1] is not data:
            return False
        if ahead is not None:
            self.pages.append(ahead)
            self._shared.append(False)
            self._frozen = None
        self.count += rows
        return True

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
        numbers, offsets = self.rows >> PAGE_SHIFT, self.rows & PAGE_MASK
        present = np.bincount(numbers).nonzero()[0].tolist()
        if len(present) == 1:
            return [(present[0], slice(None), offsets)]
        parts: list[tuple[int, Array | slice, Array]] = []
        for number in present:
            inside = (numbers == number).nonzero()[0]
            parts.append((number, inside, offsets[inside]))
        return parts


def take(pages: Pages, rows: Array) -> Array:
    """Return the values of `rows`, in their order."""
    if len(pages) == 1:
        return np.asarray(pages[0][rows])
    if len(rows) <= _FEW and pages and pages[0].ndim == 1:
        values = [pages[row >> PAGE_SHIFT].item(row & PAGE_MASK) for row in rows.tolist()]
        return np.array(values, pages[0].dtype)
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

    A chunk only grows, unless `wipes` counts a change in it. Each has room before it is needed, of
    pages as large as the system has them: a buffer that grows by and by touched twice as many.
    """

    __slots__ = ("__weakref__", "_chunks", "_sizes", "_spare", "wipes")

    def __init__(self) -> None:
        self._spare: list[memoryview] = []
        self._chunks: list[memoryview] = []
        self._sizes: list[int] = []
        self.wipes: dict[int, int] = {}

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many bytes each chunk holds."""
        return tuple(self._sizes)

    def chunk(self, number: int) -> memoryview:
        """Return the bytes of a chunk as they are; what is added later is not in it."""
        return self._chunks[number][: self._sizes[number]]

    def adopt(self, chunks: Sequence[Array]) -> None:
        """Hold a copy of chunks uint8[n] that were saved, under the addresses they had."""
        self._chunks, self._sizes = [], [len(chunk) for chunk in chunks]
        for chunk in chunks:
            self._chunks.append(_allocated(len(chunk)))
            self._chunks[-1][:] = chunk.data

    def append(self, data: bytes | bytearray) -> int:
        """Add bytes and return the address of the first; they never straddle two chunks."""
        sizes = self._sizes
        number, offset = len(sizes) - 1, sizes[-1] if sizes else CHUNK_BYTES
        end = offset + len(data)
        if not sizes or end > len(self._chunks[number]):
            number, offset = self._room(len(data))
            end = offset + len(data)
        self._chunks[number][offset:end] = data
        sizes[number] = end
        return number << 32 | offset

    def read(self, address: int, bytes_count: int) -> bytes:
        """Return a copy of `bytes_count` bytes at `address`."""
        offset = address & 0xFFFF_FFFF
        return bytes(self._chunks[address >> 32][offset : offset + bytes_count])

    def wipe(self, address: int, bytes_count: int) -> None:
        """Overwrite `bytes_count` bytes at `address` with zeros, for every reader."""
        number, offset = address >> 32, address & 0xFFFF_FFFF
        self._chunks[number][offset : offset + bytes_count] = bytes(bytes_count)
        self.wipes[number] = self.wipes.get(number, 0) + 1

    @property
    def resident_bytes(self) -> int:
        """Bytes of all chunks."""
        return sum(self._sizes) + CHUNK_BYTES * len(self._spare)

    def room_ahead(self) -> memoryview | None:
        """Make the chunk that comes next and return it, untouched; None when it is made already."""
        if self._spare:
            return None
        self._spare.append(_allocated(CHUNK_BYTES))
        return self._spare[0]

    def _room(self, bytes_count: int) -> tuple[int, int]:
        """Make room for so many bytes; return which chunk has it, and from which offset."""
        chunks, sizes = self._chunks, self._sizes
        number = len(chunks) - 1
        size = sizes[number] if chunks else CHUNK_BYTES
        capacity = len(chunks[number]) if chunks else 0
        if size >= CHUNK_BYTES or (capacity >= CHUNK_BYTES and bytes_count < _LONG_BYTES):
            spare = self._spare if chunks and bytes_count <= CHUNK_BYTES else []
            wanted = max(CHUNK_BYTES if chunks else 0, bytes_count)
            chunks.append(spare.pop() if spare else _allocated(wanted))
            sizes.append(0)
            return number + 1, 0
        # Eightfold, as the first page of a column.
        grown = _allocated(max(min(CHUNK_BYTES, 8 * capacity), size + bytes_count))
        grown[:size] = chunks[number][:size]
        chunks[number] = grown
        return number, size


def _allocated(bytes_count: int) -> memoryview:
    """Return so many bytes of whatever content; many of them begin where a large page does."""
    if bytes_count < CHUNK_BYTES:
        return np.empty(bytes_count, np.uint8).data
    # numpy asks for large pages from 4 MiB on; what lies before and behind is never touched.
    array = np.empty(bytes_count + _LARGE_PAGE_BYTES, np.uint8)
    start = -int(array.__array_interface__["data"][0]) % _LARGE_PAGE_BYTES
    return array[start : start + bytes_count].data


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
