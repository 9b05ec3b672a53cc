"""Deciding about a group of lone commands: many callers' single writes, as one set of columns."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, cast

import numpy as np

from engram.model.collecting import collect
from engram.model.commands import Command, Forget, Remember, Request
from engram.model.errors import (
    DimensionMismatch,
    EmbedderMismatch,
    EngramError,
)
from engram.model.events import Event, Forgotten, Revectored, SeenAgain, Vectors
from engram.model.ids import MemoryId, mint_id
from engram.state.batches import mint_ids, remembered
from engram.state.bodies import SEALED_TEXT
from engram.state.columns import take
from engram.state.concepts import is_formed
from engram.state.current import not_found
from engram.state.effects import Effects
from engram.state.outcomes import (
    GIVEN,
    Decision,
    FreshOutcomes,
    Outcome,
    answered_before,
    check_room,
    settle_embedder,
)
from engram.state.plain import decide_plain
from engram.state.reconsolidation import carry_strength
from engram.state.space import HAS_VECTOR, SpaceState

_ID: Final = struct.Struct("<QQ")
_CREATED: Final = (True,)
_SEEN: Final = (False,)
# Below 16 commands a look at each is cheaper than one in columns (design: a group of one costs 16
# us as rows and 49 as columns).
_COLUMNS_MIN: Final = 16


def raw_ids(ids: Sequence[MemoryId]) -> bytes:
    """Return ids as the events hold them."""
    return b"".join([_ID.pack(*each) for each in ids])


def may_block(state: SpaceState, commands: Sequence[Command]) -> bool:
    """Whether deciding must read a sealed segment: a text may be known, and its body is on disk."""
    if not state.sealed:
        return False
    keys = [command.content_key for command in commands if type(command) is Remember]
    rows = state.content_keys.find_many(np.array(keys, np.uint64))
    rows = rows[(rows >= 0) & (np.array(keys, np.uint64) != 0)]
    if not len(rows):
        return False
    addresses = take(tuple(state.columns["content_address"].pages), rows)
    return bool((addresses & np.uint64(SEALED_TEXT)).any())


class LoneGroup:
    """One group of lone commands on its way to events."""

    def __init__(self, state: SpaceState, space: str, now: int) -> None:
        self._state, self._space, self._now = state, space, now
        self._embedder, self._dimensions = "", 0
        self._accepted: tuple[str, int] | None = None
        self._fresh: list[Remember] = []
        self._fresh_ids: list[MemoryId] = []
        self._by_key: dict[int, int] = {}
        self._seen: list[MemoryId | int] = []
        self._revectored: dict[MemoryId, Remember] = {}
        self._forgotten: dict[MemoryId, int] = {}
        self._superseded: dict[MemoryId, int] = {}
        # Of a memory that is fresh its place among the fresh ones, of one that is fresh and seen
        # again the complement of that: their ids are made at the end, all at once.
        self._results: list[Outcome | int] = []
        self._asked: dict[tuple[int, int], tuple[Request, int]] = {}

    def decide(self, commands: Sequence[Command]) -> Decision:
        """Return what becomes of the commands, up to the first that has to wait."""
        if len(commands) >= _COLUMNS_MIN:
            plain = decide_plain(self._state, self._space, commands, self._now)
            if plain is not None:
                return plain
        suspects = _suspects(self._state, commands)
        if len(commands) >= _COLUMNS_MIN and self._all_fresh(commands, suspects):
            return self._decide_fresh(cast("Sequence[Remember]", commands))
        taken = 0
        for command in commands:
            if type(command) is not Remember and type(command) is not Forget:
                break
            request = command.request
            if request is not None and request.key in self._asked:
                break
            result: Outcome | int | None = answered_before(self._state, request, self._now)
            if result is None:
                if type(command) is Remember:
                    result = self._remember(command, suspected=suspects[taken])
                elif type(command) is Forget and not self._touched(command.memory):
                    result = self._forget(command)
                if result is None:
                    break
                if request is not None:
                    self._asked[request.key] = (request, taken)
            self._results.append(result)
            taken += 1
        ids = self._ids()
        outcomes = [_outcome(result, ids) for result in self._results]
        return Decision(self._events(outcomes), outcomes, taken)

    def _decide_fresh(self, commands: Sequence[Remember]) -> Decision:
        """Return the one event that stores them all, in columns throughout."""
        batch = collect(commands, self._embedder, self._dimensions)
        minted = mint_ids(self._now, batch.chance)
        raw = minted.astype("<u8", copy=False).tobytes()
        event = remembered(batch, raw, self._now, self._state.settings.weights)
        return Decision([(event, batch.vectors)], FreshOutcomes(raw), batch.count)

    def _all_fresh(self, commands: Sequence[Command], suspects: Sequence[bool]) -> bool:
        """Whether no command needs a look of its own: all are new texts, their vectors alike."""
        if any(suspects):
            return False
        keys = {
            command.content_key
            for command in commands
            if type(command) is Remember and command.request is None and not _corrects(command)
        }
        if len(keys) < len(commands) or 0 in keys:
            return False
        fresh = cast("Sequence[Remember]", commands)
        vectors = {(command.embedder, len(command.vector)) for command in fresh}
        if len(vectors) > 1:
            return False
        embedder, vector_bytes = vectors.pop()
        try:
            check_room(self._state, self._space, len(commands))
            if vector_bytes:
                self._settle(embedder, vector_bytes)
        except EngramError:
            return False  # whom it concerns is found out one by one
        return True

    def _remember(self, command: Remember, *, suspected: bool) -> Outcome | int | None:
        """Return what becomes of the command; None when it waits for what this group stores."""
        key = command.content_key
        corrected = _corrects(command)
        if corrected is not None:
            return self._correct(command, corrected)
        if key:
            twin = self._twin(command) if key in self._by_key else None
            if twin is not None:
                if command.vector and not self._fresh[twin].vector:
                    return None
                self._seen.append(twin)
                return ~twin
            row = self._stored(command) if suspected else None
            if row is not None:
                return self._again(row, command)
        return self._store(command)

    def _correct(self, command: Remember, memory: MemoryId) -> Outcome | int | None:
        """Let the command take the place of a memory, even if the same is known elsewhere."""
        if memory in self._forgotten or self._touched(memory):
            return None
        row = self._state.row_of(*memory, self._now)
        ends = self._forgotten or self._superseded
        if row is not None and ends and is_formed(self._state, row):
            return None  # a concept may end with one of these
        if row is None:
            return Outcome(refusal=self._not_found(memory))
        stored = self._store(command, replaces=True)
        if isinstance(stored, int):
            self._superseded[memory] = row
        return stored

    def _store(self, command: Remember, *, replaces: bool = False) -> Outcome | int:
        """Store a fresh memory, if it fits; it may take the place of another."""
        try:
            ends = len(self._superseded) + len(self._forgotten) + replaces
            check_room(self._state, self._space, len(self._fresh) + 1, ends)
            if command.vector and (command.embedder, len(command.vector)) != self._accepted:
                self._settle(command.embedder, len(command.vector))
        except EngramError as refusal:
            return Outcome(refusal=refusal)
        place = len(self._fresh)
        self._fresh.append(command)
        if command.content_key:
            self._by_key.setdefault(command.content_key, place)
        return place

    def _twin(self, command: Remember) -> int | None:
        """Return the place of the fresh memory with this content, None when only keys agree."""
        first = self._by_key[command.content_key]
        for place in range(first, len(self._fresh)):
            fresh = self._fresh[place]
            if fresh.content_key == command.content_key and fresh.content == command.content:
                return place
        return None

    def _settle(self, embedder: str, vector_bytes: int) -> None:
        """Refuse a vector that differs from the space's, or from the group's first in a new one."""
        dimensions = vector_bytes // 4
        if self._dimensions and dimensions != self._dimensions:
            raise DimensionMismatch(dimensions, self._dimensions, self._space)
        settled = settle_embedder(self._state, self._space, embedder, dimensions)
        if self._embedder and settled not in (self._embedder, GIVEN):
            raise EmbedderMismatch(self._space, self._embedder, settled)
        if not self._embedder:
            self._embedder, self._dimensions = settled, dimensions
        self._accepted = (embedder, vector_bytes)

    def _stored(self, command: Remember) -> int | None:
        row = self._state.row_with_content(command.content_key, command.content, self._now)
        gone = row in self._forgotten.values() or row in self._superseded.values()
        return None if gone else row

    def _again(self, row: int, command: Remember) -> Outcome:
        """See a stored memory again; it takes the vector given with it if it has none."""
        columns = self._state.columns
        known = MemoryId(int(columns["id_high"].value(row)), int(columns["id_low"].value(row)))
        bare = command.vector and not int(columns["flags"].value(row)) & HAS_VECTOR
        if bare and known not in self._revectored:
            try:
                self._settle(command.embedder, len(command.vector))
            except EngramError as refusal:
                return Outcome(refusal=refusal)
            self._revectored[known] = command
        self._seen.append(known)
        return Outcome((known,), _SEEN)

    def _touched(self, memory: MemoryId) -> bool:
        """Whether this group stores, sees again or supersedes the memory: it is asked after it."""
        return memory in self._seen or memory in self._superseded or memory in self._ids()

    def _forget(self, command: Forget) -> Outcome:
        row = self._state.row_of(*command.memory, self._now)
        if row is None or command.memory in self._forgotten:
            return Outcome(refusal=self._not_found(command.memory))
        self._forgotten[command.memory] = row
        return Outcome((command.memory,), _SEEN)

    def _not_found(self, memory: MemoryId) -> EngramError:
        return not_found(self._state.view(), self._space, memory, self._now)

    def _ids(self) -> list[MemoryId]:
        """Return the ids of all fresh memories, in their order."""
        ids = self._fresh_ids
        first = len(ids)
        chances = [command.chance for command in self._fresh[first:]]
        if len(chances) < _COLUMNS_MIN:
            ids += [mint_id(self._now + n, chance) for n, chance in enumerate(chances, first)]
        else:
            minted = mint_ids(self._now + first, b"".join(chances))
            ids += map(MemoryId._make, minted.tolist())
        return ids

    def _events(self, outcomes: list[Outcome]) -> list[tuple[Event, Vectors]]:
        effects = Effects()
        if self._forgotten:
            effects.forgotten = Forgotten(raw_ids(list(self._forgotten)), self._now)
        if self._fresh:
            batch = collect(self._fresh, self._embedder, self._dimensions)
            weights = self._state.settings.weights
            effects.remembered = remembered(batch, raw_ids(self._fresh_ids), self._now, weights)
            effects.vectors = batch.vectors
            if self._superseded:
                carry_strength(self._state, effects.remembered, self._now)
        if self._revectored:
            given = list(self._revectored.values())
            effects.revectored = Revectored(
                raw_ids(list(self._revectored)),
                self._embedder,
                self._dimensions,
                np.array([command.inverse_norm for command in given], "<f4").tobytes(),
            )
            effects.revectored_vectors = b"".join([command.vector for command in given])
        if self._seen:
            ids = self._fresh_ids
            seen = [ids[each] if isinstance(each, int) else each for each in self._seen]
            effects.seen = SeenAgain(raw_ids(seen), self._now)
        asked = [(request, outcomes[place]) for request, place in self._asked.values()]
        return effects.events(self._now, [each for each in asked if each[1].refusal is None])


def _corrects(command: Remember) -> MemoryId | None:
    return None if command.particulars is None else command.particulars.supersedes


def _outcome(result: Outcome | int, ids: list[MemoryId]) -> Outcome:
    if isinstance(result, Outcome):
        return result
    return Outcome((ids[result],), _CREATED) if result >= 0 else Outcome((ids[~result],), _SEEN)


def _suspects(state: SpaceState, commands: Sequence[Command]) -> list[bool]:
    """Return for each command whether a memory with its content may be stored already."""
    if len(commands) < _COLUMNS_MIN:
        return [True] * len(commands)
    keys = [command.content_key if type(command) is Remember else 0 for command in commands]
    found: list[bool] = (state.content_keys.find_many(np.array(keys, np.uint64)) >= 0).tolist()
    return found
