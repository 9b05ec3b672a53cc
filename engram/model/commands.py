"""What callers ask the engine to do, checked and ready: imperatives.

Vectors travel as raw little-endian float32 bytes so that values stay free of array libraries.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engram.model.ids import MemoryId
from engram.model.limits import EXPIRED_COUNT_MAX
from engram.model.particulars import (
    ParticularColumns,
    Particulars,
)


class Request(msgspec.Struct, frozen=True, gc=False):
    """What a caller calls its request: two u64 of the key's digest, and a u64 of the body's.

    The same key again gets the first answer; with another body it is refused.
    """

    key: tuple[int, int]
    body: int


class Remember(msgspec.Struct, gc=False):
    """Remember one memory.

    `content_key` is 0 when the content takes no part in deduplication. An empty `embedder` beside a
    vector means that the caller gave it and holds it comparable with what the space has. One that
    `is_plain` has all from `kind` to `metadata` but its confidence, and from `request` on, as they
    are when a caller leaves them out.
    """

    content: bytes
    content_key: int
    kind: int
    confidence: float
    occurred_at: int | None
    source: str | None
    session: str | None
    tags: tuple[str, ...]
    metadata: bytes
    vector: bytes
    inverse_norm: float
    embedder: str
    chance: bytes
    request: Request | None = None
    particulars: Particulars | None = None
    associate: bool = True
    is_plain: bool = False


# 128 bytes: what a memory's columns take in a record beside its text and vector, rounded up.
ROW_BYTES_MAX: Final = 128
# A character takes at most 4 bytes of UTF-8, and a label 5 more in its table.
_CHARACTER_BYTES_MAX: Final = 4
_LABEL_BYTES: Final = 5
_ENDED_BYTES_MAX: Final = 16 * EXPIRED_COUNT_MAX
# 46 bytes of columns an edge, rounded up.
_EDGE_BYTES: Final = 64


class RememberBatch(msgspec.Struct):
    """Remember many memories as columns; every column has one entry a memory.

    `labels` is the table the `sources`, `sessions` and `tags` columns point into, 0 meaning none
    and i meaning `labels[i - 1]`. A number in `tags` with the bit ENTITY or FACT_KEY is no tag but
    an entity or a fact's key; `tag_counts` counts them as well. `vectors` holds a row only for
    memories whose inverse norm is not NaN. Columns are raw little-endian bytes of the type in
    brackets.
    """

    count: int
    contents: bytes  # one after the other
    content_bytes: bytes  # [u32]
    content_keys: bytes  # [u64]
    kinds: bytes  # [u8]
    confidences: bytes  # [f32]
    occurred_at: bytes  # [i64]; where `dated` is 0 it is overwritten with the time of recording
    dated: bytes  # [u8]
    sources: bytes  # [u32]
    sessions: bytes  # [u32]
    tag_counts: bytes  # [u8]
    tags: bytes  # [u32]
    labels: list[str]
    metadata: bytes
    metadata_bytes: bytes  # [u32]
    inverse_norms: bytes  # [f32]
    vectors: bytes | memoryview  # [f32 * dimensions]
    dimensions: int
    embedder: str
    chance: bytes  # RANDOM_BYTES_PER_ID a memory
    request: Request | None = None
    particulars: ParticularColumns | None = None
    linked: bytes = b""  # [u8] 1: with automatic edges; empty: none has any


class Forget(msgspec.Struct, gc=False):
    """Take one memory out of every answer."""

    memory: MemoryId
    request: Request | None = None


class Erase(msgspec.Struct, gc=False):
    """Take memories out of every answer, the past ones too, and their bytes out of every file.

    With `gone_too` one that is not there, or not any more, is noted as erased, for copies hold it.
    """

    memories: tuple[MemoryId, ...]
    gone_too: bool = False


class EndExpired(msgspec.Struct, gc=False):
    """Note as forgotten, from when it expired, some of what expired and is kept."""


class Reembed(msgspec.Struct):
    """Stage new vectors for memories that are stored already."""

    ids: bytes  # [u64 high, u64 low]
    embedder: str
    dimensions: int
    inverse_norms: bytes  # [f32]
    vectors: bytes | memoryview


class AdoptEmbedder(msgspec.Struct, gc=False):
    """Make the staged vectors of an embedder the space's own."""

    embedder: str
    dimensions: int


class Associate(msgspec.Struct):
    """Make edges between memories, or weigh anew those with the same ends and kind."""

    count: int
    sources: bytes  # [u64 high, u64 low]
    targets: bytes  # [u64 high, u64 low]
    kinds: bytes  # [u8]
    flags: bytes  # [u8] AUTOMATIC or 0
    weights: bytes  # [f32] in (0, 1]
    confidences: bytes  # [f32] in [0, 1]
    whys: bytes  # [u32] into `labels` from 1; 0: no reason
    labels: list[str]


