"""What comes of commands, and the checks that all of them share."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.commands import Request
from engram.model.errors import (
    Conflict,
    DimensionMismatch,
    EmbedderMismatch,
    EngramError,
    Overloaded,
)
from engram.model.events import Event, Vectors
from engram.model.ids import MemoryId
from engram.state.space import SpaceState

# The embedder of vectors that a caller made and did not name.
GIVEN: Final = "given"
_ID: Final = struct.Struct("<QQ")
_CREATED: Final = (True,)
# Where the 32 digits of an id stand in its text, between the dashes.
_DIGIT_PLACES: Final = np.array([place for place in range(36) if place not in {8, 13, 18, 23}])
_TEXT_CHARACTERS: Final = 36


class Outcome(msgspec.Struct, frozen=True):
    """What became of one command: an id and whether it was created, or the refusal.

    `lsn` is where the first answer to a repeated request stands, 0 for what was decided now.
    """

    ids: tuple[MemoryId, ...] | NDArray[np.uint64] = ()
    created: tuple[bool, ...] | NDArray[np.bool_] = ()
    refusal: EngramError | None = None
    lsn: int = 0


class FreshOutcomes(Sequence[Outcome]):
    """The outcomes of commands that each stored a memory; made when they are looked at.

    Takes the halves of the ids as raw little-endian u64: high, low.
    """

    __slots__ = ("_ids", "_texts")

    def __init__(self, ids: bytes) -> None:
        self._ids = ids
        self._texts: str | None = None

    def __len__(self) -> int:
        """Return how many memories were stored."""
        return len(self._ids) // _ID.size

    @overload
    def __getitem__(self, position: int) -> Outcome: ...

    @overload
    def __getitem__(self, position: slice) -> list[Outcome]: ...

    def __getitem__(self, position: int | slice) -> Outcome | list[Outcome]:
        """Return one outcome, or a run of them."""
        if isinstance(position, slice):
            return list(self)[position]
        at = range(len(self))[position]
        return Outcome((MemoryId(*_ID.unpack_from(self._ids, at * _ID.size)),), _CREATED)

    def __iter__(self) -> Iterator[Outcome]:
        """Iterate over the outcomes."""
        return (Outcome((MemoryId(*each),), _CREATED) for each in _ID.iter_unpack(self._ids))

    def id_text(self, position: int) -> str:
        """Return the id of a memory in the canonical text form; all are written out together."""
        if self._texts is None:
            self._texts = _texts(self._ids)
        return self._texts[_TEXT_CHARACTERS * position : _TEXT_CHARACTERS * (position + 1)]


def _texts(ids: bytes) -> str:
    """Return the texts of raw ids, one after the other."""
    digits = np.frombuffer(ids, "<u8").astype(">u8").tobytes().hex().encode()
    texts = np.full((len(ids) // _ID.size, _TEXT_CHARACTERS), ord("-"), np.uint8)
    texts[:, _DIGIT_PLACES] = np.frombuffer(digits, np.uint8).reshape(len(texts), -1)
    return texts.tobytes().decode()


class Decision(NamedTuple):
    """The events of a group with their vectors, and one outcome for each command taken."""

    events: list[tuple[Event, Vectors]]
    outcomes: Sequence[Outcome]
    taken: int


def answered_before(state: SpaceState, request: Request | None, now: int) -> Outcome | None:
    """Return what a request was answered with before `now`, None for a new one.

    A key that came with another body is refused with Conflict.
    """
    answer = None if request is None else state.request_keys.find(request.key, now)
    if answer is None or request is None:
        return None
    if answer.body != request.body:
        return Outcome(
            refusal=Conflict(
                "this request key came with another request before; repeat that request word for "
                "word to get its answer, or choose a new key"
            )
        )
    if len(answer.ids) == 1:
        high, low = answer.ids[0].tolist()
        return Outcome((MemoryId(high, low),), (bool(answer.created[0]),), lsn=answer.lsn)
    return Outcome(answer.ids, answer.created, lsn=answer.lsn)


def check_room(state: SpaceState, space: str, more: int, ending: int = 0) -> None:
    """Refuse what would not fit the space: `more` memories, some of which end `ending` others.

    Overloaded names the capacity, QuotaReached the quota.
    """
    check_capacity(state, space, more)
    if state.check_quotas is not None:
        state.check_quotas(state, space, more, ending)


def check_capacity(state: SpaceState, space: str, more: int) -> None:
    """Refuse with Overloaded when `more` rows would not fit the space."""
    if state.count + more > state.cold_capacity:
        raise Overloaded(f"cold_capacity of memory space {space!r}", state.cold_capacity)


def settle_embedder(state: SpaceState, space: str, embedder: str, dimensions: int) -> str:
    """Return whose vectors these are; refuse those that cannot be compared with the space's."""
    if not dimensions:
        return embedder
    if not state.dimensions:
        return embedder or GIVEN
    if dimensions != state.dimensions:
        raise DimensionMismatch(dimensions, state.dimensions, space)
    if embedder and embedder != state.embedder:
        raise EmbedderMismatch(space, state.embedder, embedder)
    return state.embedder
