"""Decide: turn commands into events, with every number settled, or refuse.

Decide reads the state and changes nothing. It is handed the time. A command that touches a memory
the same group is about to store must wait for the next group (`Decision.taken` says how many
commands were decided).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.commands import (
    AdoptEmbedder,
    Associate,
    Command,
    Configure,
    Consolidate,
    Dissociate,
    EndExpired,
    Erase,
    Forget,
    Link,
    RecordAccesses,
    Reembed,
    Remember,
    RememberBatch,
    Review,
    Suppress,
)
from engram.model.errors import (
    Conflict,
    EngramError,
    InvalidRequest,
    MemoryNotFound,
    VectorsWouldBeLost,
)
from engram.model.events import (
    EmbedderAdopted,
    Erased,
    Reembedded,
)
from engram.model.ids import MemoryId
from engram.state.batches import decide_batch
from engram.state.concepts import citing
from engram.state.current import id_of
from engram.state.decide_concepts import decide_consolidate
from engram.state.decide_edges import decide_associate, decide_dissociate
from engram.state.decide_linking import decide_link
from engram.state.decide_strength import decide_strength
from engram.state.expiry import ended
from engram.state.lone import LoneGroup, raw_ids
from engram.state.outcomes import (
    Decision,
    Outcome,
    answered_before,
    check_room,
    settle_embedder,
)
from engram.state.space import ALIVE, HAS_VECTOR, SpaceState, View


def decide(state: SpaceState, space: str, commands: Sequence[Command], now: int) -> Decision:
    """Return the events that carry out `commands` at wall time `now` (nanoseconds).

    A bulk command is decided alone. Recorded times are `now`, or just after the last one if the
    clock went back.
    """
    first = commands[0]
    now = max(now, state.recorded_last + 1, state.request_keys.last_at)
    if isinstance(first, Remember | Forget):
        return LoneGroup(state, space, now).decide(commands)
    try:
        return _ALONE[type(first)](state, space, first, now)
    except EngramError as refusal:
        return Decision([], [Outcome(refusal=refusal)], 1)


def _remembered(state: SpaceState, space: str, command: RememberBatch, now: int) -> Decision:
    answered = answered_before(state, command.request, now)
    if answered is not None:
        return Decision([], [answered], 1)
    check_room(state, space, command.count)
    settled = settle_embedder(state, space, command.embedder, command.dimensions)
    batch = msgspec.structs.replace(command, embedder=settled)
    effects, ids, created = decide_batch(state, batch, now)
    outcome = Outcome(ids, created)
    answers = [] if command.request is None else [(command.request, outcome)]
    return Decision(effects.events(now, answers), [outcome], 1)


def _erased(state: SpaceState, space: str, command: Erase, now: int) -> Decision:
    """Erase what is not erased yet; a repeated erasure has nothing to do and is none the worse."""
    wanted = dict.fromkeys(command.memories)
    found = {each: state.row_with_id(*each) for each in wanted}
    fresh = {each: row for each, row in found.items() if row is not None}
    gone = [each for each in wanted if each not in fresh and not state.erasures.holds(*each)]
    if gone and not command.gone_too:
        raise MemoryNotFound(str(gone[0]), space)
    outcome = Outcome(tuple(wanted), tuple(each in fresh or each in gone for each in wanted))
    concepts = _concepts_from(state, fresh)
    ids = [*fresh, *gone, *concepts, *_earlier_versions(state, fresh | concepts)]
    return Decision([(Erased(raw_ids(ids), now), b"")] if ids else [], [outcome], 1)


def _concepts_from(state: SpaceState, rows: dict[MemoryId, int]) -> dict[MemoryId, int]:
    """Return the concepts formed from memories, and their rows: they may say what those say."""
    concepts = {each for row in rows.values() for each in citing(state, row)}
    found = {id_of(state.view(), row): row for row in sorted(concepts)}
    return {memory: row for memory, row in found.items() if memory not in rows}


def _earlier_versions(state: SpaceState, rows: dict[MemoryId, int]) -> list[MemoryId]:
    """Return what the memories superseded and was not erased: that is what they once were."""
    found: dict[MemoryId, None] = {}
    columns = state.columns
    for row in rows.values():
        older = state.corrections.older(row)
        while older is not None:
            memory = MemoryId(*(int(columns[half].value(older)) for half in ("id_high", "id_low")))
            if memory not in rows and state.row_with_id(*memory) is not None:
                found[memory] = None
            older = state.corrections.older(older)
    return list(found)


def _reembedded(state: SpaceState, space: str, command: Reembed, now: int) -> Decision:  # noqa: ARG001
    for high, low in np.frombuffer(command.ids, "<u8").reshape(-1, 2).tolist():
        if state.row_of(high, low) is None:
            raise MemoryNotFound(str(MemoryId(high, low)), space)
    event = Reembedded(command.ids, command.embedder, command.dimensions, command.inverse_norms)
    return Decision([(event, command.vectors)], [Outcome()], 1)


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


def _adopted(state: SpaceState, space: str, command: AdoptEmbedder, now: int) -> Decision:  # noqa: ARG001
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
    event = EmbedderAdopted(command.embedder, command.dimensions, now)
    return Decision([(event, b"")], [Outcome()], 1)


_Decide = Callable[[SpaceState, str, Any, int], Decision]

# Of each command that forms a group of its own.
_ALONE: Final[Mapping[type[Command], _Decide]] = {
    RememberBatch: _remembered,
    Erase: _erased,
    EndExpired: lambda state, _space, _command, now: ended(state, now),
    Reembed: _reembedded,
    AdoptEmbedder: _adopted,
    Associate: decide_associate,
    Dissociate: decide_dissociate,
    Link: decide_link,
    Consolidate: decide_consolidate,
    Review: decide_strength,
    RecordAccesses: decide_strength,
    Configure: decide_strength,
    Suppress: decide_strength,
}
