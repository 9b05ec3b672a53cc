"""What a caller meets: memories, and what came of a request."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Final, NamedTuple, overload

import msgspec

from engram.model.categories import category_of
from engram.model.details import Episode
from engram.model.errors import InvalidRequest
from engram.model.ids import format_id
from engram.model.particulars import PRIORITY_DEFAULT

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID: Final = struct.Struct("<QQ")
_MICROSECOND: Final = timedelta(microseconds=1)


class MemoryKind(IntEnum):
    """What sort of trace a memory is; the number is what the log stores."""

    EPISODIC = 0
    SEMANTIC = 1
    PROCEDURAL = 2
    CONCEPT = 3

    @classmethod
    def parse(cls, name: str) -> MemoryKind:
        """Return the kind called `name`; InvalidRequest lists the names there are."""
        try:
            return cls[name.upper()]
        except (KeyError, AttributeError):
            known = ", ".join(kind.name.lower() for kind in cls)
            raise InvalidRequest(f"kind {name!r} is not one of {known}") from None


def to_nanoseconds(moment: datetime) -> int:
    """Return nanoseconds since the epoch of an aware datetime; InvalidRequest when it is naive."""
    if moment.utcoffset() is None:
        raise InvalidRequest(
            f"time {moment.isoformat()} has no zone; add one, for example "
            f"{moment.isoformat()}+00:00"
        )
    nanoseconds = (moment - _EPOCH) // _MICROSECOND * 1_000
    if not -(1 << 63) <= nanoseconds < 1 << 63:
        raise InvalidRequest(f"time {moment.isoformat()} is outside the years 1678 to 2261")
    return nanoseconds


def to_datetime(nanoseconds: int) -> datetime:
    """Return the UTC datetime of nanoseconds since the epoch, at microsecond precision."""
    return _EPOCH + _MICROSECOND * (nanoseconds // 1_000)


class Memory(msgspec.Struct, frozen=True, gc=False):
    """A stored trace as the caller gave it, with its times and its strength now.

    `ended_at` is when it was forgotten or superseded; only an answer about an earlier time, and a
    memory's history, show such a one.
    """

    id: str
    space: str
    content: str
    kind: str
    confidence: float
    occurred_at: datetime
    recorded_at: datetime
    tags: tuple[str, ...] = ()
    source: str | None = None
    session: str | None = None
    metadata: dict[str, Any] | None = None
    seen_count: int = 1
    stability_days: float = 0.0
    difficulty: float = 0.0
    retrievability: float = 1.0
    ended_at: datetime | None = None
    entities: tuple[str, ...] = ()
    priority: int = PRIORITY_DEFAULT
    expires_at: datetime | None = None
    episode: Episode | None = None
    confidence_reason: str | None = None
    fact_key: str | None = None
    fact_value: str | None = None
    supersedes: str | None = None
    superseded_by: str | None = None

    @property
    def confidence_category(self) -> str:
        """The confidence in a word: none, low, medium, high or certain."""
        return category_of(self.confidence)

    access_count: int = 0
    """How often it was listed in an answer to a recall.

    Lists and answers to recalls count what is recorded; `get` also what waits to be.
    """
    last_access_at: datetime | None = None
    suppressed: bool = False


class Lability(msgspec.Struct, frozen=True, gc=False):
    """Whether a memory can be changed now: a recall makes it labile for some hours.

    `plasticity`, from 0 to 0.5, is the share of its strength that a correction carries on now.
    `opens_at` and `closes_at` are None for a memory that no recall made labile.
    """

    plasticity: float = 0.0
    opens_at: datetime | None = None
    closes_at: datetime | None = None


class Remembered(msgspec.Struct, frozen=True, gc=False):
    """The durable outcome of one `remember`; `created` is False when the text was seen again."""

    id: str
    lsn: int
    created: bool


class IdColumn(Sequence[str]):
    """Ids kept as 16 bytes each and written out when they are looked at.

    Takes the halves of each id as raw little-endian u64: high, low.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __len__(self) -> int:
        """Return how many ids there are."""
        return len(self._raw) // _ID.size

    @overload
    def __getitem__(self, position: int) -> str: ...

    @overload
    def __getitem__(self, position: slice) -> IdColumn: ...

    def __getitem__(self, position: int | slice) -> str | IdColumn:
        """Return one id, or a run of them."""
        if isinstance(position, slice):
            chosen = range(len(self))[position]
            return IdColumn(b"".join(self._raw[16 * at : 16 * at + 16] for at in chosen))
        at = range(len(self))[position]
        return format_id(*_ID.unpack_from(self._raw, at * _ID.size))

    def __eq__(self, other: object) -> bool:
        """Whether the other sequence holds the same ids in the same order."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return how many ids there are and the first."""
        return f"<{len(self)} ids{f', first {self[0]}' if self else ''}>"


