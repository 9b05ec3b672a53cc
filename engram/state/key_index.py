"""An index from 64-bit keys to rows: 7 to 14 bytes a row, no Python object a row.

Open addressing with linear probing over a table of u32 rows; the keys themselves stay in their
column. Keys must be evenly spread in their low bits already (random id halves, content hashes).
A reader on another thread may look up while the one writer adds: an unknown slot is empty, and a
row beyond the reader's count is not its to see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.state.columns import PAGE_MASK, PAGE_SHIFT, PagedColumn, take

_EMPTY: Final = 0xFFFF_FFFF
_REMOVED: Final = 0xFFFF_FFFE
_SLOTS_FIRST: Final = 512
# Linear probing stays short (1.8 probes a hit) below this share of used slots.
_LOAD_MAX: Final = 0.6
# Of 64 keys a pass in columns costs 7 us, and about seven are needed until the last has a slot; one
# by one they cost 0.2 us each.
_ONE_BY_ONE_MAX: Final = 96
# What is made on the way stays in the processor's cache: 10 M keys took three quarters of the time.
_PLACED_AT_ONCE: Final = 1 << 16


class KeyIndex:
    """Finds the rows whose entry in the u64 column `keys` equals a key."""

    __slots__ = ("_keys", "_mask", "_table", "_used")

    def __init__(self, keys: PagedColumn) -> None:
        self._keys = keys
        self._used = 0
        self._mask = _SLOTS_FIRST - 1
        self._table: NDArray[np.uint32] = np.full(_SLOTS_FIRST, _EMPTY, np.uint32)

    def find(self, key: int) -> Iterator[int]:
        """Yield every row stored under `key`."""
        table, pages = self._table, self._keys.pages
        mask = len(table) - 1
        position = key & mask
        while (row := int(table[position])) != _EMPTY:
            if row != _REMOVED and int(pages[row >> PAGE_SHIFT][row & PAGE_MASK]) == key:
                yield row
            position = (position + 1) & mask

    def find_many(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return one row stored under each key, -1 where there is none."""
        found = np.full(len(keys), -1, np.int64)
        positions = (keys & np.uint64(self._mask)).astype(np.int64)
        pending = np.flatnonzero(self._table[positions] != _EMPTY)
        positions = positions[pending]
        while len(pending) > _ONE_BY_ONE_MAX:
            rows = self._table[positions]
            taken = rows != _EMPTY
            pending, rows, positions = pending[taken], rows[taken], positions[taken]
            stored = rows != _REMOVED
            hit = np.zeros(len(pending), bool)
            if stored.any():
                pages = tuple(self._keys.pages)
                hit[stored] = take(pages, rows[stored].astype(np.int64)) == keys[pending[stored]]
            found[pending[hit]] = rows[hit]
            pending = pending[~hit]
            positions = (positions[~hit] + 1) & self._mask
        # One by one without `find`: a generator for each key costs more than its probes.
        slots, columns, mask = self._table.data, self._keys.pages, self._mask
        for place, key in zip(pending.tolist(), keys[pending].tolist(), strict=True):
            position = key & mask
            while (row := slots[position]) != _EMPTY:
                if row != _REMOVED and columns[row >> PAGE_SHIFT].item(row & PAGE_MASK) == key:
                    found[place] = row
                    break
                position = (position + 1) & mask
        return found

    def has_any(self, keys: Iterable[int]) -> bool:
        """Whether a row is stored under any of the keys; for few of them."""
        slots, columns, mask = self._table.data, self._keys.pages, self._mask
        for key in keys:
            position = key & mask
            while (row := slots[position]) != _EMPTY:
                if row != _REMOVED and columns[row >> PAGE_SHIFT].item(row & PAGE_MASK) == key:
                    return True
                position = (position + 1) & mask
        return False

    def add_run(self, keys: Sequence[int], first: int) -> None:
        """Store the rows from `first` on, one under each key; as `add_many`, for few of them."""
        self._reserve(len(keys))
        slots, mask = self._table.data, self._mask
        for row, key in enumerate(keys, first):
            position = key & mask
            while slots[position] != _EMPTY:
                position = (position + 1) & mask
            slots[position] = row
        self._used += len(keys)

    def add(self, key: int, row: int) -> None:
        """Store `row` under `key`."""
        self._reserve(1)
        position = key & self._mask
        while self._table[position] != _EMPTY:
            position = (position + 1) & self._mask
        self._table[position] = row
        self._used += 1

    def add_many(self, keys: NDArray[np.uint64], rows: NDArray[np.uint32]) -> None:
        """Store each row under its key."""
        self._reserve(len(keys))
        for first in range(0, len(rows), _PLACED_AT_ONCE):
            part = slice(first, first + _PLACED_AT_ONCE)
            _place(self._table, keys[part], rows[part])
        self._used += len(keys)

    def remove(self, key: int, row: int) -> None:
        """Take `row` out from under `key`; nothing happens when it is not there."""
        position = key & self._mask
        while (stored := int(self._table[position])) != _EMPTY:
            if stored == row:
                self._table[position] = _REMOVED
                return
            position = (position + 1) & self._mask

    @property
    def resident_bytes(self) -> int:
        """Bytes of the table."""
        return self._table.nbytes

    def _reserve(self, more: int) -> None:
        slots = self._mask + 1
        needed = self._used + more
        if needed > slots * _LOAD_MAX:
            while needed > slots * _LOAD_MAX:
                slots *= 2
            self._resize(slots)

    def _resize(self, slots: int) -> None:
        rows = np.zeros(0, np.uint32)
        if self._used:
            rows = np.sort(self._table[self._table < _REMOVED])
        table = np.full(slots, _EMPTY, np.uint32)
        if len(rows):
            for first in range(0, len(rows), _PLACED_AT_ONCE):
                part = rows[first : first + _PLACED_AT_ONCE]
                _place(table, take(tuple(self._keys.pages), part.astype(np.int64)), part)
        self._mask = slots - 1
        self._used = len(rows)
        self._table = table


def _place(table: NDArray[np.uint32], keys: NDArray[np.uint64], rows: NDArray[np.uint32]) -> None:
    """Put rows into the table, all at once.

    Rivals for one slot all write to it; who reads itself back has won, and the others step on.
    """
    mask = len(table) - 1
    positions = (keys & np.uint64(mask)).astype(np.int64)
    while len(rows) > _ONE_BY_ONE_MAX:
        free = table[positions] == _EMPTY
        table[positions[free]] = rows[free]
        left = ~free
        left[free] = table[positions[free]] != rows[free]
        rows, positions = rows[left], (positions[left] + 1) & mask
    slots = table.data
    for position, row in zip(positions.tolist(), rows.tolist(), strict=True):
        while slots[position] != _EMPTY:
            position = (position + 1) & mask  # noqa: PLW2901 - the next slot to try
        slots[position] = row
