"""What comes of commands, and the checks that all of them share."""

from __future__ import annotations

from typing import Final, NamedTuple

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


class Outcome(msgspec.Struct, frozen=True):
    """What became of one command: an id and whether it was created, or the refusal.

    `lsn` is where the first answer to a repeated request stands, 0 for what was decided now.
    """

    ids: tuple[MemoryId, ...] | NDArray[np.uint64] = ()
    created: tuple[bool, ...] | NDArray[np.bool_] = ()
    refusal: EngramError | None = None
    lsn: int = 0


class Decision(NamedTuple):
    """The events of a group with their vectors, and one outcome for each command taken."""

    events: list[tuple[Event, Vectors]]
    outcomes: list[Outcome]
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


def check_room(state: SpaceState, space: str, more: int) -> None:
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
