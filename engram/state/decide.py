"""Decide: turn commands into events, with every number settled, or refuse.

Decide reads the state and changes nothing. It is handed the time. A command that touches a memory
the same group is about to store must wait for the next group (`Decision.taken` says how many
commands were decided).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.commands import (
    AdoptEmbedder,
    Command,
    Erase,
    Forget,
    Reembed,
    Remember,
    RememberBatch,
    collect,
)
from engram.model.errors import (
    Conflict,
    DimensionMismatch,
    EmbedderMismatch,
    EngramError,
    InvalidRequest,
    MemoryNotFound,
    Overloaded,
    VectorsWouldBeLost,
)
from engram.model.events import (
    EmbedderAdopted,
    Erased,
    Event,
    Forgotten,
    Reembedded,
    SeenAgain,
    Vectors,
)
from engram.model.ids import MemoryId, mint_id
from engram.model.limits import SPACE_MEMORIES_MAX
from engram.state.batches import decide_batch, remembered
from engram.state.space import ALIVE, HAS_VECTOR, SpaceState, View

# The embedder of vectors that a caller made and did not name.
GIVEN: Final = "given"
_ID: Final = struct.Struct("<QQ")


class Outcome(NamedTuple):
    """What became of one command: an id and whether it was created, or the refusal."""

    ids: tuple[MemoryId, ...] | NDArray[np.uint64] = ()
    created: tuple[bool, ...] | NDArray[np.bool_] = ()
    refusal: EngramError | None = None


class Decision(NamedTuple):
    """The events of a group with their vectors, and one outcome for each command taken."""

    events: list[tuple[Event, Vectors]]
    outcomes: list[Outcome]
    taken: int


def decide(state: SpaceState, space: str, commands: Sequence[Command], now: int) -> Decision:
    """Return the events that carry out `commands` at wall time `now` (nanoseconds).

    A bulk command is decided alone. Recorded times are `now`, or just after the last one if the
    clock went back.
    """
    first = commands[0]
    now = max(now, state.recorded_last + 1)
    if isinstance(first, Remember | Forget):
        return _Group(state, space, now).decide(commands)
    try:
        if isinstance(first, RememberBatch):
            check_room(state, space, first.count)
            settled = settle_embedder(state, space, first.embedder, first.dimensions)
            batch = msgspec.structs.replace(first, embedder=settled)
            events, ids, created = decide_batch(state, batch, now)
            return Decision(events, [Outcome(ids, created)], 1)
        if isinstance(first, Erase):
            return _erased(state, space, first, now)
        if isinstance(first, Reembed):
            return Decision([_reembedded(state, space, first)], [Outcome()], 1)
        return Decision([(_adopted(state, first, now), b"")], [Outcome()], 1)
    except EngramError as refusal:
        return Decision([], [Outcome(refusal=refusal)], 1)


class _Group:
    """One group of lone commands on its way to events."""

    def __init__(self, state: SpaceState, space: str, now: int) -> None:
        self._state, self._space, self._now = state, space, now
        self._embedder, self._dimensions = "", 0
        self._fresh: list[Remember] = []
        self._fresh_ids: list[MemoryId] = []
        self._by_content: dict[tuple[int, bytes], MemoryId] = {}
        self._seen: list[MemoryId] = []
        self._forgotten: dict[MemoryId, int] = {}
        self._outcomes: list[Outcome] = []

    def decide(self, commands: Sequence[Command]) -> Decision:
        taken = 0
        for command in commands:
            if isinstance(command, Remember):
                self._outcomes.append(self._remember(command))
            elif isinstance(command, Forget):
                if command.memory in self._fresh_ids or command.memory in self._seen:
                    break
                self._outcomes.append(self._forget(command))
            else:
                break
            taken += 1
        return Decision(self._events(), self._outcomes, taken)

    def _remember(self, command: Remember) -> Outcome:
        state = self._state
        key = command.content_key
        if key:
            known = self._by_content.get((key, command.content)) or self._stored(command)
            if known is not None:
                self._seen.append(known)
                return Outcome((known,), (False,))
        try:
            check_room(state, self._space, len(self._fresh) + 1)
            if command.vector:
                self._settle(command.embedder, len(command.vector) // 4)
        except EngramError as refusal:
            return Outcome(refusal=refusal)
        minted = mint_id(self._now + len(self._fresh), command.chance)
        self._fresh.append(command)
        self._fresh_ids.append(minted)
        if key:
            self._by_content[key, command.content] = minted
        return Outcome((minted,), (True,))

    def _settle(self, embedder: str, dimensions: int) -> None:
        """Refuse a vector that differs from the space's, or from the group's first in a new one."""
        if self._dimensions and dimensions != self._dimensions:
            raise DimensionMismatch(dimensions, self._dimensions, self._space)
        settled = settle_embedder(self._state, self._space, embedder, dimensions)
        if self._embedder and settled not in (self._embedder, GIVEN):
            raise EmbedderMismatch(self._space, self._embedder, settled)
        if not self._embedder:
            self._embedder, self._dimensions = settled, dimensions

    def _stored(self, command: Remember) -> MemoryId | None:
        row = self._state.row_with_content(command.content_key, command.content)
        if row is None or row in self._forgotten.values():
            return None
        columns = self._state.columns
        return MemoryId(int(columns["id_high"].value(row)), int(columns["id_low"].value(row)))

    def _forget(self, command: Forget) -> Outcome:
        row = self._state.row_of(*command.memory)
        if row is None or command.memory in self._forgotten:
            return Outcome(refusal=MemoryNotFound(str(command.memory), self._space))
        self._forgotten[command.memory] = row
        return Outcome((command.memory,), (False,))

    def _events(self) -> list[tuple[Event, Vectors]]:
        events: list[tuple[Event, Vectors]] = []
        if self._forgotten:
            events.append((Forgotten(_raw(list(self._forgotten)), self._now), b""))
        if self._fresh:
            batch = collect(self._fresh, self._embedder, self._dimensions)
            event = remembered(batch, _raw(self._fresh_ids), self._now)
            events.append((event, batch.vectors))
        if self._seen:
            events.append((SeenAgain(_raw(self._seen), self._now), b""))
        return events


def _raw(ids: Sequence[MemoryId]) -> bytes:
    return b"".join([_ID.pack(*each) for each in ids])


def check_room(state: SpaceState, space: str, more: int) -> None:
    """Refuse with Overloaded when `more` rows would not fit the space."""
    if state.count + more > SPACE_MEMORIES_MAX:
        raise Overloaded(f"the capacity of memory space {space!r}", SPACE_MEMORIES_MAX)


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


def _erased(state: SpaceState, space: str, command: Erase, now: int) -> Decision:
    """Erase what is not erased yet; a repeated erasure has nothing to do and is none the worse."""
    wanted = dict.fromkeys(command.memories)
    fresh = [each for each in wanted if not state.erasures.holds(*each)]
    for each in fresh:
        if state.row_with_id(*each) is None:
            raise MemoryNotFound(str(each), space)
    outcome = Outcome(tuple(wanted), tuple(each in fresh for each in wanted))
    return Decision([(Erased(_raw(fresh), now), b"")] if fresh else [], [outcome], 1)


def _reembedded(state: SpaceState, space: str, command: Reembed) -> tuple[Event, Vectors]:
    for high, low in np.frombuffer(command.ids, "<u8").reshape(-1, 2).tolist():
        if state.row_of(high, low) is None:
            raise MemoryNotFound(str(MemoryId(high, low)), space)
    event = Reembedded(command.ids, command.embedder, command.dimensions, command.inverse_norms)
    return event, command.vectors


def vectors_without_text(view: View) -> int:
    """Return how many living memories have a vector and no text to make another one from."""
    flags, content_bytes = _flags_and_bytes(view)
    held = (flags & (ALIVE | HAS_VECTOR)) == (ALIVE | HAS_VECTOR)
    return int(np.count_nonzero(held & (content_bytes == 0)))


def _flags_and_bytes(view: View) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    rows = np.arange(view.count)
    if not len(rows):
        return np.zeros(0, np.uint8), np.zeros(0, np.uint32)
    return view.gather("flags", rows), view.gather("content_bytes", rows)


def _adopted(state: SpaceState, command: AdoptEmbedder, now: int) -> Event:
    staged, view = state.staged.get(command.embedder), state.view()
    flags, content_bytes = _flags_and_bytes(view)
    wanted = ((flags & ALIVE) != 0) & (content_bytes > 0)
    if staged is not None:
        wanted &= ~staged.present(view.count)
    missing = int(np.count_nonzero(wanted))
    if missing:
        raise Conflict(
            f"{missing} memories have no vector of embedder {command.embedder!r} yet; "
            "embed them first"
        )
    textless = vectors_without_text(view)
    if textless:
        raise VectorsWouldBeLost(textless, command.embedder)
    if staged is not None and staged.dimensions != command.dimensions:
        raise InvalidRequest(f"embedder {command.embedder!r} was staged with another length")
    return EmbedderAdopted(command.embedder, command.dimensions, now)
