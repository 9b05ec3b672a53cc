"""Deciding about strength: reviews, accesses, settings, and what is hidden."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from engram.model.commands import Configure, RecordAccesses, Request, Review, Suppress
from engram.model.errors import MemoryNotFound
from engram.model.events import (
    Accessed,
    Configured,
    Event,
    Fulfilled,
    Reviewed,
    Suppressed,
    Vectors,
    pack,
)
from engram.model.ids import MemoryId
from engram.model.limits import REVIEWS_APART_NS_MIN
from engram.model.space_settings import SpaceSettings
from engram.state import fsrs
from engram.state.forgetting import NANOSECONDS_PER_DAY
from engram.state.named import rows_found
from engram.state.outcomes import Decision, Outcome, answered_before
from engram.state.space import SUPPRESSED, SpaceState

StrengthCommand = Review | RecordAccesses | Configure | Suppress

_ID: Final = struct.Struct("<QQ")
_FLOAT: Final = struct.Struct("<f")


def decide_strength(state: SpaceState, space: str, command: StrengthCommand, now: int) -> Decision:
    """Return the events that carry out one command at wall time `now` (nanoseconds).

    MemoryNotFound when a memory it names does not live. What would change nothing has no event.
    """
    if isinstance(command, RecordAccesses):
        return Decision(_accessed(state, command), [Outcome()], 1)
    answered = answered_before(state, command.request, now)
    if answered is not None:
        return Decision([], [answered], 1)
    if isinstance(command, Review):
        event, outcome = _reviewed(state, space, command, now)
    elif isinstance(command, Configure):
        event, outcome = _configured(state, command, now), Outcome()
    else:
        event, outcome = _suppressed(state, space, command, now)
    return Decision(recorded(event, command.request, outcome, now), [outcome], 1)


def recorded(
    event: Event | None, request: Request | None, outcome: Outcome, now: int
) -> list[tuple[Event, Vectors]]:
    """Return an event without vectors as it is recorded: together with the answer to a request."""
    if request is None:
        return [] if event is None else [(event, b"")]
    ids = np.array(outcome.ids, np.uint64).reshape(-1, 2)
    whole = Fulfilled(
        at=now,
        keys=_ID.pack(*request.key),
        bodies=struct.pack("<Q", request.body),
        id_counts=struct.pack("<I", len(ids)),
        ids=ids.astype("<u8", copy=False).tobytes(),
        created=np.array(outcome.created, bool).astype(np.uint8).tobytes(),
        events=[] if event is None else [pack(event)],
    )
    return [(whole, b"")]


def _reviewed(
    state: SpaceState, space: str, command: Review, now: int
) -> tuple[Event | None, Outcome]:
    """Decide the strength after a review; one soon after another counts no more."""
    row = state.row_of(*command.memory, now)
    if row is None:
        raise MemoryNotFound(str(command.memory), space)
    columns = state.columns
    last = int(columns["reviewed_at"].value(row))
    was_reviewed = last != int(columns["recorded_at"].value(row))
    if was_reviewed and now - last < REVIEWS_APART_NS_MIN:
        return None, Outcome((command.memory,), (False,))
    before = fsrs.Strength(
        float(columns["stability_days"].value(row)), float(columns["difficulty"].value(row))
    )
    rating = fsrs.GOOD if command.useful else fsrs.AGAIN
    days = (now - last) / NANOSECONDS_PER_DAY
    after = fsrs.reviewed(state.settings.weights, before, days, rating)
    event = Reviewed(
        _ID.pack(*command.memory),
        now,
        bytes([command.useful]),
        _FLOAT.pack(after.stability_days),
        _FLOAT.pack(after.difficulty),
    )
    return event, Outcome((command.memory,), (True,))


def _accessed(state: SpaceState, command: RecordAccesses) -> list[tuple[Event, Vectors]]:
    ids = np.frombuffer(command.ids, "<u8").reshape(-1, 2)
    living = rows_found(state, command.ids) >= 0
    if not living.any():
        return []
    event = Accessed(
        ids[living].tobytes(),
        np.frombuffer(command.counts, "<u4")[living].tobytes(),
        np.frombuffer(command.times, "<i8")[living].tobytes(),
    )
    return [(event, b"")]


def _configured(state: SpaceState, command: Configure, now: int) -> Event | None:
    after: SpaceSettings = msgspec.structs.replace(state.settings, **command.changes)
    if after == state.settings:
        return None
    return Configured(
        at=now,
        forgetting=after.forgetting,
        weights=np.array(after.weights, "<f8").tobytes(),
        beta=after.beta,
        fast_hours=after.fast_hours,
        slow_hours=after.slow_hours,
        fast_share=after.fast_share,
        interference=after.interference,
        priming=after.priming,
    )


def _suppressed(
    state: SpaceState, space: str, command: Suppress, now: int
) -> tuple[Event | None, Outcome]:
    wanted = tuple(dict.fromkeys(command.memories))
    changed = [each for each in wanted if _is_hidden(state, space, each, now) != command.hidden]
    outcome = Outcome(wanted, tuple(each in changed for each in wanted))
    if not changed:
        return None, outcome
    return Suppressed(_raw(changed), now, command.hidden), outcome


def _is_hidden(state: SpaceState, space: str, memory: MemoryId, now: int) -> bool:
    row = state.row_of(*memory, now)
    if row is None:
        raise MemoryNotFound(str(memory), space)
    return bool(int(state.columns["flags"].value(row)) & SUPPRESSED)


def _raw(ids: Sequence[MemoryId]) -> bytes:
    return b"".join([_ID.pack(*each) for each in ids])