class RememberedMany(msgspec.Struct, frozen=True):
    """The durable outcome of `remember_many`: an id for each item, in order."""

    ids: Sequence[str]
    lsn: int
    created_count: int


class ForgetReceipt(msgspec.Struct, frozen=True):
    """What forgetting memories came to.

    Only erasing fills in the rest: when it was recorded, how many tier segments were written anew,
    files and bytes overwritten with zeros (others' erasures that were under way included), and the
    archives of this store's log, which may still hold the memories.
    """

    ids: Sequence[str]
    mode: str
    lsn: int
    erased_at: datetime | None = None
    segments_rewritten: int = 0
    files_overwritten: int = 0
    bytes_overwritten: int = 0
    archives: tuple[str, ...] = ()


class Reviewed(msgspec.Struct, frozen=True):
    """What feedback came to: a memory's strength after it.

    `counted` is False when another review of it less than a minute before had counted already.
    """

    id: str
    lsn: int
    counted: bool
    stability_days: float
    difficulty: float


class Unsuppressed(msgspec.Struct, frozen=True):
    """Which hidden memories were brought back; none that were not hidden."""

    ids: Sequence[str]
    lsn: int


class Page(msgspec.Struct, frozen=True):
    """One page of a listing; `cursor` continues it and is None at the end."""

    memories: tuple[Memory, ...]
    total: int
    cursor: str | None

    def __iter__(self) -> Iterator[Memory]:
        """Iterate the memories of this page, oldest recorded first."""
        return iter(self.memories)


class SpaceInfo(msgspec.Struct, frozen=True):
    """A memory space at a glance; `memories` leaves out the `concepts` that were formed of them."""

    id: str
    phase: str
    memories: int
    reason: str | None = None
    concepts: int = 0


class ResidentBytes(NamedTuple):
    """Bytes of an open store in RAM by what they are for.

    Columns and key indexes of all memories, their associations (with what their texts say of
    whom, once contradictions were asked for), the word index, sketches of bodies on disk, bodies in
    RAM, their sketches, blocks read from disk, and copies held while bodies move.
    """

    columns: int = 0
    keys: int = 0
    associations: int = 0
    words: int = 0
    sealed: int = 0
    hot: int = 0
    sketches: int = 0
    cache: int = 0
    moving: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)


class SpaceStats(msgspec.Struct, frozen=True):
    """What a memory space holds and where its log stands."""

    id: str
    memories: int
    """Those that live; concepts that consolidation formed are none."""
    forgotten: int
    with_vectors: int
    """Memories and concepts with a vector."""
    embedder: str | None
    dimensions: int
    lsn: int
    log_bytes: int
    syncs: int
    resident_bytes: int
    recovered_entries: int
    recovery_ms: float
    checkpoint_lsn: int = 0
    """What the newest snapshot covers; 0 when there is none."""
    checkpoint_at: datetime | None = None
    """When this process wrote it; None when it did not."""
    checkpoint_error: str | None = None
    """Why the last checkpoint failed; the space itself is fine."""
    recovery_notes: tuple[str, ...] = ()
    """What was found damaged when the space was opened, and was served by something else."""
    hot: int = 0
    """Memories whose bodies are in RAM."""
    warm: int = 0
    """Bodies on disk as they are, some of them perhaps of memories that moved on."""
    cold: int = 0
    """The same, compressed."""
    tiers_error: str | None = None
    """Why bodies could not be moved the last time that was tried."""
    scrubbed_at: datetime | None = None
    """When all snapshots and tier segments had been read again; None: not yet in this process."""
    scrub_damage: tuple[str, ...] = ()
    """What was found damaged by it; the space goes on with what it has."""
    suppressed: int = 0
    """Memories that are hidden, and concepts that are because one of their episodes is."""
    unlinked: int = 0
    """Memories with a vector that are not linked yet to what they are like."""
    linker_error: str | None = None
    """Why they could not be linked the last time that was tried."""
    concepts: int = 0
    """Those that consolidation formed of memories."""
    consolidation_rate: float = 0.0
    """Episodes replayed a second over the last 60 s."""
    consolidation_error: str | None = None
    """Why the last consolidation that nobody asked for failed."""


class Compacted(msgspec.Struct, frozen=True):
    """A compaction: how many forgotten memories let go of their rows, and the RAM that gave back.

    A snapshot up to `lsn` holds the result.
    """

    space: str
    lsn: int
    rows_dropped: int
    bytes_freed: int


class Checkpointed(msgspec.Struct, frozen=True):
    """A snapshot that was just taken: what it covers, and how much of it was new."""

    space: str
    lsn: int
    bytes_written: int
    bytes_shared: int