class Link(msgspec.Struct):
    """Make what leads from memories to what they are like, and back; rows in order of recording.

    Rows are those of `numbering`, vectors those of `embedder`: when the space has another of
    either by then, nothing is done.
    """

    numbering: int
    embedder: str
    first: int
    last: int
    sources: bytes  # [u32] rows that were searched: from `first` to before `last`
    targets: bytes  # [u32] rows
    weights: bytes  # [f32] in (0, 1]
    near: bytes  # [u8] 1: so alike that they may say the same
    late: int = -1
    """Instead of `first` to `last`: the row up to which those were searched whose vectors came
    late, in the order they came."""


class Consolidate(msgspec.Struct):
    """Note that episodes were replayed, and remember the concepts that came of it.

    Rows are those of `numbering`, vectors those of `embedder`: when the space has another of
    either by then, or an episode is gone, nothing is done.
    """

    numbering: int
    embedder: str
    replayed: bytes  # [u32] rows
    concepts: RememberBatch | None  # `supersedes` names what each takes the place of
    stabilities: bytes  # [f32] days a concept
    difficulties: bytes  # [f32] a concept
    cited_counts: bytes  # [u32] episodes a concept
    cited: bytes  # [u32] rows
    weights: bytes  # [f32] an episode of a concept, in (0, 1]


ANY_KIND: Final = 0xFF
"""In a Dissociate: whatever kinds there are."""


class Dissociate(msgspec.Struct, gc=False):
    """End the edges from one memory to another, of one kind or of all."""

    source: MemoryId
    target: MemoryId
    kind: int


class Review(msgspec.Struct, gc=False):
    """Say that a memory was useful, or wrong."""

    memory: MemoryId
    useful: bool
    request: Request | None = None


class RecordAccesses(msgspec.Struct, gc=False):
    """Count that memories were listed in answers; those that are gone by then are left out."""

    ids: bytes  # [u64 high, u64 low], each once
    counts: bytes  # [u32]
    times: bytes  # [i64] of the last


class Configure(msgspec.Struct, gc=False):
    """Change settings of the space; `changes` are fields of SpaceSettings, checked."""

    changes: dict[str, Any]
    request: Request | None = None


class Suppress(msgspec.Struct, gc=False):
    """Hide memories from every answer, or bring them back."""

    memories: tuple[MemoryId, ...]
    hidden: bool
    request: Request | None = None


Command = (
    Remember
    | RememberBatch
    | Forget
    | Erase
    | EndExpired
    | Reembed
    | AdoptEmbedder
    | Associate
    | Link
    | Consolidate
    | Dissociate
    | Review
    | RecordAccesses
    | Configure
    | Suppress
)


def recorded_bytes_max(command: Command) -> int:
    """Return a bound on the bytes the command takes in a record of the log."""
    if type(command) is Remember:
        size = len(command.content) + len(command.metadata) + len(command.vector) + ROW_BYTES_MAX
        if command.tags or command.source is not None or command.session is not None:
            for label in (command.source, command.session, *command.tags):
                if label is not None:
                    size += _CHARACTER_BYTES_MAX * len(label) + _LABEL_BYTES
        if command.particulars is not None:
            for label in (command.particulars.fact_key or "", *command.particulars.entities):
                size += _CHARACTER_BYTES_MAX * len(label) + _LABEL_BYTES
        return size
    if isinstance(command, RememberBatch):
        texts = len(command.contents) + len(command.metadata) + len(command.vectors)
        return texts + ROW_BYTES_MAX * command.count
    if isinstance(command, Reembed):
        return len(command.vectors) + len(command.ids) + len(command.inverse_norms)
    return _small_bytes_max(command)


def _small_bytes_max(command: Command) -> int:
    if isinstance(command, Associate | Link | Consolidate):
        return _edges_bytes_max(command)
    if isinstance(command, RecordAccesses):
        return ROW_BYTES_MAX + len(command.ids) + len(command.counts) + len(command.times)
    if isinstance(command, Suppress):
        return ROW_BYTES_MAX * (1 + len(command.memories))
    others: dict[type, int] = {EndExpired: _ENDED_BYTES_MAX, Configure: 4 * ROW_BYTES_MAX}
    return others.get(type(command), ROW_BYTES_MAX)


def _edges_bytes_max(command: Associate | Link | Consolidate) -> int:
    if isinstance(command, Link):
        return 2 * _EDGE_BYTES * len(command.near) + ROW_BYTES_MAX
    if isinstance(command, Consolidate):
        size = _EDGE_BYTES * (len(command.replayed) + 2 * len(command.cited)) // 4 + ROW_BYTES_MAX
        return size + (recorded_bytes_max(command.concepts) if command.concepts else 0)
    labels = sum(_CHARACTER_BYTES_MAX * len(label) + _LABEL_BYTES for label in command.labels)
    return _EDGE_BYTES * command.count + labels
