"""What the log holds: facts with every number already decided, past participles.

A record's payload is a u32 with the length of a msgpack header, the header, and behind it the raw
float32 rows of the vectors, if any. Fields are only ever added at the end of a header (msgspec
reads an older, shorter one with the defaults), never moved or given another meaning.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from engram.model.decoders import msgpack_decoder
from engram.model.errors import InvariantViolated, UnknownEvent, check
from engram.model.particulars import ParticularColumns

_LENGTH: Final = struct.Struct("<I")


class Remembered(msgspec.Struct, array_like=True, gc=False):
    """Memories were stored; columns as in RememberBatch, with ids and times decided."""

    count: int
    ids: bytes  # [u64 high, u64 low]
    recorded_at: bytes  # [i64]
    occurred_at: bytes  # [i64]
    dated: bytes  # [u8]
    kinds: bytes  # [u8]
    confidences: bytes  # [f32]
    stabilities: bytes  # [f32] days
    difficulties: bytes  # [f32]
    sources: bytes  # [u32]
    sessions: bytes  # [u32]
    tag_counts: bytes  # [u8]
    tags: bytes  # [u32]
    labels: list[str]
    content_keys: bytes  # [u64]
    content_bytes: bytes  # [u32]
    contents: bytes
    metadata_bytes: bytes  # [u32]
    metadata: bytes
    inverse_norms: bytes  # [f32]; NaN: no vector
    dimensions: int
    embedder: str
    particulars: ParticularColumns | None = None
    linked: bytes = b""  # [u8] 1: with automatic edges; empty: none has any
    link_weights: bytes = b""  # [f32 x 4] back and onward in the session, to a hub, from a hub


class SeenAgain(msgspec.Struct, array_like=True, gc=False):
    """Texts were remembered that were there already."""

    ids: bytes  # [u64 high, u64 low]
    at: int


class Forgotten(msgspec.Struct, array_like=True, gc=False):
    """Memories were taken out of every answer."""

    ids: bytes  # [u64 high, u64 low]
    at: int


class Reembedded(msgspec.Struct, array_like=True, gc=False):
    """New vectors were staged under another embedder."""

    ids: bytes  # [u64 high, u64 low]
    embedder: str
    dimensions: int
    inverse_norms: bytes  # [f32]


class EmbedderAdopted(msgspec.Struct, array_like=True, gc=False):
    """The staged vectors of an embedder became the space's own."""

    embedder: str
    dimensions: int
    at: int


class Erased(msgspec.Struct, array_like=True, gc=False):
    """Memories were taken out of every answer, the past ones too; their bytes are to go."""

    ids: bytes  # [u64 high, u64 low]
    at: int


class Revectored(msgspec.Struct, array_like=True, gc=False):
    """Memories that had no vector were given one."""

    ids: bytes  # [u64 high, u64 low]
    embedder: str
    dimensions: int
    inverse_norms: bytes  # [f32]


class Answered(msgspec.Struct, array_like=True, gc=False):
    """Requests with a key were carried out, what they did and the answers in one record.

    So neither is ever there without the other. The vectors of `remembered` come before those of
    `revectored`.
    """

    at: int
    keys: bytes  # [u64 high, u64 low]
    bodies: bytes  # [u64]
    id_counts: bytes  # [u32]
    ids: bytes  # [u64 high, u64 low]
    created: bytes  # [u8] an id
    forgotten: Forgotten | None
    remembered: Remembered | None
    revectored: Revectored | None
    seen: SeenAgain | None


class Associated(msgspec.Struct, array_like=True, gc=False):
    """Edges were made; one with the source, target and kind of a living one takes its place."""

    count: int
    sources: bytes  # [u64 high, u64 low]
    targets: bytes  # [u64 high, u64 low]
    kinds: bytes  # [u8]
    flags: bytes  # [u8] 2: automatic
    weights: bytes  # [f32]
    confidences: bytes  # [f32]
    whys: bytes  # [u32] into `labels` from 1; 0: no reason
    labels: list[str]
    at: int


class Consolidated(msgspec.Struct, array_like=True, gc=False):
    """Episodes were replayed; concepts were formed from them, or grew by them, or neither.

    One record, so that no concept is ever there without what it was formed from. The vectors are
    those of `remembered`, whose memories are the concepts; `associated` leads from each to its
    episodes and back.
    """

    at: int
    replayed: bytes  # [u64 high, u64 low]
    remembered: Remembered | None
    associated: Associated | None


class Linked(msgspec.Struct, array_like=True, gc=False):
    """The memories up to one, in the order they were recorded, were linked to what they are like.

    One record, so that no link is ever there without that.
    """

    through: bytes  # [u64 high, u64 low]
    at: int
    associated: Associated | None


