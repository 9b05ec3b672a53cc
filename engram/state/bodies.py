"""Bodies: the vector, the text and the metadata of each memory, wherever they are.

A row's scalar columns stay in RAM; its body is hot (in RAM, found by slot) or sealed (in an
immutable segment on disk, found by segment and offset). The column `place` says where the vector
is, the address columns where the text and the metadata are; they may differ for a while.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check
from engram.state.columns import Arena, PagedColumn, Pages, take

# A place with this bit set is segment << OFFSET_BITS | offset, without it a slot.
SEALED: Final = 1 << 31
OFFSET_BITS: Final = 16
OFFSET_MASK: Final = (1 << OFFSET_BITS) - 1
# A text address with this bit set is segment << TEXT_BITS | offset, without it one of an arena.
SEALED_TEXT: Final = 1 << 63
TEXT_BITS: Final = 40
TEXT_MASK: Final = (1 << TEXT_BITS) - 1
# The row of a sealed body whose memory is gone.
NO_ROW: Final = 0xFFFF_FFFF


class Sealed(Protocol):
    """An immutable segment of bodies. Its methods block and are for worker threads.

    They raise DurabilityError when what they read is damaged or cannot be read. Offsets count the
    bodies of the segment from 0; arrays of them are uint32[m].
    """

    @property
    def tier(self) -> str:
        """Return "warm" or "cold"."""

    @property
    def number(self) -> int:
        """The number its directory has."""

    @property
    def digest(self) -> bytes:
        """The blake3 digest of its index, and through it of every file."""

    @property
    def count(self) -> int:
        """How many bodies it holds, at most 65,536."""

    @property
    def norms(self) -> NDArray[np.float32]:
        """float32[count]: 1 over the length of each vector, 0 where there is none. Resident."""

    @property
    def centre(self) -> NDArray[np.float32]:
        """float32[D]: the centre of its sketches (engram.kernels.sketches). They are resident."""

    @property
    def signs(self) -> NDArray[np.uint8]:
        """uint8[ceil(count / 64), D / 8, 64]: the first bit a dimension of each sketch."""

    @property
    def magnitudes(self) -> NDArray[np.uint8]:
        """uint8[count, D / 8]: the second bit a dimension."""

    @property
    def factors(self) -> NDArray[np.float32]:
        """float32[3, count]: what turns products with the bits into cosines."""

    def vectors(self, offsets: NDArray[np.uint32]) -> NDArray[np.float32]:
        """Return float32[m, d] vectors as they were given."""

    def expect_vectors(self, offsets: NDArray[np.uint32]) -> None:
        """Say that `vectors` is about to be asked for these: several media reads may begin."""

    def read(self, offset: int, bytes_count: int) -> bytes:
        """Return bytes of its texts, as they were before any compression."""

    def expect_text(self, offset: int, bytes_count: int) -> None:
        """Say that `read` is about to be asked for these bytes."""

    @property
    def resident_bytes(self) -> int:
        """Bytes it holds in RAM, caches aside."""


class SealedPart(NamedTuple):
    """A segment as one space sees it.

    `rows` uint32[count] is the row of each body, NO_ROW where the memory is gone; `live` is a
    bitmap uint8[ceil(count / 8)], least significant bit first, of the bodies whose vector is still
    this one, None for all.
    """

    segment: Sealed
    rows: NDArray[np.uint32]
    live: NDArray[np.uint8] | None = None

    def without_vectors(self) -> SealedPart:
        """Return the part with its vectors void: only its texts are still looked at."""
        return self._replace(live=np.zeros((len(self.rows) + 7) // 8, np.uint8))


class HotView(msgspec.Struct, frozen=True):
    """The bodies in RAM at one moment; slots at and beyond `count` are not to be looked at."""

    count: int
    slots_are_rows: bool
    rows: Pages
    vectors: Pages
    norms: Pages
    contents: Arena
    metadata: Arena
    layout: object = None


class HotBodies:
    """The bodies in RAM: rows, vectors and inverse norms by slot, texts in arenas.

    Changed by `apply`, which adds at the end, and replaced whole when bodies move. `layout` is
    another object after anything but adding, so that what was prepared for the old one is known.
    """

    def __init__(self) -> None:
        self.rows = PagedColumn("u4")
        self.vectors: PagedColumn | None = None
        self.norms = PagedColumn("f4")
        self.contents = Arena()
        self.metadata = Arena()
        self.slots_are_rows = True
        self.layout = object()

    @property
    def count(self) -> int:
        """How many slots are taken."""
        return self.rows.count

    def view(self) -> HotView:
        """Return what a reader may hold while slots are added."""
        return HotView(
            count=self.rows.count,
            slots_are_rows=self.slots_are_rows,
            rows=self.rows.view(),
            vectors=() if self.vectors is None else self.vectors.view(),
            norms=self.norms.view(),
            contents=self.contents,
            metadata=self.metadata,
            layout=self.layout,
        )

    def vector_column(self, dimensions: int) -> PagedColumn:
        """Return the column of vectors, made with zeros for the slots before the first vector."""
        if self.vectors is None:
            self.vectors = PagedColumn("f4", dimensions)
            self.vectors.append_zeros(self.norms.count)
        check(self.vectors.width == dimensions, "all vectors of a space have one length")
        return self.vectors

    def wipe_vector(self, slot: int) -> None:
        """Overwrite the vector in a slot; it is compared with nothing from now on."""
        self.norms.set(np.array([slot]), 0)
        if self.vectors is not None:
            self.vectors.set(np.array([slot]), 0)

    @property
    def resident_bytes(self) -> int:
        """Bytes of columns and arenas."""
        columns = [self.rows, self.norms]
        if self.vectors is not None:
            columns.append(self.vectors)
        texts = self.contents.resident_bytes + self.metadata.resident_bytes
        return sum(column.resident_bytes for column in columns) + texts


def read_text(
    arena: Arena, sealed: tuple[SealedPart | None, ...], address: int, bytes_count: int
) -> bytes | bytearray:
    """Return the bytes at a text address, from the arena or from a sealed segment."""
    if not address & SEALED_TEXT:
        return arena.read(address, bytes_count)
    if not bytes_count:
        return b""
    part = sealed[(address & ~SEALED_TEXT) >> TEXT_BITS]
    check(part is not None, "a text address names a segment that is there")
    return part.segment.read(address & TEXT_MASK, bytes_count)  # type: ignore[union-attr]


def expect_text(sealed: tuple[SealedPart | None, ...], address: int, bytes_count: int) -> None:
    """Say that `read_text` is about to be called so; nothing for what is in RAM."""
    if address & SEALED_TEXT and bytes_count:
        part = sealed[(address & ~SEALED_TEXT) >> TEXT_BITS]
        check(part is not None, "a text address names a segment that is there")
        part.segment.expect_text(address & TEXT_MASK, bytes_count)  # type: ignore[union-attr]


def vectors_at(
    hot: HotView,
    sealed: tuple[SealedPart | None, ...],
    places: NDArray[np.uint32],
    dimensions: int,
) -> NDArray[np.float32]:
    """Return float32[m, d]: the vector at each place, zeros where there is none."""
    out = np.zeros((len(places), dimensions), np.float32)
    # One that was sealed before the space had any vector has none.
    chosen = [
        (part, inside, offsets)
        for part, inside, offsets in _by_part(sealed, places)
        if part is None or part.segment.signs.shape[1]
    ]
    for part, _, offsets in chosen:
        if part is not None:
            part.segment.expect_vectors(offsets)
    for part, inside, offsets in chosen:
        if part is not None:
            out[inside] = part.segment.vectors(offsets)
        elif hot.vectors:
            out[inside] = take(hot.vectors, offsets)
    return out


def norms_at(
    hot: HotView, sealed: tuple[SealedPart | None, ...], places: NDArray[np.uint32]
) -> NDArray[np.float32]:
    """Return float32[m]: the inverse norm at each place, 0 where there is no vector."""
    out = np.zeros(len(places), np.float32)
    for part, inside, offsets in _by_part(sealed, places):
        out[inside] = take(hot.norms, offsets) if part is None else part.segment.norms[offsets]
    return out


def _by_part(
    sealed: tuple[SealedPart | None, ...], places: NDArray[np.uint32]
) -> list[tuple[SealedPart | None, NDArray[Any], NDArray[np.uint32]]]:
    """Return places sorted out by segment (None: hot): which of them, and their slots or offsets.

    Offsets of one segment come in ascending order, so that a reader can take runs.
    """
    if not len(places):
        return []
    if not sealed:
        return [(None, np.arange(len(places)), places)]
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    owners = np.where(ordered & np.uint32(SEALED), ordered >> np.uint32(OFFSET_BITS), 0)
    starts = np.flatnonzero(np.diff(owners.astype(np.int64), prepend=-1)).tolist()
    found: list[tuple[SealedPart | None, NDArray[Any], NDArray[np.uint32]]] = []
    for start, end in zip(starts, [*starts[1:], len(owners)], strict=True):
        chosen = ordered[start:end]
        if not int(chosen[0]) & SEALED:
            found.append((None, order[start:end], chosen))
            continue
        part = sealed[(int(chosen[0]) & ~SEALED) >> OFFSET_BITS]
        check(part is not None, "a place names a segment that is there")
        found.append((part, order[start:end], chosen & np.uint32(OFFSET_MASK)))
    return found
