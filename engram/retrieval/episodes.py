"""What episodes say of what, where, who, why and how, as columns of codes.

Rule 1: it costs nothing until somebody asks for a completion; then every episode is read once, and
        from then on what was remembered since.
Rule 2: derived and disposable. It is dropped whole when rows are renumbered or memories erased.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.model.completion import EPISODE_FIELDS
from engram.model.details import taken_apart

if TYPE_CHECKING:
    from engram.model.details import Episode
    from engram.state.space import View

WHO: Final = "who"
SINGLE: Final = tuple(field for field in EPISODE_FIELDS if field != WHO)
NO_CODE: Final = -1
# So many episodes are read between two looks at whether somebody still waits.
_ROWS_AT_ONCE: Final = 1_024


class EpisodeColumns(NamedTuple):
    """Episodes: their rows u32[n] ascending, of each field but who a code i32[n], NO_CODE: none.

    `who_places` i64[m] and `who_codes` i32[m] say which names take part in which of the n.
    `values` has of each field the text of each code.
    """

    rows: NDArray[np.int64]
    codes: dict[str, NDArray[np.int64]]
    who_places: NDArray[np.int64]
    who_codes: NDArray[np.int64]
    values: dict[str, list[str]]


class EpisodeIndex:
    """The fields of every episode of a space; any thread may ask, one at a time reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbering = self._erased_lsn = 0
        self._clear()

    def _clear(self) -> None:
        self.rows_read = 0
        self._rows = array("I")
        self._codes = {field: array("i") for field in SINGLE}
        self._who = array("I"), array("i")
        self._known: dict[str, dict[str, int]] = {field: {} for field in EPISODE_FIELDS}

    @property
    def resident_bytes(self) -> int:
        """Bytes of the columns, and of the texts about."""
        columns = [self._rows, *self._codes.values(), *self._who]
        texts = 200 * sum(map(len, self._known.values()))
        return texts + sum(column.itemsize * len(column) for column in columns)

    def at(self, view: View, check: Callable[[], None]) -> EpisodeColumns:
        """Return the episodes among the rows of `view`; what is there later may be among them.

        May read sealed segments, and then it blocks. `check` is called now and then; what it raises
        ends the reading, and what was read until then is kept.
        """
        with self._lock:
            if view.numbering != self._numbering or view.erased_lsn != self._erased_lsn:
                self._clear()
                self._numbering, self._erased_lsn = view.numbering, view.erased_lsn
            while self.rows_read < view.count:
                check()
                last = min(view.count, self.rows_read + _ROWS_AT_ONCE)
                self._read(view, self.rows_read, last)
                self.rows_read = last
            places, codes = self._who
            return EpisodeColumns(
                np.array(self._rows, np.int64),
                {field: np.array(column, np.int64) for field, column in self._codes.items()},
                np.array(places, np.int64),
                np.array(codes, np.int64),
                {field: list(known) for field, known in self._known.items()},
            )

    def _read(self, view: View, first: int, last: int) -> None:
        rows = np.arange(first, last)
        for row in rows[view.gather("metadata_bytes", rows) > 0].tolist():
            episode = taken_apart(view.metadata_of(row)).details.episode
            if episode is not None:
                self._add(row, episode)

    def _add(self, row: int, episode: Episode) -> None:
        place = len(self._rows)
        self._rows.append(row)
        for field in SINGLE:
            value = getattr(episode, field)
            self._codes[field].append(NO_CODE if value is None else self._code(field, value))
        for name in episode.who:
            self._who[0].append(place)
            self._who[1].append(self._code(WHO, name))

    def _code(self, field: str, value: str) -> int:
        known = self._known[field]
        return known.setdefault(value, len(known))
