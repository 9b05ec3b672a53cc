"""The state of one memory space, and the immutable view readers hold of it."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check
from engram.model.events import Vectors
from engram.state.columns import Arena, Array, Interner, PagedColumn, Pages, take
from engram.state.key_index import KeyIndex

ALIVE: Final = 1
HAS_VECTOR: Final = 2
DATED: Final = 4

_COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    ("id_high", "u8"),
    ("id_low", "u8"),
    ("recorded_at", "i8"),
    ("occurred_at", "i8"),
    ("reviewed_at", "i8"),
    ("stability_days", "f4"),
    ("difficulty", "f4"),
    ("confidence", "f4"),
    ("kind", "u1"),
    ("flags", "u1"),
    ("source", "u4"),
    ("session", "u4"),
    ("seen_count", "u4"),
    ("content_key", "u8"),
    ("content_address", "u8"),
    ("content_bytes", "u4"),
    ("metadata_address", "u8"),
    ("metadata_bytes", "u4"),
    ("tag_start", "u8"),
    ("tag_count", "u1"),
)


class View(msgspec.Struct, frozen=True):
    """What a reader sees: everything up to one LSN, unchanged while the writer goes on."""

    lsn: int
    count: int
    forgotten_count: int
    vector_count: int
    embedder: str
    dimensions: int
    columns: dict[str, Pages]
    tags: Pages
    vectors: Pages
    inverse_norms: Pages
    contents: Arena
    metadata: Arena
    labels: Interner

    def content(self, row: int) -> str:
        """Return the text of a row."""
        address = int(self._value("content_address", row))
        return self.contents.read(address, int(self._value("content_bytes", row))).decode()

    def texts(self, first: int, last: int) -> list[str]:
        """Return the texts of rows [first, last)."""
        rows = np.arange(first, last)
        addresses = take(self.columns["content_address"], rows).tolist()
        lengths = take(self.columns["content_bytes"], rows).tolist()
        read = self.contents.read
        return [read(a, n).decode() for a, n in zip(addresses, lengths, strict=True)]

    def metadata_of(self, row: int) -> bytearray:
        """Return the JSON of a row's metadata; empty when it has none."""
        address = int(self._value("metadata_address", row))
        return self.metadata.read(address, int(self._value("metadata_bytes", row)))

    def tags_of(self, row: int) -> tuple[str, ...]:
        """Return the tags of a row."""
        count = int(self._value("tag_count", row))
        if not count:
            return ()
        start = int(self._value("tag_start", row))
        numbers = take(self.tags, np.arange(start, start + count)).tolist()
        return tuple(self.labels.labels[number] for number in numbers)

    def label(self, column: str, row: int) -> str | None:
        """Return the label a row has in `source` or `session`."""
        number = int(self._value(column, row))
        return self.labels.labels[number] if number else None

    def value(self, column: str, row: int) -> float:
        """Return a number of one row."""
        value: float = self._value(column, row).item()
        return value

    def gather(self, column: str, rows: Array) -> Array:
        """Return the numbers of many rows."""
        return take(self.columns[column], rows)

    def _value(self, column: str, row: int) -> Array:
        page: Array = self.columns[column][row >> 16]
        return page[row & 0xFFFF]  # type: ignore[no-any-return]


class Staged:
    """Vectors of another embedder, waiting to be adopted; a norm of NaN: none yet."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.vectors = PagedColumn("f4", dimensions)
        self.norms = PagedColumn("f4")

    def reach(self, count: int) -> None:
        """Make room for as many rows as the space has."""
        more = count - self.norms.count
        self.vectors.append_zeros(more)
        self.norms.append(np.full(more, np.nan, np.float32))

    def present(self, count: int) -> NDArray[np.bool_]:
        """Return bool[count]: which rows have a vector here."""
        known = min(count, self.norms.count)
        out = np.zeros(count, bool)
        if known:
            out[:known] = ~np.isnan(take(tuple(self.norms.pages), np.arange(known)))
        return out


class SpaceState:
    """Columns, arenas and indexes of one space; changed by `apply` only."""

    def __init__(self) -> None:
        self.columns = {name: PagedColumn(dtype) for name, dtype in _COLUMNS}
        self.tags = PagedColumn("u4")
        self.vectors: PagedColumn | None = None
        self.inverse_norms = PagedColumn("f4")
        self.contents = Arena()
        self.metadata = Arena()
        self.labels = Interner()
        self.ids = KeyIndex(self.columns["id_low"])
        self.content_keys = KeyIndex(self.columns["content_key"])
        self.staged: dict[str, Staged] = {}
        self.embedder = ""
        self.dimensions = 0
        self.forgotten_count = 0
        self.vector_count = 0
        self.recorded_last = 0
        self.lsn = 0

    def vector_column(self, embedder: str, dimensions: int) -> PagedColumn:
        """Return the column of vectors; the first ones settle whose they are and how long."""
        if self.vectors is None:
            self.embedder, self.dimensions = embedder, dimensions
            self.vectors = PagedColumn("f4", dimensions)
            self.vectors.append_zeros(self.count)
        check(dimensions == self.dimensions, "all vectors of a space have one length")
        return self.vectors

    @property
    def count(self) -> int:
        """Rows stored, forgotten ones included."""
        return self.columns["flags"].count

    def view(self) -> View:
        """Return what a reader may hold while this state goes on changing."""
        return View(
            lsn=self.lsn,
            count=self.count,
            forgotten_count=self.forgotten_count,
            vector_count=self.vector_count,
            embedder=self.embedder,
            dimensions=self.dimensions,
            columns={name: column.view() for name, column in self.columns.items()},
            tags=self.tags.view(),
            vectors=() if self.vectors is None else self.vectors.view(),
            inverse_norms=self.inverse_norms.view(),
            contents=self.contents,
            metadata=self.metadata,
            labels=self.labels,
        )

    def row_of(self, high: int, low: int, count: int | None = None) -> int | None:
        """Return the row of a living memory among the first `count` rows, None if there is none."""
        for row in self.ids.find(low):
            if count is not None and row >= count:
                continue
            if int(self.columns["id_high"].value(row)) == high and self.alive(row):
                return row
        return None

    def alive(self, row: int) -> bool:
        """Whether the row was not forgotten."""
        return bool(int(self.columns["flags"].value(row)) & ALIVE)

    def row_with_content(self, key: int, content: bytes) -> int | None:
        """Return the row of a living memory with this content, None if there is none."""
        for row in self.content_keys.find(key):
            size = int(self.columns["content_bytes"].value(row))
            address = int(self.columns["content_address"].value(row))
            if self.alive(row) and self.contents.read(address, size) == content:
                return row
        return None

    @property
    def resident_bytes(self) -> int:
        """Bytes of columns, arenas and indexes."""
        columns = [*self.columns.values(), self.tags, self.inverse_norms]
        if self.vectors is not None:
            columns.append(self.vectors)
        return (
            sum(column.resident_bytes for column in columns)
            + self.contents.resident_bytes
            + self.metadata.resident_bytes
            + self.ids.resident_bytes
            + self.content_keys.resident_bytes
        )


def vector_rows(vectors: Vectors, dimensions: int) -> NDArray[np.float32]:
    """Return raw little-endian float32 bytes as rows; no copy."""
    return np.frombuffer(vectors, "<f4").reshape(-1, dimensions)
