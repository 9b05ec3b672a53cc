"""The state of one memory space, and the immutable view readers hold of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check
from engram.model.events import Vectors
from engram.model.limits import COLD_CAPACITY_DEFAULT
from engram.model.memory import MemoryKind
from engram.model.particulars import LABEL_MASK
from engram.model.space_settings import DEFAULT_SETTINGS, SpaceSettings
from engram.state.access_columns import AccessColumns, AccessView
from engram.state.association_view import AssociationsView, LabelLinks
from engram.state.associations import Associations
from engram.state.bodies import (
    SEALED,
    SEALED_TEXT,
    HotBodies,
    HotView,
    SealedPart,
    norms_at,
    read_text,
    vectors_at,
)
from engram.state.columns import Arena, Array, Interner, PagedColumn, Pages, few_from, take
from engram.state.corrections import Corrections
from engram.state.erasures import Erasures
from engram.state.key_index import KeyIndex
from engram.state.request_keys import RequestKeys, RequestKeysView
from engram.state.row_columns import new_columns
from engram.state.staged import Staged, StagedView

ALIVE: Final = 1
HAS_VECTOR: Final = 2
DATED: Final = 4
ERASED: Final = 8
SUPPRESSED: Final = 16
LAPSED: Final = 32  # the last review found it wrong
LINKED: Final = 64
REPLAYED: Final = 128  # by consolidation; of a concept: it came of that

HISTORY_WHOLE: Final = -(1 << 63)
"""The `history_from` of a space of which no forgotten memory is gone."""


class View(msgspec.Struct, frozen=True):
    """What a reader sees: everything up to one LSN, unchanged while the writer goes on.

    `recorded_last` is the newest time in the log; what was forgotten at `history_from` or before
    may be gone (both nanoseconds). `ids` and `corrections` are shared with the writer and may know
    rows of its own.
    A row number means the same in two views of one `numbering`; a compaction begins the next.
    `erased_lsn` is that of the last erasure, 0 when there was none. Of what lives, `formed_count`
    are concepts that consolidation formed and `suppressed_count` are hidden.
    """

    lsn: int
    count: int
    forgotten_count: int
    expiring_count: int
    vector_count: int
    embedder: str
    dimensions: int
    columns: dict[str, Pages]
    tags: Pages
    hot: HotView
    sealed: tuple[SealedPart | None, ...]
    labels: Interner
    request_keys: RequestKeysView
    corrections: Corrections
    ids: KeyIndex
    recorded_last: int
    history_from: int
    numbering: int
    erased_lsn: int
    associations: AssociationsView
    suppressed_count: int
    formed_count: int
    accesses: AccessView
    settings: SpaceSettings

    def row_of(
        self, high: int, low: int, as_of: int | None = None, *, now: int | None = None
    ) -> int | None:
        """Return the row of a memory that lives, or lived at `as_of`; None if there is none.

        One that expired at `now` or before lives no longer; without `now` every one does.
        One that is suppressed does live.
        """
        for row in self.ids.find(low):
            if row < self.count and int(self._value("id_high", row)) == high:
                flags, ended_at = int(self._value("flags", row)), int(self._value("ended_at", row))
                if as_of is None:
                    known = bool(flags & ALIVE) and (now is None or not 0 != ended_at <= now)
                else:
                    ended = (ended_at != 0 or not flags & ALIVE) and ended_at <= as_of
                    known = int(self._value("recorded_at", row)) <= as_of and not ended
                if known and not flags & ERASED:
                    return row
        return None

    def content(self, row: int) -> str:
        """Return the text of a row; may read a sealed segment (then it blocks)."""
        return self._text(self.hot.contents, "content", row).decode()

    def contents(self, rows: Array) -> list[bytes | bytearray]:
        """Return the UTF-8 texts of many rows; may read sealed segments."""
        addresses = take(self.columns["content_address"], rows).tolist()
        lengths = take(self.columns["content_bytes"], rows).tolist()
        arena, sealed = self.hot.contents, self.sealed
        return [read_text(arena, sealed, a, n) for a, n in zip(addresses, lengths, strict=True)]

    def texts(self, first: int, last: int) -> list[str]:
        """Return the texts of rows [first, last); may read sealed segments."""
        return [text.decode() for text in self.contents(np.arange(first, last))]

    def metadata_of(self, row: int) -> bytes | bytearray:
        """Return the JSON of a row's metadata and details, or nothing; may read a segment.

        `engram.model.details` takes them apart.
        """
        return self._text(self.hot.metadata, "metadata", row)

    def vectors_of(self, rows: Array) -> NDArray[np.float32]:
        """Return float32[m, dimensions], zeros where a row has no vector; may read segments."""
        return vectors_at(self.hot, self.sealed, self.gather("place", rows), self.dimensions)

    def norms_of(self, rows: Array) -> NDArray[np.float32]:
        """Return float32[m] inverse norms, 0 where a row has no vector. Never blocks."""
        return norms_at(self.hot, self.sealed, self.gather("place", rows))

    def all_hot(self, rows: Array) -> bool:
        """Whether the bodies of all these rows are in RAM, so that reading them never blocks."""
        if not self.sealed or not len(rows):
            return True
        hot = (self.gather("place", rows) & np.uint32(SEALED)) == 0
        texts = (self.gather("content_address", rows) & np.uint64(SEALED_TEXT)) == 0
        return bool(hot.all() and texts.all())

    def tags_of(self, row: int) -> tuple[str, ...]:
        """Return the tags of a row."""
        labels = self.labels.labels
        return tuple(labels[number] for number in self.labels_of(row) if number <= LABEL_MASK)

    def labels_of(self, row: int) -> list[int]:
        """Return the numbers of a row's tags, entities (ENTITY) and fact's key (FACT_KEY)."""
        count = int(self._value("tag_count", row))
        if not count:
            return []
        start = int(self._value("tag_start", row))
        return few_from(self.tags, start, count)

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

    def _text(self, arena: Arena, column: str, row: int) -> bytes | bytearray:
        address = int(self._value(f"{column}_address", row))
        return read_text(arena, self.sealed, address, int(self._value(f"{column}_bytes", row)))

    def _value(self, column: str, row: int) -> Array:
        page: Array = self.columns[column][row >> 16]
        return page[row & 0xFFFF]  # type: ignore[no-any-return]


class Frozen(NamedTuple):
    """All that a space is at one LSN, unchanged while the writer goes on: what a snapshot holds.

    Of what the view shares with the writer only the first `label_count` labels and `tag_count` tags
    belong to it, and of the arenas what its rows point to.
    """

    view: View
    label_count: int
    tag_count: int
    recorded_last: int
    erasures: Erasures
    corrections: tuple[NDArray[np.uint64], NDArray[np.uint64]]
    request_keys: RequestKeysView
    staged: dict[str, StagedView]
    label_links: LabelLinks


class SpaceState:
    """Columns, arenas and indexes of one space; changed by `apply` only."""

    def __init__(self) -> None:
        self.columns = new_columns()
        self.tags = PagedColumn("u4")
        self.hot = HotBodies()
        self.sealed: tuple[SealedPart | None, ...] = ()
        self.labels = Interner()
        self.ids = KeyIndex(self.columns["id_low"])
        self.content_keys = KeyIndex(self.columns["content_key"])
        self.staged: dict[str, Staged] = {}
        self.associations = Associations()
        self.erasures = Erasures()
        self.corrections = Corrections()
        self.request_keys = RequestKeys()
        self.accesses = AccessColumns()
        self.settings = DEFAULT_SETTINGS
        self.embedder = ""
        self.dimensions = 0
        self.forgotten_count = 0
        self.expiring_count = 0
        self.suppressed_count = 0
        self.formed_count = 0
        self.vector_count = 0
        self.recorded_last = 0
        self.history_from = HISTORY_WHOLE
        self.numbering = 0
        self.lsn = 0
        # Not part of what the space is: how many memories it may come to hold here and now.
        self.cold_capacity = COLD_CAPACITY_DEFAULT
        self.check_quotas: Callable[[SpaceState, str, int, int], None] | None = None

    def vector_column(self, embedder: str, dimensions: int) -> PagedColumn:
        """Return the column of vectors; the first ones settle whose they are and how long."""
        if not self.dimensions:
            self.embedder, self.dimensions = embedder, dimensions
        check(dimensions == self.dimensions, "all vectors of a space have one length")
        return self.hot.vector_column(dimensions)

    def adopt(self, staged: Staged) -> None:
        """Make staged vectors, a row each, the space's own; all of them are hot from now on.

        Texts stay where they are: the bodies of sealed segments keep them, their vectors are void.
        """
        hot, rows = self.hot, np.arange(self.count, dtype=np.uint32)
        hot.vectors, hot.norms = staged.vectors, staged.norms
        hot.rows, hot.slots_are_rows = PagedColumn("u4"), True
        hot.rows.append(rows)
        hot.layout = object()
        self.columns["place"].set(rows, rows)
        self.sealed = tuple(
            None if part is None else part.without_vectors() for part in self.sealed
        )

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
            expiring_count=self.expiring_count,
            vector_count=self.vector_count,
            embedder=self.embedder,
            dimensions=self.dimensions,
            columns={name: column.view() for name, column in self.columns.items()},
            tags=self.tags.view(),
            hot=self.hot.view(),
            sealed=self.sealed,
            labels=self.labels,
            request_keys=self.request_keys.view(),
            corrections=self.corrections,
            ids=self.ids,
            recorded_last=self.recorded_last,
            history_from=self.history_from,
            numbering=self.numbering,
            erased_lsn=self.erasures.lsn_last(),
            associations=self.associations.view(),
            suppressed_count=self.suppressed_count,
            formed_count=self.formed_count,
            accesses=self.accesses.view(),
            settings=self.settings,
        )

    def freeze(self) -> Frozen:
        """Return all that the space is now, for a snapshot to be written from."""
        return Frozen(
            view=self.view(),
            label_count=len(self.labels.labels),
            tag_count=self.tags.count,
            recorded_last=self.recorded_last,
            erasures=self.erasures.copy(),
            corrections=self.corrections.pairs(),
            request_keys=self.request_keys.view(),
            staged={embedder: staged.view() for embedder, staged in self.staged.items()},
            label_links=self.associations.label_links(),
        )

    def row_of(self, high: int, low: int, now: int | None = None) -> int | None:
        """Return the row of a living memory, None if there is none.

        One that expired at `now` or before lives no longer; without `now` every one does.
        """
        for row in self.ids.find(low):
            if int(self.columns["id_high"].value(row)) == high and self.alive(row, now):
                return row
        return None

    def row_with_id(self, high: int, low: int) -> int | None:
        """Return the row of a memory that was not erased, living or forgotten."""
        for row in self.ids.find(low):
            if int(self.columns["id_high"].value(row)) == high and not self._erased(row):
                return row
        return None

    def row_named(self, high: int, low: int) -> int:
        """Return the row of a living memory that an event names."""
        row = self.row_of(high, low)
        check(row is not None, "an event names memories that are there")
        return row or 0

    def _erased(self, row: int) -> bool:
        return bool(int(self.columns["flags"].value(row)) & ERASED)

    def wipe_body(self, row: int) -> None:
        """Overwrite what is in RAM of a row's vector, text and metadata."""
        columns = self.columns
        for name, arena in (("content", self.hot.contents), ("metadata", self.hot.metadata)):
            address = int(columns[f"{name}_address"].value(row))
            if not address & SEALED_TEXT:
                arena.wipe(address, int(columns[f"{name}_bytes"].value(row)))
        place = int(columns["place"].value(row))
        if not place & SEALED:
            self.hot.wipe_vector(place)
        for staged in self.staged.values():
            staged.wipe(row)

    def alive(self, row: int, now: int | None = None) -> bool:
        """Whether the row was not forgotten, nor expired at `now` or before."""
        if not int(self.columns["flags"].value(row)) & ALIVE:
            return False
        return now is None or not self.expiring_count or not 0 != self._ended_at(row) <= now

    def _ended_at(self, row: int) -> int:
        return int(self.columns["ended_at"].value(row))

    def end(self, row: int, at: int) -> None:
        """Note that a living memory was forgotten at `at`, or expired before."""
        expires_at = self._ended_at(row)
        if expires_at:
            self.expiring_count -= 1
        flags, key = (int(self.columns[name].value(row)) for name in ("flags", "content_key"))
        self.columns["ended_at"].set(np.array([row]), min(expires_at or at, at))
        self.columns["flags"].set(np.array([row]), flags & ~ALIVE)
        self.forgotten_count += 1
        self.vector_count -= bool(flags & HAS_VECTOR)
        self.suppressed_count -= bool(flags & SUPPRESSED)
        if flags & REPLAYED:
            self.formed_count -= int(self.columns["kind"].value(row)) == MemoryKind.CONCEPT
        if key:
            self.content_keys.remove(key, row)

    def row_with_content(self, key: int, content: bytes, now: int) -> int | None:
        """Return the row of a memory with this content that lives at `now`, None if none does."""
        for row in self.content_keys.find(key):
            size = int(self.columns["content_bytes"].value(row))
            address = int(self.columns["content_address"].value(row))
            if size != len(content) or not self.alive(row, now):
                continue
            if read_text(self.hot.contents, self.sealed, address, size) == content:
                return row
        return None

    def resident_parts(self) -> dict[str, int]:
        """Return bytes in RAM by what they are for."""
        columns = [*self.columns.values(), self.tags]
        for staged in self.staged.values():
            columns += [staged.vectors, staged.norms]
        segments = [part.segment for part in self.sealed if part is not None]
        return {
            "columns": self.accesses.resident_bytes
            + sum(column.resident_bytes for column in columns),
            "keys": sum(
                keys.resident_bytes
                for keys in (self.ids, self.content_keys, self.request_keys, self.corrections)
            ),
            "hot": self.hot.resident_bytes,
            "sealed": sum(each.resident_bytes + 4 * each.count for each in segments),
            "associations": self.associations.resident_bytes,
        }


def vector_rows(vectors: Vectors, dimensions: int) -> NDArray[np.float32]:
    """Return raw little-endian float32 bytes as rows; no copy."""
    return np.frombuffer(vectors, "<f4").reshape(-1, dimensions)
