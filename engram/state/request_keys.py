"""Which requests with a key were answered, and with what: asked again they are not done again.

Rule 1: an answer enters and leaves by events alone, at their times, so replay leads to the same.
Rule 2: the oldest leave first: by age, by the number of keys, by the number of ids they hold.

About 65 bytes a key and 17 an id, no Python object a key.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.events import Answered, Fulfilled
from engram.model.limits import REQUEST_IDS_MAX, REQUEST_KEYS_MAX, REQUEST_KEYS_NS
from engram.state.columns import PagedColumn, Pages, take
from engram.state.key_index import KeyIndex

_COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    ("key_high", "u8"),
    ("key_low", "u8"),
    ("body", "u8"),
    ("lsn", "u8"),
    ("at", "i8"),
    ("id_start", "u8"),
)
# Rows that have left are cleared away once they are more than the others, and at least this many;
# wiped ones, which stand between others, once they are this many.
_CLEARED_MIN: Final = 4_096


class Answer(NamedTuple):
    """The first answer to a request: the digest of its body, ids u64[n, 2], which were created."""

    body: int
    lsn: int
    ids: NDArray[np.uint64]
    created: NDArray[np.bool_]


class RequestKeysView(msgspec.Struct, frozen=True):
    """The answers kept at one moment, unchanged while others come."""

    first: int
    count: int
    id_count: int
    columns: dict[str, Pages]
    ids: Pages
    created: Pages

    def dump(self) -> dict[str, NDArray[Any]]:
        """Return all answers, oldest first, as arrays that `RequestKeys.load` takes.

        keys u64[n, 2], bodies u64[n], lsns u64[n], at i64[n], id_counts u32[n], ids u64[m, 2],
        created u8[m].
        """
        rows = np.arange(self.first, self.count)
        if not len(rows):
            return _arrays_of_none()
        found = {name: take(pages, rows) for name, pages in self.columns.items()}
        starts = found["id_start"].astype(np.int64)
        id_counts = np.diff(starts, append=self.id_count)
        keys = np.stack([found["key_high"], found["key_low"]], axis=1)
        kept = keys.any(axis=1)
        places = np.arange(int(starts[0]), self.id_count)[np.repeat(kept, id_counts)]
        return {
            "keys": keys[kept],
            "bodies": found["body"][kept],
            "lsns": found["lsn"][kept],
            "at": found["at"][kept],
            "id_counts": id_counts[kept].astype(np.uint32),
            "ids": self.ids_at(places),
            "created": self.created_at(places),
        }

    def ids_at(self, places: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the ids u64[m, 2] at some places."""
        return take(self.ids, places) if len(places) else np.zeros((0, 2), np.uint64)

    def created_at(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return u8[m]: whether the ids at some places were created."""
        return take(self.created, places) if len(places) else np.zeros(0, np.uint8)


class RequestKeys:
    """The answers of one space; changed by `apply` only."""

    def __init__(self) -> None:
        self.last_at = 0
        self._first = 0
        self._wiped: list[int] = []  # rows from the first on that answer nothing any more
        self._view: RequestKeysView | None = None
        self._columns = {name: PagedColumn(dtype) for name, dtype in _COLUMNS}
        self._ids = PagedColumn("u8", 2)
        self._created = PagedColumn("u1")
        self._index = KeyIndex(self._columns["key_low"])

    def __len__(self) -> int:
        """Return how many answers are kept."""
        return self._count - self._first - len(self._wiped)

    def find(self, key: tuple[int, int], now: int) -> Answer | None:
        """Return the answer to the request with this key, None when none is kept at `now`."""
        columns = self._columns
        for row in self._index.find(key[1]):
            if row < self._first or int(columns["key_high"].value(row)) != key[0]:
                continue
            if int(columns["at"].value(row)) + REQUEST_KEYS_NS <= now:
                continue
            places = np.arange(self._id_start(row), self._id_start(row + 1))
            view = self.view()
            return Answer(
                int(columns["body"].value(row)),
                int(columns["lsn"].value(row)),
                view.ids_at(places),
                view.created_at(places).astype(bool),
            )
        return None

    def add(self, event: Answered | Fulfilled, lsn: int) -> None:
        """Keep the answers of `event`, which is at `lsn`, and let go of those whose time is up."""
        count = len(event.bodies) // 8
        keys = np.frombuffer(event.keys, "<u8").reshape(-1, 2)
        id_counts = np.frombuffer(event.id_counts, "<u4").astype(np.uint64)
        self._append(
            keys,
            np.frombuffer(event.bodies, "<u8"),
            np.full(count, lsn, np.uint64),
            np.full(count, event.at, np.int64),
            id_counts,
        )
        self._ids.append(np.frombuffer(event.ids, "<u8").reshape(-1, 2))
        self._created.append(np.frombuffer(event.created, "u1"))
        self.last_at = event.at
        self._let_go(event.at)

    def drop(self, ids: NDArray[np.uint64]) -> None:
        """Forget every answer that names one of `ids` u64[n, 2], as if it had never been given."""
        if not len(self):
            return
        start = self._id_start(self._first)
        kept = self.view().ids_at(np.arange(start, self._ids.count))
        wanted = {(high, low) for high, low in ids.tolist()}
        near = np.flatnonzero(np.isin(kept[:, 1], ids[:, 1])).tolist()
        places = [start + n for n in near if tuple(kept[n].tolist()) in wanted]
        rows = range(self._count)
        for row in {bisect_right(rows, place, key=self._id_start) - 1 for place in places}:
            self._wipe(row)
        if len(self._wiped) >= _CLEARED_MIN:
            self._clear_away()

    def view(self) -> RequestKeysView:
        """Return what a reader may hold while answers come and go."""
        if self._view is None:
            self._view = RequestKeysView(
                self._first,
                self._count,
                self._ids.count,
                {name: column.view() for name, column in self._columns.items()},
                self._ids.view(),
                self._created.view(),
            )
        return self._view

    @classmethod
    def load(cls, arrays: dict[str, NDArray[Any]]) -> RequestKeys:
        """Return the answers that `RequestKeysView.dump` wrote out."""
        made = cls()
        at = arrays["at"]
        made._append(arrays["keys"], arrays["bodies"], arrays["lsns"], at, arrays["id_counts"])
        made._ids.append(arrays["ids"])
        made._created.append(arrays["created"])
        made.last_at = int(at[-1]) if len(at) else 0
        return made

    @property
    def resident_bytes(self) -> int:
        """Bytes of columns and index."""
        columns = [*self._columns.values(), self._ids, self._created]
        return sum(column.resident_bytes for column in columns) + self._index.resident_bytes

    @property
    def _count(self) -> int:
        return self._columns["at"].count

    def _id_start(self, row: int) -> int:
        return int(self._columns["id_start"].value(row)) if row < self._count else self._ids.count

    def _append(
        self,
        keys: NDArray[np.uint64],
        bodies: NDArray[np.uint64],
        lsns: NDArray[np.uint64],
        at: NDArray[np.int64],
        id_counts: NDArray[Any],
    ) -> None:
        rows = np.arange(self._count, self._count + len(keys), dtype=np.uint32)
        starts = np.cumsum(id_counts, dtype=np.uint64) - id_counts + np.uint64(self._ids.count)
        columns = self._columns
        for name, values in (
            ("key_high", keys[:, 0]),
            ("key_low", keys[:, 1]),
            ("body", bodies),
            ("lsn", lsns),
            ("at", at),
            ("id_start", starts),
        ):
            columns[name].append(values)
        self._index.add_many(np.ascontiguousarray(keys[:, 1]), rows)
        self._view = None

    def _let_go(self, now: int) -> None:
        """Move the first row behind all that are too old or too many."""
        rows = range(self._first, self._count)
        first = self._first
        if int(self._columns["at"].value(first)) + REQUEST_KEYS_NS <= now:
            times = self._columns["at"].value
            first += bisect_right(rows, now - REQUEST_KEYS_NS, key=times)
        if self._count - first > REQUEST_KEYS_MAX:
            first = max(first, self._first_within(self._answers_from(), REQUEST_KEYS_MAX))
        if self._ids.count - self._id_start(first) > REQUEST_IDS_MAX:
            first = max(first, self._first_within(self._ids_from(), REQUEST_IDS_MAX))
        self._first = first
        del self._wiped[: bisect_left(self._wiped, first)]
        if first >= _CLEARED_MIN and first > self._count - first:
            self._clear_away()

    def _first_within(self, held_from: Callable[[int], int], limit: int) -> int:
        """Return the first row from which on so much is held as may be; wiped rows hold nothing."""
        rows = range(self._first, self._count)
        return self._first + bisect_left(rows, -limit, key=lambda row: -held_from(row))

    def _answers_from(self) -> Callable[[int], int]:
        wiped = self._wiped
        return lambda row: self._count - row - (len(wiped) - bisect_left(wiped, row))

    def _ids_from(self) -> Callable[[int], int]:
        wiped = self._wiped
        counts = [self._id_start(row + 1) - self._id_start(row) for row in wiped]
        before = [0, *accumulate(counts)]
        return lambda row: (
            self._ids.count - self._id_start(row) - before[-1] + before[bisect_left(wiped, row)]
        )

    def _clear_away(self) -> None:
        """Begin anew with the rows that are kept."""
        last_at = self.last_at
        kept = RequestKeys.load(self.view().dump())
        for name in ("_columns", "_ids", "_created", "_index"):
            setattr(self, name, getattr(kept, name))
        self._first, self.last_at, self._view, self._wiped = 0, last_at, None, []

    def _wipe(self, row: int) -> None:
        """Overwrite a row with zeros: a key of zeros stands for none."""
        where = np.array([row])
        self._index.remove(int(self._columns["key_low"].value(row)), row)
        for name in ("key_high", "key_low", "body"):
            self._columns[name].set(where, 0)
        places = np.arange(self._id_start(row), self._id_start(row + 1))
        self._ids.set(places, 0)
        self._created.set(places, 0)
        insort(self._wiped, row)
        self._view = None


def _arrays_of_none() -> dict[str, NDArray[Any]]:
    return {
        "keys": np.zeros((0, 2), np.uint64),
        "bodies": np.zeros(0, np.uint64),
        "lsns": np.zeros(0, np.uint64),
        "at": np.zeros(0, np.int64),
        "id_counts": np.zeros(0, np.uint32),
        "ids": np.zeros((0, 2), np.uint64),
        "created": np.zeros(0, np.uint8),
    }