class LinkedLate(msgspec.Struct, array_like=True, gc=False):
    """Memories whose vectors came when those after them were linked already were linked as well.

    Those that waited longest, up to one, in the order their vectors came.
    """

    through: bytes  # [u64 high, u64 low]
    at: int
    associated: Associated | None


class Dissociated(msgspec.Struct, array_like=True, gc=False):
    """Edges were ended."""

    sources: bytes  # [u64 high, u64 low]
    targets: bytes  # [u64 high, u64 low]
    kinds: bytes  # [u8]
    at: int


class Reviewed(msgspec.Struct, array_like=True, gc=False):
    """Memories were found useful, or wrong; their strength from then on."""

    ids: bytes  # [u64 high, u64 low]
    at: int
    useful: bytes  # [u8]
    stabilities: bytes  # [f32] days
    difficulties: bytes  # [f32]


class Accessed(msgspec.Struct, array_like=True, gc=False):
    """Memories were listed in answers, some time ago and perhaps often."""

    ids: bytes  # [u64 high, u64 low]
    counts: bytes  # [u32]
    times: bytes  # [i64] of the last


class Configured(msgspec.Struct, array_like=True, gc=False):
    """The settings of the space from then on, all of them; see `SpaceSettings`."""

    at: int
    forgetting: str
    weights: bytes  # [f64]
    beta: float
    fast_hours: float
    slow_hours: float
    fast_share: float
    interference: bool
    priming: bool


class Suppressed(msgspec.Struct, array_like=True, gc=False):
    """Memories were hidden from every answer, or brought back."""

    ids: bytes  # [u64 high, u64 low]
    at: int
    hidden: bool


class Fulfilled(msgspec.Struct, array_like=True, gc=False):
    """Requests with a key were carried out by events that `Answered` has no field for.

    As there, both are one record. Each of `events` is a kind and a header; they bring no vectors.
    """

    at: int
    keys: bytes  # [u64 high, u64 low]
    bodies: bytes  # [u64]
    id_counts: bytes  # [u32]
    ids: bytes  # [u64 high, u64 low]
    created: bytes  # [u8] an id
    events: list[tuple[int, bytes]]


Event = (
    Remembered
    | SeenAgain
    | Forgotten
    | Reembedded
    | EmbedderAdopted
    | Answered
    | Erased
    | Revectored
    | Associated
    | Dissociated
    | Reviewed
    | Accessed
    | Configured
    | Suppressed
    | Consolidated
    | Linked
    | Fulfilled
    | LinkedLate
)
Vectors = bytes | memoryview

# The numbers are part of the format (docs/formats/events.md); they are never given again.
_KINDS: Final[dict[type[Event], int]] = {
    Remembered: 1,
    SeenAgain: 2,
    Forgotten: 3,
    Reembedded: 4,
    EmbedderAdopted: 5,
    Answered: 6,
    Erased: 7,
    Revectored: 8,
    Associated: 9,
    Dissociated: 10,
    Reviewed: 11,
    Accessed: 12,
    Configured: 13,
    Suppressed: 15,
    Consolidated: 16,
    Linked: 17,
    Fulfilled: 18,
    LinkedLate: 19,
}
_DECODERS: Final = {kind: msgpack_decoder(cls) for cls, kind in _KINDS.items()}
_ENCODER: Final = msgspec.msgpack.Encoder()


def encode(event: Event, vectors: Vectors = b"") -> tuple[int, list[bytes | memoryview]]:
    """Return the record kind and the payload as buffers to be written one after the other."""
    header = _ENCODER.encode(event)
    return _KINDS[type(event)], [_LENGTH.pack(len(header)), header, vectors]


def decode(kind: int, payload: bytes | memoryview) -> tuple[Event, memoryview]:
    """Return the event and its vectors; UnknownEvent or InvariantViolated when it is neither."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise UnknownEvent(kind)
    data = memoryview(payload)
    check(len(data) >= _LENGTH.size, "a record's payload begins with the length of its header")
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    check(end <= len(data), "a record's header ends within its payload")
    try:
        return decoder.decode(data[_LENGTH.size : end]), data[end:]
    except msgspec.MsgspecError as error:
        raise InvariantViolated(f"a record of kind {kind} has no such header: {error}") from error


def pack(event: Event) -> tuple[int, bytes]:
    """Return an event without vectors as an entry of `Fulfilled.events`."""
    return _KINDS[type(event)], _ENCODER.encode(event)


def unpack(kind: int, header: bytes) -> Event:
    """Return the event of such an entry; raises what `decode` does."""
    event, _ = decode(kind, _LENGTH.pack(len(header)) + header)
    return event
